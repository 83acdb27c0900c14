"""How far each cell of a tensor is from the next one in the input, and how much of the input it sees.

A cell sees what a gradient of it can reach: by a window, but also by what is computed from all positions. A gate made
of a global mean (squeeze-and-excitation) makes everything seen, and so do `group_norm` and `instance_norm`, whose
statistics are the image's own; batch normalisation does not, whose statistics are constants once deployed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

from archspec.graph import Node, Tap, TypedGraph
from archspec.ops.reach import Reach

Interval = tuple[int, int]
"""The first cell and the last."""

LONGEST = 4_096
"""The most cells that are followed until they repeat; beyond that only those which the layer has."""


@dataclass(frozen=True, slots=True)
class Field:
    """Receptive field along one axis: cell y sees input cells `start + y·jump` … `+ size − 1`.

    The field is that of the arithmetic, not cut off at the image's edge (ResNet-18 sees 435 of 224),
    and the widest over all paths. `start` is negative where padding comes first. Behind an enlargement `jump` may
    be a fraction: cells then lie that far apart on average, `varies` says that they do not all see as much, and
    `size` is the largest of what they see.
    """

    size: int = 1
    jump: int | Fraction = 1
    start: int = 0
    varies: bool = False


@dataclass(frozen=True, slots=True)
class _Cells:
    """What every cell along an axis sees: cell i the input cells `spans[i]`, cell i + len(spans) `shift` further on.

    A cell that sees nothing has None: between those that a transposed convolution with a small kernel gives to.
    """

    spans: tuple[Interval | None, ...] = ((0, 0),)
    shift: int = 1
    jump: int | Fraction = 1

    def at(self, y: int) -> Interval | None:
        turns, i = divmod(y, len(self.spans))
        span = self.spans[i]
        return span and (span[0] + turns * self.shift, span[1] + turns * self.shift)

    def through(self, reach: Reach, cells: int) -> _Cells:
        """What the cells see that read these; where they repeat after too many, that of so many cells."""
        if reach.unmoved:
            return self
        period = len(self.spans)
        times = period // gcd(period, reach.step)
        shift = self.shift * (times * reach.step // period)
        jump = self.jump * reach.closer if reach.step else self.jump
        period = reach.every * times
        if period > LONGEST:
            period = max(cells, 1)
            shift = round(jump * period)
        return _shortest(_Cells(tuple(self._union(reach, y) for y in range(period)), shift, jump))

    def _union(self, reach: Reach, y: int) -> Interval | None:
        cells = range(reach.low(y), reach.high(y) + 1, reach.apart)
        if len(self.spans) == 1 and len(cells) > 2:
            cells = range(cells[0], cells[-1] + 1, cells[-1] - cells[0])
        found = [span for span in map(self.at, cells) if span]
        return (min(first for first, _ in found), max(last for _, last in found)) if found else None

    def joined(self, other: _Cells, cells: int) -> _Cells:
        """What cells see that read both; where the two never repeat together, that of so many cells."""
        period = lcm(len(self.spans), len(other.spans))
        shifts = (self.shift * (period // len(self.spans)), other.shift * (period // len(other.spans)))
        if period > LONGEST or (shifts[0] != shifts[1] and 0 not in shifts):
            period = max(cells, 1)
            shifts = (round(self.jump * period), round(other.jump * period))
        spans = tuple(_both(self.at(y), other.at(y)) for y in range(period))
        return _shortest(_Cells(spans, max(shifts), max(self.jump, other.jump)))

    def field(self, cells: int) -> Field:
        """What is told of so many of these cells."""
        found = [span for span in map(self.at, range(min(cells, len(self.spans)))) if span]
        sizes = {last - first + 1 for first, last in found}
        nothing = len(found) < min(cells, len(self.spans))
        return Field(max(sizes, default=0), self.jump, found[0][0] if found else 0, len(sizes) + nothing > 1)


def _both(one: Interval | None, other: Interval | None) -> Interval | None:
    return (min(one[0], other[0]), max(one[1], other[1])) if one and other else one or other


def _shortest(cells: _Cells) -> _Cells:
    """The same with one span where all cells see alike."""
    first, period = cells.spans[0], len(cells.spans)
    if period == 1 or first is None or cells.shift % period:
        return cells
    step = cells.shift // period
    if all(span == (first[0] + i * step, first[1] + i * step) for i, span in enumerate(cells.spans)):
        return _Cells((first,), step, cells.jump)
    return cells


def fields(graph: TypedGraph) -> dict[str, tuple[Field, ...]]:
    """Receptive field of every node's output, one entry a spatial axis; () once the axes are gone.

    Of several inputs in the first that the node reads: each has pixels of its own, and no field spans two. Where the
    input leaves sizes open, at the graph's example of them.
    """
    if graph.sizes:
        from archspec.close import close  # only the open wait for it

        graph = close(graph, graph.example)
    seen: dict[str, tuple[_Cells, ...]] = {}
    found: dict[str, tuple[Field, ...]] = {}
    sources = first_inputs(graph)
    for node in graph.nodes.values():
        seen[node.name] = _seen(graph, node, seen, sources)
        sizes = graph.types[node.name][0].spatial if seen[node.name] else ()
        found[node.name] = tuple(cells.field(n) for cells, n in zip(seen[node.name], sizes, strict=True))
    return found


def stride(seen: Mapping[str, tuple[Field, ...]]) -> int | Fraction:
    """The largest jump of any tensor that still has spatial axes: 32 for a ResNet-50; 1 where none has.

    Global pooling leaves no next cell and so does not count, whether or not it keeps the axes.
    """
    largest = max((f.jump for axes in seen.values() for f in axes), default=1)
    return int(largest) if largest.denominator == 1 else largest


def read_by(node: Node) -> tuple[Tap, ...]:
    """The tensors whose values a node reads: `upsample: {to: p4}` takes no more than the size of p4."""
    return node.inputs[:1] if "extra" in node.op.references.values() else node.inputs


def first_inputs(graph: TypedGraph) -> dict[str, str]:
    """Of every node the input of the network that it reads, the first of several, images before vectors; none for
    what reads no input."""
    rank = {name: (graph.types[name][0].rank == 0, i) for i, name in enumerate(graph.inputs)}
    found = {name: name for name in graph.inputs}
    for node in graph.nodes.values():
        read = [found[tap.node] for tap in read_by(node) if tap.node in found]
        if read:
            found[node.name] = min(read, key=rank.__getitem__)
    return found


def _seen(
    graph: TypedGraph, node: Node, seen: dict[str, tuple[_Cells, ...]], sources: Mapping[str, str]
) -> tuple[_Cells, ...]:
    outputs = graph.types[node.name]
    rank = outputs[0].rank if outputs else 0
    if not node.inputs:
        return (_Cells(),) * rank
    arriving = list(_arriving(graph, node, seen, rank, sources)) if rank else []
    joined = arriving[0] if arriving else ()
    for other in arriving[1:]:
        axes = zip(joined, other, outputs[0].spatial, strict=True)
        joined = tuple(one.joined(another, n) for one, another, n in axes)
    return joined


def _arriving(
    graph: TypedGraph, node: Node, seen: dict[str, tuple[_Cells, ...]], rank: int, sources: Mapping[str, str]
) -> Iterator[tuple[_Cells, ...]]:
    """What the node's cells see of its input by each tensor that it reads."""
    inputs, after = graph.input_types(node), graph.types[node.name][0]
    for position, tap in enumerate(read_by(node)):
        if sources.get(tap.node) == sources.get(node.name) and len(axes := seen[tap.node]) == rank:
            ways = node.op.reach(inputs, graph.types[node.name], position)
            found: dict[tuple[int, int, int], _Cells] = {}  # axes are most often alike
            for cells, way, n in zip(axes, ways, after.spatial, strict=True):
                if (key := (id(cells), id(way), n)) not in found:
                    found[key] = cells.through(way, n)
            yield tuple(found[id(cells), id(way), n] for cells, way, n in zip(axes, ways, after.spatial, strict=True))
