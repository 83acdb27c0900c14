"""Encoder–decoders as in the U-Net paper's figure: a row for each resolution, tensors as bars, operations as arrows.

A bar is as high as its image and as wide as its channels, both by a root, so that 572 and 28, 64 and 1024 can be
seen together. Channels stand above, sizes below; the colour of an arrow is its operation.
Source: Ronneberger, Fischer, Brox 2015, U-Net, figure 1 (arXiv:1505.04597).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archspec.analysis.summary import Summary
from archspec.close import close
from archspec.graph import Node, TypedGraph
from archspec.render.diagram import unfolded
from archspec.render.drawing.page import legend, page
from archspec.render.drawing.paint import Look, Paint, scaling
from archspec.render.drawing.scene import Ellipse, Path, Polygon, Scene, along, arrowhead, rounded
from archspec.render.palette import Tint
from archspec.render.picture import Arrow, Box, Panel
from archspec.render.units import numbered
from archspec.tensor import TensorType

HIGH, WIDE = 110.0, 40.0
"""The largest image and the most channels."""
STEP, DROP = 27.0, 34.0
"""Length of arrows along a row and between rows."""
ACROSS = 44.0
"""Between the two sides of the U, at least."""
HEAD, FOOT = 12.0, 12.0
"""Room for the text over and under a bar."""
OVER = 16.0
"""Room over a row for skips that pass bars."""
MOST = 70
"""Bars on a page."""
# Okabe and Ito's palette, in the order of appearance; skips are grey
JOINS = {"concat": "copy, crop where larger, and concatenate", "add": "copy and add"}
OPERATIONS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8a00", "#7f5539")


@dataclass(frozen=True, slots=True)
class Bar:
    """A tensor on the main path: what made it, its row, and the channels in it that a skip brought."""

    tensor: TensorType
    maker: Box | None
    level: int
    skip: int | None = None
    """Number of the bar that the skip comes from."""
    join: Box | None = None
    """Where it comes in."""

    @property
    def joined(self) -> str:
        """How the skip comes in: `concat` or `add`."""
        return self.join.join if self.join else ""


def encoder_decoder(graph: TypedGraph, least: int = 2) -> list[Bar]:
    """The bars of a network whose image shrinks and grows again and that skips across; none for another network.

    `least`: how many levels it goes down and up again, and how many skips go across. Where the input leaves sizes open,
    at the graph's example of them.
    """
    if not any(_may_enlarge(graph, node) for node in graph.layers()):
        return []
    if graph.sizes:
        graph = close(graph, graph.example)
    return _bars(graph, unfolded(graph).main, least)


def _may_enlarge(graph: TypedGraph, node: Node) -> bool:
    """Whether a step along an axis of what a layer gives is less than a cell of what it takes, or unknown."""
    return any(step < 1 for step in node.op.steps(graph.input_types(node), graph.types[node.name]))


def _bars(graph: TypedGraph, panel: Panel, least: int) -> list[Bar]:
    if len(panel.spine) > MOST or any(box.train for box in panel.boxes):
        return []
    keys = [panel.spine[0].source, *(arrow.target for arrow in panel.spine)]
    boxes = {box.key: box for box in panel.boxes}
    if set(boxes) - set(keys) or boxes[keys[-1]].kind != "output":
        return []  # not one way with skips
    skips: dict[str, list[Arrow]] = {}
    for arrow in panel.arrows:
        if arrow not in panel.spine and not arrow.sizes:
            skips.setdefault(arrow.target, []).append(arrow)
    bars: list[Bar] = []
    made: dict[str, int] = {}
    level, last = 0, keys[0]
    for key in keys[:-1]:
        box = boxes[key]
        tensor = graph.types[box.nodes[-1].name if box.nodes else key][0]
        level -= scaling(graph, box)
        if key in skips:
            if len(skips[key]) > 1 or box.join not in JOINS or not bars or box.detail:
                return []
            source = made[skips[key][0].source]
            if bars[source].level != level or source >= len(bars) - 2:
                return []
            up = (
                bars.pop() if scaling(graph, boxes[last]) == 1 else None
            )  # the bar is drawn once, with the skip's beside it
            bars.append(Bar(tensor, up.maker if up else box, level, source, box))
        else:
            bars.append(Bar(tensor, box, level))
        made[key] = len(bars) - 1
        last = key
    deepest = max(bar.level for bar in bars)
    across = sum(bar.skip is not None for bar in bars)
    return bars if deepest >= least and bars[-1].level <= deepest - least and across >= least else []


def ushape_page(bars: Sequence[Bar], summary: Summary, paint: Paint) -> Scene:
    """The page of an encoder–decoder."""
    kinds: dict[str, str] = {}
    for bar in bars[1:]:
        if bar.maker is not bar.join:
            kinds.setdefault(_operation(bar.maker), OPERATIONS[len(kinds) % len(OPERATIONS)])
    drawn = _u(bars, kinds, paint)
    arrows = [(Tint(color, color, ""), words) for words, color in kinds.items()]
    grey = Tint(paint.theme.training, paint.theme.training, "")
    arrows += [(grey, JOINS[j]) for j in sorted({b.joined for b in bars} - {""})]
    example = f", at {numbered(summary.graph.example)}" if summary.graph.sizes else ""
    words = legend(arrows, [("", f"numbers above: channels; below: height and width{example}")], paint, drawn.width)
    return page(summary, [drawn], words, paint.theme)


def _operation(box: Box | None) -> str:
    """What an arrow does, without the channels it makes: `3×3 conv · ReLU`."""
    if box is None:
        return ""
    parts = [p for i, p in enumerate(box.title.split(", ")) if not (i and p.isdigit())]
    return ", ".join(parts) + (f" · {box.detail}" if box.detail else "")


def _u(bars: Sequence[Bar], kinds: Mapping[str, str], paint: Paint) -> Scene:
    largest = max(max(bar.tensor.spatial) for bar in bars)
    most = max(bar.tensor.channels for bar in bars)

    def width(channels: int) -> float:
        return max(3.0, WIDE * math.sqrt(channels / most))

    sizes = [(width(b.tensor.channels), HIGH * (max(b.tensor.spatial) / largest) ** 0.6) for b in bars]
    levels = range(min(b.level for b in bars), max(b.level for b in bars) + 1)
    heights = {n: max(h for b, (_, h) in zip(bars, sizes, strict=True) if b.level == n) for n in levels}
    middle: dict[int, float] = {}
    y = 0.0
    for n in levels:
        y += OVER if any(bar.level == n and _between(bars, i) for i, bar in enumerate(bars)) else 0.0
        middle[n] = y + HEAD + heights[n] / 2
        y += HEAD + heights[n] + FOOT + DROP
    centers = _centers(bars, sizes)
    found = Scene()
    for i, bar in enumerate(bars):
        if bar.skip is not None:
            _copy(found, bars, i, sizes, centers, middle, paint)
    for i, bar in enumerate(bars):
        _bar(found, bar, centers[i], middle[bar.level], sizes[i], bars, paint)
        if i:
            joins = bar.maker is bar.join  # what it is joined with arrives as the skip does
            color = paint.theme.training if joins else kinds[_operation(bar.maker)]
            _arrow(found, bars, i, sizes, centers, middle, color)
    found.cover(max(c + s[0] / 2 for c, s in zip(centers, sizes, strict=True)) + 10, y - DROP)
    return found


def _between(bars: Sequence[Bar], i: int) -> list[int]:
    """The bars in its row that the skip into a bar has to pass."""
    start = bars[i].skip
    return [] if start is None else [n for n in range(start + 1, i) if bars[n].level == bars[i].level]


def _centers(bars: Sequence[Bar], sizes: Sequence[tuple[float, float]]) -> list[float]:
    """Where bars stand from left to right: in a row one after another, a lower or higher one where an arrow leads."""
    found: list[float] = []
    ends: dict[int, float] = {}  # of rows
    for i, (bar, (w, _)) in enumerate(zip(bars, sizes, strict=True)):
        if not i:
            x = w / 2 + 10
        elif bar.level == bars[i - 1].level:
            x = found[-1] + sizes[i - 1][0] / 2 + STEP + w / 2
        else:  # the arrow up meets the part that it brings
            x = found[-1] - (w * _brought(bar, bars) / 2 if bar.joined == "concat" else 0.0)
            x = max(x, ends.get(bar.level, -STEP) + ACROSS + w / 2)
        found.append(x)
        ends[bar.level] = x + w / 2
    return found


def _bar(
    scene: Scene, bar: Bar, x: float, middle: float, size: tuple[float, float], bars: Sequence[Bar], paint: Paint
) -> None:
    theme = paint.theme
    w, h = size
    tint: Tint | Look = paint.look(bar.maker) if paint.tint and bar.maker and bar.maker.nodes else theme.tints["conv"]
    left, top = x - w / 2, middle - h / 2
    scene.add(rounded(left, top, w, h, 0.5, tint.line, tint.fill))
    if bar.skip is not None and bar.joined == "concat":
        fill = paint.look(bar.join).fill if paint.tint and bar.join else theme.background
        scene.add(rounded(left, top, w * _brought(bar, bars), h, 0.5, tint.line, fill))
    scene.text(x, top - 4, str(bar.tensor.channels), 8.5, theme.text)
    scene.text(x, top + h + 9, _size(bar.tensor), 7.0, theme.faint)


def _brought(bar: Bar, bars: Sequence[Bar]) -> float:
    """The share of a bar's channels that came by the skip."""
    return min(1.0, bars[bar.skip].tensor.channels / bar.tensor.channels) if bar.skip is not None else 0.0


def _size(tensor: TensorType) -> str:
    sizes = [str(size) for size in tensor.spatial]
    if len(sizes) == 2 and sizes[0] == sizes[1]:
        return f"{sizes[0]}²"
    return "×".join(sizes)


def _arrow(
    scene: Scene,
    bars: Sequence[Bar],
    i: int,
    sizes: Sequence[tuple[float, float]],
    centers: Sequence[float],
    middle: Mapping[int, float],
    color: str,
) -> None:
    before, after = bars[i - 1], bars[i]
    if before.level == after.level:
        # under the middle, where skips run
        y = middle[after.level] + min(sizes[i - 1][1], sizes[i][1]) * 0.22
        start = (centers[i - 1] + sizes[i - 1][0] / 2 + 3, y)
        end = (centers[i] - sizes[i][0] / 2 - 3, y)
    else:
        x = centers[i - 1]
        down = after.level > before.level
        start = (x, middle[before.level] + (sizes[i - 1][1] / 2 + FOOT if down else -sizes[i - 1][1] / 2 - HEAD))
        end = (x, middle[after.level] - (sizes[i][1] / 2 + HEAD if down else -sizes[i][1] / 2 - FOOT))
        if abs(x - centers[i]) > sizes[i][0] / 2:  # its place is taken: round a corner
            start = (x + sizes[i - 1][0] / 2 + 3, middle[before.level])
            corner = (centers[i], middle[before.level])
            scene.add(along([start, corner, (corner[0], (corner[1] + end[1]) / 2)], 8, color, 2.6))
            start, end = (corner[0], (corner[1] + end[1]) / 2), (corner[0], end[1])
    _stroke(scene, start, end, color, 2.6)


def _stroke(scene: Scene, start: tuple[float, float], end: tuple[float, float], color: str, width: float) -> None:
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])
    share = max(0.0, 1 - 6 / length)
    neck = (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
    line: Path = along([start, neck], 0, color, width)
    head: Polygon = arrowhead(start, end, color, 9.0)
    scene.add(line, head)


def _copy(
    scene: Scene,
    bars: Sequence[Bar],
    i: int,
    sizes: Sequence[tuple[float, float]],
    centers: Sequence[float],
    middle: Mapping[int, float],
    paint: Paint,
) -> None:
    bar = bars[i]
    assert bar.skip is not None
    y = middle[bar.level]
    start = (centers[bar.skip] + sizes[bar.skip][0] / 2 + 3, y)
    end = (centers[i] - sizes[i][0] / 2 - 3, y)
    if passed := _between(bars, i):
        over = y - max(sizes[n][1] for n in (bar.skip, *passed, i)) / 2 - HEAD - OVER / 2
        out, back = start[0] + 9, end[0] - 13
        way = [start, (out, y), (out, over), (back, over), (back, y)]
        scene.add(along(way, 8, paint.theme.training, 2.6))
        start = way[-1]
    _stroke(scene, start, end, paint.theme.training, 2.6)
    if bar.joined == "add":
        line = paint.theme.training
        scene.add(Ellipse(end[0] - 10, y, 6, 6, line, paint.theme.background))
        for stroke in (((-13, 0), (-7, 0)), ((-10, -3), (-10, 3))):
            scene.add(along([(end[0] + dx, y + dy) for dx, dy in stroke], 0, line, 1.3))
