"""`draw`: from a typed graph to a picture in a file."""

from __future__ import annotations

from pathlib import Path

from archspec.analysis.summary import summarize
from archspec.files import write_text
from archspec.graph import TypedGraph
from archspec.render.diagram import diagram
from archspec.render.dot import to_dot
from archspec.render.drawing.blocks import blocks_page
from archspec.render.drawing.paint import Paint
from archspec.render.drawing.svg import to_svg
from archspec.render.drawing.xdot import to_xdot
from archspec.render.files import checked, rasterize
from archspec.render.palette import THEMES


def draw(graph: TypedGraph, path: str | Path, depth: int | None = None, style: str = "blocks", theme: str = "light") -> Path:
    path = Path(path)
    kind = checked(path)
    summary = summarize(graph)
    picture = diagram(graph, depth)
    paint = Paint(THEMES[theme], graph)
    if kind == ".dot":
        write_text(path, to_dot(picture, summary))
        return path
    scene = blocks_page(picture, summary, paint)
    svg = to_svg(scene, graph.name, paint.theme.background)
    if kind == ".svg":
        write_text(path, svg)
    else:
        rasterize(to_xdot(scene, graph.name, paint.theme.background), svg, path)
    return path
