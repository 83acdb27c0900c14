"""Figures of one class an image: accuracy, precision, recall, F1, confusion, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from archspec_torch.boxes.printed import short
from archspec_torch.runtime.evaluation.classes import text
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


@dataclass(frozen=True)
class Mistake:
    """A wrong answer: the example's position in its split, both classes, and the probability of the answer."""

    example: int
    true: str
    predicted: str
    probability: float

    @property
    def told(self) -> str:
        return f"{short(self.true, 18)} taken for {short(self.predicted, 18)}\n{100 * self.probability:.1f} %"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Metrics(Classified):
    """All figures of one set of answers."""

    words = Words("classify", "true", "predicted")
    reliable = ("probability of the answer", "share that is right")

    n: int
    accuracy: float
    top5: float | None
    """Share of examples whose label is among the five best scores; None up to five classes, where it says nothing."""
    loss: float
    """Mean of −ln(probability of the label)."""
    classes: tuple[ClassFigures, ...]
    macro: Average
    """Every class that occurs, as label or as answer, counts the same."""
    weighted: Average
    """Every class counts as often as it is a label."""
    confusion: tuple[tuple[int, ...], ...]
    """Row: the label; column: the answer."""
    ece: float
    """Expected calibration error: mean of |accuracy − confidence| over the bins, each by its examples."""
    bins: tuple[Bin, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def right(self) -> int:
        """Examples whose best score is the label's."""
        return sum(one.right for one in self.classes)

    @property
    def errors(self) -> Errors:
        return Errors.counted(self.n - self.right, self.n)

    @property
    def worst(self) -> Sequence[Mistake]:
        return self.mistakes

    def brief(self) -> dict[str, float]:
        return {"accuracy": self.accuracy, "log_loss": self.loss}

    def averages(self) -> Mapping[str, Average]:
        return {"macro average": self.macro, "weighted average": self.weighted}

    def headline(self) -> list[tuple[str, str]]:
        return text.headline(self)

    def tables(self, width: int) -> list[str]:
        return text.tables(self, width)

    def to_json(self) -> dict[str, Any]:
        """task, n, accuracy, top5, loss, macro, weighted, calibration, per_class (by name), confusion, mistakes."""
        return {
            "task": self.words.task,
            "n": self.n,
            "accuracy": self.accuracy,
            "top5": self.top5,
            "loss": self.loss,
            "macro": asdict(self.macro),
            "weighted": asdict(self.weighted),
            "calibration": {"ece": self.ece, "bins": [asdict(one) for one in self.bins]},
            "per_class": {one.name: one.to_json() for one in self.classes},
            "confusion": [list(row) for row in self.confusion],
            "mistakes": [one.to_json() for one in self.mistakes],
        }

    def to_csv(self) -> str:
        """A line a class, then the averages: class, n, predicted, right, precision, recall, f1."""
        rows: list[list[Any]] = [["class", "n", "predicted", "right", "precision", "recall", "f1"]]
        rows += [[one.name, *one.to_json().values()] for one in self.classes]
        rows += [
            [name, self.n, self.n, self.right, mean.precision, mean.recall, mean.f1]
            for name, mean in self.averages().items()
        ]
        return csv_text(rows)


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
    return Metrics(
        n=n,
        accuracy=int(right.sum()) / n,
        top5=int((log_probabilities.topk(5).indices == labels[:, None]).sum()) / n if count > 5 else None,
        loss=float(-of_label.mean()),
        classes=classes,
        macro=average(classes, [int(one.n + one.predicted > 0) for one in classes]),
        weighted=average(classes, [one.n for one in classes]),
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        ece=calibration_error(bins),
        bins=bins,
        mistakes=worst(confidence, answers, labels, names),
    )


def listed(log_probabilities: Tensor, labels: Tensor, names: Sequence[str]) -> list[list[Any]]:
    """A row an example below the names of the columns: position, label, answer, the probabilities of both."""
    rows: list[list[Any]] = [["example", "true", "predicted", "probability", "probability_of_true"]]
    probabilities = log_probabilities.exp()
    best, answers = probabilities.max(1)
    of_label = probabilities.gather(1, labels[:, None]).flatten()
    columns = zip(labels.tolist(), answers.tolist(), best.tolist(), of_label.tolist(), strict=True)
    for i, (label, answer, p, q) in enumerate(columns):
        rows.append([i, names[label], names[answer], f"{p:.6f}", f"{q:.6f}"])
    return rows


def confusion(answers: Tensor, labels: Tensor, classes: int) -> Tensor:
    """int64 (classes, classes): how often an example with the row's label was given the column's class."""
    return torch.bincount(labels * classes + answers, minlength=classes * classes).view(classes, classes)


def worst(confidence: Tensor, answers: Tensor, labels: Tensor, names: Sequence[str]) -> tuple[Mistake, ...]:
    """The wrong answers that the network was surest of, at most MISTAKES of them."""
    wrong = (answers != labels).nonzero().flatten()
    order = confidence[wrong].argsort(descending=True, stable=True)[:MISTAKES]
    return tuple(
        Mistake(i, names[int(labels[i])], names[int(answers[i])], float(confidence[i])) for i in wrong[order].tolist()
    )
