"""Scores of detections as text, in the width there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from archspec_torch.boxes.scoring import voc

if TYPE_CHECKING:
    from archspec_torch.boxes.evaluating import BoxScores

RECALLS = (0.1, 0.3, 0.5, 0.7, 0.9)
LINES = 30
"""Classes up to which each has a line."""
FEWER = 20
"""Classes that have one where there are more: those that are found worst."""
PAIRS = 10
LEAST = 12
"""Characters that a name has room for, however narrow the terminal is."""


def scores(found: BoxScores, width: int) -> str:
    """All of it."""
    parts = [totals(found), classes(found, width, len(found.classes)), errors(found, width), confusion(found, width)]
    return "\n\n".join(part for part in parts if part)


def totals(found: BoxScores) -> str:
    """What there is, and the figures of all classes."""
    truths = sum(curve.truths for curve in found.curves)
    head = f"{found.images:,} images, {truths:,} objects, {len(found.found.scores):,} detections"
    cells = [f"{name:<11} {value:.4f}" for name, value in found.figures.items()]
    third = -(-len(cells) // 3)
    return "\n".join([head, *("   ".join(cells[i::third]) for i in range(third))])


def classes(found: BoxScores, width: int, most: int = LINES) -> str:
    """A line a class, of more than `most` those with the lowest AP; precisions along the curve where there is room."""
    rows = list(zip(found.classes, found.coco_classes.tolist(), found.curves, strict=True))
    if left := max(0, len(rows) - FEWER) if len(rows) > most else 0:
        rows = sorted((row for row in rows if row[2].truths), key=lambda row: row[1][0])[:FEWER]
    heads = f"  {'objects':>7}      AP    AP50  VOC 50  VOC 11"
    marks = "".join(f"  P@{recall:.1f}" for recall in RECALLS)
    last = "  best F1 (score)"
    longest = max([5, *(len(name) for name, _, _ in rows)])
    along = longest + len(heads + marks + last) <= width
    wide = min(longest, max(LEAST, width - len(heads + last)))
    lines = [f"{'class':<{wide}}{heads}{marks if along else ''}{last}"]
    for name, (ap, ap50), curve in rows:
        figures = (ap, ap50, curve.area, curve.eleven)
        cells = "".join(f"  {'–':>6}" if value is None or value < 0 else f"  {value:6.4f}" for value in figures)
        points = "".join(f"  {at:5.3f}" for at in _precisions(curve)) if along else ""
        lines.append(f"{short(name, wide):<{wide}}  {curve.truths:>7,}{cells}{points}  {_best(curve)}")
    if left:
        lines.append(f"… the lowest AP of {len(found.classes):,} classes; --format csv and json have all")
    if along:
        lines.append("P@0.5: the largest precision at a recall of 0.5 or more, at an overlap of 0.5")
    return "\n".join(lines)


def errors(found: BoxScores, width: int) -> str:
    """Right and wrong detections, by kind, and what each kind costs."""
    made = found.mistakes
    kinds = ", ".join(f"{name} {count:,}" for name, count in made.kinds.items())
    head = f"detections with a score of {made.score:g} or more: {made.right:,} right; wrong:"
    cost = "points of mAP@0.5 that each kind costs, all scores counted:"
    points = ", ".join(f"{name} {100 * value:.1f}" for name, value in found.costs.items())
    return "\n".join(
        f"{line} {told}" if len(line) + 1 + len(told) <= width else f"{line}\n  {told}"
        for line, told in ((head, kinds), (cost, points))
    )


def confusion(found: BoxScores, width: int) -> str:
    """The table, or what is most often taken for what where the table is too wide."""
    names = [short(name) for name in [*found.classes, "background"]]
    table = found.mistakes.confusion
    for heads, rows in ((names, names), _numbered(names)):
        wide = max(map(len, rows))
        widths = [max(len(head), *(len(f"{v:,}") for v in table[:, i])) for i, head in enumerate(heads)]
        if wide + sum(widths) + 2 * len(widths) <= width and len(names) <= LINES:
            lines = ["truth in rows, what was told in columns"]
            lines.append(" " * wide + "".join(f"  {head:>{w}}" for head, w in zip(heads, widths, strict=True)))
            for name, row in zip(rows, table.tolist(), strict=True):
                cells = (f"{v:,}" if v else "·" for v in row)
                lines.append(f"{name:<{wide}}" + "".join(f"  {v:>{w}}" for v, w in zip(cells, widths, strict=True)))
            return "\n".join(lines)
    pairs = [(int(table[i, j]), names[i], names[j]) for i, j in np.argwhere(table).tolist() if i != j]
    lines = [f"{n:>6,}  {_taken(true, told)}" for n, true, told in sorted(pairs, key=lambda pair: -pair[0])[:PAIRS]]
    return "\n".join(["most frequent confusions", *lines]) if lines else ""


def short(name: str, most: int = 24) -> str:
    """A name in so many characters at most, cut at its end."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _numbered(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Columns by their number, which the rows have beside their names."""
    wide = max(map(len, names))
    return [str(i + 1) for i in range(len(names))], [f"{name:{wide}} {i + 1:>2}" for i, name in enumerate(names)]


def _taken(true: str, told: str) -> str:
    if told == "background":
        return f"{true} not found"
    return f"{told} told where nothing is" if true == "background" else f"{true} taken for {told}"


def _precisions(curve: voc.Curve) -> list[float]:
    """The largest precision at each of `RECALLS` or more; 0 where that is not reached."""
    return [float(curve.precision[curve.recall >= recall - 1e-12].max(initial=0)) for recall in RECALLS]


def _best(curve: voc.Curve) -> str:
    total = curve.precision + curve.recall
    if not curve.truths or not total.any():
        return "–"
    f1 = np.divide(2 * curve.precision * curve.recall, total, out=np.zeros_like(total), where=total > 0)
    at = int(f1.argmax())
    return f"{f1[at]:.3f} ({curve.scores[at]:.3g})"
