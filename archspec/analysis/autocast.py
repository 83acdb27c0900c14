"""The network as torch's autocast runs it: which tensors are in the lower precision, and the copies it casts.

Weights, their gradients and the optimiser's state stay in float32. Convolutions and linear layers compute in the
lower precision, on copies of what comes in another; every other layer computes in the widest precision of its inputs,
but for the few that autocast keeps in float32. The lists are those of the CPU
(https://docs.pytorch.org/docs/stable/amp.html); a GPU also gives layer_norm, group_norm and softmax in float32.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from archspec.errors import did_you_mean, fail
from archspec.graph import Node, Tap, TypedGraph
from archspec.ops.base import Operator, Types
from archspec.tensor import BYTES, TensorType

Precision = Literal["float32", "bfloat16", "float16"]

SHORT = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
_STORED: dict[str, Precision] = {
    "float32": "float32",
    "tf32": "float32",
    "bfloat16": "bfloat16",
    "float16": "float16",
}
PRECISIONS: dict[str, Precision] = _STORED | {short: _STORED[long] for short, long in SHORT.items()}
"""What a person writes, and the precision of the tensors: tf32 is stored as float32."""

COPIED = "%"
"""What comes behind a layer's name in that of a copy made for it; no layer's own name has it."""


def precision_of(written: str) -> Precision:
    """The precision of the tensors by what a person writes. Raises SpecError E582 for an unknown one."""
    if written not in PRECISIONS:
        hint = did_you_mean(written, [*PRECISIONS], "precisions")
        raise fail("E582", f"costs are not known for the precision '{written}'", hint=hint)
    return PRECISIONS[written]


def arithmetic(written: str) -> str:
    """The precision of the arithmetic by what a person writes, tf32 apart from float32: as device files name it."""
    return SHORT.get(written, written)


class Cast(Operator):
    """A copy in another precision, which keeps nothing for its backward pass."""

    word = "cast"

    def infer(self, inputs: Types) -> Types:
        return inputs


def autocast(graph: TypedGraph, precision: Precision) -> TypedGraph:
    """The graph with a `Cast` before every layer that takes a copy, and types that say each tensor's precision."""
    if precision == "float32":
        return graph
    nodes: dict[str, Node] = {}
    types: dict[str, tuple[TensorType, ...]] = {}
    for node in graph.nodes.values():
        given = [types[tap.node][tap.port] for tap in node.inputs]
        if not given:
            nodes[node.name], types[node.name] = node, graph.types[node.name]
            continue
        wanted = _computed_in(node, given, precision)
        inputs = list(node.inputs)
        for position, (tap, kind) in enumerate(zip(node.inputs, given, strict=True)):
            if kind.dtype != wanted and _copies(node):
                name = f"{node.name}{COPIED}{position}"
                nodes[name] = replace(node, name=name, op=Cast(), inputs=(tap,), shares=None)
                types[name] = (replace(kind, dtype=wanted),)
                inputs[position] = Tap(name)
        nodes[node.name] = replace(node, inputs=tuple(inputs))
        types[node.name] = tuple(replace(made, dtype=wanted) for made in graph.types[node.name])
    return replace(graph, nodes=nodes, types=types)


def weight_copies(graph: TypedGraph, precision: Precision) -> dict[str, tuple[int, int]]:
    """Bytes that each layer's weights take in the lower precision: of those its backward pass needs, and of others.

    Autocast makes a copy when a weight is first used. That of a bias is given up with autocast itself, after the loss.
    """
    if precision == "float32":
        return {}
    found: dict[str, tuple[int, int]] = {}
    for layer, weights in graph.weights.items():
        if graph.nodes[layer].op.autocast == "lower":
            sizes = [(weight.numel * BYTES[precision], weight.added) for weight in weights.values()]
            found[layer] = sum(n for n, added in sizes if not added), sum(n for n, added in sizes if added)
    return found


def _computed_in(node: Node, given: list[TensorType], precision: Precision) -> str:
    if node.op.autocast == "lower":
        return precision
    if node.op.autocast == "float32":
        return "float32"
    return max((kind.dtype for kind in given), key=BYTES.__getitem__)


def _copies(node: Node) -> bool:
    """Whether inputs of another precision are copied before it runs; sums and products take both as they are."""
    return node.op.autocast in ("lower", "promote")
