"""Scenes as DOT: one drawing in xdot's language as the background of an empty graph.

So graphviz, which has to be there for other layouts anyway, writes PNG and PDF of any scene, and
`dot -Tsvg` shows it too. Source of the language: graphviz's "xdot" output format.
"""

from __future__ import annotations

from archspec.render.drawing.metrics import FONT
from archspec.render.drawing.scene import Dash, Ellipse, Path, Point, Polygon, Scene, Text

PIECE = 4000
RAISED = 0.2
"""By how much of its size graphviz sets text above the base line that it is given."""


def to_xdot(scene: Scene, title: str, background: str) -> str:
    """A scene as a graph for `dot` or `neato`, with nothing left to lay out."""
    # the ground reaches over the edge, so that no pixel there shows what is behind
    right, bottom = scene.width + 2, scene.height + 2
    ground = Polygon(((-2, -2), (right, -2), (right, bottom), (-2, bottom)), background, background)
    drawn = _mark(scene, ground) + "".join(_mark(scene, mark) for mark in scene.marks)
    width, height = _number(scene.width), _number(scene.height)
    corner = 'shape=point, style=invis, label="", width=0, height=0'
    return (
        f'graph {quoted(title)} {{\n  graph [layout=nop2, bb="0,0,{width},{height}", pad=0, margin=0,\n'
        f'    bgcolor="{background}", _background={_pieces(drawn)}];\n'
        f'  lower [{corner}, pos="0,0"];\n  upper [{corner}, pos="{width},{height}"];\n}}\n'
    )


def _mark(scene: Scene, mark: Path | Polygon | Ellipse | Text) -> str:
    match mark:
        case Text():
            return _text(scene, mark)
        case Ellipse():
            numbers = f"{_number(mark.x)} {_number(scene.height - mark.y)} {_number(mark.rx)} {_number(mark.ry)}"
            return _look(mark) + f"{'E' if mark.fill else 'e'} {numbers} "
        case Polygon():
            return _look(mark) + f"{'P' if mark.fill else 'p'} {len(mark.points)} {_points(scene, mark.points)} "
        case Path():
            return _look(mark) + f"{'b' if mark.fill else 'B'} {len(mark.points)} {_points(scene, mark.points)} "


def _look(mark: Path | Polygon | Ellipse) -> str:
    line, width = (mark.line, mark.width) if mark.line else (mark.fill, 0.0)
    dash: Dash = mark.dash
    look = f"c {_sized(line)} S {_sized(f'setlinewidth({_number(width)})')} S {_sized(dash or 'solid')} "
    return look + (f"C {_sized(mark.fill)} " if mark.fill else "")


def _text(scene: Scene, text: Text) -> str:
    found, x = "", text.left
    for run in text.runs:
        look = f"F {_number(run.size)} {_sized(FONT)} c {_sized(run.color)} t {int(run.bold)} "
        # told from its middle: so it stays centred in whatever font is there
        y = scene.height - text.y - RAISED * run.size
        place = f"{_number(x + run.length / 2)} {_number(y)} 0 {_number(run.length)}"
        found += f"{look}T {place} {_sized(run.text)} " if run.text.strip() else ""
        x += run.length
    return found


def _points(scene: Scene, points: tuple[Point, ...]) -> str:
    return " ".join(f"{_number(x)} {_number(scene.height - y)}" for x, y in points)


def _sized(text: str) -> str:
    """A string after its length in bytes."""
    return f"{len(text.encode())} -{text}"


def _number(value: float) -> str:
    return f"{value:.2f}"


def _pieces(text: str) -> str:
    """A long string as several that DOT joins: its reader takes no more than 16,384 bytes at once."""
    return " + ".join(quoted(text[i : i + PIECE]) for i in range(0, len(text), PIECE)) or '""'


def quoted(text: str) -> str:
    """A text as a string of DOT."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
