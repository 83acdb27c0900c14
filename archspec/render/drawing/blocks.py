"""The views by blocks and by layers: the network in a column, the inside of its blocks beside it."""

from __future__ import annotations

from dataclasses import replace

from archspec.analysis.summary import Summary
from archspec.render.drawing.glyph import glyph, paint_glyph
from archspec.render.drawing.layered import FRAME_TITLE, HEADING, Layout, layered
from archspec.render.drawing.page import joins_noted, legend, page
from archspec.render.drawing.paint import Paint, scaling
from archspec.render.drawing.scene import Path, Point, Polygon, Run, Scene, Text, along, arrowhead, rounded
from archspec.render.palette import Tint
from archspec.render.picture import Arrow, Diagram, Frame, Panel
from archspec.render.shapes import inside_shapes, margin_shapes

MARGIN = 9.0
INSET = 12.0
"""Between an inset's border and what is in it."""
MANY = 6
"""Convolutions in an inset from which on it says once what follows each."""
CORNER = 7.0
"""Radius at which arrows turn."""


def blocks_page(picture: Diagram, summary: Summary, paint: Paint) -> Scene:
    """A diagram as a page."""
    parts = [panel_scene(panel, paint) for panel in (picture.main, *picture.insets)]
    width = max(sum(part.width for part in parts[:2]), 420.0)
    return page(summary, parts, legend(_chips(picture, paint), _notes(picture, paint), paint, width), paint.theme)


def panel_scene(panel: Panel, paint: Paint) -> Scene:
    """A panel by itself; that of an inset with its border and title."""
    theme = paint.theme
    inset = bool(panel.path)
    panel, after_each = _without_common(panel) if inset else (panel, "")
    margin = {} if inset else margin_shapes(panel)
    notes = {key: f"→ {shape}" for key, shape in inside_shapes(panel, margin).items()}
    glyphs = {box.key: glyph(box, paint.look(box), theme, notes.get(box.key, "")) for box in panel.boxes}
    layout = layered(panel, {key: (g.width, g.height) for key, g in glyphs.items()})
    inner = Scene()
    for frame, bounds in layout.frames:
        _frame(inner, frame, bounds, paint)
    for line in _lines(panel, layout, paint):
        inner.add(*line)
    for key, drawn in glyphs.items():
        paint_glyph(inner, drawn, *layout.place[key], theme)
    left = layout.left
    for key, text in margin.items():
        words = Text(layout.left - MARGIN, layout.place[key][1] + 3, (Run(text, 9, theme.faint),), "end")
        left = min(left, words.left)
        inner.add(words)
    found = Scene()
    if not inset:
        found.place(inner, -left, 0)
        found.cover(layout.right - left + 3, layout.bottom + 3)
        return found
    title = Text(INSET, 15, _inset_title(panel, after_each, paint), "start")
    width = max(layout.right - left, title.length) + 2 * INSET
    height = layout.bottom + INSET + 26
    found.add(rounded(0, 0, width, height, 7, theme.border, theme.panel))
    found.add(title)
    found.place(inner, (width - layout.right + left) / 2 - left, 26)
    found.cover(width, height)
    return found


def _inset_title(panel: Panel, after_each: str, paint: Paint) -> tuple[Run, ...]:
    title = Run(panel.title, 10.5, paint.theme.text, bold=True)
    facts = [panel.path] * (panel.path != panel.title) + [f"conv = conv · {after_each}"] * bool(after_each)
    return (title, Run("".join(f"   {fact}" for fact in facts), 8.5, paint.theme.faint)) if facts else (title,)


def _without_common(panel: Panel) -> tuple[Panel, str]:
    """A panel without what follows every one of its many convolutions, and that: it is said once, in the title."""
    details = [box.detail for box in panel.boxes if box.kind == "layer" and box.category == "conv"]
    if len(details) < MANY or len(set(details)) > 1:
        return panel, ""
    boxes = (replace(box, detail="") if box.category == "conv" else box for box in panel.boxes)
    return replace(panel, boxes=tuple(boxes)), details[0]


def _lines(panel: Panel, layout: Layout, paint: Paint) -> list[tuple[Path, Polygon]]:
    """Arrows, those of training and of sizes first, under the others."""
    found: list[tuple[Path, Polygon]] = []
    order = sorted(range(len(panel.arrows)), key=lambda i: not (panel.arrows[i].train or panel.arrows[i].sizes))
    for i in order:
        found.append(arrow_marks(panel.arrows[i], layout.routes[i], paint))
    return found


def arrow_marks(arrow: Arrow, route: list[Point], paint: Paint) -> tuple[Path, Polygon]:
    """A line and its head."""
    color = paint.theme.training if arrow.train or arrow.sizes else paint.theme.arrow
    line = along(_short(route), CORNER, color, 1.1, "dotted" if arrow.sizes else "dashed" if arrow.train else "")
    return line, arrowhead(route[-2], route[-1], color)


def _short(route: list[Point]) -> list[Point]:
    """A route that ends inside its head, so that the line does not blunt the tip."""
    (x0, y0), (x1, y1) = route[-2], route[-1]
    length = abs(x1 - x0) + abs(y1 - y0)
    share = max(0.0, 1 - 3 / length) if length else 0.0
    return [*route[:-1], (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share)]


def _frame(scene: Scene, frame: Frame, bounds: tuple[float, float, float, float], paint: Paint) -> None:
    left, top, right, bottom = bounds
    scene.add(rounded(left, top, right - left, bottom - top, 6, paint.theme.border))
    scene.text(right - 5, top + HEADING - 3.5, frame.title, FRAME_TITLE, paint.theme.faint, "end")


def _chips(picture: Diagram, paint: Paint) -> list[tuple[Tint, str]]:
    """The classes of boxes that the picture has, where it is coloured by class."""
    if paint.tint:
        return []
    used = {box.category for box in picture.boxes if box.kind in ("layer", "block")}
    return [(tint, tint.legend) for category, tint in paint.theme.tints.items() if category in used]


def _notes(picture: Diagram, paint: Paint) -> list[tuple[str, str]]:
    """The signs that the picture has, and what they say."""
    boxes = list(picture.boxes)
    found = joins_noted(boxes)
    scales = {scaling(paint.graph, box) for box in boxes}
    found += [("▼", "smaller image")] * (-1 in scales) + [("▲", "larger image")] * (1 in scales)
    found += [("", "×N: repeats")] * any(panel.repeats for panel in picture.panels)
    found += [("", "double border: shared weights")] * any(paint.look(box).shared for box in boxes)
    found += [("dashed", "training only")] * any(box.train for box in boxes)
    found += [("faint", "gives its size alone")] * any(a.sizes for panel in picture.panels for a in panel.arrows)
    return found
