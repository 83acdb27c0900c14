"""What a layer computes and what it moves, and which kind of operation it is: what a time is estimated from.

Bytes are those that a layer run by itself moves between memory and arithmetic, each tensor once: inputs read, outputs
written, weights read. A result in place is read and written all the same; a view moves nothing. Weights that several
layers share are read by each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from archspec.analysis.cost import Cost, cost, cost_of
from archspec.analysis.order import execution_order
from archspec.analysis.storage import overwriting
from archspec.devices.model import WIDTHS
from archspec.graph import TypedGraph
from archspec.ops.base import Kind, Operator, Types
from archspec.passes.deploy import deploy
from archspec.tensor import BYTES, TensorType

THIN = 8
"""Channels below which a convolution leaves most of a vector unit idle."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one layer does in one call: FLOPs (2 · MACs), operations besides, bytes."""

    name: str
    kind: Kind
    flops: int
    elementwise_ops: int
    read_bytes: int
    written_bytes: int
    weight_bytes: int
    allocated_bytes: int = 0
    """Of those written, those in memory of their own: none where the result is in place."""

    @property
    def operations(self) -> int:
        """FLOPs and what they leave out: bias, norms, activations, pools, sums."""
        return self.flops + self.elementwise_ops

    @property
    def tensor_bytes(self) -> int:
        """Bytes read and written, without weights."""
        return self.read_bytes + self.written_bytes

    @property
    def bytes(self) -> int:
        """All bytes moved."""
        return self.tensor_bytes + self.weight_bytes

    @property
    def intensity(self) -> float:
        """Operations a byte: the arithmetic intensity. 0 where nothing moves."""
        return self.operations / self.bytes if self.bytes else 0.0


def work(graph: TypedGraph, batch: int = 1, precision: str = "float32") -> Iterator[Work]:
    """The work of every layer of the deployed network, in the order that they run.

    Where the input leaves sizes open, at the graph's example of them.
    """
    deployed = deploy(graph)
    sizes, in_place = deployed.example, overwriting(deployed)
    for node in execution_order(deployed):
        inputs = tuple(x.at(sizes) for x in deployed.input_types(node))
        outputs = tuple(x.at(sizes) for x in deployed.types[node.name])
        computed = cost(deployed, node).at(sizes)
        one = _work(node.name, node.op, inputs, outputs, computed, batch, precision)
        yield replace(one, allocated_bytes=0) if node.name in in_place else one


def layer_work(op: Operator, inputs: Types, outputs: Types, name: str = "", batch: int = 1) -> Work:
    """The work of one operator on tensors of those types, in float32."""
    return _work(name, op, inputs, outputs, cost_of(op, inputs, outputs), batch, "float32")


USUAL: Mapping[str, Kind] = {
    "pool": "avg_pool",
    "norm": "norm",
    "activation": "activation",
    "linear": "linear",
    "merge": "elementwise",
}
"""The kind of most operators of a category; what is in none of them moves numbers and computes none."""


def kind_of(op: Operator, inputs: Types, outputs: Types) -> Kind:
    """Which kind of operation an operator is on tensors of those types."""
    if op.storage == "view":
        return "view"
    if op.category == "pool" and math.prod(outputs[0].spatial) == 1:
        return "global_pool"
    if op.kind is not None:
        return op.kind
    window = op.window(inputs) if op.category == "linear" else None
    if window is not None:
        return "pointwise" if math.prod(window.kernel) == 1 else "conv"
    return _convolution(op, inputs, outputs) if op.category == "conv" else USUAL.get(op.category, "copy")


def _convolution(op: Operator, inputs: Types, outputs: Types) -> Kind:
    weight = op.weights(inputs).get("weight")
    if weight is None or len(weight.shape) < 2:
        return "conv"
    _, group, *kernel = weight.shape  # (out, in of a group, *kernel)
    if outputs[0].channels < THIN and math.prod(kernel) > 1:
        return "thin"
    if group == inputs[0].channels:
        return "pointwise" if math.prod(kernel) == 1 else "conv"
    return "depthwise" if group == 1 else "grouped"


def _work(name: str, op: Operator, inputs: Types, outputs: Types, computed: Cost, batch: int, precision: str) -> Work:
    kind = kind_of(op, inputs, outputs)
    if kind == "view":
        return Work(name, kind, 2 * batch * computed.macs, 0, 0, 0, 0)
    written = batch * sum(_bytes(x, precision) for x in outputs)
    weights = sum(w.numel * WIDTHS[precision] for w in op.weights(inputs).values() if w.dtype == "float32")
    return Work(
        name,
        kind,
        2 * batch * computed.macs,
        batch * computed.elementwise_ops,
        batch * sum(_bytes(x, precision) for x in inputs),
        written,
        weights,
        written,
    )


def _bytes(x: TensorType, precision: str) -> int:
    return x.regions * x.numel * (WIDTHS[precision] if x.dtype == "float32" else BYTES[x.dtype])
