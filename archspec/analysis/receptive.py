"""How far each cell of a tensor is from the next one in the input, and how much of the input it sees."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from archspec.graph import Node, Tap, TypedGraph
from archspec.ops.base import Operator, Types
from archspec.ops.conv import ConvTranspose
from archspec.ops.region import RegionOperator
from archspec.ops.windows import per_axis
from archspec.tensor import TensorType, extent


@dataclass(frozen=True, slots=True)
class Field:
    """Receptive field along one axis: cell y sees input cells `start + y·jump` … `+ size − 1`.

    The field is that of the arithmetic, not cut off at the image's edge (ResNet-18 sees 435 of 224),
    and the widest over all paths. `start` is negative where padding comes first.
    """

    size: int | Fraction = 1
    jump: int | Fraction = 1
    start: int | Fraction = 0

    def through(self, kernel: int, stride: int, before: int, dilation: int) -> Field:
        """The field after a window of this kernel, stride, padding before and dilation."""
        return Field(
            self.size + dilation * (kernel - 1) * self.jump,
            self.jump * stride,
            self.start - before * self.jump,
        )

    def spread(self, span: int, stride: int, cut: int) -> Field:
        """The field after a transposed window that spans `span` cells of its output, `cut` off its start."""
        first = -((span - 1 - cut) // stride)
        return Field(
            self.size + (-(-span // stride) - 1) * self.jump,
            self.jump * Fraction(1, stride),
            self.start + first * self.jump,
        )

    def joined(self, other: Field) -> Field:
        """The field of a cell that sees what both see."""
        start = min(self.start, other.start)
        end = max(self.start + self.size, other.start + other.size)
        return Field(end - start, max(self.jump, other.jump), start)


def fields(graph: TypedGraph) -> dict[str, tuple[Field, ...]]:
    """Receptive field of every node's output, one entry a spatial axis; () once the axes are gone.

    Where the input leaves sizes open, at the graph's example of them.
    """
    if graph.sizes:
        from archspec.close import close  # only the open wait for it

        graph = close(graph, graph.example)
    found: dict[str, tuple[Field, ...]] = {}
    for node in graph.nodes.values():
        outputs = graph.types[node.name]
        rank = outputs[0].rank if outputs else 0
        if not node.inputs:
            found[node.name] = (Field(),) * rank
            continue
        arriving = [
            _through(node.op, graph.input_types(node), position, found[tap.node], outputs[0])
            for position, tap in enumerate(read_by(node))
            if rank and len(found[tap.node]) == rank
        ]
        joined = arriving[0] if arriving else ()
        for other in arriving[1:]:
            joined = tuple(a.joined(b) for a, b in zip(joined, other, strict=True))
        found[node.name] = joined
    return found


def stride(graph: TypedGraph) -> int | Fraction:
    """The largest jump of any tensor that still has spatial axes: 32 for a ResNet-50; 1 where none has.

    Global pooling leaves no next cell and so does not count, whether or not it keeps the axes.
    """
    largest = max((f.jump for axes in fields(graph).values() for f in axes), default=1)
    return int(largest) if largest.denominator == 1 else largest


def read_by(node: Node) -> tuple[Tap, ...]:
    """The tensors whose values a node reads: `upsample: {to: p4}` takes no more than the size of p4."""
    return node.inputs[:1] if "extra" in node.op.references.values() else node.inputs


def _through(
    op: Operator, inputs: Types, position: int, axes: tuple[Field, ...], after: TensorType
) -> tuple[Field, ...]:
    before = inputs[position]
    if op.category != "merge" and (window := op.window(inputs)) is not None:
        parts = zip(axes, window.kernel, window.stride, window.before, window.dilation, strict=True)
        return tuple(field.through(k, s, p, d) for field, k, s, p, d in parts)
    if isinstance(op, ConvTranspose):
        kernels, strides = per_axis("kernel", op.kernel, before), per_axis("stride", op.stride, before)
        spans = map(extent, kernels, per_axis("dilation", op.dilation, before))
        enlarged = zip(axes, spans, strides, op.cuts(before), strict=True)
        return tuple(field.spread(span, s, cut) for field, span, s, (cut, _) in enlarged)
    if isinstance(op, RegionOperator):  # a region may lie anywhere
        return tuple(_rescaled(field, size, 1, merging=False) for field, size in zip(axes, before.spatial, strict=True))
    sizes = zip(axes, before.spatial, after.spatial, strict=True)
    return tuple(_rescaled(field, old, new, op.category == "merge") for field, old, new in sizes)


def _rescaled(field: Field, old: int, new: int, merging: bool) -> Field:
    """The field where nothing slides: kept, cut, stretched over more cells, or gathered from all of them."""
    if new > old:  # enlarged; or one cell stretched over all positions of what it meets
        return Field(field.size, field.jump * Fraction(old, new), field.start)
    if new < old and merging:  # a merge cuts what is too large, as much at both ends
        return Field(field.size, field.jump, field.start + (old - new) // 2 * field.jump)
    if new < old:  # global pooling sees everything, and there is no next cell
        return Field(field.size + (old - 1) * field.jump, field.jump, field.start)
    return field
