"""W312: layers whose output reaches no output of the network

They are computed and trained for nothing. Mostly a `from` further down takes another layer's output, and what stood
before it was forgotten; or a name was given to be taken up later, and is not. Take it up, name it in `outputs`, or
remove the layers.

Bad:

    archspec: 1
    input: [3, 32, 32]
    use: std
    layers:
      - conv_act: {out: 16, kernel: 3}
        name: stem
      - conv_act: {out: 32, kernel: 3}
      - conv_act: {out: 32, kernel: 3}
        from: stem
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    use: std
    layers:
      - conv_act: {out: 16, kernel: 3}
        name: stem
      - conv_act: {out: 32, kernel: 3}
        name: wide
      - conv_act: {out: 32, kernel: 3}
        from: stem
      - add: [wide, $prev]
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from archspec.errors import Diagnostic, Frame
from archspec.graph import Node, TypedGraph
from archspec.rules.telling import about, by_place, counted

CODE = "W312"


def check(graph: TypedGraph) -> Iterator[Diagnostic]:
    """The beginning of each stretch that is cut off, with the size of the stretch."""
    alive = {tap.node for tap in graph.outputs.values()}
    for node in reversed(list(graph.nodes.values())):
        if node.name in alive:
            alive.update(tap.node for tap in node.inputs)
    dead = [node for node in graph.layers() if node.name not in alive]
    if not dead:
        return
    kept = {graph.nodes[name].shares for name in alive}  # weights that a living layer uses are not for nothing
    busy = {id(frame) for name in alive for frame in _frames(graph.nodes[name])}
    stretches = {stretch[0].name: stretch for stretch in _stretches(dead)}
    entered = [_entered(stretch[0], busy) for stretch in stretches.values()]
    for nodes in by_place(entered, lambda node: len(stretches[node.name])):
        whole = [node for first in nodes for node in stretches[first.name]]
        wasted = sum(_params(graph, node) for node in whole if node.shares is None and node.name not in kept)
        first, *rest = stretches[nodes[0].name]
        message = f"it and {counted(len(rest), 'layer')} behind it reach no output" if rest else "it reaches no output"
        cost = f", with {counted(wasted, 'parameter')}" if wasted else ""
        hint = f"take '{[first, *rest][-1].name}' up by `from`, `add`, `concat` or `outputs`"
        yield about(CODE, nodes, message + cost, hint)


def _entered(node: Node, busy: set[int]) -> Node:
    """The node as if it stood where the outermost group, block or loop was entered that is dead as a whole."""
    dead = [frame for frame in _frames(node) if id(frame) not in busy]
    return replace(node, span=dead[-1].span, trail=dead[-1].outer) if dead else node


def _frames(node: Node) -> list[Frame]:
    """The trail of a node, innermost step first."""
    return node.trail.frames() if node.trail else []


def _stretches(dead: list[Node]) -> list[list[Node]]:
    """Dead layers that hang together, in execution order."""
    group: dict[str, list[Node]] = {}
    for node in dead:
        merged: list[Node] = []
        for tap in node.inputs:
            before = group.get(tap.node)
            if before is not None and before is not merged:
                smaller, merged = sorted((before, merged), key=len)
                merged += smaller
                group.update((one.name, merged) for one in smaller)
        merged.append(node)
        group[node.name] = merged
    order = {node.name: i for i, node in enumerate(dead)}
    found = {id(stretch): stretch for stretch in group.values()}
    return [sorted(stretch, key=lambda node: order[node.name]) for stretch in found.values()]


def _params(graph: TypedGraph, node: Node) -> int:
    weights = node.op.weights(graph.input_types(node)).values()
    return sum(weight.numel for weight in weights if weight.kind != "buffer")
