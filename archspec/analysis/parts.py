"""The network as torch trains it, step by step: layers that it computes in several steps written as several nodes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from archspec.graph import Node, Tap, TypedGraph
from archspec.ops.base import typed
from archspec.tensor import TensorType

STEP = "%p"
"""What comes behind a layer's name in that of a step before its last; see `archspec.analysis.autocast.COPIED`."""


def in_parts(graph: TypedGraph, whole: Collection[str]) -> TypedGraph:
    """The graph with the parts of each layer (`Operator.made_of`) in its place, the last one under the layer's name.

    `whole`: names of layers that are one step all the same. Weights stay those of the layers. The same graph where
    nothing has parts, or where sizes are open: then what is kept is what the layers say.
    """
    if graph.sizes:
        return graph
    nodes: dict[str, Node] = {}
    types: dict[str, tuple[TensorType, ...]] = {}
    for node in graph.nodes.values():
        parts = () if node.name in whole else node.op.made_of(graph.input_types(node))
        taken = list(node.inputs)
        for i, part in enumerate(parts):
            last = i + 1 == len(parts)
            name = node.name if last else f"{node.name}{STEP}{i}"
            inputs = tuple(taken[position] for position in part.takes)
            given = tuple(types[tap.node][tap.port] for tap in inputs)
            nodes[name] = replace(node, name=name, op=part.op, inputs=inputs, shares=node.shares if last else None)
            types[name] = typed(part.op, given)
            taken.append(Tap(name))
        if not parts:
            nodes[node.name], types[node.name] = node, graph.types[node.name]
    return replace(graph, nodes=nodes, types=types) if len(nodes) > len(graph.nodes) else graph
