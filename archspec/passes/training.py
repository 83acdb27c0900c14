"""The network as it trains: without what is there only when it answers."""

from __future__ import annotations

from dataclasses import replace

from archspec.graph import TypedGraph


def training(graph: TypedGraph) -> TypedGraph:
    """The graph without nodes and outputs that exist only when it answers; the same graph where there are none."""
    kept = [name for name, node in graph.nodes.items() if node.phase != "infer"]
    dropped = graph.nodes.keys() - kept
    if not dropped:
        return graph
    around: set[str] = set()
    for name in kept:
        path = name.rpartition(".")[0]
        while path and path not in around:
            around.add(path)
            path = path.rpartition(".")[0]
    return replace(
        graph,
        nodes={name: graph.nodes[name] for name in kept},
        types={name: types for name, types in graph.types.items() if name not in dropped},
        outputs={name: tap for name, tap in graph.outputs.items() if tap.node not in dropped},
        scopes={path: scope for path, scope in graph.scopes.items() if path in around},
    )
