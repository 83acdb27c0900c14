"""The network as it is deployed: without the heads that exist only in training."""

from __future__ import annotations

from dataclasses import replace

from archspec.graph import TypedGraph


def deploy(graph: TypedGraph) -> TypedGraph:
    """The graph without train-only nodes, heads and outputs; the same graph where there are none."""
    dropped = {name for name, node in graph.nodes.items() if node.phase == "train"}
    heads = {name for name, head in graph.heads.items() if head.phase == "train"}
    if not dropped and not heads:
        return graph
    return replace(
        graph,
        nodes={name: node for name, node in graph.nodes.items() if name not in dropped},
        types={name: types for name, types in graph.types.items() if name not in dropped},
        outputs={name: tap for name, tap in graph.outputs.items() if name not in heads},
        heads={name: head for name, head in graph.heads.items() if name not in heads},
        scopes={
            path: scope
            for path, scope in graph.scopes.items()
            if path not in heads and not any(path.startswith(f"{head}.") for head in heads)
        },
    )
