"""Between which bounds the values of each tensor lie, as far as activations tell.

Nothing is known of what a layer with weights gives, or the input of a network: it may be any number. An activation
bounds it, and layers that pass values on, pick, average or add them keep bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import NamedTuple

from archspec.graph import Node, TypedGraph
from archspec.ops.base import Operator


class Range(NamedTuple):
    """All values lie in [low, high]; an end may be infinite."""

    low: float
    high: float

    def within(self, other: Range) -> bool:
        return other.low <= self.low and self.high <= other.high

    def with_zero(self) -> Range:
        return Range(min(0.0, self.low), max(0.0, self.high))

    def __str__(self) -> str:
        if self.low == -inf:
            return f"never above {self.high:g}"
        return f"never below {self.low:g}" if self.high == inf else f"between {self.low:g} and {self.high:g}"


ANY = Range(-inf, inf)
NOT_NEGATIVE = Range(0, inf)

GIVES = {
    "relu": NOT_NEGATIVE,
    "relu6": Range(0, 6),
    "sigmoid": Range(0, 1),
    "hard_sigmoid": Range(0, 1),
    "softmax": Range(0, 1),
    "log_softmax": Range(-inf, 0),
    "tanh": Range(-1, 1),
    "hard_tanh": Range(-1, 1),
    "softplus": NOT_NEGATIVE,
    "abs": NOT_NEGATIVE,
    "magnitude": NOT_NEGATIVE,
}
"""What an activation gives whatever it takes."""

KEEPS = {
    "relu": NOT_NEGATIVE,
    "relu6": Range(0, 6),
    "leaky_relu": NOT_NEGATIVE,
    "abs": NOT_NEGATIVE,
    "prelu": NOT_NEGATIVE,
    "elu": NOT_NEGATIVE,
    "hard_tanh": Range(-1, 1),
}
"""The values that an activation leaves as they are."""


def ranges(graph: TypedGraph) -> dict[str, Range]:
    """Bounds on the outputs of every node."""
    found: dict[str, Range] = {}
    for node in graph.nodes.values():
        found[node.name] = _range(node.op, [found[tap.node] for tap in node.inputs])
    return found


def _range(op: Operator, inputs: Sequence[Range]) -> Range:
    word = op.word
    if word in KEEPS and inputs[0].within(KEEPS[word]):
        return inputs[0]
    if word in GIVES:
        return GIVES[word]
    if word in _PASSING:
        return inputs[0]
    if word in _TOWARDS_ZERO:
        return inputs[0].with_zero()
    combine = _COMBINING.get(word)
    return combine(inputs) if combine else ANY


def sources(graph: TypedGraph, node: Node) -> list[Node]:
    """The activations that bound what enters a node, found by walking back through the layers that keep bounds."""
    found: dict[str, Node] = {}
    pending = [tap.node for tap in reversed(node.inputs)]
    seen = set(pending)
    while pending:
        one = graph.nodes[pending.pop()]
        if one.op.word in GIVES:
            found[one.name] = one
        else:
            before = [tap.node for tap in one.inputs if tap.node not in seen]
            seen.update(before)
            pending += reversed(before)
    return list(found.values())


_PASSING = (
    *("identity", "flatten", "reshape", "crop", "split", "slice", "channel_shuffle", "pixel_shuffle"),
    *("space_to_depth", "subsample", "upsample", "maxout", "max_pool", "global_max_pool", "adaptive_max_pool"),
    *("adaptive_avg_pool", "global_avg_pool"),
)
"""Layers that give some of the values they take, or means of them."""

_TOWARDS_ZERO = ("avg_pool", "pad")
"""Layers that mix in zeros."""


def _hull(inputs: Sequence[Range]) -> Range:
    return Range(min(x.low for x in inputs), max(x.high for x in inputs))


def _sum(inputs: Sequence[Range]) -> Range:
    return Range(sum(x.low for x in inputs), sum(x.high for x in inputs))


def _scaled(inputs: Sequence[Range]) -> Range:
    """What is multiplied by numbers that are not negative: the sign stays, the size may be any."""
    low, high = _hull(inputs)
    return Range(0 if low >= 0 else -inf, 0 if high <= 0 else inf)


def _product(inputs: Sequence[Range]) -> Range:
    return _scaled(inputs) if all(x.low >= 0 for x in inputs) else ANY


_COMBINING: dict[str, Callable[[Sequence[Range]], Range]] = {
    "concat": _hull,
    "mean": _hull,
    "max": lambda inputs: Range(max(x.low for x in inputs), max(x.high for x in inputs)),
    "add": _sum,
    "subtract": lambda inputs: Range(inputs[0].low - inputs[1].high, inputs[0].high - inputs[1].low),
    "multiply": _product,
    "lrn": _scaled,
    "dropout": _scaled,
    "spatial_dropout": _scaled,
    "drop_path": _scaled,
}
