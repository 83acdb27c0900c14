"""What an evaluation found: as data, as text, as CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor, nn

from archspec.errors import Diagnostic
from archspec.files import make_folder, write_text
from archspec_torch.checkpoint import write_checkpoint
from archspec_torch.runtime.data import Examples
from archspec_torch.runtime.evaluation import text
from archspec_torch.runtime.evaluation.classified import Classified
from archspec_torch.runtime.evaluation.figures import Figures, csv_text

if TYPE_CHECKING:
    from archspec_torch.runtime.tasks import Task


@dataclass(frozen=True)
class Answers:
    """What stands behind the figures: what the task kept of the scores (n, classes), and the examples."""

    task: Task
    kept: Tensor
    examples: Examples

    def images(self, positions: list[int]) -> Tensor:
        """uint8 (n, c, h, w): the examples at those positions, as the network was given them."""
        group = [torch.tensor(positions, dtype=torch.int64)]
        return next(iter(self.examples.batches(group, torch.device("cpu"), 0)))[0]

    def pictures(self, figures: Figures) -> list[Image.Image]:
        """The surest mistakes, as the figures show them."""
        made = []
        for one, pixels in zip(figures.worst, self.images([one.example for one in figures.worst]), strict=True):
            array = pixels.permute(1, 2, 0).numpy()
            made.append(figures.picture(one, Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)))
        return made

    def to_csv(self) -> str:
        """A line an answer: of classes position, what it has, what it was given, and their probabilities."""
        return csv_text(self.task.listed(self.kept, self.examples))


@dataclass(frozen=True)
class Alone:
    """How one network of several answers by itself."""

    run: str
    weights: str
    epoch: int | None
    figures: Mapping[str, float]
    """As `Figures.brief`."""

    def to_json(self) -> dict[str, Any]:
        """run, weights, epoch, and the figures."""
        figures = {"loss" if name == "log_loss" else name: value for name, value in self.figures.items()}
        return {"run": self.run, "weights": self.weights, "epoch": self.epoch, **figures}


@dataclass(frozen=True)
class Evaluation:
    """The figures of trained weights on a split of a run's data."""

    split: str
    weights: str
    epoch: int | None
    metrics: Figures
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
        """Share of examples that are wholly right, where the answers are classes."""
        return self._classified.accuracy

    @property
    def loss(self) -> float:
        """Mean of an example, where the answers are classes."""
        return self._classified.loss

    @property
    def _classified(self) -> Classified:
        if not isinstance(self.metrics, Classified):
            raise AttributeError(
                f"the task '{self.metrics.words.task}' has no accuracy and no loss here: see `metrics`"
            )
        return self.metrics

    def to_json(self) -> dict[str, Any]:
        """split, weights, epoch, then what `Figures.to_json` has; tta, together, members and notes where there are."""
        found: dict[str, Any] = {"split": self.split, "weights": self.weights, "epoch": self.epoch}
        if self.tta != "none":
            found["tta"] = self.tta
        if self.together:
            found |= {"together": self.together, "members": [one.to_json() for one in self.members]}
        if self.notes:
            found["notes"] = list(self.notes)
        return found | self.metrics.to_json()

    def to_csv(self) -> str:
        """A line a class, then the averages: class, n, predicted, right, precision, recall, f1, …"""
        return self.metrics.to_csv()

    def write(self, folder: Path) -> None:
        """All of it as files: evaluation.json, per_class.csv, confusion.csv, predictions.csv (a line an example), the
        tables as .png and .svg, and averaged.safetensors where weights were averaged. Raises SpecError E505."""
        from archspec_torch.runtime.evaluation.pictures import write_pictures  # matplotlib, for files alone

        make_folder(folder)
        write_text(folder / "evaluation.json", json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n")
        write_text(folder / "per_class.csv", self.to_csv())
        write_text(folder / "confusion.csv", self.metrics.confusion_csv())
        if self.answers is not None:
            write_text(folder / "predictions.csv", self.answers.to_csv())
        if self.mean is not None:
            write_checkpoint(self.mean.state_dict(), folder / "averaged.safetensors", {})
        write_pictures(self, folder)

    def __str__(self) -> str:
        return text.evaluation(self)
