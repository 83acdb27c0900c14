"""What is different between two networks: layers, counts, and which weights of the first load into the second.

Layers are matched by name where nothing about them is different; then by structure, from the inputs on: the same
operator on the same tensors is the same layer under another name; then by name alone. What is left over was added
or removed. All of it takes time linear in the two graphs.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from archspec.analysis.facts import OF_WHOLE, PEAK, Facts
from archspec.analysis.plain import number
from archspec.analysis.summary import summarize
from archspec.close import close
from archspec.graph import Node, Tap, TypedGraph
from archspec.ops.arguments import as_written
from archspec.ops.base import Operator, Weight

Kind = Literal["changed", "rewired", "resized", "renamed"]

FIGURES = tuple(name for name in OF_WHOLE if name not in (PEAK, "gradient_bytes"))
"""All of one example; what a step of training takes is asked for by its batch, optimiser and precision."""


@dataclass(frozen=True, slots=True)
class Change:
    """A layer that both networks have: `changed` in its operator or arguments, `rewired` where it reads other
    layers, `resized` where only the sizes of its tensors are others, `renamed` where only its name is."""

    kind: Kind
    before: str
    after: str
    what: tuple[str, ...]
    """What is different, in words: `kernel 3 → 5`."""


@dataclass(frozen=True, slots=True)
class Loading:
    """The tensors of the first network's state, by whether they load into the second."""

    fits: tuple[str, ...]
    """By name (those that `was` gives among them) and shape."""
    renamed: tuple[tuple[str, str], ...]
    """Those that would fit under another name, that of the layer which is the same: theirs, and ours."""
    misfits: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    """Of the same name and another shape: name, shape before, shape after."""
    unused: tuple[str, ...]
    """Of names that the second network does not have."""
    missing: tuple[str, ...]
    """Tensors of the second network that the first gives nothing for."""
    fitting_values: int
    values: int
    """Elements of those that fit, and of all tensors of the second network."""


@dataclass(frozen=True)
class Difference:
    """Two networks compared; where sizes are open, at an example of them."""

    before: TypedGraph
    after: TypedGraph
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changes: tuple[Change, ...]
    counts: dict[str, tuple[Any, Any]]
    """Figure to its value before and after."""
    loading: Loading

    @property
    def same(self) -> bool:
        """Whether there is no difference between the layers."""
        return not (self.added or self.removed or self.changes)

    @cached_property
    def kinds(self) -> dict[Kind, list[Change]]:
        """The changes by their kind."""
        found: dict[Kind, list[Change]] = {"changed": [], "rewired": [], "resized": [], "renamed": []}
        for change in self.changes:
            found[change.kind].append(change)
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain data for `diff --format json`."""
        fits = self.loading
        return {
            "before": self.before.name,
            "after": self.after.name,
            "same": self.same,
            "counts": {
                name: {"before": number(old), "after": number(new), "change": number(new - old)}
                for name, (old, new) in self.counts.items()
            },
            "added": list(self.added),
            "removed": list(self.removed),
            **{
                kind: [{"before": c.before, "after": c.after, "what": list(c.what)} for c in changes]
                for kind, changes in self.kinds.items()
            },
            "weights": {
                "load": list(fits.fits),
                "load_renamed": [{"before": old, "after": new} for old, new in fits.renamed],
                "other_shape": [{"name": n, "before": list(a), "after": list(b)} for n, a, b in fits.misfits],
                "unused": list(fits.unused),
                "missing": list(fits.missing),
                "values_loaded": fits.fitting_values,
                "values": fits.values,
            },
        }


def diff(before: TypedGraph, after: TypedGraph) -> Difference:
    """What is different in the second network, training heads included; names follow the `was` of the second."""
    old, new = (close(g, g.example) if g.sizes else g for g in (before, after))
    pairs = _Matching(old, new).pairs
    matched = set(pairs.values())
    facts = [Facts(summarize(graph)) for graph in (old, new)]
    return Difference(
        before,
        after,
        added=tuple(name for name in new.nodes if name not in matched and name not in new.inputs),
        removed=tuple(name for name in old.nodes if name not in pairs and name not in old.inputs),
        changes=tuple(_changes(old, new, pairs)),
        counts={name: (facts[0][name], facts[1][name]) for name in FIGURES},
        loading=_loading(old, new, pairs),
    )


class _Matching:
    """Layers of two networks brought together; `pairs` maps names of the first to names of the second."""

    def __init__(self, old: TypedGraph, new: TypedGraph):
        self.old, self.new = old, new
        self.pairs: dict[str, str] = {}
        self.taken: set[str] = set()
        for name in old.inputs:
            if name in new.inputs:
                self._pair(name, name)
        if len(old.inputs) == len(new.inputs) == 1 and not self.pairs:
            self._pair(old.inputs[0], new.inputs[0])
        self._by_name(alike=True)
        self._by_structure()
        self._by_name(alike=False)

    def _pair(self, old: str, new: str) -> None:
        self.pairs[old] = new
        self.taken.add(new)

    def _open(self) -> Iterator[Node]:
        return (node for name, node in self.old.nodes.items() if name not in self.pairs)

    def _by_name(self, alike: bool) -> None:
        for node in list(self._open()):
            name = self.new.present_name(node.name)
            other = self.new.nodes.get(name)
            if other is None or name in self.taken or type(other.op) is not type(node.op):
                continue
            if not alike or (node.op == other.op and self.old.types[node.name] == self.new.types[name]):
                self._pair(node.name, name)

    def _by_structure(self) -> None:
        """The same operator on the tensors that were matched before it, in execution order."""
        waiting: dict[Hashable, deque[str]] = defaultdict(deque)
        for name, node in self.new.nodes.items():
            if name not in self.taken:
                waiting[(node.op.word, _arguments(node.op), node.inputs)].append(name)
        for node in self._open():
            if any(tap.node not in self.pairs for tap in node.inputs):
                continue
            inputs = tuple(Tap(self.pairs[tap.node], tap.port) for tap in node.inputs)
            if found := waiting.get((node.op.word, _arguments(node.op), inputs)):
                self._pair(node.name, found.popleft())


def _arguments(op: Operator) -> str:
    return repr(op)


def _changes(old: TypedGraph, new: TypedGraph, pairs: dict[str, str]) -> Iterator[Change]:
    for before, after in pairs.items():
        one, other = old.nodes[before], new.nodes[after]
        arguments = tuple(_argument_changes(one.op, other.op))
        inputs = tuple(Tap(pairs[tap.node], tap.port) if tap.node in pairs else None for tap in one.inputs)
        shapes = tuple(
            f"{a} → {b}" for a, b in zip(old.types[before], new.types[after], strict=False) if a.shape != b.shape
        )
        if before in old.inputs:
            if shapes:
                yield Change("resized", before, after, shapes)
        elif arguments:
            yield Change("changed", before, after, (*arguments, *(f"output {shape}" for shape in shapes)))
        elif inputs != other.inputs:
            read = [", ".join(map(str, node.inputs)) for node in (one, other)]
            yield Change("rewired", before, after, (f"reads {read[0]} → {read[1]}",))
        elif shapes:
            yield Change("resized", before, after, shapes)
        elif before != after:
            yield Change("renamed", before, after, ())


def _argument_changes(one: Operator, other: Operator) -> Iterator[str]:
    for name in type(one).model_fields:
        a, b = getattr(one, name), getattr(other, name)
        if a != b:
            yield f"{name} {_shown(a)} → {_shown(b)}"


def _shown(value: object) -> str:
    return "none" if value is None else as_written(value, whole=True)


def _state(graph: TypedGraph) -> dict[tuple[str, str], Weight]:
    """Stored tensors by layer and name, shared ones at the layer they belong to."""
    return {(layer, name): weight for layer, weights in graph.weights.items() for name, weight in weights.items()}


def _loading(old: TypedGraph, new: TypedGraph, pairs: dict[str, str]) -> Loading:
    theirs, ours = _state(old), _state(new)
    fits: list[str] = []
    renamed: list[tuple[str, str]] = []
    misfits: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = []
    unused: list[str] = []
    given: set[tuple[str, str]] = set()
    pending: list[tuple[str, str]] = []
    for (layer, name), weight in theirs.items():
        key, _, last = new.present_name(f"{layer}.{name}").rpartition(".")
        other = ours.get((key, last))
        if other is None:
            pending.append((layer, name))
        elif other.shape == weight.shape:
            fits.append(f"{layer}.{name}")
            given.add((key, last))
        else:
            misfits.append((f"{layer}.{name}", weight.shape, other.shape))
    for layer, name in pending:
        same = (pairs.get(layer, ""), name)
        if same in ours and ours[same].shape == theirs[layer, name].shape and same not in given:
            renamed.append((f"{layer}.{name}", ".".join(same)))
        else:
            unused.append(f"{layer}.{name}")
    loaded = {".".join(pair) for pair in given} | {new_name for _, new_name in renamed}
    return Loading(
        tuple(fits),
        tuple(renamed),
        tuple(misfits),
        tuple(unused),
        missing=tuple(".".join(key) for key in ours if ".".join(key) not in loaded),
        fitting_values=sum(ours[key].numel for key in given),
        values=sum(weight.numel for weight in ours.values()),
    )
