"""Where boxes and arrows go: rows from top to bottom, the main path straight, everything else to its sides."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from archspec.render.drawing.lanes import Lane, lanes, rows
from archspec.render.drawing.metrics import text_width
from archspec.render.drawing.scene import Point
from archspec.render.picture import Arrow, Frame, Panel

GAP = 14.0
"""Between boxes beside one another."""
STEP = 17.0
"""Between rows."""
SKIP = 11.0
"""Between a box and a line that passes it."""
PADDING = 9.0
"""Between a frame and what is in it."""
HEADING = 13.0
"""Room over a frame's boxes for its title."""
FRAME_TITLE = 8.5
APART = 7.0
"""Between lines of different tensors that run level between two rows."""

Size = tuple[float, float]


@dataclass
class Layout:
    """Centres of boxes, corners of arrows, and corners of frames: left, top, right, bottom."""

    place: dict[str, Point]
    routes: list[list[Point]]
    frames: list[tuple[Frame, tuple[float, float, float, float]]] = field(default_factory=list)
    left: float = 0.0
    right: float = 0.0
    bottom: float = 0.0


Contour = dict[int, tuple[float, float]]
"""How far to its left and right a lane reaches: at row r under 2r, between it and the next under 2r + 1."""


def layered(panel: Panel, sizes: Mapping[str, Size], step: float = STEP, skip: float = SKIP) -> Layout:
    """Lay a panel out. Rows are as high as their highest box; the main path is at x = 0."""
    row = rows(panel)
    found = lanes(panel, row)
    padding = _paddings(panel, sizes)
    axis: dict[int, float] = {}
    _settle(found[0], row, sizes, padding, axis, skip)
    _shift(found[0], 0.0, axis)
    column = {key: axis[id(lane)] for lane in found for key in lane.boxes}
    ways = _ways(panel, found, row, column, sizes, axis)
    tops, heights, floors = _heights(panel, row, sizes, step, _crowded(panel, row, column, ways))
    place = {key: (x, tops[row[key]] + heights[row[key]] / 2) for key, x in column.items()}
    layout = Layout(place, _routes(panel, ways, row, place, sizes, tops, floors, step))
    for frame in panel.frames:
        _border(frame, panel, layout, sizes)
    edges = [
        (place[k][0] - sizes[k][0] / 2, place[k][0] + sizes[k][0] / 2, place[k][1] + sizes[k][1] / 2) for k in place
    ]
    edges += [(x, x, y) for route in layout.routes for x, y in route]
    edges += [(bounds[0], bounds[2], bounds[3]) for _, bounds in layout.frames]
    layout.left = min(edge[0] for edge in edges)
    layout.right = max(edge[1] for edge in edges)
    layout.bottom = max(edge[2] for edge in edges)
    return layout


def _settle(
    lane: Lane,
    row: Mapping[str, int],
    sizes: Mapping[str, Size],
    padding: Mapping[str, float],
    axis: dict[int, float],
    skip: float,
) -> Contour:
    """Set a lane's children beside it, innermost first: their axes from its own, and the contour of all."""
    contour: Contour = {}
    for key in lane.boxes:
        half = sizes[key][0] / 2 + padding.get(key, 0.0)
        contour[2 * row[key]] = (-half, half)
    first, last = (lane.top, lane.bottom) if lane.parent else (row[lane.boxes[0]], row[lane.boxes[-1]])
    starts = 2 * first + 1 if lane.into is not None else 2 * first
    ends = 2 * last - 1 if lane.out is not None else 2 * last
    for index in range(starts, ends + 1):
        contour.setdefault(index, (0.0, 0.0))
    for child in sorted(lane.children, key=lambda c: (c.length, c.order, c.top)):
        own = _settle(child, row, sizes, padding, axis, skip)
        # a lane of lines alone leaves and returns at the sides of boxes, so it has to pass those two
        reach = range(min(own), max(own) + 1) if child.boxes else range(2 * child.top, 2 * child.bottom + 1)
        gap = GAP if child.boxes else skip
        if child.left:
            offset = min((contour[i][0] - own.get(i, (0.0, 0.0))[1] for i in reach if i in contour), default=0.0) - gap
        else:
            offset = max((contour[i][1] - own.get(i, (0.0, 0.0))[0] for i in reach if i in contour), default=0.0) + gap
        axis[id(child)] = offset
        for i, (left, right) in own.items():
            before = contour.get(i, (offset + left, offset + right))
            contour[i] = (min(before[0], offset + left), max(before[1], offset + right))
    return contour


def _shift(lane: Lane, start: float, axis: dict[int, float]) -> None:
    axis[id(lane)] = start + axis.get(id(lane), 0.0)
    for child in lane.children:
        _shift(child, axis[id(lane)], axis)


def inside(frame: Frame) -> list[str]:
    """The boxes of a frame and of those in it."""
    return [*frame.boxes, *(key for inner in frame.frames for key in inside(inner))]


def _paddings(panel: Panel, sizes: Mapping[str, Size]) -> dict[str, float]:
    """Room beside boxes for the frames around them, and for a frame's title to the right of the arrow into it."""
    found: dict[str, float] = {}
    for frame in reversed(panel.every_frame):
        held = inside(frame)
        for key in held:
            found[key] = found.get(key, 0.0) + PADDING
        found[held[0]] = max(found[held[0]], _title_room(frame) - sizes[held[0]][0] / 2)
    return found


def _title_room(frame: Frame) -> float:
    return text_width(frame.title, FRAME_TITLE) + 10


def _heights(
    panel: Panel, row: Mapping[str, int], sizes: Mapping[str, Size], step: float, crowded: Collection[int]
) -> tuple[dict[int, float], dict[int, float], dict[int, float]]:
    """Top and height of each row, and where the borders of frames under it end; more room under `crowded` rows."""
    count = max(row.values()) + 1
    heights = {
        r: max((sizes[box.key][1] for box in panel.boxes if row[box.key] == r), default=0.0) for r in range(count)
    }
    above, below = dict.fromkeys(range(count), 0.0), dict.fromkeys(range(count), 0.0)
    for frame in panel.every_frame:
        held = [row[key] for key in inside(frame)]
        above[min(held)] += HEADING
        below[max(held)] += PADDING
    tops: dict[int, float] = {}
    y = 0.0
    for r in range(count):
        y += above[r]
        tops[r] = y
        y += heights[r] + below[r] + step + (APART if r in crowded else 0.0)
    return tops, heights, {r: tops[r] + heights[r] + below[r] for r in range(count)}


@dataclass(frozen=True, slots=True)
class Way:
    """How an arrow runs: at the `x` of its lane, from below its source to the top of its target, or by their sides.

    Sides are -1 left, 1 right, 0 below or on top.
    """

    x: float
    leaves: int = 0
    enters: int = 0
    direct: bool = False
    """Whether it runs from one to the other without a corner."""


def _ways(
    panel: Panel,
    found: list[Lane],
    row: Mapping[str, int],
    column: Mapping[str, float],
    sizes: Mapping[str, Size],
    axis: Mapping[int, float],
) -> list[Way]:
    by_arrow = {i: lane for lane in found for i in (lane.into, lane.out) if i is not None}
    occupied: dict[int, list[tuple[float, float]]] = {}
    for key, x in column.items():
        occupied.setdefault(row[key], []).append((x - sizes[key][0] / 2, x + sizes[key][0] / 2))

    def free(key: str, lane_x: float) -> bool:
        """Whether nothing stands in its row between a box and a lane."""
        low, high = min(column[key], lane_x), max(column[key], lane_x)
        return sum(1 for left, right in occupied[row[key]] if right > low and left < high) <= 1

    def enters(i: int, arrow: Arrow) -> int:
        """The side at which an arrow comes into a box."""
        x, end = axis[id(by_arrow[i])] if i in by_arrow else column[arrow.source], column[arrow.target]
        if x == end or not free(arrow.target, x) or _inside(x, end, sizes[arrow.target][0]):
            return 0
        return 1 if x > end else -1

    entering = [enters(i, arrow) for i, arrow in enumerate(panel.arrows)]
    taken = {(arrow.target, side) for arrow, side in zip(panel.arrows, entering, strict=True)}
    ways: list[Way] = []
    for i, arrow in enumerate(panel.arrows):
        start, end = column[arrow.source], column[arrow.target]
        lane = by_arrow.get(i)
        x = axis[id(lane)] if lane else start
        if lane is None or start == end == x:
            ways.append(Way(x, direct=True))
            continue
        side = 1 if x > start else -1
        beside = x != start and not lane.boxes and free(arrow.source, x) and (arrow.source, side) not in taken
        ways.append(Way(x, side if beside else 0, entering[i]))
    return ways


def _crowded(panel: Panel, row: Mapping[str, int], column: Mapping[str, float], ways: list[Way]) -> set[int]:
    """Rows under which lines of different tensors would run level over one another: one that leaves, one that comes."""
    leaving: dict[int, list[tuple[str, float, float]]] = {}
    coming: dict[int, list[tuple[str, float, float]]] = {}
    for arrow, way in zip(panel.arrows, ways, strict=True):
        start, end = column[arrow.source], column[arrow.target]
        if not way.direct and not way.leaves and way.x != start:
            leaving.setdefault(row[arrow.source], []).append((arrow.source, min(start, way.x), max(start, way.x)))
        if not way.direct and not way.enters and way.x != end:
            coming.setdefault(row[arrow.target] - 1, []).append((arrow.source, min(way.x, end), max(way.x, end)))
    return {
        r
        for r in leaving.keys() & coming.keys()
        if any(
            one != other and left < end and start < right
            for one, left, right in leaving[r]
            for other, start, end in coming[r]
        )
    }


def _routes(
    panel: Panel,
    ways: list[Way],
    row: Mapping[str, int],
    place: Mapping[str, Point],
    sizes: Mapping[str, Size],
    tops: Mapping[int, float],
    floors: Mapping[int, float],
    step: float,
) -> list[list[Point]]:
    routes: list[list[Point]] = []
    for arrow, way in zip(panel.arrows, ways, strict=True):
        (x0, y0), (x1, y1), x = place[arrow.source], place[arrow.target], way.x
        (w0, h0), (w1, h1) = sizes[arrow.source], sizes[arrow.target]
        bottom, top = (x0, y0 + h0 / 2), (x1, y1 - h1 / 2)
        if way.direct:
            routes.append([bottom, top])
            continue
        under = floors[row[arrow.source]] + step / 2
        over = tops[row[arrow.target]] - step / 2
        points: list[Point] = []
        if x == x0:
            points += [bottom]
        elif way.leaves:
            points += [(x0 + way.leaves * w0 / 2, y0), (x, y0)]
        else:
            points += [bottom, (x0, under), (x, under)]
        if x == x1:
            points += [top]
        elif way.enters:
            points += [(x, y1), (x1 + way.enters * w1 / 2, y1)]
        elif arrow.sizes:  # beside what comes as data
            at = x1 + (w1 if x > x1 else -w1) * 0.3
            points += [(x, over), (at, over), (at, top[1])]
        else:
            points += [(x, over), (x1, over), top]
        routes.append([p for n, p in enumerate(points) if not n or p != points[n - 1]])
    return routes


def _inside(x: float, center: float, width: float) -> bool:
    return abs(x - center) <= width / 2 + 4


def _border(frame: Frame, panel: Panel, layout: Layout, sizes: Mapping[str, Size]) -> tuple[float, float, float, float]:
    """The rectangle around a frame's boxes, the arrows between them and the frames within."""
    at = len(layout.frames)
    keys = set(inside(frame))
    corners = [(x - sizes[k][0] / 2, y - sizes[k][1] / 2) for k in frame.boxes for x, y in (layout.place[k],)]
    corners += [(x + sizes[k][0] / 2, y + sizes[k][1] / 2) for k in frame.boxes for x, y in (layout.place[k],)]
    for arrow, route in zip(panel.arrows, layout.routes, strict=True):
        if arrow.source in keys and arrow.target in keys:
            corners += route
    first = inside(frame)[0]
    corners.append((layout.place[first][0] + _title_room(frame) - PADDING, layout.place[first][1]))
    for inner in frame.frames:
        left, top, right, bottom = _border(inner, panel, layout, sizes)
        corners += [(left, top), (right, bottom)]
    bounds = (
        min(x for x, _ in corners) - PADDING,
        min(y for _, y in corners) - HEADING,
        max(x for x, _ in corners) + PADDING,
        max(y for _, y in corners) + PADDING,
    )
    layout.frames.insert(at, (frame, bounds))
    return bounds
