"""The lines of a summary, folded: what the table and the Markdown writer print, before any layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from archspec.analysis.counts import Counts, total
from archspec.analysis.summary import Row, Summary
from archspec.graph import Graph, Node, Tap, TypedGraph
from archspec.render.captions import chain_caption, table_caption
from archspec.render.chains import chains, single_chains
from archspec.render.fold import PLAIN, Unit, fit, fold, levels

FEW = 36
"""Without an explicit depth scopes fold until this many lines are left."""
ONCE: Mapping[str, int] = MappingProxyType({})
"""Every path for itself: what a graph with all its repeats counts."""


@dataclass(frozen=True, slots=True)
class Line:
    """One layer, or the layers of a folded scope and its repeats, with their sums."""

    name: str
    what: str
    """The layer, `7×7 conv, 64, /2`, or the block's word with `×N`; and marks (frozen, shared)."""
    output: str
    counts: Counts
    """In numbers: where the input leaves sizes open, at an example of them."""
    memory: str = ""
    """`view` or `in place` where the output needs no memory of its own."""
    sources: str = ""
    """Where its inputs come from, when that is not just the line before."""
    folded: bool = False
    layers: tuple[str, ...] = ()
    """Names of the layers it stands for."""


def lines(summary: Summary, depth: int | None = None) -> list[Line]:
    """The layers in execution order, scopes deeper than `depth` levels folded; as few as fit where None."""
    graph = summary.graph
    head = chains(graph)
    units = fit(graph, FEW, single_chains(graph, head)) if depth is None else fold(graph, max(1, depth))
    rows = {row.name: row for row in summary.rows}
    owner = {node.name: unit for unit in units for node in unit.nodes}
    found: list[Line] = []
    previous: Unit | None = None
    for unit in units:
        members = [rows[node.name] for node in unit.nodes]
        found.append(
            Line(
                name=unit.name,
                what=_what(graph, unit, members, head),
                output=" + ".join(str(t) for t in members[-1].outputs),
                counts=summary.figures(total(row.counts for row in members)),
                memory=_memory(members),
                sources=_sources(graph, unit, previous, owner),
                folded=unit.folded or unit.count > 1,
                layers=tuple(node.name for node in unit.nodes),
            )
        )
        previous = unit
    return found


def _what(graph: TypedGraph, unit: Unit, members: Sequence[Row], head: Mapping[str, str]) -> str:
    times = f" ×{unit.count}" if unit.count > 1 else ""
    if not unit.folded:
        word = table_caption(graph, unit.nodes[0]) + times
    elif len({head[node.name] for node in unit.first}) == 1:
        title, rest = chain_caption(graph, unit.first)
        word = f"{title}{times} · {rest}" if rest else title + times
    else:
        word = describe(graph, unit) + times
    if all(row.frozen for row in members if row.counts.params) and any(row.frozen for row in members):
        word += " · frozen"
    if not unit.folded and (owner := members[0].node.shares):
        word += f" · weights of {owner}"
    return word


def describe(graph: Graph, unit: Unit) -> str:
    """The block's word; for a plain group the words of what it holds, `bottleneck ×3`."""
    kinds = _kinds(graph, unit, ONCE)
    if len(kinds) == 1:
        ((word, number),) = kinds.items()
        return f"{word} ×{number}" if number > 1 else word
    return ", ".join(kinds) if len(kinds) <= 3 else f"{len(unit.first)} layers"


def block_title(graph: Graph, unit: Unit, counts: Mapping[str, int]) -> tuple[str, int]:
    """The word of a block, or of what a plain group holds and how many; a group of several kinds by its own name.

    `counts` says of the paths in the graph how many repeats each stands for, where more than one.
    """
    kinds = _kinds(graph, unit, counts)
    if len(kinds) > 1:
        return levels(unit.path)[-1], 1
    return next(iter(kinds.items()))


def _kinds(graph: Graph, unit: Unit, counts: Mapping[str, int]) -> dict[str, int]:
    """The words of the layers that a plain group holds, and how many of each; a block's own word."""
    if not unit.folded or unit.word not in PLAIN:
        return {unit.word: 1}
    inside = len(levels(unit.path)) + 1
    paths = dict.fromkeys(".".join(levels(node.name)[:inside]) for node in unit.first)
    found: dict[str, int] = {}
    for path in paths:
        scope = graph.scopes.get(path)
        word = scope.word if scope else node_word(graph, path)
        found[word] = found.get(word, 0) + counts.get(path, 1)
    return found


def node_word(graph: Graph, path: str) -> str:
    """The word of a layer; of a scope that was not recorded, just that."""
    node = graph.nodes.get(path)
    return node.op.word if node else "layers"


def _memory(members: Sequence[Row]) -> str:
    if len(members) == 1 and not members[0].counts.activation_bytes:
        return "in place" if members[0].in_place else "view"
    return ""


def _sources(graph: Graph, unit: Unit, previous: Unit | None, owner: dict[str, Unit]) -> str:
    inside = {node.name for node in unit.nodes}
    taps = list(dict.fromkeys(tap for node in unit.nodes for tap in node.inputs if tap.node not in inside))
    expected = previous.nodes[-1] if previous else None
    if expected is None:
        follows = len(graph.inputs) == 1
        if follows:
            return ""
    others = [tap for tap in taps if not (expected and tap.node == expected.name and tap.port == 0)]
    if not others:
        return ""
    shown = ", ".join(_short(tap, unit.nodes[0], owner) for tap in others)
    return f"+ {shown}" if len(others) < len(taps) else shown


def _short(tap: Tap, reader: Node, owner: dict[str, Unit]) -> str:
    """A tap as the reader's own scope would name it: without the prefix the two names share."""
    unit = owner.get(tap.node)
    name = tap.node if unit is None or not unit.folded or tap.node != unit.nodes[-1].name else unit.name
    theirs, ours = name.split("."), reader.name.split(".")
    common = 0
    while common < min(len(theirs), len(ours)) - 1 and theirs[common] == ours[common]:
        common += 1
    if common and theirs[common].isdigit():
        common -= 1  # `block.2`, never a bare `2`
    return ".".join(theirs[common:]) + (f":{tap.port}" if tap.port else "")
