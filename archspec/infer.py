"""Graph → TypedGraph: every tensor typed by the operators' own rules, in execution order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from archspec.errors import SpecError, fail
from archspec.graph import Graph, Node, TypedGraph
from archspec.ops.base import OperatorError, typed
from archspec.ops.shape import Input
from archspec.tensor import TensorType

if TYPE_CHECKING:
    from archspec.sizes import Requirement, Sizes

Typed = dict[str, tuple[TensorType, ...]]


def infer(graph: Graph) -> TypedGraph:
    """The graph with types. Raises SpecError E311 where an operator refuses what a pass made of its inputs.

    Where the input leaves sizes open, the types hold at every size that the graph's `sizes` say, and at no other.
    """
    kept = {f.name: getattr(graph, f.name) for f in fields(Graph)}
    if symbols := _symbols(graph):
        types, sizes, requirements = _infer_open(graph, symbols)
        return TypedGraph(**kept, types=types, sizes=sizes, requirements=requirements)
    types = {}
    met: dict[tuple[int, tuple[TensorType, ...]], tuple[TensorType, ...]] = {}  # by the operator's `id`: blocks repeat
    for node in graph.nodes.values():
        inputs = tuple([types[tap.node][tap.port] for tap in node.inputs])
        key = (id(node.op), inputs)
        if key not in met:
            try:
                met[key] = typed(node.op, inputs)
            except OperatorError as error:
                raise _refused(node, error) from None
        types[node.name] = met[key]
    return TypedGraph(**kept, types=types)


def _infer_open(
    graph: Graph, symbols: Mapping[str, Sizes]
) -> tuple[Typed, Mapping[str, Sizes], tuple[Requirement, ...]]:
    """Types at all sizes at once, the sizes that every layer takes, and what each layer refuses."""
    from archspec.ops.settle import Settling
    from archspec.sizes import Requirement
    from archspec.sizes.simplify import Simplest

    types: Typed = {}
    settling = Settling(symbols)
    requirements: list[Requirement] = []
    for node in graph.nodes.values():
        if not node.inputs:
            types[node.name] = typed(node.op, ())
            continue
        try:
            settled = settling(node.op, tuple([types[tap.node][tap.port] for tap in node.inputs]))
        except OperatorError as error:
            raise _refused(node, error) from None
        types[node.name] = settled.outputs
        for r in settled.refusals:
            left = {name: settling.allowed[name] for name in r.sizes}
            requirements.append(
                Requirement(
                    node.name, node.op.word, node.span, node.trail, r.sizes, left, r.together, r.example, r.message
                )
            )
    simplest = Simplest(settling.allowed)
    shapes = dict.fromkeys(n for outputs in types.values() for x in outputs for n in x.shape)
    for n in shapes:
        simplest.note(n)
    shown = {n: simplest(n) for n in shapes}
    for name, outputs in types.items():
        types[name] = tuple(replace(x, shape=tuple(shown[n] for n in x.shape)) for x in outputs)
    return types, settling.allowed, tuple(requirements)


def _symbols(graph: Graph) -> dict[str, Sizes]:
    """The symbols of the open sizes of a graph's inputs, each standing for any size."""
    found: dict[str, Sizes] = {}
    for name in graph.inputs:
        op = graph.nodes[name].op
        for n in op.shape if isinstance(op, Input) else ():
            if not isinstance(n, int):
                from archspec.sizes import ANY

                found[n.symbol] = ANY
    return found


def _refused(node: Node, error: OperatorError) -> SpecError:
    code = "E311" if error.code == "E310" else error.code
    return fail(code, f"{node.op.word} at {node.name}: {error.message}", node.span, error.hint, node.trail)
