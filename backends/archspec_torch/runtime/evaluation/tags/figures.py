"""Figures of any number of classes an image: average precision, precision, recall, F1, confusion, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from sklearn.metrics import average_precision_score
from torch import Tensor
from torch.nn import functional

from archspec_torch.boxes.printed import short
from archspec_torch.runtime.evaluation.classified import (
    Average,
    Bin,
    ClassFigures,
    Classified,
    average,
    calibration_error,
    reliability,
)
from archspec_torch.runtime.evaluation.figures import MISTAKES, Errors, Words, csv_text
from archspec_torch.runtime.evaluation.tags import text

TITLE = 36
"""Characters that a line of a picture's title has room for."""
SEPARATOR = ";"
"""Between the classes of an example in a cell of CSV."""


@dataclass(frozen=True)
class TagFigures(ClassFigures):
    """One class, with its average precision: None where no example has it."""

    average_precision: float | None

    def to_json(self) -> dict[str, Any]:
        """As of any class, and average_precision."""
        return {**super().to_json(), "average_precision": self.average_precision}


@dataclass(frozen=True)
class Mistake:
    """An example with a wrong answer: its position in its split, all that it has and all that it was given, and the
    class of which the network was surest wrongly, with the probability that it was told at."""

    example: int
    true: tuple[str, ...]
    predicted: tuple[str, ...]
    tag: str
    probability: float

    @property
    def missed(self) -> bool:
        """Whether the example has that class and was not given it."""
        return self.tag in self.true

    @property
    def told(self) -> str:
        word = "missed" if self.missed else "told"
        has = f"has {', '.join(self.true)}" if self.true else "has no class"
        return f"{short(self.tag)} {word} at {100 * self.probability:.1f} %\n{short(has, TITLE)}"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "true": list(self.true), "predicted": list(self.predicted)}


@dataclass(frozen=True)
class TagMetrics(Classified):
    """All figures of one set of answers, each a yes or no for one class of one example."""

    words = Words("tags", "missed", "told instead")
    reliable = ("probability of a class", "share that has it")

    n: int
    threshold: float
    """The least probability that counts as yes."""
    map: float
    """Mean average precision: over the classes that examples have, each the same."""
    accuracy: float
    """Share of examples that were given all of their classes and no other."""
    hamming_loss: float
    """Share of wrong answers."""
    loss: float
    """Binary cross-entropy, summed over the classes, mean over the examples."""
    classes: tuple[TagFigures, ...]
    micro: Average
    """All answers together."""
    macro: Average
    """Every class counts the same, one that occurs nowhere as 0."""
    weighted: Average
    """Every class counts as often as examples have it."""
    confusion: tuple[tuple[int, ...], ...]
    """Examples that have the row's class and were not given it, but were given the column's, which they do not have."""
    together: tuple[tuple[int, ...], ...]
    """Examples that have the row's class and were given the column's."""
    ece: float
    """Expected calibration error of all answers: mean of |share that has the class − probability| over the bins."""
    bins: tuple[Bin, ...]
    mistakes: tuple[Mistake, ...]
    errors_by_example: Errors

    @property
    def errors(self) -> Errors:
        return self.errors_by_example

    @property
    def worst(self) -> Sequence[Mistake]:
        return self.mistakes

    def brief(self) -> dict[str, float]:
        return {
            "map": self.map,
            "f1": self.micro.f1,
            "macro_f1": self.macro.f1,
            "accuracy": self.accuracy,
            "loss": self.loss,
        }

    def averages(self) -> Mapping[str, Average]:
        return {"macro average": self.macro, "weighted average": self.weighted, "micro average": self.micro}

    def headline(self) -> list[tuple[str, str]]:
        return text.headline(self)

    def tables(self, width: int) -> list[str]:
        return text.tables(self, width)

    def to_json(self) -> dict[str, Any]:
        """task, n, threshold, map, f1, macro_f1, accuracy, loss, hamming_loss, micro, macro, weighted, calibration,
        per_class (by name), confusion, together, mistakes."""
        return {
            "task": self.words.task,
            "n": self.n,
            "threshold": self.threshold,
            **self.brief(),
            "hamming_loss": self.hamming_loss,
            "micro": asdict(self.micro),
            "macro": asdict(self.macro),
            "weighted": asdict(self.weighted),
            "calibration": {"ece": self.ece, "bins": [asdict(one) for one in self.bins]},
            "per_class": {one.name: one.to_json() for one in self.classes},
            "confusion": [list(row) for row in self.confusion],
            "together": [list(row) for row in self.together],
            "mistakes": [one.to_json() for one in self.mistakes],
        }

    def to_csv(self) -> str:
        """A line a class, then the averages: class, n, predicted, right, precision, recall, f1, average_precision."""
        rows: list[list[Any]] = [["class", "n", "predicted", "right", "precision", "recall", "f1", "average_precision"]]
        rows += [[one.name, *one.to_json().values()] for one in self.classes]
        sums = [sum(getattr(one, figure) for one in self.classes) for figure in ("n", "predicted", "right")]
        for name, mean in self.averages().items():
            ap = self.map if mean is self.macro else None
            rows.append([name, *sums, mean.precision, mean.recall, mean.f1, ap])
        return csv_text(rows)


def tag_metrics(log_odds: Tensor, wanted: Tensor, names: Sequence[str], threshold: float = 0.5) -> TagMetrics:
    """The figures of log-odds float32 (n, classes) and labels bool (n, classes), n at least 1."""
    n, count = wanted.shape
    probabilities = log_odds.sigmoid()
    said = probabilities >= threshold
    right, have, told = ((wanted & said).sum(0), wanted.sum(0), said.sum(0))
    precisions = average_precisions(log_odds, wanted)
    classes = tuple(
        TagFigures(name, int(have[i]), int(told[i]), int(right[i]), precisions[i]) for i, name in enumerate(names)
    )
    wrong = wanted != said
    bins = reliability(probabilities.flatten(), wanted.flatten())
    costs = functional.binary_cross_entropy_with_logits(log_odds.double(), wanted.double(), reduction="none")
    micro = ClassFigures("", int(have.sum()), int(told.sum()), int(right.sum()))
    missed, added = (wanted & ~said).double(), (said & ~wanted).double()
    return TagMetrics(
        n=n,
        threshold=threshold,
        map=mean_average_precision(precisions),
        accuracy=int((~wrong).all(1).sum()) / n,
        hamming_loss=int(wrong.sum()) / (n * count),
        loss=float(costs.sum(1).mean()),
        classes=classes,
        micro=average([micro], [1]),
        macro=average(classes, [1] * count),
        weighted=average(classes, [one.n for one in classes]),
        confusion=_counts(missed.T @ added),
        together=_counts(wanted.double().T @ said.double()),
        ece=calibration_error(bins),
        bins=bins,
        mistakes=worst(probabilities.double(), said, wanted, names),
        errors_by_example=Errors.counted(int(wrong.sum()), n, count, float((wrong.double().mean(1)).square().sum())),
    )


def average_precisions(scores: Tensor, wanted: Tensor) -> list[float | None]:
    """Of each class, the mean of the precisions at which its examples are found, the surest first; equal scores are
    found at once. None where no example has it. scores (n, classes), wanted bool (n, classes).
    """
    there, columns = wanted.any(0).tolist(), zip(wanted.T.numpy(), scores.T.numpy(), strict=True)
    return [float(average_precision_score(*pair)) if has else None for has, pair in zip(there, columns, strict=True)]


def mean_average_precision(each: Sequence[float | None]) -> float:
    """The mean over the classes that examples have; 0 where there is none."""
    known = [one for one in each if one is not None]
    return sum(known) / max(len(known), 1)


def listed(log_odds: Tensor, wanted: Tensor, names: Sequence[str], threshold: float) -> list[list[Any]]:
    """A row an example below the names of the columns: position, labels, answers, then every class's probability."""
    rows: list[list[Any]] = [["example", "true", "predicted", *names]]
    probabilities = log_odds.sigmoid()
    for i, (p, has) in enumerate(zip(probabilities, wanted, strict=True)):
        both = (SEPARATOR.join(_chosen(names, row)) for row in (has, p >= threshold))
        rows.append([i, *both, *(f"{value:.6f}" for value in p.tolist())])
    return rows


def worst(probabilities: Tensor, said: Tensor, wanted: Tensor, names: Sequence[str]) -> tuple[Mistake, ...]:
    """The examples with the answers that were wrong and surest, at most MISTAKES of them."""
    sure = torch.where(said, probabilities, 1 - probabilities).where(said != wanted, -1.0)
    most, tags = sure.max(1)
    wrong = (most >= 0).nonzero().flatten()
    order = wrong[most[wrong].argsort(descending=True, stable=True)[:MISTAKES]]
    return tuple(
        Mistake(i, _chosen(names, wanted[i]), _chosen(names, said[i]), names[tag], float(probabilities[i, tag]))
        for i, tag in zip(order.tolist(), tags[order].tolist(), strict=True)
    )


def _chosen(names: Sequence[str], which: Tensor) -> tuple[str, ...]:
    return tuple(names[i] for i in which.nonzero().flatten().tolist())


def _counts(matrix: Tensor) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(n) for n in row) for row in matrix.tolist())
