"""Classification: one class an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from archspec.errors import Span, SpecError, fail
from archspec.graph import TypedGraph
from archspec.run.sections import Loss
from archspec_torch.runtime.data.targets import Target
from archspec_torch.runtime.evaluation.classes.figures import listed, metrics
from archspec_torch.runtime.evaluation.figures import Figures
from archspec_torch.runtime.evaluation.together import mean_probabilities, votes
from archspec_torch.runtime.losses import Criterion, CrossEntropyLoss
from archspec_torch.runtime.prediction import Prediction
from archspec_torch.runtime.tasks.base import Outputs, Tally, Task

if TYPE_CHECKING:
    from archspec_torch.runtime.data import Examples
    from archspec_torch.runtime.images import Placement

SOFTMAXES = ("softmax", "log_softmax")
COUNTED_AT_ONCE = 64
"""Batches whose answers are counted together."""
HELD = 1 << 22
"""Scores that wait to be counted at most: 16 MiB."""


@dataclass(frozen=True)
class Classify(Task):
    """What to do with the scores (n, classes) of a network's main output, and those of its other heads.

    `heads`: output name to the weight of its loss, for the outputs beside the main one that have one.
    """

    main: str
    heads: Mapping[str, float]
    classes: tuple[str, ...]
    criterion: Criterion = field(default_factory=CrossEntropyLoss)

    @property
    def learned_from(self) -> tuple[str, ...]:
        return (self.main, *self.heads)

    def to(self, device: torch.device) -> Self:
        return replace(self, criterion=self.criterion.to(device))

    def loss(self, outputs: Outputs, targets: Tensor) -> Tensor:
        """The criterion of the main output, plus each head's times its weight: a scalar.

        targets: int64 (n,), or float32 (n, classes), the share of each class.
        """
        total = self.criterion(self.scores(outputs), targets)
        if not isinstance(outputs, Tensor):
            for name, weight in self.heads.items():
                if name in outputs:
                    total = total + weight * self.criterion(outputs[name], targets)
        return total

    def plain(self, outputs: Outputs, targets: Tensor) -> Tensor:
        """Of the main output, without weights of classes and without label smoothing."""
        return self.criterion.plain(self.scores(outputs), targets)

    def mass(self, targets: Tensor) -> Tensor:
        return self.criterion.mass(targets)

    def at_start(self) -> float:
        """What the loss is while all scores are 0: what training begins with, about."""
        return self.criterion.at_start(len(self.classes)) * (1 + sum(self.heads.values()))

    def tally(self, device: torch.device, most: int | None = None) -> ClassTally:
        return ClassTally(len(self.classes), device)

    def scores(self, outputs: Outputs) -> Tensor:
        """The main output (n, classes): the network's only one, or the one of that name."""
        return outputs if isinstance(outputs, Tensor) else outputs[self.main]

    def probabilities(self, scores: Tensor) -> Tensor:
        """Of each class, float64 (n, classes), of scores (n, classes)."""
        return scores.double().softmax(1)

    @property
    def least(self) -> float:
        """The probability from which a class is told."""
        return 0.0

    def kept(self, scores: Tensor) -> Tensor:
        """What is kept of scores (n, classes) to be measured, float32: log-probabilities."""
        return scores.float().log_softmax(1)

    def mean(self, kept: Sequence[Tensor]) -> Tensor:
        """That of the mean of the probabilities of several views or networks."""
        return mean_probabilities(kept)

    def votes(self, kept: Sequence[Tensor]) -> Tensor:
        """That of the votes of several networks."""
        return votes(kept)

    def figures(self, kept: Tensor, examples: Examples) -> Figures:
        return metrics(kept, examples.labels.cpu(), self.classes)

    def listed(self, kept: Tensor, examples: Examples) -> list[list[Any]]:
        """A row an example, below the names of the columns."""
        return listed(kept, examples.labels.cpu(), self.classes)

    def predictions(self, scores: Tensor, placements: Sequence[Placement], top: int) -> Iterator[Prediction]:
        yield from (Prediction("", classes) for classes in self.decode(scores, top))

    def decode(self, scores: Tensor, top: int) -> list[tuple[tuple[str, float], ...]]:
        """For each image the `top` most probable classes with their probabilities, best first.

        scores: (n, classes).
        """
        probabilities, numbers = self.probabilities(scores).topk(min(top, len(self.classes)), dim=1)
        return [
            tuple((self.classes[c], p) for c, p in zip(row, values, strict=True))
            for row, values in zip(numbers.tolist(), probabilities.tolist(), strict=True)
        ]


class ClassTally(Tally):
    """Right answers of each class. Scores are kept as they come, and counted for many batches at once: a batch costs
    one small operation."""

    def __init__(self, classes: int, device: torch.device):
        super().__init__(device)
        self._counts = torch.zeros(2, classes, dtype=torch.int64, device=device)
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._held = 0

    def count(self, scores: Tensor, targets: Tensor) -> None:
        """Scores (n, classes), labels (n,), or shares of labels (n, classes)."""
        if targets.ndim == 2:
            targets = targets.argmax(1)
        self._waiting.append((scores, targets))
        self._held += scores.numel()
        if len(self._waiting) == COUNTED_AT_ONCE or self._held > HELD:
            self._counted()

    def _counted(self) -> Tensor:
        """int64 (2, classes): right answers and examples of each class."""
        if self._waiting:
            scores, labels = (torch.cat(column) for column in zip(*self._waiting, strict=True))
            found = torch.stack([scores.argmax(1) == labels, torch.ones_like(labels, dtype=torch.bool)]).to(
                labels.dtype
            )
            self._counts = self._counts.scatter_add(1, labels.expand(2, -1), found)
            self._waiting, self._held = [], 0
        return self._counts

    @property
    def right(self) -> Tensor:
        """int64 (classes,): right answers of each class."""
        return self._counted()[0]

    @property
    def seen(self) -> Tensor:
        """int64 (classes,): examples of each class."""
        return self._counted()[1]

    def state(self) -> dict[str, Tensor | int]:
        return {**super().state(), "counts": self._counted()}

    def absorb(self, state: Mapping[str, Any]) -> None:
        super().absorb(state)
        self._counts = self._counted() + state["counts"].to(self.total.device)

    @property
    def accuracy(self) -> float:
        """Share of examples whose highest score is the label's."""
        return int(self.right.sum()) / max(self.examples, 1)

    def figures(self) -> dict[str, float]:
        return {"accuracy": self.accuracy}


def outputs_of(graph: TypedGraph) -> tuple[str, dict[str, float]]:
    """The main output, and the heads beside it with the weights of their losses: not those of 0, which may give any
    features. Raises SpecError E613."""
    main = main_output(graph)
    heads = {name: head.weight for name, head in graph.heads.items() if name != main and name in graph.outputs}
    return main, {name: weight for name, weight in heads.items() if weight}


def refused(graph: TypedGraph, loss: Loss, target: Target, span: Span | None) -> SpecError:
    """The E668 of data without classes of whole images."""
    message = f"the data is of {target.words}, and {loss.kind} trains for classes of whole images"
    hint = "a spec with `task: detect` and a section `detect` finds objects in boxes"
    if target is Target.POINTS:
        hint = "a spec with `task: regress` tells where points are"
    return fail("E668", message, span, hint)


def main_output(graph: TypedGraph) -> str:
    """Name of the output that answers: the only one that is not a head beside it.

    Raises SpecError E613 where there are several.
    """
    names = [name for name in graph.outputs if name not in graph.heads]
    if len(names) != 1:
        found = ", ".join(graph.outputs)
        message = f"classification needs one main output; the network '{graph.name}' has {len(names)} ({found})"
        raise fail("E613", message)
    return names[0]


def class_count(graph: TypedGraph) -> int:
    """Scores an image gets.

    Raises SpecError E613 where the main output is no vector of raw scores, or there is nothing to train.
    """
    tap = graph.outputs[main_output(graph)]
    node, found = graph.nodes[tap.node], graph.type_of(tap)
    if found.rank != 0:
        raise fail(
            "E613",
            f"classification needs a score for each class; '{node.name}' gives {found}",
            node.span,
            "end the network with `global_avg_pool` or `flatten`, then `linear: $classes`",
        )
    if node.op.word in SOFTMAXES:
        message = f"the network ends in {node.op.word}, and the loss applies its own"
        raise fail("E613", message, node.span, "remove it: `predict` gives probabilities all the same")
    stored = [weight for layer in graph.layers() for weight in layer.op.weights(graph.input_types(layer)).values()]
    if not any(weight.kind == "parameter" for weight in stored):
        message = f"the network '{graph.name}' has no weights that training could change"
        raise fail("E613", message, node.span, "end it with a layer that learns: `linear: $classes`")
    return found.channels
