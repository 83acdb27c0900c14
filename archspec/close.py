"""Numbers for the sizes that a network's input leaves open: given, or read off the shapes of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from archspec.errors import SpecError, fail
from archspec.graph import TypedGraph
from archspec.infer import infer
from archspec.ops.shape import Input
from archspec.sizes import Open
from archspec.sizes.words import all_described, listed, numbered
from archspec.tensor import at


def close(graph: TypedGraph, sizes: Mapping[str, int]) -> TypedGraph:
    """The graph with numbers for its open sizes: `close(graph, {"H": 224, "W": 224})`.

    Raises SpecError E319, in the words of the layer that refuses them, for sizes that the network does not take.
    """
    if sizes.keys() != graph.sizes.keys() or any(n < 1 for n in sizes.values()):
        told = f"open here are {listed(graph.sizes) or 'no sizes'}, and given are {numbered(sizes) or 'none'}"
        raise fail("E319", told, hint="a whole number of at least 1 for each open size")
    nodes = dict(graph.nodes)
    for name in graph.inputs:
        op = nodes[name].op
        assert isinstance(op, Input)
        nodes[name] = replace(nodes[name], op=Input(shape=tuple(at(n, sizes) for n in op.shape), dtype=op.dtype))
    try:
        return infer(replace(graph, nodes=nodes, sizes={}, requirements=()))
    except SpecError as error:
        d = error.diagnostics[0]
        fits = "; ".join([*all_described(graph.sizes), *(r.condition for r in graph.requirements if r.together)])
        raise fail("E319", f"{numbered(sizes)} does not fit: {d.message}", d.span, fits or d.hint, d.trail) from None


def sizes_of(graph: TypedGraph, shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """The open sizes of images of those shapes, (channels, *spatial) by input.

    Raises SpecError E319 for shapes that the network does not take: another number of axes, a size that is no
    multiple where the spec declares one, two where it has one letter, and what a layer refuses.
    """
    found: dict[str, int] = {}
    for name in graph.inputs:
        op, shape = graph.nodes[name].op, shapes[name]
        assert isinstance(op, Input)
        fits = len(shape) == len(op.shape) and all(
            _fits(size, n, found) for size, n in zip(op.shape, shape, strict=True)
        )
        if not fits:
            told = f"'{name}' is {op.label()}, not {'×'.join(map(str, shape))}"
            raise fail("E319", told, graph.nodes[name].span)
    if any(one.refuses(found) for one in graph.requirements):
        close(graph, found)
    return found


def _fits(size: object, n: int, found: dict[str, int]) -> bool:
    """Whether an axis may have that length; the size of its symbol joins those found, or is the one found before."""
    if not isinstance(size, Open):
        return size == n
    more, one = (size.at({size.symbol: number}) for number in (0, 1))
    number, rest = divmod(n - more, one - more)
    return not rest and number >= 1 and found.setdefault(size.symbol, number) == number
