"""Changes worth a trial: of one argument, of two of one layer at once, or of one in each of several branches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from archspec.build.remedies.changes import Change, changed
from archspec.build.remedies.origins import Entry, Origin
from archspec.build.remedies.refusal import Refusal
from archspec.build.remedies.ways import Ways
from archspec.ops.arguments import as_written
from archspec.ops.base import Operator, OperatorError, Types, typed
from archspec.ops.merge import Merge
from archspec.source.edits import Edit, with_arguments

MOST_VALUES, MOST_LAYERS, MOST_PAIRS, MOST_OFF = 3, 32, 50, 8
"""Values of each argument that are tried with those of another, layers whose arguments are, pairs tried in one of
several branches, and branches that are changed at once: bounds for the time that a message may take."""


@dataclass(frozen=True, slots=True)
class Part:
    """One argument with another value. `nodes` are those that the same text makes; none: the layer that refuses."""

    origin: Origin
    change: Change
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Changes that are made at once, how unlikely they are meant, and which input they change (see `Trial`)."""

    parts: tuple[Part, ...]
    cost: float
    side: int

    @property
    def changes(self) -> list[Change]:
        return [part.change for part in self.parts]

    @property
    def key(self) -> frozenset[object]:
        """Equal for those that one change of the text makes."""
        return frozenset((*part.origin.key, as_written(part.change.data)) for part in self.parts)

    @property
    def told(self) -> str:
        """`out: 64` and `stride: 1` at conv_bn2 (line 7)."""
        places = []
        for parts in self._by_place():
            origin = parts[0].origin
            values = " and ".join(f"`{part.origin.name}: {as_written(part.change.data)}`" for part in parts)
            places.append(f"{values} {f'at {origin.owner}' if origin.owner else 'in vars'} (line {origin.span.line})")
        return " and ".join(places)

    @property
    def edits(self) -> tuple[Edit, ...]:
        """One for each layer. Raises ValueError where the text has no place for the arguments."""
        found = []
        for first, *more in self._by_place():
            given = [(p.origin.name, p.change.data, as_written(p.change.data)) for p in (first, *more)]
            entry = first.origin.entry
            if not more or entry is None:
                found.append(first.origin.edit(*given[0][1:]))
            else:
                found.append(with_arguments(entry.item, entry.word, entry.args, given, first.origin.main))
        return tuple(found)

    def _by_place(self) -> Iterable[list[Part]]:
        places: dict[object, list[Part]] = {}
        for part in self.parts:
            entry = part.origin.entry
            places.setdefault(part.origin.key if entry is None else id(entry), []).append(part)
        return places.values()

    def inputs(self, refusal: Refusal, ways: Ways) -> Types | None:
        """What the layer that refused would take, or None where one on the way refuses."""
        changes: defaultdict[str, list[Change]] = defaultdict(list)
        for part in self.parts:
            for name in part.nodes:
                changes[name].append(part.change)
        ops: dict[str, Operator] = {}
        for name, made in changes.items():
            op = changed(ways.nodes[name].op, *made)
            if op is None:
                return None
            ops[name] = op
        try:
            return ways.replay(ops) if ops else refusal.types
        except OperatorError:
            return None

    def passes(self, refusal: Refusal, ways: Ways) -> bool:
        """Whether the shape rules hold, from the changed layers to the one that refused."""
        op = changed(refusal.op, *(part.change for part in self.parts if not part.nodes))
        inputs = self.inputs(refusal, ways)
        if op is None or inputs is None:
            return False
        try:
            return bool(typed(op, inputs))
        except OperatorError:
            return False


def pairs(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Changes of two arguments of one layer as it is written, the likeliest first."""
    layers: dict[tuple[int, int], tuple[Entry, dict[str, list[Candidate]]]] = {}
    for one in candidates:
        origin = one.parts[0].origin
        if origin.entry is None or origin.entry.joins or origin.owner is None:
            continue  # a variable, or the row of a table: other layers read it too
        _, arguments = layers.setdefault((id(origin.entry), one.side), (origin.entry, {}))
        values = arguments.setdefault(origin.name, [])
        if len(values) < MOST_VALUES:
            values.append(one)
    found: list[Candidate] = []
    for _, arguments in list(layers.values())[:MOST_LAYERS]:
        for first, second in combinations(arguments.values(), 2):
            found += (_both(a, b) for a, b in product(first, second))
    return sorted(found, key=lambda one: one.cost)


def _both(a: Candidate, b: Candidate) -> Candidate:
    return Candidate((*a.parts, *b.parts), a.cost + b.cost, a.side)


def in_each_branch(candidates: Sequence[Candidate], refusal: Refusal, ways: Ways) -> Iterator[Candidate]:
    """Where several of three or more tensors differ from the others: a change on the way to each of those."""
    if not isinstance(refusal.op, Merge) or len(refusal.types) < 3:
        return
    cut = 1 if refusal.op.word == "concat" else 0  # their channels may differ
    shapes = [t.shape[cut:] for t in refusal.types]
    common = Counter(shapes).most_common()  # of equally many, those that come first
    if common[0][1] >= len(shapes) - 1:
        return  # one alone is off
    for shape, count in common:
        if len(shapes) - count > MOST_OFF:
            return  # so it is with all that are rarer
        off = [side for side, other in enumerate(shapes) if other != shape]
        changes = [_that_gives(shape, side, cut, candidates, refusal, ways) for side in off]
        found = [one for one in changes if one is not None]
        if len(found) == len(off):
            yield Candidate(tuple(part for one in found for part in one.parts), 1 + 0.1 * len(off), -3)
            return


def _that_gives(
    shape: tuple[int, ...], side: int, cut: int, candidates: Sequence[Candidate], refusal: Refusal, ways: Ways
) -> Candidate | None:
    """The likeliest change that gives one of the tensors a shape, its first `cut` axes aside."""
    here = [one for one in candidates if one.side == side]
    for one in (*here, *pairs(here)[:MOST_PAIRS]):
        inputs = one.inputs(refusal, ways)
        if inputs is not None and inputs[side].shape[cut:] == shape:
            return one
    return None
