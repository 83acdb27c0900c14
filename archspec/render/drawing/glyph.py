"""Boxes of a diagram as shapes: how large each is, and its text inside."""

from __future__ import annotations

from dataclasses import dataclass

from archspec.render.drawing.paint import Look
from archspec.render.drawing.scene import Ellipse, Polygon, Run, Scene, Text, along, rounded
from archspec.render.palette import Theme
from archspec.render.picture import Box

TITLE, DETAIL, NOTE = 10.5, 9.0, 8.5
SIDE, EDGE = 8.0, 4.5
"""Room left and right of the text, and above and below."""
LINE = 3.0
"""Between lines."""
ONE_LINE = 175.0
"""Width up to which a detail stands beside its title."""
SIGN = 18.0
"""A join without words: a circle of this diameter."""
DRAWN = {"add": "+", "subtract": "−", "concat": "‖", "multiply": "×"}
"""Joins with a sign that is drawn, not written."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """A box ready to be put somewhere."""

    box: Box
    look: Look
    lines: tuple[tuple[Run, ...], ...]
    width: float
    height: float
    sign: str = ""


def glyph(box: Box, look: Look, theme: Theme, note: str = "") -> Glyph:
    """A box with its text measured; `note` is a line of its own under the rest."""
    if box.kind in ("input", "output", "port"):
        return _tensor(box, look, theme)
    sign = DRAWN.get(box.join, "")
    title = [] if sign else [Run(box.heading, TITLE, theme.text, box.kind == "block")]
    if box.count > 1:
        title.append(Run(f"  ×{box.count}", TITLE, theme.text, bold=True))
    detail = Run(box.detail, DETAIL, theme.text)
    lines: list[tuple[Run, ...]] = [tuple(title)]
    if box.detail:
        separator = Run("" if sign else "  ·  " if box.kind == "join" else " · ", DETAIL, theme.text)
        beside = (*title, separator, detail)
        one = box.kind != "block" and sum(run.length for run in beside) <= ONE_LINE
        lines = [beside] if one else [tuple(title), (detail,)]
    lines += [(Run(text, NOTE, theme.faint),) for text in (_owner(look), note) if text]
    lines += [(Run(look.note, NOTE, theme.text),)] if look.note else []
    lines = [line for line in lines if line]
    if sign and not lines:
        return Glyph(box, look, (), SIGN, SIGN, sign)
    text = max(sum(run.length for run in line) for line in lines)
    room = 2 * SIDE + (SIGN - 2 if sign else 0) + (10 if look.scale else 0)
    height = sum(max(run.size for run in line) for line in lines) + LINE * (len(lines) - 1) + 2 * EDGE
    return Glyph(box, look, tuple(lines), text + room, max(height, 20.0), sign)


def _owner(look: Look) -> str:
    return f"weights of {look.shared}" if look.shared else ""


def _tensor(box: Box, look: Look, theme: Theme) -> Glyph:
    color = theme.faint if box.kind == "port" or box.train else theme.text
    runs = [Run(box.title, TITLE, color)]
    if box.detail:
        runs.append(Run(f"  {box.detail}", DETAIL, theme.faint))
    return Glyph(box, look, (tuple(runs),), sum(run.length for run in runs) + 6, 16.0)


def paint_glyph(scene: Scene, drawn: Glyph, x: float, y: float, theme: Theme) -> None:
    """Draw a glyph around its centre."""
    left, top = x - drawn.width / 2, y - drawn.height / 2
    look = drawn.look
    if drawn.box.kind not in ("input", "output", "port"):
        if drawn.sign and not drawn.lines:
            sign_mark(scene, drawn.sign, x, y, look, SIGN / 2)
            return
        pen = 1.6 if drawn.box.kind == "block" else 1.1
        if drawn.box.count > 1:  # a sheet behind
            scene.add(rounded(left + 3, top + 3, drawn.width, drawn.height, 5, look.line, look.fill, 0.8, look.dash))
        scene.add(rounded(left, top, drawn.width, drawn.height, 5, look.line, look.fill, pen, look.dash))
        if look.shared:
            scene.add(rounded(left + 2.2, top + 2.2, drawn.width - 4.4, drawn.height - 4.4, 3.5, look.line, "", 0.7))
    shift = 0.0
    if look.scale and drawn.lines:
        _triangle(scene, left + SIDE + 1, y, look)
        shift = 5.0
    if drawn.sign:
        sign_mark(scene, drawn.sign, left + SIDE + 6, y, look, 6.5)
        shift = (SIGN - 2) / 2
    total = sum(max(run.size for run in line) for line in drawn.lines) + LINE * (len(drawn.lines) - 1)
    base = y - total / 2
    for line in drawn.lines:
        size = max(run.size for run in line)
        scene.add(Text(x + shift, base + size * 0.84, line))
        base += size + LINE


def _triangle(scene: Scene, x: float, y: float, look: Look) -> None:
    down = -look.scale
    tip, back = y + 3.6 * down, y - 3.2 * down
    scene.add(Polygon(((x - 4, back), (x + 4, back), (x, tip)), look.line, look.line, 0.5))


def sign_mark(scene: Scene, sign: str, x: float, y: float, look: Look, radius: float) -> None:
    scene.add(Ellipse(x, y, radius, radius, look.line, look.fill, 1.1, look.dash))
    r = radius * 0.55
    strokes = {
        "+": ((x - r, y, x + r, y), (x, y - r, x, y + r)),
        "−": ((x - r, y, x + r, y),),
        "‖": ((x - r * 0.4, y - r, x - r * 0.4, y + r), (x + r * 0.4, y - r, x + r * 0.4, y + r)),
        "×": (
            (x - r * 0.75, y - r * 0.75, x + r * 0.75, y + r * 0.75),
            (x - r * 0.75, y + r * 0.75, x + r * 0.75, y - r * 0.75),
        ),
    }[sign]
    for x0, y0, x1, y1 in strokes:
        scene.add(along([(x0, y0), (x1, y1)], 0, look.line, 1.3))
