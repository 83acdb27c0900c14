"""`curves.png`: loss and accuracy, or what else tells the best epoch, over the epochs, fit for a paper."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archspec.files import write_bytes
from archspec.run.figures import SHARES, title

CURVES = "curves.png"
TRAIN, VAL = "#0072B2", "#D55E00"
"""Blue and vermilion of Okabe and Ito: told apart by every eye, and in grey."""


def write_curves(
    records: Sequence[Mapping[str, float]], path: Path, name: str, best: int, decides: str = "val_accuracy"
) -> None:
    """Two panels, 300 dots an inch, 7 inches wide. Nothing is written before the first epoch has ended.

    best: the epoch that is marked, from 1; 0 while there is none, its weights lost. decides: the figure that tells it;
    where it is the loss, the second panel shows what there is besides.
    """
    if not records:
        return
    # The figure is made without pyplot: no window system, and no state shared with whoever calls us.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.8), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(name, fontsize=9)
    figures = [decides.removeprefix("val_"), *SHARES]
    shown = next(one for one in figures if one != "loss" and f"val_{one}" in records[0])
    loss, share = figure.subplots(1, 2)
    epochs = [r["epoch"] for r in records]
    _lines(loss, epochs, [r["train_loss"] for r in records], [r["val_loss"] for r in records])
    loss.set_ylabel("loss", fontsize=8)
    loss.set_ylim(bottom=0)
    held = [100 * r[f"val_{shown}"] for r in records]
    _lines(share, epochs, [100 * r.get(f"train_{shown}", float("nan")) for r in records], held)
    share.set_ylabel(f"{title(shown)} (%)", fontsize=8)
    if best:
        value = held[best - 1]
        share.plot(best, value, "o", color=VAL, markersize=4)
        share.annotate(
            f"{value:.2f} %",
            (best, value),
            xytext=(0, -12),
            textcoords="offset points",
            ha="right" if best > len(records) / 2 else "left",
            color=VAL,
            fontsize=7,
        )
    loss.legend(frameon=False, fontsize=8)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=300)
    write_bytes(path, image.getvalue())


COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Okabe and Ito's."""


def plot_runs(runs: Mapping[str, Sequence[Mapping[str, float]]], path: Path) -> None:
    """Validation loss and accuracy (of tags, mAP) of several runs, training's dashed, by the kind of file of `path`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4 + 0.16 * len(runs)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2)
    lines = [record for records in runs.values() for record in records]
    share = next((name for name in SHARES if all(f"val_{name}" in line for line in lines)), "accuracy")
    for axes, key, scale in zip(panels, ("loss", share), (1, 100), strict=True):
        for i, (name, records) in enumerate(runs.items()):
            epochs, mark = [r["epoch"] for r in records], "o" if len(records) == 1 else ""
            color, style = COLORS[i % len(COLORS)], ("-", "-.", ":")[i // len(COLORS) % 3]
            for split, width, dashes in (("train", 0.8, (0, (3, 2))), ("val", 1.5, style)):
                values = [scale * r.get(f"{split}_{key}", float("nan")) for r in records]
                told = name if split == "val" and key == "loss" else None
                axes.plot(epochs, values, color=color, linewidth=width, linestyle=dashes, marker=mark, label=told)
        axes.set_xlabel("epoch", fontsize=8)
        axes.set_ylabel(title(key) + (" (%)" if scale == 100 else ""), fontsize=8)
        axes.tick_params(labelsize=7)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25, linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("validation (training dashed)", fontsize=8)
    figure.legend(loc="outside lower center", ncols=min(4, len(runs)), frameon=False, fontsize=8)
    image = io.BytesIO()
    figure.savefig(image, format=path.suffix[1:].lower(), dpi=200)
    write_bytes(path, image.getvalue())


def _lines(axes: Any, epochs: Sequence[float], train: Sequence[float], val: Sequence[float]) -> None:
    mark = "o" if len(epochs) == 1 else ""
    axes.plot(epochs, train, color=TRAIN, linewidth=1.3, linestyle="--", marker=mark, label="training")
    axes.plot(epochs, val, color=VAL, linewidth=1.3, marker=mark, label="validation")
    axes.set_xlabel("epoch", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
