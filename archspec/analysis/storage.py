"""Which results overwrite their input, as activation memory is counted; a backend may overwrite more."""

from __future__ import annotations

from archspec.graph import Graph

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
