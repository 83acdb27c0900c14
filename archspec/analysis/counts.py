"""What a network costs: parameters, buffers, multiply-accumulates, element-wise work, activation memory.

Everything is counted from the operators' own rules, per example and scaled by the batch; behind a layer
that takes R regions out of an image, R times: a region network costs its trunk and R times its head. The
definitions: a multiply-accumulate is one multiplication in a convolution or matrix product (taps on
padding included; no bias, normalisation, activation or pooling); FLOPs are twice that, always; what
is left over (norms, activations, pools, sums) is `elementwise_ops`, never mixed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace

from archspec.analysis.cost import cost
from archspec.analysis.storage import in_place
from archspec.graph import Node, TypedGraph
from archspec.tensor import TensorType, at


@dataclass(frozen=True, slots=True)
class Counts:
    """Figures of one layer, or of several: they add up. Where the input leaves sizes open, those that depend on
    the size of the image are formulas (`archspec.sizes.Volume`).

    `params` are elements of learned tensors, frozen ones included (`trainable_params` without them);
    `buffers` elements stored but not learned; `weight_bytes` the size of both. `activation_bytes` are
    those of outputs that need memory of their own: views and results in place need none.
    """

    params: int = 0
    trainable_params: int = 0
    buffers: int = 0
    weight_bytes: int = 0
    macs: int = 0
    elementwise_ops: int = 0
    activation_bytes: int = 0

    @property
    def flops(self) -> int:
        """Floating-point operations: 2 · MACs."""
        return 2 * self.macs

    def at(self, sizes: Mapping[str, int]) -> Counts:
        """The figures where the open sizes have those numbers."""
        return replace(
            self,
            macs=at(self.macs, sizes),
            elementwise_ops=at(self.elementwise_ops, sizes),
            activation_bytes=at(self.activation_bytes, sizes),
        )


def count(graph: TypedGraph, batch: int = 1) -> dict[str, Counts]:
    """Counts of every node, inputs included, by name, in execution order.

    Weights that several nodes share are counted at the first of them to run. `batch` multiplies
    costs and activations, never parameters.
    """
    overwriting = in_place(graph)
    found: dict[str, Counts] = {}
    met: dict[tuple[int, tuple[TensorType, ...], bool, bool], Counts] = {}  # by the operator's `id`: blocks repeat
    for node in graph.nodes.values():
        fresh, own_memory = node.name in graph.weights, node.name not in overwriting
        key = (id(node.op), graph.input_types(node), fresh, own_memory)
        if key not in met:
            met[key] = _count_node(graph, node, batch, own_memory)
        found[node.name] = met[key]
    return found


def total(counts: Iterable[Counts]) -> Counts:
    """The sum of several counts."""
    several = list(counts)
    return Counts(**{figure.name: sum(getattr(one, figure.name) for one in several) for figure in fields(Counts)})


def count_params(graph: TypedGraph) -> int:
    """Elements of all learned tensors of a graph, each once: heads that exist only in training included."""
    stored = (weight for weights in graph.weights.values() for weight in weights.values())
    return sum(weight.numel for weight in stored if weight.kind != "buffer")


def depth(graph: TypedGraph) -> int:
    """Most convolutions and linear layers on any path through the graph: the 50 of ResNet-50."""
    longest: dict[str, int] = {}
    for node in graph.nodes.values():
        before = max((longest[tap.node] for tap in node.inputs), default=0)
        longest[node.name] = before + (node.op.category in ("conv", "linear"))
    return max(longest.values(), default=0)


def _count_node(graph: TypedGraph, node: Node, batch: int, own_memory: bool) -> Counts:
    params = trainable = buffers = weight_bytes = 0
    for weight in graph.weights.get(node.name, {}).values():
        size = weight.numel
        weight_bytes += weight.nbytes
        if weight.kind == "buffer":
            buffers += size
        else:
            params += size
            trainable += size if weight.kind == "parameter" else 0
    computed = cost(graph, node)
    lasting = own_memory and node.op.storage != "view"
    return Counts(
        params=params,
        trainable_params=trainable,
        buffers=buffers,
        weight_bytes=weight_bytes,
        macs=batch * computed.macs,
        elementwise_ops=batch * computed.elementwise_ops,
        activation_bytes=batch * sum(t.nbytes for t in graph.types[node.name]) if lasting else 0,
    )
