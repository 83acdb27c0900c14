"""The tables of an evaluation as pictures: confusion, reliability, the surest mistakes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy

from archspec.files import write_bytes
from archspec_torch.boxes.printed import short
from archspec_torch.runtime.curves import TRAIN, VAL
from archspec_torch.runtime.evaluation.boxes.figures import BoxFigures
from archspec_torch.runtime.evaluation.classified import Classified
from archspec_torch.runtime.evaluation.result import Evaluation

NUMBERED = 30
"""Classes up to which the numbers stand in the cells."""


INKS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Colours of classes that colour-blind eyes tell apart on white (Okabe and Ito, 2008)."""
STROKES = ("-", "--", ":")


def write_pictures(found: Evaluation, folder: Path) -> list[Path]:
    """confusion and mistakes, of classes reliability, of boxes pr_curves, each as .png and .svg; returns what was
    written. Raises SpecError E505."""
    drawn = {"confusion": _confusion(found), "mistakes": _mistakes(found)}
    drawn |= {name: PLOTS[name](found.metrics) for name in found.metrics.plots}
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
    """Numbers in the cells; as colour, their shares of what has the row's class."""
    names = found.metrics.confused
    counts = numpy.array(found.metrics.confusion)
    shares = counts / numpy.maximum([[n] for n in found.metrics.totals], 1)
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


def _reliability(figures: Classified) -> Any:
    """Accuracy by confidence, beside the diagonal of honest answers; the number of answers below."""
    figure = _figure(4.2, 4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    bins = [one for one in figures.bins if one.n]
    width = figures.bins[0].high
    lows = [one.low for one in bins]
    above.bar(lows, [one.accuracy for one in bins], width, align="edge", color=TRAIN, alpha=0.75, edgecolor="white")
    above.plot([0, 1], [0, 1], color=VAL, linestyle="--", linewidth=1, label="as sure as right")
    above.set_ylabel(figures.reliable[1])
    above.set_title(f"ECE {100 * figures.ece:.2f} %", fontsize=9)
    above.legend(frameon=False, fontsize=8)
    below.bar(lows, [one.n for one in bins], width, align="edge", color="#999999", edgecolor="white")
    below.set_yscale("log")
    below.set_ylim(bottom=0.8)
    below.yaxis.set_major_formatter("{x:,.0f}")
    below.yaxis.set_minor_formatter("")
    below.set_ylabel("answers")
    below.set_xlabel(figures.reliable[0])
    below.set_xlim(0, 1)
    return figure


def _precision_recall(figures: BoxFigures) -> Any:
    """Precision by recall of every class at an overlap of 0.5, as detections are taken by falling score; of many
    classes those with the most objects."""
    figure = _figure(5.6, 4.4)
    axes = figure.subplots()
    curves = zip(figures.names, figures.scores.curves, strict=True)
    there = sorted(((n, c) for n, c in curves if c.truths), key=lambda pair: -pair[1].truths)
    for i, (name, curve) in enumerate(there[: len(INKS) * len(STROKES)]):
        stroke, ink = STROKES[i // len(INKS)], INKS[i % len(INKS)]
        recall, precision = numpy.r_[0.0, curve.recall], numpy.r_[curve.precision[:1], curve.precision]
        label = f"{short(name)}  {100 * (curve.area or 0.0):.1f} %"
        axes.plot(recall, precision, color=ink, linestyle=stroke, linewidth=1.4, label=label)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_title(f"mAP@0.5 {100 * figures.brief()['map50']:.2f} %", fontsize=9)
    if there:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=8)
    return figure


def _mistakes(found: Evaluation) -> Any:
    """The surest wrong answers; None where there are none."""
    mistakes = found.metrics.worst
    if not mistakes or found.answers is None:
        return None
    images = found.answers.pictures(found.metrics)
    shown = found.metrics.gallery
    rows = -(-len(mistakes) // shown.columns)
    figure = _figure(9.0, shown.row * rows)
    if shown.legend:
        figure.suptitle(shown.legend, fontsize=8)
    panels = figure.subplots(rows, shown.columns, squeeze=False).ravel()
    for panel in panels:
        panel.axis("off")
    for panel, one, image in zip(panels, mistakes, images, strict=False):
        panel.imshow(numpy.asarray(image), cmap="gray", vmin=0, vmax=255)
        panel.set_title(one.told, fontsize=7)
    return figure


PLOTS: Mapping[str, Callable[[Any], Any]] = {"reliability": _reliability, "pr_curves": _precision_recall}
"""What figures may have drawn besides, by the name of its file."""
