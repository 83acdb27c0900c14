"""What the backward pass needs of each layer, and what training costs beside the forward pass."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from archspec.analysis.autocast import COPIED, Precision, autocast, weight_copies
from archspec.analysis.cost import cost, kept
from archspec.analysis.order import execution_order
from archspec.analysis.parts import in_parts
from archspec.analysis.storage import overwriting, storages
from archspec.graph import Node, Tap, TypedGraph
from archspec.ops.base import Saved
from archspec.passes.training import training


def learning(graph: TypedGraph) -> frozenset[str]:
    """Names of the layers whose output depends on a weight that learns: gradients flow through these alone."""
    found: set[str] = set()
    for node in graph.nodes.values():
        weights = node.op.weights(graph.input_types(node)).values()
        if any(weight.kind == "parameter" for weight in weights) or any(tap.node in found for tap in node.inputs):
            found.add(node.name)
    return frozenset(found)


def wanted(node: Node, flowing: Collection[str]) -> tuple[bool, ...]:
    """Which inputs of a layer get a gradient; `flowing`: names of the layers of `learning`."""
    return tuple(tap.node in flowing for tap in node.inputs)


def needed(graph: TypedGraph, node: Node, in_place: bool, flowing: Collection[str]) -> Saved:
    """What torch keeps of a layer: of the factors of a product those that another one's gradient is made of."""
    saved = kept(graph, node, in_place)
    if not saved.mutual:
        return saved
    taken = wanted(node, flowing)
    factors = (i for i in saved.inputs if any(one and i != j for j, one in enumerate(taken)))
    return replace(saved, inputs=tuple(factors))


def saved_bytes(graph: TypedGraph, batch: int = 1, precision: Precision = "float32") -> dict[str, int]:
    """Bytes kept until the backward pass, by the layer that makes them; the network's inputs are not counted.

    Every storage counts once, however many layers need it, at the layer whose output first lay in it; masks,
    indices and statistics count at the layer that keeps them. In a lower precision also the copies that autocast
    makes of inputs and weights, at the layer they are made for.
    """
    found = dict.fromkeys(graph.nodes, 0)
    found |= {name: size for name, (size, _) in weight_copies(graph, precision).items()}
    graph = training(graph)
    over = overwriting(graph)
    graph = autocast(in_parts(graph, over), precision)
    flowing = learning(graph)
    place = storages(graph, over, training=True)
    lasting: set[Tap] = set()
    for node in execution_order(graph):
        if node.name not in flowing:
            continue
        saved = needed(graph, node, node.name in over, flowing)
        found[node.name.partition(COPIED)[0]] += batch * saved.own_bytes + saved.fixed_bytes
        lasting |= {place[node.inputs[position]] for position in saved.inputs}
        lasting |= {place[Tap(node.name)]} if saved.output else set()
    for tap in lasting - {Tap(name) for name in graph.inputs}:
        found[tap.node.partition(COPIED)[0]] += batch * graph.type_of(tap).nbytes
    return found


def train_macs(graph: TypedGraph, batch: int = 1) -> dict[str, int]:
    """Multiply-accumulates of one training step by layer: forward, gradients of the weights, gradients of inputs.

    Three times the forward pass; without the gradient of inputs where no weight before them learns, and without
    that of weights that do not learn.
    """
    flowing = learning(graph)
    found = {}
    for node in graph.nodes.values():
        inputs = graph.input_types(node)
        macs = batch * cost(graph, node).macs
        learned = any(weight.kind == "parameter" for weight in node.op.weights(inputs).values())
        passed = any(wanted(node, flowing))
        found[node.name] = macs * (1 + learned + passed)
    return found
