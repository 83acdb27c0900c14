"""Figures of any number of classes an image, against scikit-learn, torch and torchmetrics, and worked by hand."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    hamming_loss,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
)

from archspec_torch.runtime.evaluation.result import Evaluation
from archspec_torch.runtime.evaluation.tags.figures import TagMetrics, average_precisions, listed, tag_metrics
from archspec_torch.runtime.evaluation.text import evaluation as told
from archspec_torch.runtime.evaluation.together import mean_odds, tag_votes

CLASSES = 6
NAMES = tuple("abcdef")


def drawn(seed: int, n: int = 300, steps: float | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-odds that are often right; class d in no example, class e in all. `steps`: rounded to them, with ties."""
    generator = torch.Generator().manual_seed(seed)
    wanted = torch.rand(n, CLASSES, generator=generator) > 0.6
    wanted[:, 3], wanted[:, 4] = False, True
    scores = torch.randn(n, CLASSES, generator=generator) + 1.5 * wanted - 0.7
    return (scores if steps is None else (scores / steps).round() * steps), wanted


@pytest.mark.parametrize("threshold", [0.5, 0.3])
@pytest.mark.parametrize("steps", [None, 0.5])
@pytest.mark.parametrize("seed", range(2))
def test_figures_are_scikit_learn_s(seed: int, steps: float | None, threshold: float) -> None:
    scores, wanted = drawn(seed, steps=steps)
    found = tag_metrics(scores, wanted, NAMES, threshold)
    said = (scores.sigmoid() >= threshold).numpy()
    assert found.accuracy == accuracy_score(wanted, said)
    assert found.hamming_loss == pytest.approx(hamming_loss(wanted, said))
    for kind in ("micro", "macro", "weighted"):
        theirs = precision_recall_fscore_support(wanted, said, average=kind, zero_division=0)[:3]
        mean = getattr(found, kind)
        assert (mean.precision, mean.recall, mean.f1) == pytest.approx(theirs), kind
    tables = multilabel_confusion_matrix(wanted, said)
    for one, ((_, false), (missed, right)) in zip(found.classes, tables, strict=True):
        assert (one.n, one.predicted, one.right) == (missed + right, false + right, right)


@pytest.mark.parametrize("steps", [None, 0.5])
@pytest.mark.filterwarnings("ignore:No positive samples")
def test_average_precision_and_calibration_are_torchmetrics_s(steps: float | None) -> None:
    theirs = pytest.importorskip("torchmetrics.functional.classification")
    scores, wanted = drawn(5, steps=steps)
    found, probabilities, labels = tag_metrics(scores, wanted, NAMES), scores.sigmoid(), wanted.long()
    each = theirs.multilabel_average_precision(probabilities, labels, CLASSES, average=None).tolist()
    ours = [one.average_precision for one in found.classes]
    assert ours[3] is None and ours[4] == pytest.approx(1)
    there = [i for i in range(CLASSES) if i != 3]
    assert [ours[i] for i in there] == pytest.approx([each[i] for i in there], abs=1e-6)
    assert found.map == pytest.approx(sum(each[i] for i in there) / 5, abs=1e-6)
    expected = theirs.binary_calibration_error(probabilities.flatten(), labels.flatten(), n_bins=15)
    assert found.ece == pytest.approx(float(expected), abs=1e-6)
    assert found.ece > 0.01


def test_the_loss_is_torch_s() -> None:
    scores, wanted = drawn(2)
    summed = torch.nn.functional.binary_cross_entropy_with_logits(scores, wanted.float(), reduction="sum")
    assert tag_metrics(scores, wanted, NAMES).loss == pytest.approx(float(summed) / len(scores), rel=1e-6)


def test_average_precision_of_ties_by_hand() -> None:
    """Two of three score alike, one of them right: found at once, at precision 1/2; the third at 2/3."""
    found = average_precisions(torch.tensor([[1.0], [1.0], [0.0]]), torch.tensor([[True], [False], [True]]))
    assert found == [pytest.approx((1 / 2 + 2 / 3) / 2)]


def small() -> TagMetrics:
    """A round even number: `round` is missed at 0.1 while `prime` is told at 0.7; a prime; nothing, told `even`."""
    p = torch.tensor([[0.9, 0.7, 0.1], [0.2, 0.8, 0.3], [0.6, 0.4, 0.3]])
    wanted = torch.tensor([[True, False, True], [False, True, False], [False, False, False]])
    return tag_metrics(p.logit(), wanted, ("even", "prime", "round"))


def test_a_small_case_by_hand() -> None:
    found = small()
    assert (found.accuracy, found.hamming_loss) == (1 / 3, 3 / 9)
    assert found.map == pytest.approx((1 + 1 + 1 / 3) / 3), "round is found last of three"
    assert found.micro.f1 == pytest.approx(2 * 2 / (3 + 4))
    assert found.macro.f1 == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert found.confusion == ((0, 0, 0), (0, 0, 0), (0, 1, 0)), "round missed where prime was told"
    assert found.together == ((1, 1, 0), (0, 1, 0), (1, 1, 0))
    assert (found.errors.wrong, found.errors.n) == (3, 9)


def test_the_surest_mistakes_come_first() -> None:
    first, second = small().mistakes
    assert (first.example, first.tag, first.true, first.predicted) == (0, "round", ("even", "round"), ("even", "prime"))
    assert first.missed and first.probability == pytest.approx(0.1)
    assert (second.example, second.tag, second.true, second.missed) == (2, "even", (), False)
    assert "round missed at 10.0 %" in first.told


def test_scores_of_any_size_give_numbers() -> None:
    """Probabilities that are 0 and 1 in float32, right and wrong."""
    scores = torch.tensor([[300.0, -300.0], [300.0, -300.0]])
    found = tag_metrics(scores, torch.tensor([[True, False], [False, True]]), ("a", "b"))
    assert found.loss == pytest.approx(300.0)
    json.dumps(found.to_json(), allow_nan=False)
    together = tag_votes([scores, -scores, scores], 0.5)
    assert torch.isfinite(together).all() and (together[0] > 0).tolist() == [True, False]


def test_no_class_anywhere() -> None:
    found = tag_metrics(torch.full((4, 2), -1.0), torch.zeros(4, 2, dtype=torch.bool), ("a", "b"))
    assert (found.map, found.accuracy, found.macro.f1, found.micro.f1, found.weighted.f1) == (0, 1, 0, 0, 0)
    assert "mAP" in told(Evaluation("test", "best", 1, found), width=80)


def test_the_mean_of_probabilities_as_odds() -> None:
    p = torch.tensor([[[0.9, 0.2]], [[0.5, 0.6]]], dtype=torch.float64)
    assert torch.allclose(mean_odds(list(p.logit())).sigmoid(), p.mean(0))
    far = mean_odds([torch.tensor([[40.0]]), torch.tensor([[50.0]])])
    assert float(far) == pytest.approx(-math.log((math.exp(-40) + math.exp(-50)) / 2)), "near 1 nothing is rounded"


def test_votes_by_hand() -> None:
    """Three say 0.6, 0.6 and 0.1: two votes of three at 0.5, though the mean is below; at 0.7 none."""
    odds = list(torch.tensor([0.6, 0.6, 0.1]).logit().view(3, 1, 1))
    assert float(tag_votes(odds, 0.5).sigmoid()) == pytest.approx((2 + 1.3 / 3) / 4)
    assert float(mean_odds(odds).sigmoid()) < 0.5
    assert float(tag_votes(odds, 0.7).sigmoid()) < 0.7
    even = list(torch.tensor([0.9, 0.3]).logit().view(2, 1, 1))
    assert float(tag_votes(even, 0.5).sigmoid()) >= 0.5, "one vote each: the mean of 0.6 decides"
    assert float(tag_votes(even, 0.62).sigmoid()) < 0.62, "and is below this threshold"


def test_csv_has_a_line_a_class_and_the_averages() -> None:
    rows = list(csv.DictReader(io.StringIO(small().to_csv())))
    assert [row["class"] for row in rows[3:]] == ["macro average", "weighted average", "micro average"]
    assert rows[2] | {"average_precision": ""} == {
        **{"class": "round", "n": "1", "predicted": "0", "right": "0"},
        **{"precision": "", "recall": "0.0", "f1": "0.0", "average_precision": ""},
    }


def test_every_example_is_listed_with_all_probabilities() -> None:
    scores, wanted = drawn(0, n=5)
    heads, *rows = listed(scores, wanted, NAMES, 0.5)
    assert heads == ["example", "true", "predicted", *NAMES]
    for i, row in enumerate(rows):
        assert row[0] == i
        assert set(filter(None, row[1].split(";"))) == {NAMES[j] for j in range(CLASSES) if wanted[i, j]}
        assert set(filter(None, row[2].split(";"))) == {NAMES[j] for j in range(CLASSES) if scores[i, j] >= 0}
        assert numpy.allclose([float(p) for p in row[3:]], scores[i].sigmoid().numpy(), atol=1e-6)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("names", [list(NAMES), [f"a class with a rather long name {i}" for i in range(CLASSES)]])
def test_text_fits_the_terminal(names: list[str], width: int) -> None:
    scores, wanted = drawn(1, 2000)
    text = told(Evaluation("test", "best", 3, tag_metrics(scores, wanted, names)), width=width)
    assert max(map(len, text.splitlines())) <= width
    for part in ("mAP", "Hamming loss", "micro average", "missed", "surest mistakes"):
        assert part in text


def test_many_classes_are_told_in_part() -> None:
    generator = torch.Generator().manual_seed(0)
    scores, wanted = torch.randn(500, 200, generator=generator), torch.rand(500, 200, generator=generator) > 0.9
    found = Evaluation("test", "best", 3, tag_metrics(scores, wanted, [str(i) for i in range(200)]))
    assert len(told(found, width=80).splitlines()) < 70
