"""What is measured where answers are classes, told with a probability: shares of right ones, calibration."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from archspec_torch.runtime.evaluation.figures import Figures, Gallery, percent

BINS = 15
"""Bins of confidence (Guo et al., On Calibration of Modern Neural Networks, 2017)."""


@dataclass(frozen=True)
class ClassFigures:
    """One class: `n` examples have it as label, `predicted` as answer, `right` as both. None: a share of nothing."""

    name: str
    n: int
    predicted: int
    right: int

    @property
    def precision(self) -> float | None:
        """Of what was given this class, the share that has it."""
        return self.right / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        """Of what has this class, the share that was given it."""
        return self.right / self.n if self.n else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall: 2·right / (n + predicted)."""
        both = self.n + self.predicted
        return 2 * self.right / both if both else None

    def to_json(self) -> dict[str, Any]:
        """n, predicted, right, precision, recall, f1 (null where there is nothing to share)."""
        counts = {"n": self.n, "predicted": self.predicted, "right": self.right}
        return {**counts, "precision": self.precision, "recall": self.recall, "f1": self.f1}


@dataclass(frozen=True)
class Average:
    """Precision, recall and F1 of several classes as one; a share of nothing is 0."""

    precision: float
    recall: float
    f1: float


def average(classes: Sequence[ClassFigures], weights: Sequence[int]) -> Average:
    """The mean over classes, each with its weight; 0 where no class weighs anything."""
    total = sum(weights)

    def mean(figure: str) -> float:
        shares = ((getattr(one, figure) or 0.0, w) for one, w in zip(classes, weights, strict=True))
        return sum(w * share for share, w in shares) / total if total else 0.0

    return Average(mean("precision"), mean("recall"), mean("f1"))


@dataclass(frozen=True)
class Bin:
    """The `n` answers with a probability above `low`, up to `high`: its mean, and the share that is right."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


def reliability(confidence: Tensor, right: Tensor, bins: int = BINS) -> tuple[Bin, ...]:
    """How often answers are right, by how probable they were said to be. confidence (n,) of 0 … 1, right bool (n,)."""
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    place = (torch.bucketize(confidence.double(), edges) - 1).clamp(0, bins - 1)
    counts = torch.bincount(place, minlength=bins).tolist()
    sums = torch.bincount(place, confidence.double(), bins).tolist()
    hits = torch.bincount(place, right.double(), bins).tolist()
    return tuple(
        Bin(i / bins, (i + 1) / bins, int(n), sums[i] / n if n else None, hits[i] / n if n else None)
        for i, n in enumerate(counts)
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """Mean of |accuracy − confidence| over the bins, each by its answers."""
    gaps = [one.n * abs((one.accuracy or 0.0) - (one.confidence or 0.0)) for one in bins]
    return sum(gaps) / sum(one.n for one in bins)


class Classified(Figures):
    """Figures of classes that are told of images, one each or any number.

    `accuracy`: the share of examples that are wholly right. `loss`: the mean of an example, without weights of
    classes. `bins` and `ece`: calibration.
    """

    plots = ("reliability",)
    gallery = Gallery(side=160)
    reliable: ClassVar[tuple[str, str]]
    """What calibration compares: the probability, and the share of answers that is right."""
    accuracy: float
    loss: float
    ece: float
    bins: tuple[Bin, ...]
    classes: tuple[ClassFigures, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.classes)

    @property
    def totals(self) -> Sequence[int]:
        return [one.n for one in self.classes]

    @abstractmethod
    def averages(self) -> Mapping[str, Average]:
        """Precision, recall and F1 over all classes, by the name of the mean."""

    def facts(self) -> list[tuple[str, str]]:
        macro = self.averages()["macro average"]
        return [("macro F1", percent(macro.f1)), ("calibration error", percent(self.ece))]
