"""Changes worth a trial: of one argument, or of two of one layer at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, product

from archspec.build.remedies.changes import Change, changed
from archspec.build.remedies.origins import Entry, Origin
from archspec.build.remedies.refusal import Refusal
from archspec.build.remedies.ways import Ways
from archspec.ops.arguments import as_written
from archspec.ops.base import Operator, OperatorError, typed
from archspec.source.edits import Edit, with_arguments

MOST_VALUES, MOST_LAYERS = 3, 32
"""Values of each argument that are tried with those of another, and layers whose arguments are: a bound for the time
that a message may take."""


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
        origin = self.parts[0].origin
        values = " and ".join(f"`{part.origin.name}: {as_written(part.change.data)}`" for part in self.parts)
        return f"{values} {f'at {origin.owner}' if origin.owner else 'in vars'} (line {origin.span.line})"

    @property
    def edit(self) -> Edit:
        """Raises ValueError where the text has no place for the arguments."""
        if len(self.parts) == 1:
            (part,) = self.parts
            return part.origin.edit(part.change.data, as_written(part.change.data))
        entry, main = self.parts[0].origin.entry, self.parts[0].origin.main
        assert entry is not None
        given = [(part.origin.name, part.change.data, as_written(part.change.data)) for part in self.parts]
        return with_arguments(entry.item, entry.word, entry.args, given, main)

    def passes(self, refusal: Refusal, ways: Ways) -> bool:
        """Whether the shape rules hold, from the changed layers to the one that refused."""
        changes: defaultdict[str, list[Change]] = defaultdict(list)
        for part in self.parts:
            for name in part.nodes:
                changes[name].append(part.change)
        own = changed(refusal.op, *(part.change for part in self.parts if not part.nodes))
        ops: dict[str, Operator | None] = {name: changed(ways.nodes[name].op, *made) for name, made in changes.items()}
        kept = {name: op for name, op in ops.items() if op is not None}
        if own is None or len(kept) < len(ops):
            return False
        try:
            return bool(typed(own, ways.replay(kept) if kept else refusal.types))
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
