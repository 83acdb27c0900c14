"""The order in which layers run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from archspec.graph import Graph, Node


def execution_order(graph: Graph) -> Iterator[Node]:
    """The graph's layers in order, those that exist only in training moved up to where their inputs are."""
    waiting: dict[str, int] = {}
    for node in graph.nodes.values():
        if node.phase == "train":
            waiting[node.name] = len(node.inputs)
    ready: deque[str] = deque()

    def done(name: str) -> None:
        for reader in graph.consumers[name]:
            if reader in waiting:
                waiting[reader] -= 1
                if not waiting[reader]:
                    ready.append(reader)

    for node in graph.nodes.values():
        if node.phase == "train":
            continue
        if node.name not in graph.inputs:
            yield node
        done(node.name)
        while ready:
            name = ready.popleft()
            yield graph.nodes[name]
            done(name)
