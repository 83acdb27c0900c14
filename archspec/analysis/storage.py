"""Where tensors lie: which results overwrite their input, and which share its storage."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from archspec.graph import Graph, Node, Tap, TypedGraph

OVERWRITABLE = frozenset({"conv", "linear", "norm"})
"""Categories whose output an activation may overwrite: nothing else needs it once it is activated."""


def in_place(graph: Graph) -> frozenset[str]:
    """Names of the activations whose result takes the place of their input.

    An activation (`storage == "activation"`) runs in place where its one input is the fresh output of
    a convolution, linear or normalising layer that no other layer reads and that is not an output of
    the network. Sums are counted with memory of their own, and so are activations over them, though a
    compiled module may overwrite there too; what a tap or a training head still needs is never overwritten.
    """
    wanted = {tap.node for tap in graph.outputs.values()}
    found = []
    for node in graph.nodes.values():
        if node.op.storage != "activation" or len(node.inputs) != 1:
            continue
        source = graph.nodes[node.inputs[0].node]
        if (
            source.op.category in OVERWRITABLE
            and source.op.storage == "new"
            and source.name not in wanted
            and len(graph.consumers[source.name]) == 1
        ):
            found.append(node.name)
    return frozenset(found)


def overwriting(graph: TypedGraph) -> frozenset[str]:
    """Names of the layers that overwrite their first input when the network runs: activations and sums.

    A sum is what says so of itself (`Operator.overwrites`). The layers are the activations of `in_place`, those that
    alone read a sum, and sums onto the fresh output of a convolution, linear or normalising layer (the end of a
    residual body). Safe for gradients: for the backward pass those layers keep their input and a sum keeps nothing,
    so none needs the result that is overwritten.
    """
    wanted = {tap.node for tap in graph.outputs.values()}
    found = set(in_place(graph))
    for node in graph.nodes.values():
        if not node.inputs:
            continue
        source = graph.nodes[node.inputs[0].node]
        if source.name in wanted or len(graph.consumers[source.name]) > 1:
            continue
        of_one_type = {*graph.input_types(node), *graph.types[node.name]} == {graph.types[source.name][0]}
        fresh = source.op.category in OVERWRITABLE and source.op.storage == "new"
        a_sum = source.op.overwrites and len(source.inputs) > 1
        if (node.op.overwrites and fresh and of_one_type) or (node.op.storage == "activation" and a_sum):
            found.add(node.name)
    return frozenset(found)


def storages(graph: TypedGraph, overwriting: Collection[str], training: bool = False) -> dict[Tap, Tap]:
    """Each tensor, and the one in whose storage it lies: itself, or what it is a view of or was written over."""
    found: dict[Tap, Tap] = {}
    for node in graph.nodes.values():
        storage = node.op.training_storage() if training else node.op.storage
        shared = found[node.inputs[0]] if node.inputs and (storage == "view" or node.name in overwriting) else None
        for port in range(len(graph.types[node.name])):
            tap = Tap(node.name, port)
            found[tap] = shared or tap
    return found


def last_reads(graph: TypedGraph, order: Sequence[Node], place: Mapping[Tap, Tap]) -> dict[Tap, int]:
    """Storage to the place in the order of the last layer that reads it; the one that makes it where none does.

    Storages that an output of the network lies in are left out: they outlive every layer.
    """
    found: dict[Tap, int] = {}
    for index, node in enumerate(order):
        for tap in (*node.inputs, *(Tap(node.name, port) for port in range(len(graph.types[node.name])))):
            found[place[tap]] = index
    for tap in graph.outputs.values():
        found.pop(place[tap], None)
    return found
