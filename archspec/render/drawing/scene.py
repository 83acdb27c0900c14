"""A picture as shapes on a page: what every layout makes and every writer writes.

Lengths are points; x runs right and y down. Colours are `#rrggbb`; an empty one means none. Shapes are
drawn in order, the later over the earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from archspec.render.drawing.metrics import text_width

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]
Dash = Literal["", "dashed", "dotted"]
ROUND = 0.5523
"""Control points of a quarter circle, in radii from its ends."""


@dataclass(frozen=True, slots=True)
class Path:
    """Cubic Bézier segments: a start, then three points a segment. Closed where it is filled."""

    points: tuple[Point, ...]
    line: str = ""
    fill: str = ""
    width: float = 1.0
    dash: Dash = ""


@dataclass(frozen=True, slots=True)
class Polygon:
    """Straight edges around an area."""

    points: tuple[Point, ...]
    line: str = ""
    fill: str = ""
    width: float = 1.0
    dash: Dash = ""


@dataclass(frozen=True, slots=True)
class Ellipse:
    """Around its centre."""

    x: float
    y: float
    rx: float
    ry: float
    line: str = ""
    fill: str = ""
    width: float = 1.0
    dash: Dash = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one look."""

    text: str
    size: float
    color: str
    bold: bool = False

    @property
    def length(self) -> float:
        return text_width(self.text, self.size, self.bold)


@dataclass(frozen=True, slots=True)
class Text:
    """One line: its runs one after another; `y` is the base line."""

    x: float
    y: float
    runs: tuple[Run, ...]
    anchor: Anchor = "middle"

    @property
    def length(self) -> float:
        return sum(run.length for run in self.runs)

    @property
    def left(self) -> float:
        """Where the first character starts."""
        return self.x - self.length * {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor]


Mark = Path | Polygon | Ellipse | Text


@dataclass
class Scene:
    """Shapes, and the corner up to which they reach."""

    marks: list[Mark] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0

    def add(self, *marks: Mark) -> None:
        self.marks.extend(marks)

    def cover(self, x: float, y: float) -> None:
        """Make the page reach a point at least."""
        self.width, self.height = max(self.width, x), max(self.height, y)

    def text(
        self, x: float, y: float, text: str, size: float, color: str, anchor: Anchor = "middle", bold: bool = False
    ) -> None:
        """One line in one look."""
        if text:
            self.add(Text(x, y, (Run(text, size, color, bold),), anchor))

    def place(self, other: Scene, dx: float, dy: float) -> None:
        """Another scene's shapes, moved; the page grows to hold them."""
        self.marks.extend(moved(other.marks, dx, dy))
        self.cover(other.width + dx, other.height + dy)


def moved(marks: Iterable[Mark], dx: float, dy: float) -> Iterable[Mark]:
    """Shapes somewhere else."""
    for mark in marks:
        if isinstance(mark, Path | Polygon):
            yield replace(mark, points=tuple((x + dx, y + dy) for x, y in mark.points))
        else:
            yield replace(mark, x=mark.x + dx, y=mark.y + dy)


def rounded(
    x: float,
    y: float,
    width: float,
    height: float,
    radius: float,
    line: str = "",
    fill: str = "",
    pen: float = 1.0,
    dash: Dash = "",
) -> Path:
    """A rectangle with round corners, from its upper left corner."""
    r = min(radius, width / 2, height / 2)
    k = r * (1 - ROUND)
    right, bottom = x + width, y + height
    points: list[Point] = [(x + r, y)]
    corners = (
        ((right - r, y), (right - k, y), (right, y + k), (right, y + r)),
        ((right, bottom - r), (right, bottom - k), (right - k, bottom), (right - r, bottom)),
        ((x + r, bottom), (x + k, bottom), (x, bottom - k), (x, bottom - r)),
        ((x, y + r), (x, y + k), (x + k, y), (x + r, y)),
    )
    for start, first, second, end in corners:
        points += [points[-1], start, start, first, second, end]
    return Path(tuple(points), line, fill, pen, dash)


def along(
    points: Sequence[Point], radius: float, line: str, width: float = 1.0, dash: Dash = "", fill: str = ""
) -> Path:
    """A line through points, its corners rounded."""
    found: list[Point] = [points[0]]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        r = min(radius, _distance(before, corner) / 2, _distance(corner, after) / 2)
        start, end = _towards(corner, before, r), _towards(corner, after, r)
        k = r * (1 - ROUND)
        found += [found[-1], start, start, _towards(corner, before, k), _towards(corner, after, k), end]
    found += [found[-1], points[-1], points[-1]]
    return Path(tuple(found), line, fill, width, dash)


def arrowhead(before: Point, tip: Point, color: str, size: float = 5.5) -> Polygon:
    """A filled head at `tip`, pointing away from `before`."""
    length = _distance(before, tip) or 1.0
    ux, uy = (tip[0] - before[0]) / length, (tip[1] - before[1]) / length
    base = (tip[0] - ux * size, tip[1] - uy * size)
    half = size * 0.36
    return Polygon(
        (tip, (base[0] - uy * half, base[1] + ux * half), (base[0] + uy * half, base[1] - ux * half)),
        line=color,
        fill=color,
        width=0.5,
    )


def _distance(a: Point, b: Point) -> float:
    return (
        abs(a[0] - b[0]) + abs(a[1] - b[1])
        if a[0] == b[0] or a[1] == b[1]
        else (((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)
    )


def _towards(start: Point, end: Point, distance: float) -> Point:
    length = _distance(start, end)
    if not length:
        return start
    share = distance / length
    return (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
