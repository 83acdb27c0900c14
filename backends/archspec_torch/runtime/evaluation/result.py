"""What an evaluation found: as data, as text, as CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archspec.errors import Diagnostic, fail
from archspec.files import write_text
from archspec_torch.checkpoint import write_checkpoint
from archspec_torch.runtime.data import Examples
from archspec_torch.runtime.evaluation import text
from archspec_torch.runtime.evaluation.metrics import Metrics


@dataclass(frozen=True)
class Answers:
    """What stands behind the figures: log-probabilities (n, classes), the examples, the classes' names."""

    log_probabilities: Tensor
    examples: Examples
    classes: tuple[str, ...]

    def images(self, positions: list[int]) -> Tensor:
        """uint8 (n, c, h, w): the examples at those positions, as the network was given them."""
        group = [torch.tensor(positions, dtype=torch.int64)]
        return next(iter(self.examples.batches(group, torch.device("cpu"), 0)))[0]

    def to_csv(self) -> str:
        """A line an example: position, label, answer, and the probabilities of both."""
        rows: list[list[Any]] = [["example", "true", "predicted", "probability", "probability_of_true"]]
        best, answers = self.log_probabilities.exp().max(1)
        labels = self.examples.labels.cpu()
        of_label = self.log_probabilities.exp().gather(1, labels[:, None]).flatten()
        columns = zip(labels.tolist(), answers.tolist(), best.tolist(), of_label.tolist(), strict=True)
        for i, (label, answer, p, q) in enumerate(columns):
            rows.append([i, self.classes[label], self.classes[answer], f"{p:.6f}", f"{q:.6f}"])
        return csv_text(rows)


@dataclass(frozen=True)
class Alone:
    """How one network of several answers by itself."""

    run: str
    weights: str
    epoch: int | None
    accuracy: float
    loss: float


@dataclass(frozen=True)
class Evaluation:
    """The figures of trained weights on a split of a run's data."""

    split: str
    weights: str
    epoch: int | None
    metrics: Metrics
    tta: str = "none"
    together: str | None = None
    """How several networks answered: `average`, `vote` or `average_weights`."""
    members: tuple[Alone, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    answers: Answers | None = field(default=None, repr=False, compare=False)
    mean: nn.Module | None = field(default=None, repr=False, compare=False)
    """The network with the mean of several weights, where that was measured."""

    @property
    def n(self) -> int:
        """Examples."""
        return self.metrics.n

    @property
    def accuracy(self) -> float:
        """Share of examples whose best score is the label's."""
        return self.metrics.accuracy

    @property
    def loss(self) -> float:
        """Mean of −ln(probability of the label)."""
        return self.metrics.loss

    def to_json(self) -> dict[str, Any]:
        """split, weights, epoch, then what `Metrics.to_json` has; tta, together, members and notes where there are."""
        found: dict[str, Any] = {"split": self.split, "weights": self.weights, "epoch": self.epoch}
        if self.tta != "none":
            found["tta"] = self.tta
        if self.together:
            found |= {"together": self.together, "members": [asdict(one) for one in self.members]}
        if self.notes:
            found["notes"] = list(self.notes)
        return found | self.metrics.to_json()

    def to_csv(self) -> str:
        """A line a class, then the averages: class, n, predicted, right, precision, recall, f1."""
        rows: list[list[Any]] = [["class", "n", "predicted", "right", "precision", "recall", "f1"]]
        for one in self.metrics.classes:
            rows.append([one.name, *one.to_json().values()])
        for name, mean in (("macro average", self.metrics.macro), ("weighted average", self.metrics.weighted)):
            right = sum(one.right for one in self.metrics.classes)
            rows.append([name, self.n, self.n, right, mean.precision, mean.recall, mean.f1])
        return csv_text(rows)

    def confusion_csv(self) -> str:
        """A line a label, a column an answer."""
        names = [one.name for one in self.metrics.classes]
        rows = [[name, *row] for name, row in zip(names, self.metrics.confusion, strict=True)]
        return csv_text([["true \\ predicted", *names], *rows])

    def write(self, folder: Path) -> None:
        """All of it as files: evaluation.json, per_class.csv, confusion.csv, predictions.csv (a line an example), the
        tables as .png and .svg, and averaged.safetensors where weights were averaged. Raises SpecError E505."""
        from archspec_torch.runtime.evaluation.pictures import write_pictures  # matplotlib, for files alone

        make_folder(folder)
        write_text(folder / "evaluation.json", json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n")
        write_text(folder / "per_class.csv", self.to_csv())
        write_text(folder / "confusion.csv", self.confusion_csv())
        if self.answers is not None:
            write_text(folder / "predictions.csv", self.answers.to_csv())
        if self.mean is not None:
            write_checkpoint(self.mean.state_dict(), folder / "averaged.safetensors", {})
        write_pictures(self, folder)

    def __str__(self) -> str:
        return text.evaluation(self)


def make_folder(folder: Path) -> None:
    """The folder, made where it is not there. Raises SpecError E505."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fail("E505", f"{folder} cannot be made: {error.strerror or error}") from error


def csv_text(rows: list[list[Any]]) -> str:
    """Rows as CSV, quoted where they must be; None is an empty cell."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()
