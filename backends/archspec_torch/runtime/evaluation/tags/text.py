"""Figures of any number of classes an image, in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archspec_torch.boxes.printed import short
from archspec_torch.runtime.evaluation.figures import percent
from archspec_torch.runtime.evaluation.text import WORST, class_table, shortened

if TYPE_CHECKING:
    from archspec_torch.runtime.evaluation.tags.figures import Mistake, TagMetrics

PAIRS = 10


def headline(figures: TagMetrics) -> list[tuple[str, str]]:
    """Mean average precision, F1, exact matches, wrong answers, loss and calibration."""
    there = sum(one.n > 0 for one in figures.classes)
    of = "" if there == len(figures.classes) else f"  (of the {there:,} classes that examples have)"
    exact, errors = round(figures.accuracy * figures.n), figures.errors
    have = sum(one.n for one in figures.classes) / errors.n
    sure = sum(one.n * (one.confidence or 0.0) for one in figures.bins) / errors.n
    return [
        ("mAP", percent(figures.map) + of),
        ("F1", f"{percent(figures.micro.f1)} micro, {percent(figures.macro.f1)} macro"),
        ("accuracy", f"{percent(figures.accuracy)}  (all classes right in {exact:,} of {figures.n:,})"),
        ("Hamming loss", f"{percent(figures.hamming_loss)}  ({errors.wrong:,} of {errors.n:,} answers are wrong)"),
        ("threshold", f"{figures.threshold:g}"),
        ("loss", f"{figures.loss:.4f}"),
        ("calibration", f"error {percent(figures.ece)} (ECE); {percent(sure)} on average, {percent(have)} are yes"),
    ]


def tables(figures: TagMetrics, width: int) -> list[str]:
    """Classes, what was told instead of what was missed, the surest mistakes."""
    average_precision = {one.name: one.average_precision for one in figures.classes}
    classes = class_table(
        figures,
        figures.classes,
        width,
        ("AP", "precision", "recall", "F1"),
        lambda one: (average_precision[one.name], one.precision, one.recall, one.f1),
        lambda mean: (figures.map if mean is figures.macro else None, mean.precision, mean.recall, mean.f1),
    )
    return [classes, _instead(figures, width), _mistakes(figures, width)]


def _instead(figures: TagMetrics, width: int) -> str:
    names = list(shortened(figures.names, (width - 34) // 2).values())
    pairs = [(n, names[i], names[j]) for i, row in enumerate(figures.confusion) for j, n in enumerate(row) if n]
    pairs.sort(key=lambda pair: -pair[0])
    lines = [f"  {n:>6,}  {missed} missed, {told} told wrongly" for n, missed, told in pairs[:PAIRS]]
    return "\n".join(["most frequent confusions within an image", *lines]) if lines else ""


def _mistakes(figures: TagMetrics, width: int) -> str:
    names = shortened(figures.names, (width - 32) // 2)
    lines = [_mistake(one, names, width) for one in figures.mistakes[:WORST]]
    return "\n".join(["surest mistakes", *lines]) if lines else ""


def _mistake(one: Mistake, names: Mapping[str, str], width: int) -> str:
    wrong = f"{names[one.tag]} {'missed' if one.missed else 'told'} at {percent(one.probability)}"
    return short(f"  example {one.example:,}: {wrong}; it has {', '.join(one.true) or 'none of the classes'}", width)
