"""What training gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspec.errors import Diagnostic
from archspec.run.figures import shown, title
from archspec_torch.runtime.evaluation.result import Evaluation
from archspec_torch.runtime.progress import table


@dataclass(frozen=True)
class RunResult:
    """What a run reached, and where it lies."""

    dir: Path
    best_epoch: int
    val: Mapping[str, float]
    """Figures of the best epoch on the validation split by name, the one that tells it first: accuracy, loss, …"""
    test: Evaluation | None
    """The best weights on the test split, where there is one: measured by the first process of a run."""
    epochs: tuple[Mapping[str, float], ...]
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def val_accuracy(self) -> float:
        return self.val["accuracy"]

    @property
    def val_loss(self) -> float:
        return self.val["loss"]

    def to_json(self) -> dict[str, Any]:
        """dir, best_epoch, val_accuracy, val_loss and others of val, test (as `Evaluation.to_json`, or null)."""
        return {
            "dir": str(self.dir),
            "best_epoch": self.best_epoch,
            **{f"val_{name}": value for name, value in self.val.items()},
            "test": self.test.to_json() if self.test else None,
        }

    def __str__(self) -> str:
        rows = [
            ("best epoch", f"{self.best_epoch} of {len(self.epochs)}"),
            ("validation", _told(self.val)),
        ]
        if self.test:
            rows.append(("test", f"{_told(self.test.metrics.brief())}, {self.test.n:,} images"))
        return table([*rows, ("directory", str(self.dir))])


def _told(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{title(name)} {shown(name, value)}" for name, value in figures.items())
