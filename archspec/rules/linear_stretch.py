"""W320: layers that collapse into one, with nothing non-linear between them

A linear map of a linear map is a linear map: without an activation between them two layers compute nothing that one
could not. Two are meant where they are cheaper than the one (a narrow layer between wide ones, filters channel by
channel and then across them, two small kernels for a large one); told are those where the one would have no more
weights, and networks in which nothing at all is non-linear.

Bad:

    archspec: 1
    input: [1, 28, 28]
    layers:
      - flatten
      - linear: 256
      - relu
      - linear: 64
      - linear: 10

Good:

    archspec: 1
    input: [1, 28, 28]
    layers:
      - flatten
      - linear: 256
      - relu
      - linear: 64
      - relu
      - linear: 10
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from archspec.errors import Diagnostic
from archspec.graph import Node, TypedGraph
from archspec.ops.windows import axes_label, per_axis
from archspec.rules.telling import about, by_place

CODE = "W320"

WEIGHTED = ("conv", "depthwise", "conv_transpose", "locally_connected", "linear")
LINEAR = (
    *("input", "identity", "flatten", "reshape", "pad", "crop", "split", "slice", "channel_shuffle", "pixel_shuffle"),
    *("space_to_depth", "subsample", "upsample", "avg_pool", "adaptive_avg_pool", "global_avg_pool"),
    *("add", "subtract", "concat", "mean", "weighted_add", "scale", "filter"),
    *("batch_norm", "dropout", "spatial_dropout", "drop_path"),
)
"""Layers, beside those with weights, that are linear in what they take once training is over."""


def check(graph: TypedGraph) -> Iterator[Diagnostic]:
    """A network without anything non-linear; else each layer that could be one with the layer before it."""
    weighted = [node for node in graph.layers() if node.op.word in WEIGHTED]
    if len(weighted) > 1 and all(node.op.word in LINEAR or node.op.word in WEIGHTED for node in graph.nodes.values()):
        message = f"nothing in this network is non-linear: its {len(weighted)} layers with weights are one linear map"
        yield about(CODE, weighted[:1], message, "put an activation behind each but the last: `- relu`")
        return
    shared = {name for node in weighted if node.shares for name in (node.name, node.shares)}
    outputs = {tap.node for tap in graph.outputs.values()}
    found = {}
    for second in weighted:
        first = graph.nodes[second.inputs[0].node]
        seen = len(graph.consumers[first.name]) > 1 or first.name in outputs
        told = None if seen or shared & {first.name, second.name} else _collapse(graph, first, second)
        if told is not None:
            found[second.name] = told
    for nodes in by_place(graph.nodes[name] for name in found):
        hint = "put an activation between them: `- relu`; or write the one layer"
        yield about(CODE, nodes, found[nodes[0].name], hint)


def _collapse(graph: TypedGraph, first: Node, second: Node) -> str | None:
    """What one layer in the place of two would be, where it would have no more weights than they have."""
    if first.op.word != second.op.word or first.op.word not in ("conv", "linear"):
        return None
    sizes, next_sizes = _kernels(graph, first), _kernels(graph, second)
    if sizes is None or next_sizes is None:
        return None
    (before, stride), (after, _) = sizes, next_sizes
    whole = [a + s * (b - 1) for a, s, b in zip(before, stride, after, strict=True)]
    entering, leaving = graph.input_types(first)[0].channels, graph.types[second.name][0].channels
    between = graph.types[first.name][0].channels
    one = entering * leaving * math.prod(whole)
    two = entering * between * math.prod(before) + between * leaving * math.prod(after)
    if one > two or between < min(entering, leaving):
        return None
    what = f"{second.op.word} of kernel {axes_label(whole)}" if whole else second.op.word
    return (
        f"nothing non-linear stands between it and {first.name}: one {what}, {one:,} weights, "
        f"can do all that the two can with {two:,}"
    )


def _kernels(graph: TypedGraph, node: Node) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Kernel and stride by axis; None where it is in groups or dilated, and no full matrix of its channels."""
    x = graph.input_types(node)[0]
    if node.op.word == "linear":
        window = node.op.window((x,))
        return ((), ()) if window is None else (window.kernel, window.stride)
    arguments = dict(node.op)
    if arguments["groups"] != 1 or math.prod(per_axis("dilation", arguments["dilation"], x)) != 1:
        return None
    return per_axis("kernel", arguments["kernel"], x), per_axis("stride", arguments["stride"], x)
