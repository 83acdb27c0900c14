"""Folding: the layers of a scope as one unit, and a run of identical repeats as one unit ×N.

Tables and diagrams fold before they lay anything out, so that ten thousand layers cost no more than
one walk over them. A level is a segment of a dotted name with the loop number after it:
`stage.0.block.2.conv` has three.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from archspec.graph import Node, Tap, TypedGraph

PLAIN = frozenset({"group", "layers", "branch", "branches", "residual", "head", "shortcut"})
"""Words of scopes that say nothing about what is inside."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Layers shown as one: a single layer, a folded scope, or `count` identical ones in a chain."""

    path: str
    """Name of the layer, or path of the scope; of the first where there are several."""
    word: str
    nodes: tuple[Node, ...]
    """All layers of all repeats, in execution order."""
    folded: bool
    count: int = 1
    last: str = ""
    """Path of the last repeat, where there are several."""

    @property
    def name(self) -> str:
        """`stage.0.block.1–3` for repeats 1 to 3 of a loop."""
        return f"{self.path}–{self.last.rpartition('.')[2]}" if self.count > 1 else self.path

    @property
    def first(self) -> tuple[Node, ...]:
        """The layers of the first repeat."""
        return self.nodes[: len(self.nodes) // self.count]


@lru_cache(maxsize=1 << 16)
def levels(name: str) -> tuple[str, ...]:
    """The levels of a dotted name: `stage.0.block.2.conv` → ('stage.0', 'block.2', 'conv')."""
    found: list[str] = []
    for part in name.split("."):
        if found and part[:1].isdigit():  # `1`, or `1–3` for a run of repeats
            found[-1] += "." + part
        else:
            found.append(part)
    return tuple(found)


def deepest(graph: TypedGraph) -> int:
    """Levels of the most deeply nested layer."""
    return max((len(levels(name)) for name in graph.nodes), default=1)


NONE: frozenset[str] = frozenset()


def fold(
    graph: TypedGraph,
    depth: int,
    merge: bool = True,
    leaves: bool = False,
    closed: frozenset[str] = NONE,
    opened: frozenset[str] = NONE,
    alike: bool = False,
) -> list[Unit]:
    """The layers of a graph in execution order, scopes deeper than `depth` levels as one unit each.

    `merge` joins consecutive repeats of a loop that are the same layer for layer, each fed by the one
    before and with the same spatial size after it; `leaves` does so for single layers too. Scopes in
    `closed` are one unit at any depth, those in `opened` never one. `alike` joins scopes with names of their own
    too (`mixed_6c`, `mixed_6d`), where all that enters and leaves them has the same shapes, and repeats that differ
    in how much they drop. Inputs are not units.
    """
    units = list(_group(graph, depth, closed, opened))
    if not merge:
        return units
    runs: list[list[Unit]] = []
    known: dict[int, tuple[object, ...]] = {}

    def wiring(i: int) -> tuple[object, ...]:
        if i not in known:
            known[i] = _wiring(graph, units[i], units[i - 1] if i else None, alike)
        return known[i]

    for i, unit in enumerate(units):
        before = units[i - 1] if i else unit
        next_one = _follows(before, unit) or (alike and _same(graph, before, unit))
        again = i and (unit.folded or leaves) and next_one and wiring(i) == wiring(i - 1)
        if again:
            runs[-1].append(unit)
        else:
            runs.append([unit])
    return [_joined(run) for run in runs]


def fit(graph: TypedGraph, most: int, closed: frozenset[str] = NONE) -> list[Unit]:
    """All layers where they are at most `most`; else the greatest depth, or the shallowest, that makes so few."""
    layers = len(graph.nodes) - len(graph.inputs)
    limit = deepest(graph)
    if layers <= most:
        return fold(graph, limit, merge=False)
    units: list[Unit] = []
    for depth in range(limit, 0, -1):
        units = fold(graph, depth, leaves=True, closed=closed)
        if len(units) <= most:
            break
    return units


def _group(graph: TypedGraph, depth: int, closed: frozenset[str], opened: frozenset[str]) -> Iterator[Unit]:
    """Stretches of execution order under one path: grouping stretches keeps the quotient acyclic."""
    current: str | None = None
    gathered: list[Node] = []
    inputs = set(graph.inputs)
    for node in graph.nodes.values():
        if node.name in inputs:
            continue
        path = _cut(levels(node.name), depth, closed, opened)
        if path is not None and path == current:
            gathered.append(node)
            continue
        if current is not None:
            yield _scope_unit(graph, current, gathered)
        current, gathered = path, [node]
        if path is None:
            yield Unit(node.name, node.op.word, (node,), folded=False)
    if current is not None:
        yield _scope_unit(graph, current, gathered)


def _cut(parts: tuple[str, ...], depth: int, closed: frozenset[str], opened: frozenset[str]) -> str | None:
    """The path of the scope that a name folds into, or None where it stands for itself."""
    if closed:
        for end in range(1, min(depth, len(parts))):
            if (path := ".".join(parts[:end])) in closed:
                return path
    for end in range(depth, len(parts)):
        if (path := ".".join(parts[:end])) not in opened:
            return path
    return None


def _scope_unit(graph: TypedGraph, path: str, nodes: list[Node]) -> Unit:
    scope = graph.scopes.get(path)
    return Unit(path, scope.word if scope else "layers", tuple(nodes), folded=True)


def _wiring(graph: TypedGraph, unit: Unit, previous: Unit | None, loosely: bool = False) -> tuple[object, ...]:
    """Each layer of a unit and where its inputs come from, in terms that repeats of it share.

    `loosely` leaves out with what probability layers drop.
    """
    positions = {node.name: i for i, node in enumerate(unit.nodes)}
    before = {node.name: i for i, node in enumerate(previous.nodes)} if previous else {}
    # the first unit follows the input, which is no unit
    last = previous.nodes[-1].name if previous else graph.inputs[0] if len(graph.inputs) == 1 else None

    def origin(tap: Tap) -> tuple[object, ...]:
        if tap.node in positions:
            return ("here", positions[tap.node], tap.port)
        if tap.node == last:
            return ("previous", tap.port)
        if tap.node in before:
            return ("inside previous", before[tap.node], tap.port)
        return ("outside", tap)

    def made(node: Node) -> object:
        return node.op.word if loosely and node.op.category == "regularize" else node.op

    sizes = tuple(tensor.spatial for tensor in graph.types[unit.nodes[-1].name])
    return sizes, *(
        (node.name[len(unit.path) :], made(node), node.phase, node.shares, tuple(origin(t) for t in node.inputs))
        for node in unit.nodes
    )


def _follows(unit: Unit, following: Unit) -> bool:
    """Whether one unit is the next number of the other's loop."""
    base, _, number = unit.path.rpartition(".")
    next_base, _, next_number = following.path.rpartition(".")
    if base != next_base or not number.isdigit() or not next_number.isdigit():
        return False
    return unit.word == following.word and int(next_number) == int(number) + 1


def _same(graph: TypedGraph, unit: Unit, following: Unit) -> bool:
    """Whether two scopes beside each other, of no loop's numbers, are of one word and read and give the same shapes."""
    if not (unit.folded and following.folded) or unit.word != following.word or len(unit.nodes) != len(following.nodes):
        return False
    ends = [levels(one.path)[-1].rpartition(".")[2] for one in (unit, following)]
    if any(end.isdigit() for end in ends) or levels(unit.path)[:-1] != levels(following.path)[:-1]:
        return False
    pairs = zip(unit.nodes, following.nodes, strict=True)
    return all(
        graph.types[a.name] == graph.types[b.name] and graph.input_types(a) == graph.input_types(b) for a, b in pairs
    )


def _joined(run: list[Unit]) -> Unit:
    head = run[0]
    if len(run) == 1:
        return head
    nodes = tuple(node for unit in run for node in unit.nodes)
    return Unit(head.path, head.word, nodes, head.folded, len(run), run[-1].path)
