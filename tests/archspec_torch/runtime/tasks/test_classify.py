"""Loss, tallies and probabilities against torch and scikit-learn; networks that cannot classify."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss, recall_score
from torch.nn import functional

import archspec
from archspec.errors import SpecError
from archspec.run.sections import CrossEntropy
from archspec_torch.compiler import compile
from archspec_torch.runtime.tasks import task_of
from archspec_torch.runtime.tasks.classify import Classify, ClassTally

NAMES = ("a", "b", "c", "d")
WriteSpec = Callable[..., Path]


def test_heads_add_their_weighted_losses() -> None:
    generator = torch.Generator().manual_seed(0)
    outputs = {name: torch.randn(5, 4, generator=generator) for name in ("main", "aux1", "aux2")}
    labels = torch.tensor([0, 1, 2, 3, 1])
    task = Classify("main", {"aux1": 0.3, "aux2": 2.0}, NAMES)
    each = {name: functional.cross_entropy(scores, labels) for name, scores in outputs.items()}
    expected = each["main"] + 0.3 * each["aux1"] + 2.0 * each["aux2"]
    assert torch.allclose(task.loss(outputs, labels), expected)
    assert torch.equal(task.loss(outputs["main"], labels), each["main"])
    assert torch.equal(task.scores(outputs), outputs["main"])


def test_tallies_are_scikit_learn_s() -> None:
    generator = torch.Generator().manual_seed(1)
    scores, labels = torch.randn(90, 4, generator=generator), torch.randint(0, 4, (90,), generator=generator)
    tally = ClassTally(4, torch.device("cpu"))
    for part, answers in zip(scores.split(20), labels.split(20), strict=True):
        tally.add(functional.cross_entropy(part, answers), part, answers)
    answers = scores.argmax(1)
    assert tally.examples == 90
    assert tally.accuracy == accuracy_score(labels, answers)
    assert tally.loss == pytest.approx(log_loss(labels, scores.double().softmax(1).numpy()), rel=1e-5)
    recalls = tally.right / tally.seen
    assert recalls.tolist() == pytest.approx(recall_score(labels, answers, average=None).tolist())


def test_the_most_probable_classes_come_first() -> None:
    scores = torch.log(torch.tensor([[0.1, 0.6, 0.25, 0.05], [0.7, 0.1, 0.1, 0.1]]))
    (first, second), wide = Classify("m", {}, NAMES).decode(scores, 2), Classify("m", {}, NAMES).decode(scores, 9)
    assert [name for name, _ in first] == ["b", "c"]
    assert [p for _, p in first] == pytest.approx([0.6, 0.25])
    assert second[0][0] == "a"
    assert sum(p for _, p in wide[0]) == pytest.approx(1)


def test_auxiliary_heads_train_and_then_vanish() -> None:
    graph = archspec.load("googlenet", classes=4)
    task = task_of(graph, NAMES, CrossEntropy())
    assert set(task.heads) == {name for name, head in graph.heads.items() if head.phase == "train"} != set()
    assert task.main not in task.heads
    model = compile(graph)
    images, labels = torch.randn(2, *graph.types[graph.inputs[0]][0].shape), torch.tensor([0, 3])
    with torch.no_grad():
        outputs = model.train()(images)
        each = {name: functional.cross_entropy(scores, labels) for name, scores in outputs.items()}
        expected = each[task.main] + sum(weight * each[name] for name, weight in task.heads.items())
        assert torch.allclose(task.loss(outputs, labels), expected)
        assert task.scores(model.eval()(images)).shape == (2, 4)


@pytest.mark.parametrize(
    ("layers", "code", "reason"),
    [
        ("- conv: 4", "E613", "classification needs a score for each class; 'conv1' gives 4×8×8"),
        (
            "- filter: [[1, -1]]\n- global_avg_pool",
            "E613",
            "the network 'sample' has no weights that training could change",
        ),
        ("- flatten\n- linear: 4\n- softmax", "E613", "the network ends in softmax, and the loss applies its own"),
        ("- flatten\n- linear: 5", "E610", "'sample' gives 5 scores, and the data has 4 classes"),
    ],
)
def test_networks_that_cannot_classify(write_spec: WriteSpec, layers: str, code: str, reason: str) -> None:
    graph = archspec.load(write_spec(layers, input="[1, 8, 8]"))
    with pytest.raises(SpecError, match=code) as caught:
        task_of(graph, NAMES, CrossEntropy())
    assert reason in str(caught.value)


def test_another_task_is_refused(write_spec: WriteSpec) -> None:
    graph = archspec.load(write_spec("- flatten\n- linear: 4", input="[1, 8, 8]", task="embed"))
    with pytest.raises(SpecError, match="the network 'sample' is for the task 'embed'"):
        task_of(graph, NAMES, CrossEntropy())
