"""The figures that runs are judged by: what they are called, and which of two is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Held = Literal["val_accuracy", "val_loss", "val_map", "val_f1", "val_macro_f1"]
"""Figures of the validation split."""
Told = Literal[Held, "train_accuracy", "train_loss", "train_map", "train_f1", "train_macro_f1"]
"""Figures of an epoch that something may go by."""

OF_TAGS = ("map", "f1", "macro_f1")
"""What is measured of images with any number of labels alone."""
NAMES = {"map": "mAP", "f1": "F1", "macro_f1": "macro F1", "log_loss": "log loss"}


def title(figure: str) -> str:
    """A figure's name for people: `val_map` is "val mAP"."""
    if figure == "test_loss":  # measured by an evaluation, as -ln p, whatever the run made small
        return "test log loss"
    split, _, name = figure.partition("_") if figure.startswith(("train_", "val_", "test_")) else ("", "", figure)
    return f"{split} {NAMES.get(name, name)}".strip()


def shown(figure: str, value: float) -> str:
    """A share in per cent; a loss as it is."""
    return f"{value:.4f}" if figure.endswith("loss") else f"{100 * value:.2f} %"


def merit(figure: str, value: float) -> float:
    """The value, signed so that greater is better."""
    return -value if figure.endswith("loss") else value


def worth(record: Mapping[str, float], decides: str) -> tuple[float, float]:
    """What makes the record of one epoch better than another: the figure that decides, of equals the lower loss."""
    return merit(decides, record[decides]), -record.get("val_loss", 0.0)


def of_tags(figure: str) -> bool:
    """Whether only images with any number of labels have it."""
    return figure.partition("_")[2] in OF_TAGS
