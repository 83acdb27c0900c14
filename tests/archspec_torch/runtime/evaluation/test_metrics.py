"""The figures against scikit-learn and torchmetrics, and against numbers worked by hand."""

from __future__ import annotations

import csv
import io
import math

import numpy
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)

from archspec_torch.runtime.evaluation.classes.figures import Metrics, metrics
from archspec_torch.runtime.evaluation.classified import average, reliability
from archspec_torch.runtime.evaluation.result import Evaluation
from archspec_torch.runtime.evaluation.text import evaluation as told
from archspec_torch.runtime.evaluation.text import shortened

CLASSES = 9


def drawn(seed: int, n: int = 400, missing: int | None = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities that are often right, and labels; one class is neither label nor answer."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, CLASSES, (n,), generator=generator)
    scores = torch.randn(n, CLASSES, generator=generator)
    scores[torch.arange(n), labels] += 1.5
    if missing is not None:
        labels[labels == missing] = 0
        scores[:, missing] = -20
    return scores.log_softmax(1), labels


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_scikit_learn_s(seed: int) -> None:
    scores, labels = drawn(seed)
    found = metrics(scores, labels, [f"c{i}" for i in range(CLASSES)])
    answers, numbers = scores.argmax(1), list(range(CLASSES))
    assert found.accuracy == accuracy_score(labels, answers)
    assert found.loss == pytest.approx(log_loss(labels, scores.double().exp(), labels=numbers), abs=1e-6)
    assert found.top5 == pytest.approx(top_k_accuracy_score(labels, scores, k=5, labels=numbers))
    assert numpy.array_equal(found.confusion, confusion_matrix(labels, answers, labels=numbers))
    each = precision_recall_fscore_support(labels, answers, labels=numbers, zero_division=0)
    for i, one in enumerate(found.classes):
        ours = [one.precision or 0, one.recall or 0, one.f1 or 0, one.n]
        assert ours == pytest.approx([column[i] for column in each])
    for kind in ("macro", "weighted"):
        theirs = precision_recall_fscore_support(labels, answers, average=kind, zero_division=0)[:3]
        mean = getattr(found, kind)
        assert (mean.precision, mean.recall, mean.f1) == pytest.approx(theirs)


@pytest.mark.parametrize("seed", range(3))
def test_calibration_is_torchmetrics_s(seed: int) -> None:
    theirs = pytest.importorskip("torchmetrics.functional.classification")
    scores, labels = drawn(seed, missing=None)
    found = metrics(scores, labels, list("abcdefghi"))
    probabilities = scores.exp()
    expected = theirs.multiclass_calibration_error(probabilities, labels, num_classes=CLASSES, n_bins=15)
    assert found.ece == pytest.approx(float(expected), abs=1e-6)
    assert found.ece > 0.01


def test_calibration_by_hand() -> None:
    """Two bins: 0.5 of 0.4 and 0.2 with one right; 0.9 and 0.7 with one right."""
    bins = reliability(torch.tensor([0.4, 0.2, 0.9, 0.7]), torch.tensor([True, False, True, False]), 2)
    assert [(one.low, one.high, one.n) for one in bins] == [(0, 0.5, 2), (0.5, 1, 2)]
    assert [one.confidence for one in bins] == pytest.approx([0.3, 0.8])
    assert [one.accuracy for one in bins] == [0.5, 0.5]


def test_probabilities_at_the_edges_have_a_bin() -> None:
    bins = reliability(torch.tensor([0.0, 1.0, 0.5]), torch.tensor([False, True, True]), 2)
    assert [one.n for one in bins] == [2, 1]


def small() -> Metrics:
    """Two cats, the second taken for a dog at 0.8; two dogs, the second taken for a cat at 0.7; no elk."""
    p = torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.4, 0.6, 0.0], [0.7, 0.3, 0.0]])
    return metrics(p.clamp_min(1e-9).log(), torch.tensor([0, 0, 1, 1]), ["cat", "dog", "elk"])


def test_a_small_case_by_hand() -> None:
    found = small()
    assert found.accuracy == 0.5
    assert found.top5 is None
    assert found.loss == pytest.approx(-(math.log(0.9) + math.log(0.2) + math.log(0.6) + math.log(0.3)) / 4)
    assert found.confusion == ((1, 1, 0), (1, 1, 0), (0, 0, 0))
    elk = found.classes[2]
    assert (elk.precision, elk.recall, elk.f1) == (None, None, None)
    assert found.macro.f1 == 0.5, "a class that does not occur counts for nothing"


def test_the_surest_mistakes_come_first() -> None:
    found = [(one.example, one.true, one.predicted) for one in small().mistakes]
    assert found == [(1, "cat", "dog"), (3, "dog", "cat")]
    assert [one.probability for one in small().mistakes] == pytest.approx([0.8, 0.7])


def test_an_average_counts_a_share_of_nothing_as_zero() -> None:
    scores, labels = drawn(0, missing=None)
    found = metrics(scores, labels, list("abcdefghi"))
    assert average(found.classes, [1] + [0] * 8).recall == found.classes[0].recall


def test_csv_has_a_line_a_class_and_the_averages() -> None:
    rows = list(csv.reader(io.StringIO(Evaluation("test", "best", 3, small()).to_csv())))
    assert rows[1] == ["cat", "2", "2", "1", "0.5", "0.5", "0.5"]
    assert rows[3] == ["elk", "0", "0", "0", "", "", ""]
    assert [row[0] for row in rows[4:]] == ["macro average", "weighted average"]


@pytest.mark.parametrize("names", [list("abcdefghi"), [f"a class with a long name {i}" for i in range(9)]])
def test_text_fits_eighty_columns(names: list[str]) -> None:
    scores, labels = drawn(1, 2000)
    text = told(Evaluation("test", "best", 3, metrics(scores, labels, names)), width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "confusion: a row" in text


def test_long_names_stay_apart() -> None:
    assert shortened(["a name that is long", "short"], 8) == {"a name that is long": "a name …", "short": "short"}
    alike = shortened(["a dog of kind 1", "a dog of kind 2"], 9)
    assert alike == {"a dog of kind 1": "a do…nd 1", "a dog of kind 2": "a do…nd 2"}


def test_many_classes_are_told_in_part() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(3000, 200, generator=generator).log_softmax(1)
    labels = torch.randint(0, 200, (3000,), generator=generator)
    text = told(Evaluation("test", "best", 3, metrics(scores, labels, [str(i) for i in range(200)])), width=80)
    assert len(text.splitlines()) < 60
    assert "most frequent confusions" in text
