"""Graph → TypedGraph: every tensor typed by the operators' own rules, in execution order."""

from __future__ import annotations

from dataclasses import fields

from archspec.errors import fail
from archspec.graph import Graph, TypedGraph
from archspec.ops.base import OperatorError
from archspec.tensor import TensorType


def infer(graph: Graph) -> TypedGraph:
    """The graph with types. Raises SpecError E311 where an operator refuses what a pass made of its inputs."""
    types: dict[str, tuple[TensorType, ...]] = {}
    for node in graph.nodes.values():
        inputs = tuple(types[tap.node][tap.port] for tap in node.inputs)
        try:
            types[node.name] = node.op.infer(inputs)
        except OperatorError as error:
            message = f"{node.op.word} at {node.name}: {error.message}"
            raise fail("E311", message, node.span, error.hint, node.trail) from None
    kept = {f.name: getattr(graph, f.name) for f in fields(Graph)}
    return TypedGraph(**kept, types=types)
