"""Which layers share a box in a diagram, and which repeats are drawn once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from archspec.graph import Node, Tap, TypedGraph
from archspec.render.captions import SILENT
from archspec.render.fold import PLAIN, Unit, deepest, fold, levels

WEIGHTED = ("conv", "linear")


def chains(graph: TypedGraph) -> dict[str, str]:
    """Node name to the name of the first layer of its chain: conv + norm + activation are one.

    A layer joins the one before it where nothing else reads that one, so that drawing a chain as
    one box can never make a cycle. A chain has one weighted layer at most; what normalises and
    activates before it may be part of it too.
    """
    wanted = {tap.node for tap in graph.outputs.values()}
    head: dict[str, str] = {}
    kinds: dict[str, list[str]] = {}
    for node in graph.nodes.values():
        head[node.name] = node.name
        kinds[node.name] = [_kind(node)]
        if len(node.inputs) != 1 or node.inputs[0].node in graph.inputs:
            continue
        before = graph.nodes[node.inputs[0].node]
        alone = len(graph.consumers[before.name]) == 1 and before.name not in wanted
        if alone and before.phase == node.phase and _joins(_kind(node), kinds[head[before.name]]):
            head[node.name] = head[before.name]
            kinds[head[before.name]].append(_kind(node))
    return head


def single_chains(graph: TypedGraph, head: Mapping[str, str]) -> frozenset[str]:
    """Paths of the scopes that hold one chain and nothing else, `head` being what `chains` gave."""
    heads: dict[str, str] = {}
    several: set[str] = set()
    for name in graph.nodes:
        parts = levels(name)
        for end in range(1, len(parts)):
            path = ".".join(parts[:end])
            if heads.setdefault(path, head[name]) != head[name]:
                several.add(path)
    return frozenset(path for path in heads if path not in several)


def _kind(node: Node) -> str:
    if node.op.word == "flatten":
        return "flatten"  # goes with the linear layer after it: the box before shows its own shape
    if node.op.word in SILENT or node.op.category == "regularize":
        return "silent"
    if node.op.category == "merge" and len(node.inputs) == 1:
        return "scale" if node.op.word == "scale" else "shape"
    if node.op.word == "lrn":
        return "lrn"  # a layer in its own right, that no convolution goes with
    return node.op.category


def _joins(kind: str, chain: list[str]) -> bool:
    weighted = any(k in WEIGHTED for k in chain)
    if kind == "silent":
        return True
    if kind == "norm":
        return chain[0] in WEIGHTED and "norm" not in chain
    if kind in ("activation", "scale"):
        return chain != ["flatten"] and chain[0] not in ("input", "shape")
    if kind in WEIGHTED:
        return not weighted and chain[0] in ("norm", "activation", "flatten")
    return False


@dataclass(frozen=True, slots=True)
class Collapsed:
    """A graph with each run of identical repeats reduced to its first."""

    graph: TypedGraph
    """Its types are those of the first repeat; see `source`."""
    counts: Mapping[str, int]
    """Path of a scope or layer to the number of repeats it stands for."""
    whole: TypedGraph
    stands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Layer to all that it stands for: itself, and the same layer of each repeat."""

    def source(self, node: Node, position: int) -> Tap:
        """The tensor that a node really reads: of the last repeat, where it reads a run's result."""
        return self.whole.nodes[node.name].inputs[position]


def collapse(graph: TypedGraph) -> Collapsed:
    """Draw repeats once: loops whose repeats are the same layer for layer and feed only each other.

    So are blocks in a row that have names of their own but the same layers and shapes.
    """
    simple = single_chains(graph, chains(graph))
    counterpart: dict[str, str] = {}
    counts: dict[str, int] = {}
    for depth in range(1, deepest(graph) + 1):
        for unit in fold(graph, depth, leaves=True, alike=True):
            named = unit.count > 1 and not levels(unit.path)[-1].rpartition(".")[2].isdigit()
            if named and (unit.word in PLAIN or unit.path in simple):  # of these the names say more
                continue
            if unit.count > 1 and unit.path not in counterpart and _closed(graph, unit):
                length = len(unit.first)
                counts[unit.path] = unit.count
                for i, node in enumerate(unit.nodes[length:]):
                    counterpart.setdefault(node.name, unit.first[i % length].name)
    if not counts:
        return Collapsed(graph, {}, graph)

    def shown(tap: Tap) -> Tap:
        name = tap.node
        while name in counterpart:
            name = counterpart[name]
        return Tap(name, tap.port)

    nodes = {
        name: replace(node, inputs=tuple(shown(tap) for tap in node.inputs))
        for name, node in graph.nodes.items()
        if name not in counterpart
    }
    outputs = {name: shown(tap) for name, tap in graph.outputs.items()}
    stands: dict[str, list[str]] = {}
    for name in graph.nodes:
        stands.setdefault(shown(Tap(name)).node, []).append(name)
    groups = {name: tuple(members) for name, members in stands.items() if len(members) > 1}
    return Collapsed(replace(graph, nodes=nodes, outputs=outputs), counts, graph, groups)


def _closed(graph: TypedGraph, unit: Unit) -> bool:
    """Whether nothing but the next repeat reads what is inside a run, its last repeat aside."""
    length = len(unit.first)
    number = {node.name: i // length for i, node in enumerate(unit.nodes)}
    wanted = {tap.node for tap in graph.outputs.values()}
    for node in unit.nodes[:-length]:
        here = number[node.name]
        if node.name in wanted:
            return False
        if any(number.get(reader) not in (here, here + 1) for reader in graph.consumers[node.name]):
            return False
    return True
