"""Boxes coloured by what they cost, or by how they differ from another network's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from archspec.analysis.summary import Summary
from archspec.graph import Node, Tap, TypedGraph
from archspec.render.captions import caption
from archspec.render.drawing.paint import Paint
from archspec.render.palette import Theme, Tint, blend
from archspec.render.picture import Box, Diagram
from archspec.render.units import binary, decimal, share

SCALE = 5
"""Steps of the scale in the legend."""
FIGURES = {"params": "parameters", "macs": "MACs", "memory": "activation memory"}


def by_share(paint: Paint, picture: Diagram, summary: Summary, heat: Literal["params", "macs", "memory"]) -> Paint:
    """Boxes filled by their share of a figure of the whole network, all repeats of a box counted together.

    In insets by the share of the one block that they show.
    """
    attribute = "activation_bytes" if heat == "memory" else heat
    cost: dict[str, int] = {row.name: getattr(summary.figures(row.counts), attribute) for row in summary.rows}
    total = sum(cost.values())

    def shown(box: Box) -> int:
        return sum(cost.get(name, 0) for name in _members(box, picture, main))

    main = {box.key for box in picture.main.boxes}
    every = [box for panel in (picture.main, *picture.insets) for box in panel.boxes if box.nodes]
    most = max((shown(box) for box in every), default=0) or 1
    theme = paint.theme

    def tint(box: Box) -> Tint:
        return _shade(theme, shown(box) / most)

    def note(box: Box) -> str:
        found = shown(box)
        if not found:
            return ""
        figure = binary(found, 1) if heat == "memory" else decimal(found, 1)
        return f"{figure} · {share(found, total)}"

    chips = tuple(
        (_shade(theme, i / (SCALE - 1)), share(most * i // (SCALE - 1), total) if i else "0 %") for i in range(SCALE)
    )
    return replace(paint, tint=tint, note=note, chips=chips, heading=f"share of {FIGURES[heat]}")


def _members(box: Box, picture: Diagram, main: set[str]) -> Iterable[str]:
    """The layers a box stands for: in the network with all their repeats, in an inset alone."""
    for node in box.nodes:
        yield from picture.stands.get(node.name, (node.name,)) if box.key in main else (node.name,)


def _shade(theme: Theme, part: float) -> Tint:
    low, high = theme.heat
    return Tint(blend(low, high, part), blend(theme.arrow, high, 0.35), "")


def by_difference(paint: Paint, picture: Diagram, against: TypedGraph) -> Paint:
    """Boxes coloured by whether the other network has a layer of the same name, and the same layer."""
    graph, theme = paint.graph, paint.theme
    unlike = {node.name: kind for node in graph.layers() if (kind := _difference(graph, node, against))}
    gone = [name for name in against.nodes if name not in graph.nodes]

    def kinds(box: Box) -> list[str]:
        names = [name for node in box.nodes for name in picture.stands.get(node.name, (node.name,))]
        return [unlike.get(name, "") for name in names]

    def tint(box: Box) -> Tint:
        found = kinds(box)
        if all(kind == "added" for kind in found):
            return theme.added
        return theme.changed if any(found) else theme.same

    def note(box: Box) -> str:
        found = kinds(box)
        if all(kind == "added" for kind in found):
            return "added"
        if not any(found):
            return ""
        changed = [n for n in box.nodes if unlike.get(n.name) and n.name in against.nodes]
        before = [caption(against.nodes[n.name].op) for n in changed if against.nodes[n.name].op != n.op]
        if box.kind != "block" and before and before[0] not in (box.title, box.detail):
            return f"was {before[0]}"
        return "changed" if box.kind != "block" else f"{sum(map(bool, found))} of {len(found)} layers differ"

    chips = [
        (theme.added, f"added to {against.name}"),
        (theme.changed, "changed"),
        (theme.same, f"as in {against.name}"),
    ]
    if gone:
        chips.append((Tint(theme.background, theme.border, ""), f"no longer there: {_few(gone)}"))
    return replace(paint, tint=tint, note=note, chips=tuple(chips))


def _difference(graph: TypedGraph, node: Node, against: TypedGraph) -> str:
    other = against.nodes.get(node.name)
    if other is None:
        return "added"
    same = (
        node.op == other.op
        and node.inputs == other.inputs
        and node.shares == other.shares
        and graph.types[node.name] == against.types[node.name]
        and _weights(graph, node) == _weights(against, other)
    )
    return "" if same else "changed"


def _weights(graph: TypedGraph, node: Node) -> Mapping[Tap, object]:
    return {tap: graph.type_of(tap).shape[:1] for tap in node.inputs}


def _few(names: list[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
