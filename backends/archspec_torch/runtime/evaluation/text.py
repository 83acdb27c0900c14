"""An evaluation in a terminal: figures, classes, confusion, the worst mistakes, in the width there is."""

from __future__ import annotations

from collections.abc import Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from archspec_torch.runtime.evaluation.metrics import Metrics
from archspec_torch.runtime.progress import table

if TYPE_CHECKING:
    from archspec_torch.runtime.evaluation.result import Evaluation

CLASSES = 20
"""Classes up to which the whole table of confusion is printed, where it fits."""
LINES = 30
"""Classes up to which each has a line."""
WORST = 5
NAME = 24
"""Characters shown of a class's name."""
VIEWS = {
    "mirror": "mean over the image and its mirror image",
    "ten_crop": "mean over ten crops",
    "multi_scale": "mean over three scales",
}
TOGETHER = {
    "average": "mean of the probabilities of {} networks",
    "vote": "votes of {} networks",
    "average_weights": "one network, the mean of {} networks' weights",
}


def evaluation(found: Evaluation, width: int | None = None) -> str:
    """The whole evaluation as text, at most `width` (the terminal's) wide where names allow it."""
    width = width or get_terminal_size((80, 24)).columns
    figures = found.metrics
    of = f" (epoch {found.epoch})" if found.epoch is not None else ""
    right = sum(one.right for one in figures.classes)
    rows = [("split", f"{found.split}, {found.n:,} images"), ("weights", f"{found.weights}{of}")]
    if found.together:
        rows[1] = ("networks", TOGETHER[found.together].format(len(found.members)))
    if found.tta != "none":
        rows.append(("views", VIEWS[found.tta]))
    rows.append(("accuracy", f"{percent(found.accuracy)}  ({right:,} of {found.n:,})"))
    if figures.top5 is not None:
        rows.append(("top-5", percent(figures.top5)))
    rows += [("loss", f"{found.loss:.4f}"), ("calibration", f"{calibration(figures)}")]
    rows += [("note", note) for note in found.notes]
    parts = [table(rows)]
    if found.members:
        parts.append(_members(found))
    parts += [_classes(figures), _confusion(figures, width), _mistakes(figures)]
    return "\n\n".join(part for part in parts if part)


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def calibration(figures: Metrics) -> str:
    """The error in words: is the network surer than it is right, or less sure?"""
    sure = sum(one.n * (one.confidence or 0.0) for one in figures.bins) / figures.n
    side = "surer" if sure > figures.accuracy else "less sure"
    return f"error {percent(figures.ece)} (ECE); {side} than right: {percent(sure)} on average"


def short(name: str, most: int = NAME) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _members(found: Evaluation) -> str:
    names = [f"{one.run} {one.weights}" for one in found.members]
    width = max(map(len, names))
    lines = [
        f"  {name:{width}}  {percent(one.accuracy):>8}  loss {one.loss:.4f}"
        for name, one in zip(names, found.members, strict=True)
    ]
    return "\n".join(["each alone", *lines])


def _classes(figures: Metrics) -> str:
    """A line a class, then both averages; of many classes those with the lowest F1."""

    def cell(share: float | None) -> str:
        return "       –" if share is None else f"{percent(share):>8}"

    shown = figures.classes
    if len(shown) > LINES:
        there = [one for one in shown if one.f1 is not None]
        shown = tuple(sorted(there, key=lambda one: one.f1 or 0.0)[:CLASSES])
    names = [short(one.name) for one in shown]
    means = [("macro average", figures.macro), ("weighted average", figures.weighted)]
    width = max(map(len, [*names, *(name for name, _ in means)]))
    lines = [f"{'by class':{width + 2}}  precision    recall        F1  examples"]
    for name, one in zip(names, shown, strict=True):
        cells = "  ".join(map(cell, (one.precision, one.recall, one.f1)))
        lines.append(f"  {name:{width}}   {cells}  {one.n:>8,}")
    if len(shown) < len(figures.classes):
        lines.append(f"  … the lowest F1 of {len(figures.classes):,} classes; --format csv has all")
    for name, mean in means:
        cells = "  ".join(map(cell, (mean.precision, mean.recall, mean.f1)))
        lines.append(f"  {name:{width}}   {cells}")
    return "\n".join(lines)


def _confusion(figures: Metrics, width: int) -> str:
    """The table, a row a label and a column an answer, or the most frequent confusions where it is too wide."""
    names = [short(one.name) for one in figures.classes]
    wide = max(len(name) for name in names)
    cells = [[f"{n:,}" if n else "·" for n in row] for row in figures.confusion]
    heads = names
    if max(map(len, names)) > 5:  # columns by their number, as the rows have it beside their names
        heads = [str(i + 1) for i in range(len(names))]
        names = [f"{name:{wide}} {i + 1:>2}" for i, name in enumerate(names)]
        wide += 3
    columns = [max(len(heads[j]), *(len(row[j]) for row in cells)) for j in range(len(heads))]
    if len(names) > CLASSES or 2 + wide + sum(columns) + 2 * len(columns) > width:
        return _pairs(figures)

    def line(name: str, row: Sequence[str]) -> str:
        return f"  {name:{wide}}" + "".join(f"  {c:>{w}}" for c, w in zip(row, columns, strict=True))

    rows = [line(name, row) for name, row in zip(names, cells, strict=True)]
    return "\n".join(["confusion: a row for what it is, a column for the answer", line("", heads), *rows])


def _pairs(figures: Metrics) -> str:
    names = [one.name for one in figures.classes]
    pairs = [
        (n, names[i], names[j]) for i, row in enumerate(figures.confusion) for j, n in enumerate(row) if n and i != j
    ]
    pairs.sort(key=lambda pair: -pair[0])
    lines = [f"  {n:>6,}  {short(true)} taken for {short(answer)}" for n, true, answer in pairs[:10]]
    return "\n".join(["most frequent confusions", *lines]) if lines else ""


def _mistakes(figures: Metrics) -> str:
    lines = []
    for one in figures.mistakes[:WORST]:
        taken = f"{short(one.true, 18)} taken for {short(one.predicted, 18)}"
        lines.append(f"  example {one.example:,}: {taken} at {percent(one.probability)}")
    return "\n".join(["surest mistakes", *lines]) if lines else ""
