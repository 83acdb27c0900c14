"""The figures that runs are judged by: what they are called, and which of two is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

OfPlaces = Literal["val_localised", "val_iou", "val_pck05", "val_pck10", "val_pck20"]
Held = Literal["val_accuracy", "val_loss", "val_map", "val_map50", "val_f1", "val_macro_f1", OfPlaces]
"""Figures of the validation split."""
Told = Literal[Held, "train_accuracy", "train_loss", "train_map", "train_f1", "train_macro_f1"]
"""Figures of an epoch that something may go by."""

OF_BOXES = ("map50", "map")
OF_TAGS = ("map", "accuracy", "f1", "macro_f1")
OF_CLASSES = ("accuracy",)
OF_OBJECTS = ("localised", "accuracy", "iou")
OF_POINTS = ("pck10", "pck05", "pck20")
DETECTORS = ("ssd", "yolo", "yolo_v1", "multibox")
"""Losses that train for objects in boxes."""
OF_LOSSES = {"bce": OF_TAGS, "localisation": OF_OBJECTS, "landmarks": OF_POINTS} | dict.fromkeys(DETECTORS, OF_BOXES)
"""What is measured with losses that do not train for one class each."""
SHARES = tuple(dict.fromkeys((*OF_BOXES, *OF_POINTS, *OF_OBJECTS, *OF_TAGS)))
"""All figures beside the loss."""
NAMES = {"map": "mAP", "map50": "mAP@0.5", "f1": "F1", "macro_f1": "macro F1", "log_loss": "log loss", "iou": "IoU"}
NAMES |= {"pck05": "PCK@0.05", "pck10": "PCK@0.1", "pck20": "PCK@0.2"}


def measured(loss: str) -> tuple[str, ...]:
    """What is measured beside the loss where that loss is trained with, the first what tells the best epoch."""
    return OF_LOSSES.get(loss, OF_CLASSES)


def measures(loss: str, figure: str) -> bool:
    """Whether epochs of a run with that loss have a figure: `val_map`."""
    split, _, name = figure.partition("_")
    return name == "loss" or (name in measured(loss) and not (split == "train" and loss in DETECTORS))


def what_instead(loss: str, figure: str) -> str:
    """Why a run with that loss has no such figure, and which it has: the end of a message."""
    split = figure.partition("_")[0]
    there = [f"{split}_{name}" for name in (*measured(loss), "loss") if measures(loss, f"{split}_{name}")]
    listed = f"{', '.join(there[:-1])} and {there[-1]} are" if len(there) > 1 else f"{there[0]} is"
    return f"is not measured with loss: {loss}; {listed}"


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
