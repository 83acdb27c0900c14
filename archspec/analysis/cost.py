"""What a layer costs an example: the operators' rules, which speak of one region, over all regions there are.

Every figure of work and memory comes through here, so that none forgets the regions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from archspec.errors import fail
from archspec.graph import Node, TypedGraph
from archspec.ops.base import Operator, Saved, Types
from archspec.tensor import at


@dataclass(frozen=True, slots=True)
class Cost:
    """Multiply-accumulates and other operations of a forward pass of one example, all its regions together."""

    macs: int
    elementwise_ops: int

    def at(self, sizes: Mapping[str, int]) -> Cost:
        """The figures where the open sizes have those numbers."""
        return Cost(at(self.macs, sizes), at(self.elementwise_ops, sizes))


def cost(graph: TypedGraph, node: Node) -> Cost:
    """What a layer computes for one example. Raises SpecError E315 where that is known of numbers alone, and the
    input leaves sizes open."""
    with _told(graph, node, "what it costs"):
        return cost_of(node.op, graph.input_types(node), graph.types[node.name])


def kept(graph: TypedGraph, node: Node, in_place: bool = False) -> Saved:
    """What a layer keeps for the backward pass of one example; `fixed_bytes` are there once, whatever the regions.

    Raises SpecError E315 as `cost` does.
    """
    with _told(graph, node, "what it keeps for the backward pass"):
        return kept_of(node.op, graph.input_types(node), graph.types[node.name], in_place)


def cost_of(op: Operator, inputs: Types, outputs: Types) -> Cost:
    """What an operator computes for one example of those types."""
    times, inputs, outputs = _one_region(inputs, outputs)
    return Cost(times * op.macs(inputs, outputs), times * op.elementwise_ops(inputs, outputs))


def kept_of(op: Operator, inputs: Types, outputs: Types, in_place: bool = False) -> Saved:
    """What an operator keeps for the backward pass of one example of those types."""
    times, inputs, outputs = _one_region(inputs, outputs)
    saved = op.saved(inputs, outputs, in_place)
    if times == 1:
        return saved
    return replace(saved, own_bytes=times * saved.own_bytes)


def scratch_of(op: Operator, inputs: Types, outputs: Types) -> int:
    """Bytes that an operator makes and drops again while it computes one example of those types."""
    times, inputs, outputs = _one_region(inputs, outputs)
    return times * op.scratch(inputs, outputs)


def training_scratch_of(op: Operator, inputs: Types, outputs: Types, learns: bool) -> int:
    """`scratch_of` while it trains; `learns`: whether anything is kept of it for the backward pass."""
    times, inputs, outputs = _one_region(inputs, outputs)
    return times * op.training_scratch(inputs, outputs, learns)


def backward_scratch_of(op: Operator, inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
    """Bytes that an operator makes and drops again in the backward pass of one example."""
    times, inputs, outputs = _one_region(inputs, outputs)
    return times * op.backward_scratch(inputs, outputs, wanted)


def _one_region(inputs: Types, outputs: Types) -> tuple[int, Types, Types]:
    """How many regions an example has behind the layer, and the types for one of them."""
    times = outputs[0].regions
    if times == 1:
        return 1, inputs, outputs
    before, after = (tuple(replace(x, regions=1) for x in types) for types in (inputs, outputs))
    return times, before, after


@contextmanager
def _told(graph: TypedGraph, node: Node, what: str) -> Iterator[None]:
    """A rule that wants numbers where sizes are open is told at its layer."""
    try:
        yield
    except TypeError as error:
        if not graph.sizes:
            raise
        from archspec.sizes import NoNumber

        if not isinstance(error, NoNumber):
            raise
        message = f"{node.op.word} at {node.name}: {what} is computed from numbers, and its input leaves them open"
        raise fail("E315", message, node.span, "write the image's size, as `--input 3x224x224`", node.trail) from error
