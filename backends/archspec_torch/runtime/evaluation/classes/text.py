"""Figures of one class an image, in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archspec_torch.runtime.evaluation.figures import percent
from archspec_torch.runtime.evaluation.text import CLASSES, NAME, WORST, class_table, shortened

if TYPE_CHECKING:
    from archspec_torch.runtime.evaluation.classes.figures import Metrics


def headline(figures: Metrics) -> list[tuple[str, str]]:
    """Accuracy, top-5, loss and calibration."""
    rows = [("accuracy", f"{percent(figures.accuracy)}  ({figures.right:,} of {figures.n:,})")]
    if figures.top5 is not None:
        rows.append(("top-5", percent(figures.top5)))
    return [*rows, ("log loss", f"{figures.loss:.4f}"), ("calibration", _calibration(figures))]


def tables(figures: Metrics, width: int) -> list[str]:
    """Classes, confusion, the surest mistakes."""
    heads = ("precision", "recall", "F1")
    classes = class_table(figures, figures.classes, width, heads, lambda one: (one.precision, one.recall, one.f1))
    return [classes, _confusion(figures, width), _mistakes(figures, width)]


def _calibration(figures: Metrics) -> str:
    """The error in words: is the network surer than it is right, or less sure?"""
    sure = sum(one.n * (one.confidence or 0.0) for one in figures.bins) / figures.n
    side = "surer" if sure > figures.accuracy else "less sure"
    return f"error {percent(figures.ece)} (ECE); {side} than right: {percent(sure)} on average"


def _confusion(figures: Metrics, width: int) -> str:
    """The table, a row a label and a column an answer, or the most frequent confusions where it is too wide."""
    names = list(shortened(figures.names, NAME).values())
    wide = max(len(name) for name in names)
    cells = [[f"{n:,}" if n else "·" for n in row] for row in figures.confusion]
    heads = names
    if max(map(len, names)) > 5:  # columns by their number, as the rows have it beside their names
        heads = [str(i + 1) for i in range(len(names))]
        names = [f"{name:{wide}} {i + 1:>2}" for i, name in enumerate(names)]
        wide += 3
    columns = [max(len(heads[j]), *(len(row[j]) for row in cells)) for j in range(len(heads))]
    if len(names) > CLASSES or 2 + wide + sum(columns) + 2 * len(columns) > width:
        return _pairs(figures, width)

    def line(name: str, row: Sequence[str]) -> str:
        return f"  {name:{wide}}" + "".join(f"  {c:>{w}}" for c, w in zip(row, columns, strict=True))

    rows = [line(name, row) for name, row in zip(names, cells, strict=True)]
    return "\n".join(["confusion: a row for what it is, a column for the answer", line("", heads), *rows])


def _pairs(figures: Metrics, width: int) -> str:
    names = list(shortened(figures.names, (width - 20) // 2).values())
    pairs = [
        (n, names[i], names[j]) for i, row in enumerate(figures.confusion) for j, n in enumerate(row) if n and i != j
    ]
    pairs.sort(key=lambda pair: -pair[0])
    lines = [f"  {n:>6,}  {true} taken for {answer}" for n, true, answer in pairs[:10]]
    return "\n".join(["most frequent confusions", *lines]) if lines else ""


def _mistakes(figures: Metrics, width: int) -> str:
    lines, names = [], shortened(figures.names, (width - 44) // 2)
    for one in figures.mistakes[:WORST]:
        taken = f"{names[one.true]} taken for {names[one.predicted]}"
        lines.append(f"  example {one.example:,}: {taken} at {percent(one.probability)}")
    return "\n".join(["surest mistakes", *lines]) if lines else ""
