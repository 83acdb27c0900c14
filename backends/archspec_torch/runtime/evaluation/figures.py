"""What is measured of answers whatever the task: classes, calibration, errors, and the form that all figures have."""

from __future__ import annotations

import csv
import io
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

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


@dataclass(frozen=True)
class Errors:
    """`wrong` of `n` answers, and the standard error of that share."""

    wrong: int
    n: int
    deviation: float

    @property
    def share(self) -> float:
        return self.wrong / self.n

    @classmethod
    def counted(cls, wrong: int, examples: int, answers: int = 1, squares: float | None = None) -> Errors:
        """Of examples with so many answers each, which go together, so that an example counts as one drawing.

        squares: Σ over the examples of the square of their share of wrong answers; with one answer each, `wrong`.
        The deviation is that of the examples and two more, one all right and one all wrong, so that none wrong is not
        certainty: (wrong + 1) / (n + 2) for one answer each.
        """
        mean = (wrong / answers + 1) / (examples + 2)
        square = ((wrong if squares is None else squares) + 1) / (examples + 2)
        return cls(wrong, examples * answers, math.sqrt((square - mean**2) / examples))


class Mistake(Protocol):
    """A wrong answer to an example, by its position in the split, with the probability it was told at."""

    @property
    def example(self) -> int: ...
    @property
    def told(self) -> str:
        """What is wrong, in words that a title has room for."""

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Words:
    """What a kind of task calls the parts of its tables and pictures."""

    task: str
    rows: str
    columns: str
    probability: str
    right: str


class Figures(ABC):
    """All figures of one set of answers to `n` examples: what printing, drawing and comparing need, whatever the task.

    `accuracy`: the share of examples that are wholly right. `loss`: the mean of an example, without weights of
    classes. `bins` and `ece`: calibration. `confusion`: counts, its rows and columns the classes, as `words` says.
    """

    words: ClassVar[Words]
    n: int
    accuracy: float
    loss: float
    confusion: tuple[tuple[int, ...], ...]
    ece: float
    bins: tuple[Bin, ...]
    classes: tuple[ClassFigures, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return tuple(one.name for one in self.classes)

    @property
    @abstractmethod
    def errors(self) -> Errors:
        """The wrong answers, as bias and variance are told by."""

    @property
    @abstractmethod
    def worst(self) -> Sequence[Mistake]:
        """The surest mistakes, an example each."""

    @abstractmethod
    def brief(self) -> dict[str, float]:
        """The main figures by name, as in metrics.jsonl; the one that tells the better network first."""

    @abstractmethod
    def averages(self) -> Mapping[str, Average]:
        """Precision, recall and F1 over all classes, by the name of the mean."""

    @abstractmethod
    def headline(self) -> list[tuple[str, str]]:
        """The figures of all classes together, named, as text."""

    @abstractmethod
    def tables(self, width: int) -> list[str]:
        """What follows as text: classes, confusion, mistakes, each at most so wide."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Everything, as plain data."""

    @abstractmethod
    def to_csv(self) -> str:
        """A line a class, then the averages."""

    def confusion_csv(self) -> str:
        """A line a row of the table of confusion."""
        rows: list[list[Any]] = [[f"{self.words.rows} \\ {self.words.columns}", *self.names]]
        return csv_text(rows + [[name, *row] for name, row in zip(self.names, self.confusion, strict=True)])


def csv_text(rows: Sequence[Sequence[Any]]) -> str:
    """Rows as CSV, quoted where they must be; None is an empty cell."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()
