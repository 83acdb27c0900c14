"""W317: a bias that the normalisation behind it cancels

Batch and instance normalisation subtract the mean of each channel, and with it whatever constant was added to the
channel: the bias changes no output and gets no gradient. Their own shift does its work (Ioffe and Szegedy 2015,
arXiv:1502.03167, section 3.2). A network that follows published weights may keep it: `allow: [W317]`.

Bad:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - conv: {out: 64, kernel: 3}
      - batch_norm
      - relu
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - conv: {out: 64, kernel: 3, bias: false}
      - batch_norm
      - relu
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec.errors import Diagnostic
from archspec.graph import Node, TypedGraph
from archspec.rules.telling import about, by_place, counted

CODE = "W317"

BIASED = ("conv", "depthwise", "conv_transpose", "linear")
"""Layers whose bias is one number a channel. (That of `locally_connected` differs from place to place.)"""


def check(graph: TypedGraph) -> Iterator[Diagnostic]:
    """Layers with a bias all of whose readers subtract its mean; of shared weights, wherever they are used."""
    outputs = {tap.node for tap in graph.outputs.values()}
    candidates = [node for node in graph.layers() if node.op.word in BIASED and getattr(node.op, "bias", False)]
    needed = {node.shares or node.name for node in candidates if node.name in outputs or not _cancelled(graph, node)}
    for nodes in by_place(node for node in candidates if node.shares is None and node.name not in needed):
        wasted = sum(graph.types[node.name][0].channels for node in nodes)
        norm = graph.nodes[graph.consumers[nodes[0].name][0]]
        what = f"{norm.op.word} {norm.name} subtracts the mean of each channel, and its bias with it"
        hint = "`bias: false`; of the standard blocks `conv_bn` has none"
        yield about(CODE, nodes, f"{what}: {counted(wasted, 'parameter')} for nothing", hint)


def _cancelled(graph: TypedGraph, node: Node) -> bool:
    """Whether whoever reads a layer subtracts the mean of each channel; one that nobody reads is another matter."""
    readers = graph.consumers[node.name]
    return bool(readers) and all(_subtracts_means(graph.nodes[name], graph.types[name][0].channels) for name in readers)


def _subtracts_means(node: Node, channels: int) -> bool:
    if node.op.word == "batch_norm":
        return not getattr(node.op, "frozen", False)  # a frozen one subtracts what it was given, whatever comes in
    if node.op.word == "group_norm":
        return bool(getattr(node.op, "groups", 0) == channels)
    return node.op.word == "instance_norm"
