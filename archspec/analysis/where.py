"""Where a cell of a layer's output looks: the pixels of the input that it sees."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any

from archspec.analysis.receptive import Field, fields, read_by
from archspec.analysis.summary import number
from archspec.close import close
from archspec.errors import did_you_mean, fail
from archspec.graph import Graph, TypedGraph
from archspec.ops.base import Operator, Types
from archspec.ops.conv import ConvTranspose
from archspec.ops.windows import per_axis
from archspec.tensor import TensorType, extent

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class View:
    """A cell of a layer and the pixels it sees, an entry an axis; the last pixel is counted among them."""

    layer: str
    cell: tuple[int, ...]
    size: tuple[int, ...]
    """Cells of the layer along each axis."""
    image: tuple[int, ...]
    """Pixels of the image along each axis."""
    field: tuple[Field, ...]
    first: tuple[int, ...]
    last: tuple[int, ...]
    """First and last pixel of the whole field, outside the image where padding is seen."""
    inside: tuple[tuple[int, int], ...]
    """First and last pixel of the image that is seen: what padding hides along the way is left out."""

    @property
    def center(self) -> tuple[Fraction, ...]:
        """The middle of the field, in pixels: 0 is the middle of the first."""
        return tuple(Fraction(first + last, 2) for first, last in zip(self.first, self.last, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Plain data for `where --format json`."""
        return {
            "layer": self.layer,
            "cell": list(self.cell),
            "receptive_field": [number(axis.size) for axis in self.field],
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
    name = _layer(graph, graph.present_name(layer))
    seen, output = fields(graph)[name], graph.types[name][0]
    image = graph.types[_source(graph, name)][0].spatial
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
        cell=cell,
        size=output.spatial,
        image=image,
        field=seen,
        first=tuple(first for first, _ in whole),
        last=tuple(last for _, last in whole),
        inside=tuple(inside),
    )


def _layer(graph: Graph, name: str) -> str:
    """The layer of that name, or the last in the scope of that name."""
    if name in graph.nodes:
        return name
    inside = [other for other in graph.nodes if other.startswith(f"{name}.")]
    if inside:
        return inside[-1]
    raise fail("E583", f"no layer is called '{name}'", hint=did_you_mean(name, [*graph.nodes], "layers"))


def _source(graph: TypedGraph, name: str) -> str:
    """The first input of the network that a layer sees."""
    pending, met = [name], {name}
    while pending:
        name = pending.pop()
        if name in graph.inputs:
            return name
        for tap in reversed(graph.nodes[name].inputs):
            if tap.node not in met:
                met.add(tap.node)
                pending.append(tap.node)
    return graph.inputs[0]


def _seen(graph: TypedGraph, name: str, cell: tuple[int, ...], cut: bool) -> list[Span]:
    """First and last pixel that a cell sees, an axis: followed back through the layers, the widest of all paths.

    With `cut` what lies on padding is left out at every layer. Paths on which the axes are gone are not followed.
    """
    reached: dict[str, list[Span]] = {name: [(at, at) for at in cell]}
    source = _source(graph, name)
    for node in reversed(list(graph.nodes.values())):
        spans = reached.get(node.name)
        if spans is None or not node.inputs:
            continue
        inputs = graph.input_types(node)
        for position, tap in enumerate(read_by(node)):
            before = inputs[position]
            if before.rank != len(spans):
                continue
            found = _back(node.op, inputs, position, spans, graph.types[node.name][0])
            if cut:
                found = [
                    (max(first, 0), min(last, n - 1)) for (first, last), n in zip(found, before.spatial, strict=True)
                ]
            if any(first > last for first, last in found):
                continue  # nothing but padding
            other = reached.get(tap.node, found)
            reached[tap.node] = [(min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(found, other, strict=True)]
    return reached.get(source, [(0, -1)] * len(cell))


def _back(op: Operator, inputs: Types, position: int, spans: list[Span], after: TensorType) -> list[Span]:
    """The cells of an input that those of the output see."""
    before = inputs[position]
    if op.category != "merge" and (window := op.window(inputs)) is not None:
        parts = zip(spans, window.kernel, window.stride, window.before, window.dilation, strict=True)
        return [(first * s - p, last * s - p + d * (k - 1)) for (first, last), k, s, p, d in parts]
    if isinstance(op, ConvTranspose):
        kernels, strides = per_axis("kernel", op.kernel, before), per_axis("stride", op.stride, before)
        widths = map(extent, kernels, per_axis("dilation", op.dilation, before))
        enlarged = zip(spans, widths, strides, op.cuts(before), strict=True)
        return [(-(-(first + c - w + 1) // s), (last + c) // s) for (first, last), w, s, (c, _) in enlarged]
    sizes = zip(spans, before.spatial, after.spatial, strict=True)
    return [_rescaled(span, old, new, op.category == "merge") for span, old, new in sizes]


def _rescaled(span: Span, old: int, new: int, merging: bool) -> Span:
    """The cells seen where nothing slides: the same, shifted, those under an enlarged one, or all."""
    first, last = span
    if new > old:
        half = Fraction(1, 2)  # between the middles of two cells, as interpolation takes them
        scale = Fraction(old, new)
        low, high = ((first + half) * scale - half, (last + half) * scale - half)
        return max(floor(low), 0), min(ceil(high), old - 1)
    if new < old and merging:
        shift = (old - new) // 2
        return first + shift, last + shift
    return (0, old - 1) if new < old else span
