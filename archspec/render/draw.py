"""`draw`: from a typed graph to a picture in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from archspec.analysis.diff import diff
from archspec.analysis.summary import summarize
from archspec.close import close
from archspec.errors import fail
from archspec.files import write_text
from archspec.graph import TypedGraph
from archspec.render.diagram import diagram, unfolded
from archspec.render.dot import to_dot
from archspec.render.drawing.blocks import blocks_page
from archspec.render.drawing.column import column, paper_page
from archspec.render.drawing.paint import Paint
from archspec.render.drawing.scene import Scene
from archspec.render.drawing.svg import to_svg
from archspec.render.drawing.ushape import encoder_decoder, ushape_page
from archspec.render.drawing.volumes import MOST_VOLUMES, volumes_page
from archspec.render.drawing.xdot import to_xdot
from archspec.render.files import checked, rasterize
from archspec.render.marked import Heat, by_difference, by_share
from archspec.render.palette import THEMES

Style = Literal["blocks", "layers", "paper", "unet", "volumes"]


def draw(
    graph: TypedGraph,
    path: str | Path,
    depth: int | None = None,
    style: Style = "blocks",
    heat: Heat | None = None,
    theme: Literal["light", "dark"] = "light",
    against: TypedGraph | None = None,
) -> Path:
    """Draw a graph to a .svg, .png, .pdf or .dot file and return its path.

    Styles: `blocks` folds what repeats and shows it beside the network, and is `unet` by itself for an
    encoder–decoder; `layers` has a box for each layer; `paper` is the column of the ResNet and VGG papers; `unet`
    has a row for each resolution; `volumes` has the tensors as boxes in perspective. Scopes deeper than `depth`
    levels are folded in the first two; without a depth, as many as it takes to fit a page. `heat` colours by
    share of parameters, MACs or activation memory; `against` by difference from another graph, as `diff` finds it.

    DOT is text for graphviz to lay out in the first two styles, and elsewhere the picture as it is, pinned.

    The same spec gives the same bytes. SVG and DOT need no other program, PNG and PDF graphviz. Raises SpecError:
    E505 where the file cannot be written, E570 for another kind of file or a folder that is not there, E572 where
    graphviz is missing (an SVG is written all the same), E573 where it fails, E574 where a style cannot show the
    network.
    """
    path = Path(path)
    kind = checked(path)
    if kind == ".dot" and style in ("blocks", "layers") and theme == "light" and heat is None and against is None:
        write_text(path, to_dot(diagram(graph, depth, fuse=style == "blocks"), summarize(graph)))
        return path
    scene = _scene(graph, depth, style, heat, theme, against)
    background = THEMES[theme].background
    if kind == ".dot":
        write_text(path, to_xdot(scene, graph.name, background))
        return path
    svg = to_svg(scene, graph.name, background)
    if kind == ".svg":
        write_text(path, svg)
    else:
        rasterize(to_xdot(scene, graph.name, background), svg, path)
    return path


def _scene(
    graph: TypedGraph, depth: int | None, style: Style, heat: Heat | None, theme: str, against: TypedGraph | None
) -> Scene:
    summary = summarize(graph)
    sized = close(graph, graph.example) if graph.sizes else graph
    plain = depth is None and heat is None and against is None and not graph.sizes
    bars = encoder_decoder(sized, 1) if style == "unet" else []
    if style == "blocks" and plain:
        bars = encoder_decoder(sized)
    if style == "unet" and not bars:
        hint = (
            "an encoder–decoder is one way down and up again, and skips join it by `concat` or `add` at the size "
            "that they come from; try `--style blocks`"
        )
        raise fail("E574", f"'{graph.name}' is no encoder–decoder that `unet` can draw", hint=hint)
    if bars:
        picture = unfolded(sized)
    elif style == "paper":
        picture = column(graph)
    else:
        picture = diagram(sized if style == "volumes" else graph, depth, fuse=style != "layers")
    paint = Paint(THEMES[theme], sized)
    if against is not None:
        paint = by_difference(paint, picture, diff(against, graph))
    elif heat is not None:
        paint = by_share(paint, picture, summary, heat)
    if bars:
        return ushape_page(bars, summary, paint)
    if style == "paper":
        return paper_page(picture, summary, paint)
    if style == "volumes":
        if len(picture.main.spine) > MOST_VOLUMES:
            what = f"'{graph.name}' has too many tensors to draw in perspective"
            raise fail("E574", what, hint="try `--style blocks`")
        return volumes_page(picture.main.unlettered, summary, paint)
    return blocks_page(picture, summary, paint)
