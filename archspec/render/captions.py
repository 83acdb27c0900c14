"""What a diagram writes in a box: `3×3 conv, 64, /2 · BN · ReLU`."""

from __future__ import annotations

from collections.abc import Iterable

from archspec.graph import Node
from archspec.ops.base import Operator

KIND = {"conv": " conv", "conv_transpose": " transposed", "max_pool": " pool", "avg_pool": " pool"}
"""Words that a label leaves out, written after its first part."""
SHORT = {"batch_norm": "BN", "layer_norm": "LN", "group_norm": "GN", "instance_norm": "IN", "lrn": "LRN"}
SILENT = frozenset({"flatten", "identity"})
"""Layers that say nothing where the shape beside the box does."""


def caption(op: Operator) -> str:
    """A layer in a few characters: its label, with its kind where the label does not say it."""
    label = op.label()
    if op.word in KIND:
        first, comma, rest = label.partition(",")
        return first + KIND[op.word] + comma + rest
    if op.word in SHORT:
        return SHORT[op.word]
    if op.category == "linear":
        return f"FC {label}"
    return label or op.word.replace("_", " ")


def table_caption(op: Operator) -> str:
    """The same for a table, where a layer is called what the spec calls it: `batch_norm`, `linear 1000`."""
    if op.category in ("norm", "linear"):
        return f"{op.word} {op.label()}".rstrip()
    if op.category == "merge" and op.arity[0] > 1:
        return op.word
    return caption(op)


def chain_caption(nodes: Iterable[Node]) -> tuple[str, str]:
    """Title and the rest for layers drawn in one box: ('3×3 conv, 64', 'BN · ReLU')."""
    captions = [
        (caption(node.op), node.op.category in ("conv", "linear")) for node in nodes if node.op.word not in SILENT
    ]
    if not captions:
        return "", ""
    weighted = next((i for i, (_, heavy) in enumerate(captions) if heavy), 0)
    if weighted:  # normalised and activated before: keep the order that runs
        return " · ".join(text for text, _ in captions), ""
    return captions[0][0], " · ".join(text for text, _ in captions[1:])
