"""An evaluation in a terminal: figures, classes, confusion, the worst mistakes, in the width there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from archspec.run.figures import shown, title
from archspec_torch.boxes.printed import short
from archspec_torch.runtime.evaluation.classified import Average, ClassFigures, Classified
from archspec_torch.runtime.evaluation.figures import percent
from archspec_torch.runtime.progress import table

if TYPE_CHECKING:
    from archspec_torch.runtime.evaluation.result import Evaluation

CLASSES = 20
"""Classes that are shown of more than LINES."""
LINES = 30
"""Classes up to which each has a line."""
WORST = 5
NAME = 24
"""Characters shown of a name where the terminal is 80 wide."""
VIEWS = {
    "mirror": "mean over the image and its mirror image",
    "ten_crop": "mean over ten crops",
    "multi_scale": "mean over three scales",
}
VIEWS_OF_BOXES = {
    "mirror": "boxes of the image and its mirror image, fused",
    "multi_scale": "boxes at three scales, fused",
}
TOGETHER = {
    "average": "mean of the probabilities of {} networks",
    "vote": "votes of {} networks",
    "average_weights": "one network, the mean of {} networks' weights",
}
TOGETHER_OF_BOXES = {
    **TOGETHER,
    "average": "boxes of {} networks, fused",
    "vote": "boxes of {} networks, their places voted on",
}


def evaluation(found: Evaluation, width: int | None = None) -> str:
    """The whole evaluation as text, at most `width` (the terminal's) wide where names allow it."""
    width = width or get_terminal_size((80, 24)).columns
    of = f" (epoch {found.epoch})" if found.epoch is not None else ""
    boxes = found.metrics.words.task == "detect"
    rows = [("split", f"{found.split}, {found.n:,} images"), ("weights", f"{found.weights}{of}")]
    if found.together:
        rows[1] = ("networks", (TOGETHER_OF_BOXES if boxes else TOGETHER)[found.together].format(len(found.members)))
    if found.tta != "none":
        rows.append(("views", (VIEWS_OF_BOXES if boxes else VIEWS)[found.tta]))
    rows += found.metrics.headline()
    rows += [("note", note) for note in found.notes]
    parts = [table(rows)]
    if found.members:
        parts.append(_members(found))
    return "\n\n".join(part for part in [*parts, *found.metrics.tables(width)] if part)


def shortened(names: Sequence[str], most: int) -> dict[str, str]:
    """Each name and how it is shown in so many characters: cut at its end, or within where names would look alike."""
    if len({short(name, most) for name in names}) == len(set(names)):
        return {name: short(name, most) for name in names}
    head = (most - 1) // 2
    within = {name: f"{name[:head]}…{name[head + 1 - most :]}" for name in names}
    return {name: name if len(name) <= most else within[name] for name in names}


def class_table(
    figures: Classified,
    classes: Sequence[ClassFigures],
    width: int,
    heads: Sequence[str],
    cells: Callable[[ClassFigures], Sequence[float | None]],
    means: Callable[[Average], Sequence[float | None]] = lambda mean: (mean.precision, mean.recall, mean.f1),
) -> str:
    """A line a class, then the averages; of many classes those with the lowest F1. `heads` name shares, of `cells`."""

    def cell(share: float | None) -> str:
        return f"{'–' if share is None else percent(share):>8}"

    listed = classes
    if len(listed) > LINES:
        there = [one for one in listed if one.f1 is not None]
        listed = sorted(there, key=lambda one: one.f1 or 0.0)[:CLASSES]
    averages = figures.averages()
    columns = [max(8, len(head)) for head in heads]
    told = shortened(figures.names, max(NAME, width - sum(columns) - 2 * len(columns) - 14))
    names = [told[one.name] for one in listed]
    wide = max(map(len, [*names, *averages]))

    def line(name: str, shares: Sequence[float | None], last: str = "") -> str:
        written = "  ".join(f"{cell(share):>{w}}" for share, w in zip(shares, columns, strict=True))
        return f"  {name:{wide}}  {written}  {last:>8}".rstrip()

    top = "  ".join(f"{head:>{w}}" for head, w in zip(heads, columns, strict=True))
    lines = [f"{'by class':{wide + 2}}  {top}  examples"]
    lines += [line(name, cells(one), f"{one.n:,}") for name, one in zip(names, listed, strict=True)]
    if len(listed) < len(classes):
        lines.append(f"  … the lowest F1 of {len(classes):,} classes; --format csv has all")
    return "\n".join([*lines, *(line(name, means(mean)) for name, mean in averages.items())])


def _members(found: Evaluation) -> str:
    names = [short(f"{one.run} {one.weights}", NAME) for one in found.members]
    width = max(map(len, ["each alone", *names]))
    heads = [title(key) for key in found.members[0].figures]

    def line(name: str, cells: Sequence[str]) -> str:
        return name + "".join(f"  {cell:>{max(8, len(head))}}" for head, cell in zip(heads, cells, strict=True))

    rows = [[shown(key, value) for key, value in one.figures.items()] for one in found.members]
    lines = [line(f"  {name:{width}}", row) for name, row in zip(names, rows, strict=True)]
    return "\n".join([line(f"{'each alone':{width + 2}}", heads), *lines])
