"""Where a cell of a layer's output looks: the pixels of the input that it sees."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from archspec.analysis.plain import number
from archspec.analysis.receptive import Field, Interval, fields, first_inputs, read_by
from archspec.close import close
from archspec.errors import did_you_mean, fail
from archspec.graph import Graph, TypedGraph
from archspec.ops.reach import Outside, Reach


@dataclass(frozen=True, slots=True)
class View:
    """A cell of a layer and the pixels it sees, an entry an axis; the last pixel is counted among them."""

    layer: str
    input: str
    """Name of the network's input whose pixels these are: of several, the first that the layer sees."""
    cell: tuple[int, ...]
    size: tuple[int, ...]
    """Cells of the layer along each axis."""
    image: tuple[int, ...]
    """Pixels of the image along each axis."""
    field: tuple[Field, ...]
    """That of the layer; of the cell itself `first` and `last` tell, which behind an enlargement may see less."""
    first: tuple[int, ...]
    last: tuple[int, ...]
    """First and last pixel of the whole field, outside the image where padding is seen."""
    inside: tuple[tuple[int, int], ...]
    """First and last pixel of the image that is seen: what padding hides along the way is left out."""

    @property
    def center(self) -> tuple[Fraction, ...]:
        """The middle of the field, in pixels: 0 is the middle of the first."""
        return tuple(Fraction(first + last, 2) for first, last in zip(self.first, self.last, strict=True))

    @property
    def sees(self) -> tuple[int, ...]:
        """How many pixels this cell sees along each axis, those outside the image among them."""
        return tuple(last - first + 1 for first, last in zip(self.first, self.last, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Plain data for `where --format json`."""
        return {
            "layer": self.layer,
            "input": self.input,
            "cell": list(self.cell),
            "receptive_field": list(self.sees),
            "stride": [number(axis.jump) for axis in self.field],
            "offset": [number(axis.start) for axis in self.field],
            "first": list(self.first),
            "last": list(self.last),
            "center": [number(axis) for axis in self.center],
            "inside": [list(pair) for pair in self.inside],
        }


def where(graph: TypedGraph, layer: str, cell: tuple[int, ...]) -> View:
    """The pixels that a cell of a layer's first output sees; where sizes are open, at the graph's example of them.

    Raises SpecError E583 for a layer that is not there, E584 for one whose cells have no place, E585 for a cell
    that it does not have.
    """
    graph = close(graph, graph.example) if graph.sizes else graph
    name = layer_named(graph, graph.present_name(layer))
    seen, output = fields(graph)[name], graph.types[name][0]
    source = first_inputs(graph).get(name, graph.inputs[0])
    image = graph.types[source][0].spatial
    span = graph.nodes[name].span
    if not seen or len(seen) != len(image):
        told = f"{name} gives {output}: its numbers have no place in the image"
        raise fail("E584", told, span, "ask for a layer before the spatial axes are gone")
    if len(cell) != len(seen) or any(not 0 <= at < n for at, n in zip(cell, output.spatial, strict=True)):
        told = f"{name} has no cell {', '.join(map(str, cell))}: it has {'×'.join(map(str, output.spatial))}, from 0 on"
        raise fail("E585", told, span, f"the last one is {' '.join(str(n - 1) for n in output.spatial)}")
    whole, inside = (_seen(graph, name, cell, cut) for cut in (False, True))
    return View(
        layer=name,
        input=source,
        cell=cell,
        size=output.spatial,
        image=image,
        field=seen,
        first=tuple(first for first, _ in whole),
        last=tuple(last for _, last in whole),
        inside=tuple(inside),
    )


def layer_named(graph: Graph, name: str) -> str:
    """The layer of that name, or the last in the scope of that name."""
    if name in graph.nodes:
        return name
    inside = [other for other in graph.nodes if other.startswith(f"{name}.")]
    if inside:
        return inside[-1]
    raise fail("E583", f"no layer is called '{name}'", hint=did_you_mean(name, [*graph.nodes], "layers"))


def _seen(graph: TypedGraph, name: str, cell: tuple[int, ...], cut: bool) -> list[Interval]:
    """First and last pixel that a cell sees, an axis: followed back through the layers, the widest of all paths.

    With `cut` what lies on padding is left out at every layer. Paths on which the axes are gone are not followed.
    """
    reached: dict[str, list[Interval]] = {name: [(at, at) for at in cell]}
    source = first_inputs(graph).get(name, graph.inputs[0])
    for node in reversed(list(graph.nodes.values())):
        spans = reached.get(node.name)
        if spans is None or not node.inputs:
            continue
        inputs = graph.input_types(node)
        for position, tap in enumerate(read_by(node)):
            before = inputs[position]
            if before.rank != len(spans):
                continue
            ways = node.op.reach(inputs, graph.types[node.name], position)
            axes = zip(ways, spans, before.spatial, strict=True)
            found = [_read(way, span, n if cut else None) for way, span, n in axes]
            if any(first > last for first, last in found):
                continue  # nothing but padding
            other = reached.get(tap.node, found)
            reached[tap.node] = [(min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(found, other, strict=True)]
    return reached.get(source, [(0, -1)] * len(cell))


def _read(way: Reach, span: Interval, cells: int | None) -> Interval:
    """The cells of an input that those of a span read; with a number of `cells` those among them alone."""
    first, last = span
    if way.every == way.apart == 1:
        low, high = way.low(first), way.high(last)
        return (low, high) if cells is None else _on_the_image(low, high, cells, way.outside)
    read = [range(way.low(y), way.high(y) + 1, way.apart) for y in range(first, last + 1)]
    found = [at for taps in read for at in taps if cells is None or 0 <= at < cells]
    return (min(found), max(found)) if found else (0, -1)


def _on_the_image(first: int, last: int, cells: int, outside: Outside) -> Interval:
    """Of the cells from first to last those that there are, and where padding shows others the ones it shows."""
    end = cells - 1
    if outside == "replicate":
        return (min(max(first, 0), end), min(max(last, 0), end))
    inside = (max(first, 0), min(last, end))
    if outside == "nothing":
        return inside
    shown = [inside] if inside[0] <= inside[1] else []
    shown += [(-min(last, -1), -first)] if first < 0 else []
    shown += [(2 * end - last, 2 * end - max(first, cells))] if last > end else []
    return min(low for low, _ in shown), max(high for _, high in shown)
