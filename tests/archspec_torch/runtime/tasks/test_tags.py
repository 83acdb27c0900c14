"""Tags: answers, counts and figures against scikit-learn and by hand; which task a loss asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, recall_score

import archspec
from archspec.errors import SpecError
from archspec.run.sections import BCE, CrossEntropy, Hinge
from archspec_torch.runtime import loop, predict, train
from archspec_torch.runtime.tasks import Classify, Tags, task_of
from archspec_torch.runtime.tasks.tags import TagTally

NAMES = ("a", "b", "c")


def test_figures_are_scikit_learn_s() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(60, 3, generator=generator)
    wanted = (torch.rand(60, 3, generator=generator) > 0.6).long()
    tally = Tags("m", {}, NAMES).tally(torch.device("cpu"))
    for part, answers in zip(scores.split(25), wanted.split(25), strict=True):
        tally.add(torch.tensor(1.5), part, answers)
    said = (scores >= 0).long()
    assert (tally.examples, tally.loss) == (60, 1.5)
    assert tally.accuracy == accuracy_score(wanted, said)
    assert (tally.right / tally.seen).tolist() == pytest.approx(recall_score(wanted, said, average=None).tolist())
    assert tally.figures() == pytest.approx(
        {
            "accuracy": accuracy_score(wanted, said),
            "map": average_precision_score(wanted, scores.sigmoid(), average="macro"),
            "f1": f1_score(wanted, said, average="micro"),
            "macro_f1": f1_score(wanted, said, average="macro"),
        }
    )


def test_a_tally_goes_on_from_a_checkpoint() -> None:
    generator = torch.Generator().manual_seed(1)
    scores, wanted = torch.randn(40, 3, generator=generator), (torch.rand(40, 3, generator=generator) > 0.5).long()
    whole, first, second = (Tags("m", {}, NAMES).tally(torch.device("cpu")) for _ in range(3))
    for tally, rows in ((whole, range(40)), (first, range(15))):
        tally.add(torch.tensor(0.5), scores[list(rows)], wanted[list(rows)])
    second.absorb(first.state())
    second.add(torch.tensor(0.5), scores[15:], wanted[15:])
    assert (second.figures(), second.accuracy, second.loss) == (whole.figures(), whole.accuracy, whole.loss)


def test_scores_beyond_the_most_are_not_kept_whoever_counted_them() -> None:
    """60 examples of 3 classes: 180 scores are kept of at most 180, none of at most 179; the other figures stay."""
    generator = torch.Generator().manual_seed(2)
    scores, wanted = torch.randn(60, 3, generator=generator), (torch.rand(60, 3, generator=generator) > 0.5).long()
    said = (scores >= 0).long()

    def counted(most: int, *parts: range) -> TagTally:
        task, whole = Tags("m", {}, NAMES), Tags("m", {}, NAMES).tally(torch.device("cpu"), most)
        for part in parts:
            one = task.tally(torch.device("cpu"), most)
            for rows in (list(part[:12]), list(part[12:])):
                one.add(torch.tensor(0.5), scores[rows], wanted[rows])
            whole.absorb(one.state())
        assert isinstance(whole, TagTally)
        return whole

    for parts in ([range(60)], [range(20), range(20, 60)]):
        assert counted(180, *parts).figures()["map"] == pytest.approx(average_precision_score(wanted, scores))
        over = counted(179, *parts)
        assert over.figures() == pytest.approx(
            {
                "accuracy": accuracy_score(wanted, said),
                "f1": f1_score(wanted, said, average="micro"),
                "macro_f1": f1_score(wanted, said, average="macro"),
            }
        )
        assert over.kept == [] and set(over.state()) == {"total", "counts", "examples", "told", "exact"}
        assert over.accuracy == accuracy_score(wanted, said)


def test_average_precision_by_hand() -> None:
    """Ranked yes, no, yes: precision 1 at the first, 2/3 at the second: (1 + 2/3) / 2."""
    tally = Tags("m", {}, ("a",)).tally(torch.device("cpu"))
    tally.add(torch.tensor(0.0), torch.tensor([[3.0], [2.0], [1.0]]), torch.tensor([[1], [0], [1]]))
    assert tally.figures()["map"] == pytest.approx(5 / 6)


def test_all_classes_that_reach_the_threshold_are_told_best_first() -> None:
    scores = torch.logit(torch.tensor([[0.6, 0.9, 0.2], [0.1, 0.2, 0.3]]))
    first, second = Tags("m", {}, NAMES).decode(scores, 5)
    assert [name for name, _ in first] == ["b", "a"]
    assert [p for _, p in first] == pytest.approx([0.9, 0.6])
    assert second == ()
    assert [name for name, _ in Tags("m", {}, NAMES, threshold=0.25).decode(scores, 5)[1]] == ["c"]


def test_the_loss_chooses_the_task() -> None:
    graph, names = archspec.load("lenet5"), tuple("0123456789")
    assert type(task_of(graph, names, CrossEntropy())) is Classify
    assert task_of(graph, names, Hinge()).at_start() == 9
    tags = task_of(graph, names, BCE(threshold=0.3))
    assert isinstance(tags, Tags) and tags.threshold == 0.3
    with pytest.raises(SpecError, match=r"E669.*2 weights of classes are written, and the data has 10"):
        task_of(graph, names, CrossEntropy(class_weights=[1.0, 2.0]))


def test_a_run_of_many_tags_leaves_out_what_its_checkpoints_would_grow_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,257 training images of 10 classes: validation, and a run that goes by it, have the figure all the same."""
    monkeypatch.setattr(loop, "KEPT", 12_569)
    section = {"epochs": 1, "loss": "bce", "device": "cpu"}
    (record,) = train({"model": "lenet5", "train": section}, tmp_path / "run", quiet=True).epochs
    assert "train_map" not in record and {"train_f1", "val_map"} < set(record)
    patient = {**section, "early_stop": {"patience": 1, "on": "train_map"}}
    (record,) = train({"model": "lenet5", "train": patient}, tmp_path / "patient", quiet=True).epochs
    assert record["train_map"] > 0


def test_a_run_of_tags(tmp_path: Path) -> None:
    section = {"epochs": 2, "loss": "bce", "device": "cpu", "optimizer": {"lr": 0.003}}
    found = train({"model": "lenet5", "train": section}, tmp_path / "run", quiet=True)
    assert found.epochs[-1]["val_map"] > 0.5
    from PIL import Image

    (prediction,) = predict(found.dir, [Image.new("L", (8, 8))], device="cpu")
    assert all(p >= 0.5 for _, p in prediction.classes)
