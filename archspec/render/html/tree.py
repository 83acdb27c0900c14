"""The scopes of a graph as a tree that a page folds and unfolds: blocks, runs of repeats, chains, layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from archspec.graph import Node, TypedGraph
from archspec.render.captions import chain_caption
from archspec.render.chains import chains, single_chains
from archspec.render.fold import Unit, deepest, fold, levels
from archspec.render.rows import describe

Branch = dict[str, Any]
"""A scope for JSON: `id` (unique), `path`, `title`, `detail`, `kind` (block, chain, repeat), `count`, `kids`."""


def tree(graph: TypedGraph) -> list[Branch | int]:
    """What the top of a graph holds, in execution order; a layer is its number among the graph's nodes."""
    return _Tree(graph).kids([node for node in graph.nodes.values() if node.name not in graph.inputs], 0)


class _Tree:
    def __init__(self, graph: TypedGraph):
        self.graph = graph
        self.numbers = {name: number for number, name in enumerate(graph.nodes)}
        self.heads = chains(graph)
        self.single = single_chains(graph, self.heads)
        self.runs = {
            (depth, unit.nodes[0].name): unit
            for depth in range(1, deepest(graph) + 1)
            for unit in fold(graph, depth)
            if unit.folded and unit.count > 1
        }
        self.taken: set[str] = set()

    def kids(self, nodes: Sequence[Node], depth: int) -> list[Branch | int]:
        """The layers of a scope, whose name has so many levels, as layers, chains, blocks and runs of these."""
        found: list[Branch | int] = []
        stretches = [list(stretch) for _, stretch in groupby(nodes, lambda node: levels(node.name)[: depth + 1])]
        rest = iter(stretches)
        for stretch in rest:
            first = stretch[0]
            if len(stretch) == 1 and len(levels(first.name)) == depth + 1:
                found.append(self.numbers[first.name])
                continue
            if run := self.runs.get((depth + 1, first.name)):
                parts = [stretch, *(next(rest) for _ in range(run.count - 1))]
                found.append(self._repeat(run, parts, depth))
            else:
                found.append(self._scope(stretch, depth))
        return list(self._chained(found))

    def _scope(self, nodes: Sequence[Node], depth: int) -> Branch:
        path = ".".join(levels(nodes[0].name)[: depth + 1])
        scope = self.graph.scopes.get(path)
        unit = Unit(path, scope.word if scope else "layers", tuple(nodes), folded=True)
        if path in self.single:
            title, detail = chain_caption(self.graph, nodes)
            kids: list[Branch | int] = [self.numbers[node.name] for node in nodes]
            return self._branch(path, "chain", title or unit.word, detail, kids)
        return self._branch(path, "block", describe(self.graph, unit), "", self.kids(nodes, depth + 1))

    def _repeat(self, run: Unit, parts: Sequence[Sequence[Node]], depth: int) -> Branch:
        kids = [self._scope(part, depth) for part in parts]
        one = kids[0]
        branch = self._branch(run.name, "repeat", one["title"], one["detail"], [*kids])
        return {**branch, "count": run.count}

    def _chained(self, kids: Sequence[Branch | int]) -> Iterator[Branch | int]:
        """Layers beside each other that are one chain, such as a convolution and its activation, as one."""
        nodes = list(self.graph.nodes.values())

        def head(kid: Branch | int) -> str:
            return self.heads[nodes[kid].name] if isinstance(kid, int) else kid["id"]

        for _, stretch in groupby(kids, head):
            together = list(stretch)
            numbers = [kid for kid in together if isinstance(kid, int)]
            if len(numbers) < 2 or len(numbers) == len(kids):  # alone, or all that a block has: it is the chain
                yield from together
                continue
            title, detail = chain_caption(self.graph, (nodes[number] for number in numbers))
            path = nodes[numbers[0]].name
            yield self._branch(path, "chain", title or "layers", detail, [*numbers])

    def _branch(self, path: str, kind: str, title: str, detail: str, kids: list[Branch | int]) -> Branch:
        """A scope with an id of its own: layers between may part a scope in two."""
        number, one = 1, f"{kind} {path}"
        while one in self.taken:
            number += 1
            one = f"{kind} {path} {number}"
        self.taken.add(one)
        return {"id": one, "path": path, "kind": kind, "title": title, "detail": detail, "kids": kids}
