"""The papers' column: a box a layer, a colour a stage, its size in the margin, shortcuts as arcs.

Sources: He et al. 2015, figure 3 (arXiv:1512.03385), whose arcs are solid for identities and dotted for
projections; Simonyan and Zisserman 2014, table 1 (arXiv:1409.1556).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from archspec.analysis.summary import Summary
from archspec.graph import TypedGraph
from archspec.render.captions import caption
from archspec.render.diagram import diagram, opened, unfolded
from archspec.render.drawing.glyph import DRAWN, Glyph, glyph, paint_glyph
from archspec.render.drawing.layered import Layout, inside, layered
from archspec.render.drawing.page import joins_noted, legend, page
from archspec.render.drawing.paint import Paint
from archspec.render.drawing.scene import Dash, Path, Point, Scene, along, arrowhead
from archspec.render.picture import Arrow, Box, Diagram, Frame, Panel

LONGEST, MOST = 44, 110
"""Rows and boxes up to which nothing is folded."""
LONG_SHORTCUT = 2
"""Layers on a shortcut up to which it is drawn as an arc."""
STEP, FORKED = 8.0, 13.0
"""Between rows, and where branches need room for their arrows."""
HEIGHT = 16.0
SKIP = 38.0
"""How far arcs swing beside the boxes."""
POINT = 0.5
"""Size of a sum, which is where an arc meets the column."""


def paper_page(picture: Diagram, summary: Summary, paint: Paint) -> Scene:
    """The page of a network as a column, made by `column`."""
    whole = picture.main
    theme = paint.theme
    glyphs = _glyphs(whole, _stages(whole), paint)
    shown = replace(whole, frames=tuple(frame for frame in whole.every_frame if frame.count > 1))
    step = STEP if all(box.key in shown.straight or not box.nodes for box in shown.boxes) else FORKED
    layout = layered(replace(shown, frames=()), {key: (g.width, g.height) for key, g in glyphs.items()}, step, SKIP)
    found = Scene()
    for arrow, route in zip(shown.arrows, layout.routes, strict=True):
        _connect(found, arrow, route, shown, layout, glyphs, paint)
    for frame in shown.frames:
        _bracket(found, frame, shown, layout, glyphs, paint)
    for key, drawn in glyphs.items():
        if drawn.height > POINT:
            paint_glyph(found, drawn, *layout.place[key], theme)
    left = layout.left - 12
    sizes = [(layout.place[key][1], text) for key, text in _sizes(shown).items()]
    for y, text in sizes:
        found.text(left, y + 3, text, 9, theme.faint, "end", bold=True)
    if sizes:
        found.text(left, sizes[0][0] - 15, "output size", 8, theme.faint, "end")
    part = Scene()
    part.place(found, 60 - left, 0)
    part.cover(layout.right + 60 - left + 30, layout.bottom + 3)
    skips = [arrow for arrow in shown.arrows if _is_arc(arrow, shown)]
    notes = [("solid", "identity shortcut")] * any(not arrow.projected for arrow in skips)
    notes += [("dotted", "projection shortcut")] * any(arrow.projected for arrow in skips)
    notes += joins_noted(g.box for g in glyphs.values() if g.height > POINT)
    notes += [("dashed", "training only")] * any(arrow.train for arrow in shown.arrows)
    notes += [("faint", "gives its size alone")] * any(arrow.sizes for arrow in shown.arrows)
    notes += [("", "double border: shared weights")] * any(g.look.shared for g in glyphs.values())
    notes += [("", "[ ]×N: repeats")] * bool(shown.frames)
    words = legend([], notes, paint, max(part.width, 300.0)) if notes or paint.chips else None
    return page(summary, [part], words, theme)


def column(graph: TypedGraph) -> Diagram:
    """The network with nothing folded where that is not too long, else with repeats once, else in blocks."""
    for found in (unfolded(graph), opened(graph)):
        main = _shortcuts(found.main)
        if _rows(main) <= LONGEST and len(main.boxes) <= MOST:
            return replace(found, main=main)
    folded = diagram(graph)
    return replace(folded, main=folded.main.unlettered, insets=())


def _rows(panel: Panel) -> int:
    """Boxes on the main path, sums left out."""
    joins = {box.key for box in panel.boxes if box.kind == "join"}
    return sum(arrow.target not in joins for arrow in panel.spine)


def _shortcuts(panel: Panel) -> Panel:
    """A panel in which a shortcut with a projection, or what stands for one, is an arrow, `projected`."""
    boxes = {box.key: box for box in panel.boxes}
    straight = panel.straight
    into: dict[str, list[Arrow]] = {}
    out: dict[str, list[Arrow]] = {}
    for arrow in panel.arrows:
        into.setdefault(arrow.target, []).append(arrow)
        out.setdefault(arrow.source, []).append(arrow)
    gone: dict[str, str] = {}  # box on a shortcut to the sum where it ends
    for arrow in panel.arrows:
        way: list[str] = []
        key = arrow.target
        while arrow.source in straight and key not in straight and len(way) < LONG_SHORTCUT and _passes(boxes[key]):
            if len(into.get(key, ())) != 1 or len(out.get(key, ())) != 1:
                break
            way.append(key)
            key = out[key][0].target
        if way and key in straight and boxes[key].join == "add":
            gone |= dict.fromkeys(way, key)
    arrows: list[Arrow] = []
    for arrow in panel.arrows:
        if arrow.target in gone and arrow.source not in gone:
            arrows.append(replace(arrow, target=gone[arrow.target], projected=True, aside=True))
        elif arrow.source not in gone:
            arrows.append(arrow)
    return replace(
        panel,
        boxes=tuple(box for box in panel.boxes if box.key not in gone),
        arrows=tuple(arrows),
        frames=tuple(_without(frame, set(gone)) for frame in panel.frames),
    )


def _passes(box: Box) -> bool:
    """Whether a box may stand on a shortcut: it changes the size or the channels, and no more."""
    return box.kind == "layer" and box.category in ("conv", "pool", "shape", "norm")


def _without(frame: Frame, gone: set[str]) -> Frame:
    kept = tuple(key for key in frame.boxes if key not in gone)
    return replace(frame, boxes=kept, frames=tuple(_without(inner, gone) for inner in frame.frames))


def _stages(panel: Panel) -> dict[str, int]:
    """Boxes to the number of their stage: how often the size of the image has changed."""
    leaving = {arrow.source: arrow.tensor.spatial for arrow in reversed(panel.arrows)}
    known: dict[tuple[int, ...], int] = {}
    for arrow in panel.spine:
        if boxed := leaving.get(arrow.source):
            known.setdefault(boxed, len(known))
    found = {key: known[size] for key, size in leaving.items() if size in known}
    for frame in (
        frame for frame in panel.every_frame if not frame.frames
    ):  # a block has one colour, that of its result
        last = [found[key] for key in frame.boxes if key in found][-1:]
        found |= dict.fromkeys(frame.boxes, last[0]) if last else {}
    return found


def _sizes(panel: Panel) -> dict[str, str]:
    """The first box of each stage on the main path, to the size of the image that leaves it."""
    found: dict[str, str] = {}
    for i, (before, after) in enumerate(pairwise(panel.spine)):
        if after.tensor.rank and (not i or before.tensor.spatial != after.tensor.spatial):
            found[after.source] = "×".join(map(str, after.tensor.spatial))
    return found


def _glyphs(panel: Panel, stages: Mapping[str, int], paint: Paint) -> dict[str, Glyph]:
    theme = paint.theme
    found: dict[str, Glyph] = {}
    entering: dict[str, list[Arrow]] = {box.key: [] for box in panel.boxes}
    for arrow in panel.arrows:
        entering[arrow.target].append(arrow)
    for box in panel.boxes:
        look = paint.look(box)
        if box.join in DRAWN:
            met = all(arrow in panel.spine or _is_arc(arrow, panel) for arrow in entering[box.key])
            point = Glyph(box, look, (), POINT, POINT)
            found[box.key] = point if box.join == "add" and met else glyph(replace(box, detail=""), look, theme)
            continue
        if not paint.tint and box.category in ("conv", "block") and box.key in stages:
            fill = theme.stages[stages[box.key] % len(theme.stages)]
            look = replace(look, fill=fill, line=theme.tints["shape"].line)
        elif not paint.tint and box.nodes:
            look = replace(look, fill=theme.background, line=theme.tints["shape"].line)
        drawn = glyph(_plain(paint.graph, box), replace(look, scale=0), theme)
        tall = box.kind == "block" or not box.nodes or len(drawn.lines) > 1
        found[box.key] = drawn if tall else replace(drawn, height=HEIGHT)
    width = max((g.width for g in found.values() if g.box.category in ("conv", "pool", "linear")), default=0.0)
    return {k: replace(g, width=max(width, g.width)) if g.box.kind == "layer" else g for k, g in found.items()}


def _plain(graph: TypedGraph, box: Box) -> Box:
    """A box that names its weighted layer, or its first, and no other."""
    if box.kind != "layer":
        return box
    lead = next((node for node in box.nodes if node.op.category in ("conv", "linear")), None)
    return replace(box, title=caption(graph, lead) if lead else box.title, detail="")


def _is_arc(arrow: Arrow, panel: Panel) -> bool:
    """Whether an arrow skips from the column to a sum further down in it."""
    ends = {arrow.source, arrow.target}
    return arrow.aside and ends <= panel.straight and panel.box(arrow.target).join == "add"


def _connect(
    scene: Scene,
    arrow: Arrow,
    route: list[Point],
    panel: Panel,
    layout: Layout,
    glyphs: Mapping[str, Glyph],
    paint: Paint,
) -> None:
    """Draw an arrow: an arc where it skips to a sum."""
    color = paint.theme.training if arrow.train or arrow.sizes else paint.theme.arrow
    if _is_arc(arrow, panel):
        (x0, y0), (x1, y1) = layout.place[arrow.source], layout.place[arrow.target]
        x = max(x for x, _ in route)
        source = glyphs[arrow.source]
        if source.height > POINT:
            y0 += source.height / 2 + 3
        bulge = x0 + (x - x0) * 4 / 3
        scene.add(
            Path(
                ((x0, y0), (bulge, y0), (bulge, y1), (x1 + 2, y1)), color, "", 1.1, "dotted" if arrow.projected else ""
            )
        )
        scene.add(arrowhead((x1 + 6, y1), (x1, y1), color, 4.5))
        return
    dash: Dash = "dashed" if arrow.train else "dotted" if arrow.projected or arrow.sizes else ""
    scene.add(along(route, 5, color, 1.0, dash))
    if glyphs[arrow.target].height > POINT:
        scene.add(arrowhead(route[-2], route[-1], color, 4.5))


def _bracket(
    scene: Scene, frame: Frame, panel: Panel, layout: Layout, glyphs: Mapping[str, Glyph], paint: Paint
) -> None:
    """Brackets around what repeats, and how often beside the arcs around it."""
    keys = set(inside(frame))
    drawn = [(glyphs[key], layout.place[key]) for key in keys if glyphs[key].height > POINT]
    left, right = (min(x - g.width / 2 for g, (x, _) in drawn) - 7, max(x + g.width / 2 for g, (x, _) in drawn) + 7)
    top, bottom = (min(y - g.height / 2 for g, (_, y) in drawn) - 3, max(y + g.height / 2 for g, (_, y) in drawn) + 3)
    for x, inward in ((left, 4), (right, -4)):
        scene.add(along([(x + inward, top), (x, top), (x, bottom), (x + inward, bottom)], 0, paint.theme.text, 1.2))
    routes = zip(panel.arrows, layout.routes, strict=True)
    reach = max([right, *(x for arrow, route in routes if arrow.target in keys for x, _ in route)])
    scene.text(reach + 5, (top + bottom) / 2 + 4, f"×{frame.count}", 11, paint.theme.text, "start", bold=True)
