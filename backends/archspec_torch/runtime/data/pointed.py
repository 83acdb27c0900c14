"""`points`: a table with a path and the places of points for each image."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from archspec.errors import Diagnostic, Span, fail
from archspec.run.sections import Points
from archspec_torch.runtime.data.examples import Report, Where
from archspec_torch.runtime.data.files import Files, decode
from archspec_torch.runtime.data.framed import Framed
from archspec_torch.runtime.data.splits import SPLITS, split_up
from archspec_torch.runtime.data.table import WORDS, read_table
from archspec_torch.runtime.data.targets import Target
from archspec_torch.runtime.images import Frame

HEADER = "path, split (where the table says it), then of each point `NAME x`, `NAME y` and, if wanted, `NAME seen`"


@dataclass(frozen=True)
class Pointed(Framed):
    """Examples whose targets are points: labels (n, K, 3), x and y and whether it is seen."""


@dataclass(frozen=True)
class PointedFiles(Files):
    """Paths and points of each split, (n, K, 3) in pixels of the files; `classes` are the names of the points."""

    target: Target = Target.POINTS

    def load(self, split: str, frame: Frame, report: Report) -> Pointed:
        """The split's images in the frame, and their points. Damaged files are reported (W620) and left out.

        Raises SpecError E625 where none is left.
        """
        paths, points = self.parts[split]
        found = decode(paths, frame, self.in_memory, report)
        if not found.good:
            raise fail("E625", f"none of the {len(paths)} files of '{split}' is a readable image", self.span)
        labels = points[torch.tensor(found.good)].clone()
        for i, placement in enumerate(found.placements):
            labels[i, :, :2] = placement.to_frame(labels[i, :, :2])
        return Pointed(found.examples(paths, labels, frame), tuple(found.placements))


def open_points(section: Points, where: Where) -> PointedFiles:
    """The images of a table of points.

    Raises SpecError: E620 for a file that is not there, E631 for what is wrong with its lines, in their places,
    E626 and E629 of the split.
    """
    file = Path(section.file)
    root = Path(section.root) if section.root else file.parent
    names, rows = _read(file, where("file"))
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
    return PointedFiles(found, names, file.stem, section.in_memory, where("file"), root)


@dataclass(frozen=True)
class _Row:
    path: str
    split: str | None
    points: list[float]
    """x, y and whether it is seen, of each point."""


def _read(file: Path, span: Span) -> tuple[tuple[str, ...], list[_Row]]:
    """Names of the points, and the lines."""
    names: tuple[str, ...] = ()

    def heading(header: list[str], line: str) -> Callable[[list[str], Span], _Row | Diagnostic]:
        nonlocal names
        names = _names(header, file, line)
        return lambda cells, place: _row(cells, header, names, place)

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


def _row(cells: Sequence[str], header: Sequence[str], names: Sequence[str], place: Span) -> _Row | Diagnostic:
    """The line, or what is wrong with it. A point without x and y, or whose `seen` is 0, is not seen."""
    if len(cells) != len(header):
        return Diagnostic("E631", f"{len(cells)} values in a table of {len(header)} columns", place)
    row = dict(zip(header, cells, strict=True))
    if not row["path"]:
        return Diagnostic("E631", "there is no path", place)
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
    return _Row(row["path"], WORDS[split] if split is not None else None, points)
