"""The tables of an evaluation as pictures: confusion, reliability, the surest mistakes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy

from archspec.files import write_bytes
from archspec_torch.runtime.curves import TRAIN, VAL
from archspec_torch.runtime.evaluation.result import Evaluation

NUMBERED = 30
"""Classes up to which the numbers stand in the cells."""


def write_pictures(found: Evaluation, folder: Path) -> list[Path]:
    """confusion, reliability and mistakes, each as .png and .svg; returns what was written. Raises SpecError E505."""
    drawn = {"confusion": _confusion(found), "reliability": _reliability(found), "mistakes": _mistakes(found)}
    written = []
    for name, figure in drawn.items():
        for suffix in ("png", "svg") if figure is not None else ():
            image = io.BytesIO()
            about = {"Date": None} if suffix == "svg" else {}
            figure.savefig(image, format=suffix, dpi=200, metadata=about)
            path = folder / f"{name}.{suffix}"
            write_bytes(path, image.getvalue())
            written.append(path)
    return written


def _figure(width: float, height: float) -> Any:
    # Made without pyplot: no window system, and no state shared with whoever calls us.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _confusion(found: Evaluation) -> Any:
    """Numbers in the cells; as colour, their shares of the examples that have the row's class."""
    names = found.metrics.names
    counts = numpy.array(found.metrics.confusion)
    shares = counts / numpy.maximum([[one.n] for one in found.metrics.classes], 1)
    side = min(14.0, max(4.0, 0.42 * len(names) + 1.6))
    figure = _figure(side, side)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel(found.metrics.words.columns)
    axes.set_ylabel(found.metrics.words.rows)
    if len(names) <= 3 * NUMBERED:
        small = 8 if len(names) <= NUMBERED else 5
        axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 2 else 0, fontsize=small)
        axes.set_yticks(range(len(names)), names, fontsize=small)
    for i, j in numpy.argwhere(counts) if len(names) <= NUMBERED else ():
        color = "white" if shares[i, j] > 0.55 else "black"
        axes.text(j, i, f"{counts[i, j]}", ha="center", va="center", color=color, fontsize=7)
    return figure


def _reliability(found: Evaluation) -> Any:
    """Accuracy by confidence, beside the diagonal of honest answers; the number of answers below."""
    figure = _figure(4.2, 4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    bins = [one for one in found.metrics.bins if one.n]
    width = found.metrics.bins[0].high
    lows = [one.low for one in bins]
    above.bar(lows, [one.accuracy for one in bins], width, align="edge", color=TRAIN, alpha=0.75, edgecolor="white")
    above.plot([0, 1], [0, 1], color=VAL, linestyle="--", linewidth=1, label="as sure as right")
    above.set_ylabel(found.metrics.words.right)
    above.set_title(f"ECE {100 * found.metrics.ece:.2f} %", fontsize=9)
    above.legend(frameon=False, fontsize=8)
    below.bar(lows, [one.n for one in bins], width, align="edge", color="#999999", edgecolor="white")
    below.set_yscale("log")
    below.set_ylim(bottom=0.8)
    below.yaxis.set_major_formatter("{x:,.0f}")
    below.yaxis.set_minor_formatter("")
    below.set_ylabel("answers")
    below.set_xlabel(found.metrics.words.probability)
    below.set_xlim(0, 1)
    return figure


def _mistakes(found: Evaluation) -> Any:
    """The surest wrong answers, six a row; None where there are none."""
    mistakes = found.metrics.worst
    if not mistakes or found.answers is None:
        return None
    images = found.answers.images([one.example for one in mistakes])
    rows = -(-len(mistakes) // 6)
    figure = _figure(9, 1.9 * rows)
    panels = figure.subplots(rows, 6, squeeze=False).ravel()
    for panel in panels:
        panel.axis("off")
    for panel, one, image in zip(panels, mistakes, images, strict=False):
        pixels = image.permute(1, 2, 0).numpy()
        panel.imshow(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels, cmap="gray", vmin=0, vmax=255)
        panel.set_title(one.told, fontsize=7)
    return figure
