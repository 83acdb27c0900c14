"""Scenes as SVG: nothing but shapes and text, the same bytes for the same scene."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from archspec.render.drawing.metrics import FONT
from archspec.render.drawing.scene import Ellipse, Path, Point, Polygon, Run, Scene, Text

DASHES = {"dashed": "5,3", "dotted": "1.5,2.5"}


def to_svg(scene: Scene, title: str, background: str) -> str:
    """A scene as an SVG document."""
    width, height = number(scene.width), number(scene.height)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}"',
        f'     font-family={quoteattr(FONT)} stroke-linejoin="round" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="{background}"/>',
        *_marks(scene),
        "</svg>",
        "",
    ]
    return "\n".join(lines)


def number(value: float) -> str:
    """Tenths of a point, no more digits than it takes."""
    return f"{value:.1f}".removesuffix(".0").replace("-0", "0" if abs(value) < 0.05 else "-0")


def _marks(scene: Scene) -> Iterator[str]:
    for mark in scene.marks:
        match mark:
            case Path():
                yield f'<path d="{_curve(mark.points)}{"z" if mark.fill else ""}"{_look(mark)}/>'
            case Polygon():
                yield f'<polygon points="{" ".join(_point(p) for p in mark.points)}"{_look(mark)}/>'
            case Ellipse():
                place = f'cx="{number(mark.x)}" cy="{number(mark.y)}" rx="{number(mark.rx)}" ry="{number(mark.ry)}"'
                yield f"<ellipse {place}{_look(mark)}/>"
            case Text():
                yield _text(mark)


def _look(mark: Path | Polygon | Ellipse) -> str:
    look = f' fill="{mark.fill or "none"}"'
    if mark.line:
        look += f' stroke="{mark.line}"' + (f' stroke-width="{number(mark.width)}"' if mark.width != 1 else "")
    return look + (f' stroke-dasharray="{DASHES[mark.dash]}"' if mark.dash else "")


def _curve(points: tuple[Point, ...]) -> str:
    found = [f"M{_point(points[0])}"]
    for start, first, second, end in zip(points[::3], points[1::3], points[2::3], points[3::3], strict=False):
        if first == start and second == end:
            if _point(start) != _point(end):
                found.append(f"L{_point(end)}")
        else:
            found.append(f"C{_point(first)} {_point(second)} {_point(end)}")
    return "".join(found)


def _point(point: Point) -> str:
    return f"{number(point[0])},{number(point[1])}"


def _text(text: Text) -> str:
    # the length holds text to its place in whatever font it is shown
    place = f'x="{number(text.x)}" y="{number(text.y)}" textLength="{number(text.length)}"'
    anchor = "" if text.anchor == "start" else f' text-anchor="{text.anchor}"'
    first, *others = text.runs
    inside = (
        escape(first.text) if not others else "".join(f"<tspan{_font(r)}>{escape(r.text)}</tspan>" for r in text.runs)
    )
    font = _font(first) if not others else ""
    return f'<text {place} lengthAdjust="spacingAndGlyphs" xml:space="preserve"{anchor}{font}>{inside}</text>'


def _font(run: Run) -> str:
    return f' font-size="{number(run.size)}" fill="{run.color}"' + (' font-weight="bold"' if run.bold else "")
