"""What a diagram writes in a box: `3×3 conv, 64, /2 · BN · ReLU`."""

from __future__ import annotations

from collections.abc import Iterable

from archspec.graph import Node, TypedGraph

KIND = {"conv": " conv", "conv_transpose": " transposed", "max_pool": " pool", "avg_pool": " pool"}
"""Words that a label leaves out, written after its first part."""
SHORT = {"batch_norm": "BN", "layer_norm": "LN", "group_norm": "GN", "instance_norm": "IN", "lrn": "LRN"}
NAMED = frozenset({"upsample", "subsample"})
"""Words without which their labels, `×2` and `/2`, could be taken for something else."""
SILENT = frozenset({"flatten", "identity"})
"""Layers that say nothing where the shape beside the box does."""
FOR_ALL_AXES = ("kernel", "size")
"""Arguments of which a label writes every axis, and one number stands for all."""


def label(graph: TypedGraph, node: Node) -> str:
    """What a layer's operator says of its arguments: a window is `9` along a line, `3×3` in a plane, `3×3×3` in space.

    By itself an operator takes one number to stand for the two axes of a plane.
    """
    op = node.op
    rank = graph.type_of(node.inputs[0]).rank if node.inputs else 0
    if rank in (1, 3):
        lone = {name: getattr(op, name, None) for name in FOR_ALL_AXES}
        op = op.model_copy(update={name: (n,) * rank for name, n in lone.items() if isinstance(n, int)})
    return op.label()


def caption(graph: TypedGraph, node: Node) -> str:
    """A layer in a few characters: its label, with its kind where the label does not say it."""
    word, said = node.op.word, label(graph, node)
    if word in KIND:
        first, comma, rest = said.partition(",")
        return first + KIND[word] + comma + rest
    if word in SHORT:
        return SHORT[word]
    if node.op.category == "linear":
        return f"FC {said}"
    if word in NAMED and not said.startswith(word):
        return f"{word} {said}"
    return said or word.replace("_", " ")


def table_caption(graph: TypedGraph, node: Node) -> str:
    """The same for a table, where a layer is called what the spec calls it: `batch_norm`, `linear 1000`."""
    op = node.op
    if op.category in ("norm", "linear"):
        return f"{op.word} {label(graph, node)}".rstrip()
    if op.category == "merge" and op.arity[0] > 1:
        return op.word
    return caption(graph, node)


def chain_caption(graph: TypedGraph, nodes: Iterable[Node]) -> tuple[str, str]:
    """Title and the rest for layers drawn in one box: ('3×3 conv, 64', 'BN · ReLU')."""
    captions = [
        (caption(graph, node), node.op.category in ("conv", "linear")) for node in nodes if node.op.word not in SILENT
    ]
    if not captions:
        return "", ""
    weighted = next((i for i, (_, heavy) in enumerate(captions) if heavy), 0)
    if weighted:  # normalised and activated before: keep the order that runs
        return " · ".join(text for text, _ in captions), ""
    return captions[0][0], " · ".join(text for text, _ in captions[1:])
