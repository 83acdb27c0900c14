"""`points`: a table with a path and the places of points for each image."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from archspec.errors import Diagnostic, Span, did_you_mean, fail
from archspec.run.sections import Points
from archspec_torch.runtime.data.examples import Report, Where
from archspec_torch.runtime.data.files import Files, decode
from archspec_torch.runtime.data.framed import Framed
from archspec_torch.runtime.data.splits import SPLITS, split_up
from archspec_torch.runtime.data.table import WORDS, read_table
from archspec_torch.runtime.data.targets import Target
from archspec_torch.runtime.images import Frame, Placement

EDGE = 1e-3
"""Pixels outside of an image that are taken for its edge, so that rounding leaves out no point."""
SHOWN = 3
"""Points of an image that are told before the rest is counted."""
HEADER = "path, split (where the table says it), then of each point `NAME x`, `NAME y` and, if wanted, `NAME seen`"


@dataclass(frozen=True)
class Pointed(Framed):
    """Examples whose targets are points: labels (n, K, 3), x and y and whether it is seen."""

    names: tuple[str, ...] = ()
    """What the images are called, where they are files."""

    def name(self, position: int) -> str:
        """What an image is called, for people."""
        return self.names[position] if self.names else f"example {position:,}"


@dataclass(frozen=True)
class PointedFiles(Files):
    """Paths and points of each split, (n, K, 3) in pixels of the files; `classes` are the names of the points."""

    target: Target = Target.POINTS
    lines: Mapping[Path, Span] = field(default_factory=dict)
    """Where in the table each image stands."""

    def load(self, split: str, frame: Frame, report: Report) -> Pointed:
        """The split's images in the frame, and their points.

        Reported are damaged files (W620), which are left out, and points outside their images (W626), which are not
        seen; nor are those that the frame cuts off. Raises SpecError E625 where no image is left.
        """
        paths, points = self.parts[split]
        found = decode(paths, frame, self.in_memory, report)
        if not found.good:
            raise fail("E625", f"none of the {len(paths)} files of '{split}' is a readable image", self.span)
        labels = points[torch.tensor(found.good)].clone()
        names = self.names_of(split)
        for i, placement in zip(found.good, found.placements, strict=True):
            if told := _outside(points[i], self.classes, placement):
                message = f"{told} outside of {names[i]}, {placement.width}×{placement.height}: not seen"
                report(Diagnostic("W626", message, self.lines.get(paths[i]), severity="warning"))
        for label, placement in zip(labels, found.placements, strict=True):
            seen = label[:, 2] * _within(label, placement.width, placement.height)
            label[:, :2] = placement.to_frame(label[:, :2])
            label[:, 2] = seen * _within(label, frame.width, frame.height)
        kept = tuple(names[i] for i in found.good)
        return Pointed(found.examples(paths, labels, frame), tuple(found.placements), kept)


def open_points(section: Points, where: Where) -> PointedFiles:
    """The images of a table of points.

    Raises SpecError: E620 for a file that is not there, E631 for what is wrong with its lines, in their places, and for
    `pairs` of points that there are not, E626 and E629 of the split.
    """
    file = Path(section.file)
    root = Path(section.root) if section.root else file.parent
    names, rows = _read(file, where("file"))
    for name in (name for pair in section.pairs or () for name in pair):
        if name not in names:
            hint = did_you_mean(name, names, "points")
            raise fail("E631", f"pairs: {file.name} has no point '{name}'", where("pairs"), hint)
    points = torch.tensor([row.points for row in rows]).view(len(rows), len(names), 3)
    paths = [root / row.path for row in rows]
    splits = {row.split for row in rows}
    parts = {}
    pool = torch.arange(len(rows))
    if splits != {None}:
        parts = {name: torch.tensor([i for i, row in enumerate(rows) if row.split == name]) for name in SPLITS}
        parts = {name: part.long() for name, part in parts.items() if len(part)}
        if "train" not in parts:
            raise fail("E631", f"no line of {file} is in the split train", where("file"))
        pool = parts["train"]
    split = section.split.model_copy(update={"test": 0.0}) if parts else section.split
    alike = torch.zeros(len(pool), dtype=torch.int64)  # no classes that every part needs
    drawn = split_up(alike, split, where, [rows[i].path for i in pool.tolist()], tuple(parts))
    parts |= {name: pool[part] for name, part in drawn.items()}
    found = {name: (tuple(paths[i] for i in part.tolist()), points[part]) for name, part in parts.items()}
    lines = {path: row.place for path, row in zip(paths, rows, strict=True)}
    return PointedFiles(found, names, file.stem, section.in_memory, where("file"), root, lines=lines)


@dataclass(frozen=True)
class _Row:
    path: str
    split: str | None
    points: list[float]
    """x, y and whether it is seen, of each point."""
    place: Span


def _read(file: Path, span: Span) -> tuple[tuple[str, ...], list[_Row]]:
    """Names of the points, and the lines."""
    names: tuple[str, ...] = ()
    seen: dict[str, int] = {}

    def heading(header: list[str], line: str) -> Callable[[list[str], Span], _Row | Diagnostic]:
        nonlocal names
        names = _names(header, file, line)
        return lambda cells, place: _row(cells, header, names, place, seen)

    rows = read_table(file, span, heading)
    return names, rows


def _names(header: Sequence[str], file: Path, line: str) -> tuple[str, ...]:
    """Names of the points. Raises SpecError E631 for a header that does not name them."""
    place = Span(str(file), 1, 1, max(1, len(line)), line)
    names = tuple(name.removesuffix(" x") for name in header if name.endswith(" x"))
    known = {"path", "split", *(f"{name} {part}" for name in names for part in ("x", "y", "seen"))}
    lacking = [column for column in ("path", *(f"{name} y" for name in names)) if column not in header]
    strange = [column for column in header if column not in known]
    told = [f"there is no column '{column}'" for column in lacking]
    told += [f"'{column}' is no column of points" for column in strange]
    told += [] if names else ["there are no columns of points"]
    told += ["a column stands twice"] if len(set(header)) < len(header) else []
    if told:
        raise fail("E631", told[0], place, HEADER)
    return names


def _row(
    cells: Sequence[str], header: Sequence[str], names: Sequence[str], place: Span, paths: dict[str, int]
) -> _Row | Diagnostic:
    """The line, or what is wrong with it; its path is added to `paths`, with the number of the line. A point without x
    and y, or whose `seen` is 0, is not seen."""
    if len(cells) != len(header):
        return Diagnostic("E631", f"{len(cells)} values in a table of {len(header)} columns", place)
    row = dict(zip(header, cells, strict=True))
    if not row["path"]:
        return Diagnostic("E631", "there is no path", place)
    path = os.path.normpath(row["path"])  # `./0.png` is `0.png`
    if path in paths:
        message = f"'{row['path']}' is in line {paths[path]} already"
        return Diagnostic("E631", message, place, "an image has each point once: cut out what each line shows")
    split = row.get("split")
    if split is not None and split not in WORDS:
        return Diagnostic("E631", f"there is no split '{split}'", place, f"splits: {', '.join(SPLITS)}")
    points: list[float] = []
    for name in names:
        x, y, seen = row[f"{name} x"], row[f"{name} y"], row.get(f"{name} seen", "1")
        if not x and not y:
            points += [0.0, 0.0, 0.0]
            continue
        try:
            at = [float(x), float(y), float(seen or 0)]
        except ValueError:
            at = [math.nan]
        if not all(map(math.isfinite, at)) or max(map(abs, at)) > 1e6:
            return Diagnostic("E631", f"'{name}' is at ({x}, {y}), seen {seen}: no three numbers", place)
        points += [at[0], at[1], float(at[2] > 0)]
    paths[path] = place.line
    return _Row(row["path"], WORDS[split] if split is not None else None, points, place)


def _within(points: Tensor, width: int, height: int) -> Tensor:
    """Of points (K, 2 or more) which lie in so many pixels, their edge among them: bool (K,)."""
    least, most = points.new_full((2,), -EDGE), points.new_tensor([width + EDGE, height + EDGE])
    return ((points[:, :2] >= least) & (points[:, :2] <= most)).all(1)


def _outside(points: Tensor, names: Sequence[str], placement: Placement) -> str:
    """The points (K, 3) that are seen outside of an image, and where they lie, as text."""
    gone = (points[:, 2] > 0) & ~_within(points, placement.width, placement.height)
    numbers = gone.nonzero().flatten().tolist()
    told = [f"'{names[k]}' ({points[k, 0]:g}, {points[k, 1]:g})" for k in numbers[:SHOWN]]
    more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return f"{', '.join(told)}{more} {'lie' if len(numbers) > 1 else 'lies'}" if told else ""
