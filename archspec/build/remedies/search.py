"""What would make a refused layer fit: a change of the text, found by search and tried before it is suggested.

Each likely change of an argument on the way is first put through the shape rules, from where it acts to the layer that
refused. What passes there is written into the spec's tree, and the whole spec expanded again: only a change that leads
to no new error is ever suggested. Where no change of one argument works, two of one layer are changed together, or a
projection is put in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from archspec.build.expand import Expansion
from archspec.build.remedies.between import Found, projections
from archspec.build.remedies.candidates import Candidate, Part, in_each_branch, pairs
from archspec.build.remedies.changes import Change, likely, own, wanted
from archspec.build.remedies.origins import Origin, Origins
from archspec.build.remedies.refusal import Refusal
from archspec.build.remedies.structure import structural
from archspec.build.remedies.ways import Ways
from archspec.effort import half_spent
from archspec.errors import Diagnostic, Fix, SpecError
from archspec.form import validate
from archspec.ops.arguments import as_written
from archspec.ops.base import OperatorError, typed
from archspec.parse import Parser, parse, parse_blocks
from archspec.source import Mapping
from archspec.source.edits import Edit
from archspec.spec import Spec

if TYPE_CHECKING:
    from archspec.build.place import Place

MAX_LAYERS_TRIED = 10_000
"""Layers expanded again in all: a bound for the time that a message may take."""
MAX_REPLAYS, MAX_ON_WAY, MAX_LISTED = 200, 64, 12
MAX_LOOKED_AT = 60_000
"""Layers and tensors that are gone through while changes are put through the shape rules, at most."""

SAMPLES = (224, 225, 97, 64, 33, 15, 5, 2, 1)

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change that works: what to write and where, what the refused layer then gives, and the edit of the text."""

    text: str
    gives: str
    fix: Fix | None
    side: int
    """Which input it changes; -1 for the layer itself."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A change to be tried: what it is called, the edits of the tree, how likely it is meant (least first)."""

    text: str
    edits: tuple[Edit, ...]
    cost: float
    side: int = -1


class Search:
    """The search for remedies in one expansion that failed. `known` are the errors it had, by code and place."""

    def __init__(self, expansion: Expansion, known: set[Key]):
        self.expansion, self.known = expansion, known
        self.origins = Origins(expansion.spec, expansion.scopes)
        self.layers_left = MAX_LAYERS_TRIED

    def remedies(self, refusal: Refusal, most: int = 2) -> list[Remedy]:
        """The likeliest changes that work, at most one on each side."""
        ways = Ways.to(refusal.taps, self.expansion.nodes, self.expansion.types)
        in_numbers = refusal
        if self.expansion.allowed:
            sizes = _refused_at(refusal, ways, self.expansion.allowed)
            if sizes is None:
                return []
            ways = ways.at(sizes)
            in_numbers = replace(refusal, types=tuple(t.at(sizes) for t in refusal.types))
        candidates = sorted(self._candidates(in_numbers, ways), key=lambda one: one.cost)
        first = [_structural(made) for made in structural(in_numbers, self.origins, ways)]
        first += self._trials(in_numbers, ways, in_each_branch(candidates, in_numbers, ways))
        found = self._that_work(refusal, [*first, *self._trials(in_numbers, ways, candidates)], most)
        if not found:
            first = [_structural(made) for made in projections(in_numbers, self.origins, ways)]
            together = self._trials(in_numbers, ways, pairs(candidates))
            found = self._that_work(refusal, [*first, *together], most)
        return found

    def _that_work(self, refusal: Refusal, trials: list[Trial], most: int) -> list[Remedy]:
        """Those that lead to no new error, the likeliest first."""
        found: list[Remedy] = []
        dearest = float("inf")
        for trial in sorted(trials, key=lambda trial: trial.cost):
            if any(trial.side == other.side for other in found) or trial.cost > dearest:
                continue
            gives = self._gives(trial.edits, refusal)
            if gives is not None:
                fix = trial.edits[0].fix if len(trial.edits) == 1 else None  # an editor makes one edit in one line
                found.append(Remedy(trial.text, gives, fix, trial.side))
                dearest = min(dearest, trial.cost + 1.5)
            if len(found) == most or self.layers_left <= 0 or half_spent():
                break
        return found

    def _trials(self, refusal: Refusal, ways: Ways, candidates: Iterable[Candidate]) -> Iterator[Trial]:
        """What passes the shape rules."""
        seen: set[object] = set()
        for one in islice(candidates, min(MAX_REPLAYS, MAX_LOOKED_AT // ways.size)):
            if one.key in seen or any(_too_long(change) for change in one.changes) or not one.passes(refusal, ways):
                continue
            seen.add(one.key)
            with suppress(ValueError):  # an argument may stand where no other can be added
                yield Trial(one.told, one.edits, one.cost, one.side)

    def _candidates(self, refusal: Refusal, ways: Ways) -> Iterator[Candidate]:
        """Changes of the layer itself, then of those behind it, with every node that the same text makes."""
        help = wanted(refusal.op, refusal.types)
        for change in own(refusal.op, refusal.types, help):
            origin = self.origins.of(refusal.path, refusal.span, refusal.op.word, change.argument)
            if origin is not None:
                yield Candidate((Part(origin, change, ()),), change.cost, -1)
        together: dict[tuple[object, ...], list[str]] = {}
        rows: list[tuple[float, Origin, Change, int]] = []
        for side, way in enumerate(_ways(ways)):
            for distance, name in enumerate(reversed(way[-MAX_ON_WAY:])):
                node = ways.nodes[name]
                for change in likely(node.op, ways.inputs_of(name), help) if node.inputs else ():
                    origin = self.origins.of(name, node.span, node.op.word, change.argument)
                    if origin is not None:
                        together.setdefault((*origin.key, as_written(change.data)), []).append(name)
                        rows.append((change.cost + 0.01 * distance, origin, change, side))
        for cost, origin, change, side in rows:
            nodes = tuple(together[(*origin.key, as_written(change.data))])
            yield Candidate((Part(origin, change, nodes),), cost, side)

    def _gives(self, edits: Iterable[Edit], refusal: Refusal) -> str | None:
        """What the refused layer gives in the edited spec, or None where that has an error the first did not have."""
        tree = self.expansion.spec.tree
        for edit in edits:
            tree = edit.applied(tree)
        try:
            spec = _read_again(self.expansion.spec, tree)
            again = _Again(spec, self.known - {refusal.key})
        except SpecError:
            return None
        from archspec.build import assemble

        try:
            assemble(again)
        except _Worse:
            return None
        except SpecError as error:
            if any(again.identity(d) not in again.known for d in error.diagnostics):
                return None
        finally:
            self.layers_left -= len(again.nodes)
        types = again.types.get(refusal.path)
        if types is not None and len(types) > 2 and len(set(types)) == 1:
            return f"{len(types)} tensors of {types[0]}"
        return " and ".join(map(str, types)) if types is not None else ""


def _structural(found: Found) -> Trial:
    text, edit, cost, side = found
    return Trial(text, (edit,), cost, side)


class _Worse(Exception):
    """A change leads to an error that was not there."""


class _Again(Expansion):
    """The expansion of an edited spec, given up at the first error that the first one did not have."""

    def __init__(self, spec: Spec, known: set[Key]):
        super().__init__(spec)
        self.known = known

    def report(self, error: SpecError, place: Place) -> None:
        told = (replace(d, trail=d.trail or place.trail) for d in error.diagnostics if d.severity == "error")
        if any(self.identity(d) not in self.known for d in told):
            raise _Worse
        super().report(error, place)


def _read_again(spec: Spec, tree: Mapping) -> Spec:
    """The spec of an edited tree, with the blocks of other files as they were. Raises SpecError."""
    document, tree = validate(tree)
    parser = Parser()
    blocks = {**spec.blocks, **parse_blocks(tree, document, parser)}
    parsed = parse(tree, document, blocks, parser, spec.block_texts, spec.variant)
    if any((d.code, str(d.span)) not in spec.mistakes for d in parser.diagnostics):
        raise SpecError(parser.diagnostics)
    return parsed


def _ways(ways: Ways) -> list[list[str]]:
    """For each input the nodes behind it that are its own: those behind the fork where several meet."""
    if len(ways.taps) == 1:
        return [ways.between(None, ways.taps[0])]
    first, *rest = ways.taps
    found = [ways.between(ways.fork(first, rest[0]), first)]
    return [*found, *(ways.between(ways.fork(first, tap), tap) for tap in rest[:8])]


def _refused_at(refusal: Refusal, ways: Ways, symbols: Iterable[str]) -> dict[str, int] | None:
    """Numbers for the open sizes at which a layer refuses, and those behind it give tensors: what helps there is then
    tried for all sizes."""
    for n in SAMPLES:
        sizes = dict.fromkeys(symbols, n)
        if any(min(t.shape, default=1) < 1 for types in ways.at(sizes).types.values() for t in types):
            continue  # too small for a layer on the way
        try:
            typed(refusal.op, tuple(t.at(sizes) for t in refusal.types))
        except OperatorError:
            return sizes
    return None


def _too_long(change: Change) -> bool:
    """Whether a value is too long to be told."""
    return as_written(change.data).endswith("…") or (isinstance(change.data, list) and len(change.data) > MAX_LISTED)


def hint(remedies: list[Remedy]) -> str:
    """What to tell: each change and what the layer then gives."""
    told = []
    for r in remedies:
        several = " and `" in r.text
        told.append(
            f"{r.text} give{'s' * (not several)} {r.gives}" if r.gives else f"{r.text} work{'s' * (not several)}"
        )
    return "; or ".join(told)


def improved(diagnostic: Diagnostic, remedies: list[Remedy]) -> Diagnostic:
    """The diagnostic with the remedies in place of what the operator could only guess."""
    if not remedies:
        return diagnostic
    fixes = tuple(replace(r.fix, title=r.text) for r in remedies if r.fix is not None)
    return replace(diagnostic, hint=hint(remedies), fixes=fixes)
