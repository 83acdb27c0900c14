"""What the backward pass needs of each layer, and what training costs beside the forward pass."""

from __future__ import annotations

from archspec.analysis.autocast import COPIED, Precision, autocast, weight_copies
from archspec.analysis.cost import cost, kept
from archspec.analysis.order import execution_order
from archspec.analysis.storage import overwriting, storages
from archspec.graph import Tap, TypedGraph


def learning(graph: TypedGraph) -> frozenset[str]:
    """Names of the layers whose output depends on a weight that learns: gradients flow through these alone."""
    found: set[str] = set()
    for node in graph.nodes.values():
        weights = node.op.weights(graph.input_types(node)).values()
        if any(weight.kind == "parameter" for weight in weights) or any(tap.node in found for tap in node.inputs):
            found.add(node.name)
    return frozenset(found)


def saved_bytes(graph: TypedGraph, batch: int = 1, precision: Precision = "float32") -> dict[str, int]:
    """Bytes kept until the backward pass, by the layer that makes them; the network's inputs are not counted.

    Every storage counts once, however many layers need it, at the layer whose output first lay in it; masks,
    indices and statistics count at the layer that keeps them. In a lower precision also the copies that autocast
    makes of inputs and weights, at the layer they are made for.
    """
    found = dict.fromkeys(graph.nodes, 0)
    found |= {name: size for name, (size, _) in weight_copies(graph, precision).items()}
    over = overwriting(graph)
    graph = autocast(graph, precision)
    flowing = learning(graph)
    place = storages(graph, over, training=True)
    lasting: set[Tap] = set()
    for node in execution_order(graph):
        if node.name not in flowing:
            continue
        saved = kept(graph, node, node.name in over)
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
        passed = any(tap.node in flowing for tap in node.inputs)
        found[node.name] = macs * (1 + learned + passed)
    return found
