"""Figures of merit from probabilities and labels: accuracy, precision, recall, F1, confusion, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

BINS = 15
"""Bins of confidence (Guo et al., On Calibration of Modern Neural Networks, 2017)."""

MISTAKES = 24
"""Wrong answers that are kept, the surest first."""


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
    """Precision, recall and F1 averaged over the classes that occur as label or as answer; a share of nothing is 0."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Bin:
    """The `n` answers with a probability above `low`, up to `high`: its mean, and the share that is right."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Mistake:
    """A wrong answer: the example's position in its split, both classes, and the probability of the answer."""

    example: int
    true: str
    predicted: str
    probability: float


@dataclass(frozen=True)
class Metrics:
    """All figures of one set of answers."""

    n: int
    accuracy: float
    top5: float | None
    """Share of examples whose label is among the five best scores; None up to five classes, where it says nothing."""
    loss: float
    """Mean of −ln(probability of the label)."""
    classes: tuple[ClassFigures, ...]
    macro: Average
    """Every class counts the same."""
    weighted: Average
    """Every class counts as often as it is a label."""
    confusion: tuple[tuple[int, ...], ...]
    """Row: the label; column: the answer."""
    ece: float
    """Expected calibration error: mean of |accuracy − confidence| over the bins, each by its examples."""
    bins: tuple[Bin, ...]
    mistakes: tuple[Mistake, ...]

    def to_json(self) -> dict[str, Any]:
        """n, accuracy, top5, loss, macro, weighted, calibration, per_class (by name), confusion, mistakes."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "top5": self.top5,
            "loss": self.loss,
            "macro": asdict(self.macro),
            "weighted": asdict(self.weighted),
            "calibration": {"ece": self.ece, "bins": [asdict(one) for one in self.bins]},
            "per_class": {one.name: one.to_json() for one in self.classes},
            "confusion": [list(row) for row in self.confusion],
            "mistakes": [asdict(one) for one in self.mistakes],
        }


def metrics(log_probabilities: Tensor, labels: Tensor, names: Sequence[str]) -> Metrics:
    """The figures of log-probabilities (n, classes) and labels int64 (n,), n at least 1."""
    n, count = log_probabilities.shape
    best, answers = log_probabilities.max(1)
    matrix = confusion(answers, labels, count)
    classes = tuple(
        ClassFigures(name, int(matrix[i].sum()), int(matrix[:, i].sum()), int(matrix[i, i]))
        for i, name in enumerate(names)
    )
    right = answers == labels
    of_label = log_probabilities.gather(1, labels[:, None]).double()
    confidence = best.double().exp()
    bins = reliability(confidence, right)
    gaps = [one.n * abs(one.accuracy - one.confidence) for one in bins if one.n and one.accuracy is not None]  # type: ignore[operator]
    return Metrics(
        n=n,
        accuracy=int(right.sum()) / n,
        top5=int((log_probabilities.topk(5).indices == labels[:, None]).sum()) / n if count > 5 else None,
        loss=float(-of_label.mean()),
        classes=classes,
        macro=average(classes, [1] * count),
        weighted=average(classes, [one.n for one in classes]),
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        ece=sum(gaps) / n,
        bins=bins,
        mistakes=worst(confidence, answers, labels, names),
    )


def confusion(answers: Tensor, labels: Tensor, classes: int) -> Tensor:
    """int64 (classes, classes): how often an example with the row's label was given the column's class."""
    return torch.bincount(labels * classes + answers, minlength=classes * classes).view(classes, classes)


def average(classes: Sequence[ClassFigures], weights: Sequence[int]) -> Average:
    """The mean over classes that occur, each with its weight."""
    there = [(one, w) for one, w in zip(classes, weights, strict=True) if one.n + one.predicted]
    total = sum(w for _, w in there)

    def mean(figure: str) -> float:
        return sum(w * (getattr(one, figure) or 0.0) for one, w in there) / total

    return Average(mean("precision"), mean("recall"), mean("f1"))


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


def worst(confidence: Tensor, answers: Tensor, labels: Tensor, names: Sequence[str]) -> tuple[Mistake, ...]:
    """The wrong answers that the network was surest of, at most MISTAKES of them."""
    wrong = (answers != labels).nonzero().flatten()
    order = confidence[wrong].argsort(descending=True, stable=True)[:MISTAKES]
    return tuple(
        Mistake(i, names[int(labels[i])], names[int(answers[i])], float(confidence[i])) for i in wrong[order].tolist()
    )
