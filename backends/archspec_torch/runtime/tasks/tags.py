"""Tags: any number of classes an image, each a question of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from archspec.errors import Span, fail
from archspec.graph import TypedGraph
from archspec.run.sections import BCE
from archspec.run.sections.losses import ClassLoss
from archspec_torch.runtime.data.targets import Target
from archspec_torch.runtime.evaluation.figures import Figures
from archspec_torch.runtime.evaluation.tags.figures import (
    average_precisions,
    listed,
    mean_average_precision,
    tag_metrics,
)
from archspec_torch.runtime.evaluation.together import mean_odds, tag_votes
from archspec_torch.runtime.losses import BinaryCrossEntropyLoss, Criterion, make_criterion, one_hot
from archspec_torch.runtime.tasks.classify import Classify, ClassTally, outputs_of

if TYPE_CHECKING:
    from archspec_torch.runtime.data import Examples, Source


@dataclass(frozen=True)
class Tags(Classify):
    """As `Classify`, with a sigmoid for each class: labels (n, classes) of 0 and 1, or class numbers (n,)."""

    criterion: Criterion = field(default_factory=BinaryCrossEntropyLoss)
    threshold: float = 0.5
    """The least probability that counts as yes."""

    def probabilities(self, scores: Tensor) -> Tensor:
        return scores.double().sigmoid()

    @property
    def least(self) -> float:
        return self.threshold

    def kept(self, scores: Tensor) -> Tensor:
        """The scores, which are log-odds."""
        return scores.float()

    def mean(self, kept: Sequence[Tensor]) -> Tensor:
        return mean_odds(kept)

    def votes(self, kept: Sequence[Tensor]) -> Tensor:
        return tag_votes(kept, self.threshold)

    def figures(self, kept: Tensor, examples: Examples) -> Figures:
        return tag_metrics(kept, _wanted(examples.labels.cpu(), kept), self.classes, self.threshold)

    def listed(self, kept: Tensor, examples: Examples) -> list[list[Any]]:
        return listed(kept, _wanted(examples.labels.cpu(), kept), self.classes, self.threshold)

    def decode(self, scores: Tensor, top: int) -> list[tuple[tuple[str, float], ...]]:
        """For each image the classes whose probability reaches the threshold, best first, `top` at most; often none."""
        values, numbers = self.probabilities(scores).topk(min(top, len(self.classes)), dim=1)
        return [
            tuple((self.classes[c], p) for c, p in zip(row, found, strict=True) if p >= self.least)
            for row, found in zip(numbers.tolist(), values.tolist(), strict=True)
        ]

    def tally(self, device: torch.device, most: int | None = None) -> TagTally:
        return TagTally(len(self.classes), device, self.threshold, most)


class TagTally(ClassTally):
    """Counts of each class: `seen` examples that have it, `right` those of them that were found, `told` those that
    were said to have it. Scores are kept until the figures are asked for, or until there are more than `most`: then
    `map` is left out, whoever counted which examples."""

    def __init__(self, classes: int, device: torch.device, threshold: float, most: int | None = None):
        super().__init__(classes, device)
        self.threshold, self.most = threshold, most
        self.told = torch.zeros(classes, dtype=torch.int64, device=device)
        self.exact = torch.zeros((), dtype=torch.int64, device=device)
        self.kept: list[tuple[Tensor, Tensor]] = []

    def count(self, scores: Tensor, targets: Tensor) -> None:
        """Scores (n, classes), labels (n, classes) or (n,)."""
        scores = scores.float()
        wanted, said = _wanted(targets, scores), scores.sigmoid() >= self.threshold
        self._counts = self._counts + torch.stack([(wanted & said).sum(0), wanted.sum(0)])
        self.told += said.sum(0)
        self.exact += (wanted == said).all(1).sum()
        self._keep(scores, wanted)

    def _keep(self, scores: Tensor, wanted: Tensor) -> None:
        """With those of the examples before; none any more where they are too many."""
        if self._ranked:
            self.kept.append((scores, wanted))
        else:
            self.kept = []

    @property
    def _ranked(self) -> bool:
        return self.most is None or self.examples * len(self.told) <= self.most

    def state(self) -> dict[str, Tensor | int]:
        kept = zip(("scores", "wanted"), map(torch.cat, zip(*self.kept, strict=True)), strict=False)
        return {**super().state(), "told": self.told, "exact": self.exact, **dict(kept)}

    def absorb(self, state: Mapping[str, Any]) -> None:
        super().absorb(state)
        device = self.total.device
        self.told, self.exact = self.told + state["told"].to(device), self.exact + state["exact"].to(device)
        if "scores" in state:
            self._keep(state["scores"].to(device), state["wanted"].to(device))
        elif not self._ranked:
            self.kept = []

    @property
    def accuracy(self) -> float:
        """Share of examples all of whose classes are told, and no other."""
        return int(self.exact) / max(self.examples, 1)

    def figures(self) -> dict[str, float]:
        """accuracy; map: mean average precision over the classes that have examples, unless the scores were too many
        to keep; f1: of all answers together (micro); macro_f1: mean over the classes, 0 for one that is neither there
        nor told."""
        right, both = self.right.double(), (self.seen + self.told).double()
        ranked: dict[str, float] = {}
        if self._ranked:
            scores, wanted = (torch.cat(parts).cpu() for parts in zip(*self.kept, strict=True))
            ranked["map"] = mean_average_precision(average_precisions(scores, wanted))
        return {
            "accuracy": self.accuracy,
            **ranked,
            "f1": float(2 * right.sum() / both.sum().clamp_min(1)),
            "macro_f1": float((2 * right / both.clamp_min(1)).mean()),
        }


def classifier(
    graph: TypedGraph, classes: tuple[str, ...], loss: ClassLoss, source: Source | None, span: Span | None
) -> Classify:
    """The task of a classifier: tags for `bce`, else one class an image.

    Raises SpecError E668 for several labels an image under a loss of one, E669 for weights that are not as many as
    classes.
    """
    if source is not None and source.target is Target.TAGS and not isinstance(loss, BCE):
        message = f"an image may have several labels here, and {loss.kind} trains for one"
        raise fail("E668", message, span, "loss: bce trains for any number of labels")
    weights = getattr(loss, "positive_weights" if isinstance(loss, BCE) else "class_weights", None)
    if isinstance(weights, list) and len(weights) != len(classes):
        raise fail("E669", f"{len(weights)} weights of classes are written, and the data has {len(classes)}", span)
    labels = None if source is None else source.labels_of("train")
    counts = None if source is None or labels is None else source.target.totals(labels, len(classes))
    criterion = make_criterion(loss, counts, 0 if labels is None else len(labels))
    if isinstance(loss, BCE):
        return Tags(*outputs_of(graph), classes, criterion, loss.threshold)
    return Classify(*outputs_of(graph), classes, criterion)


def _wanted(labels: Tensor, scores: Tensor) -> Tensor:
    """bool (n, classes) on the device of the scores: labels (n, classes), or class numbers (n,)."""
    return one_hot(labels, scores) >= 0.5
