"""The ways that tensors took through a graph: what is behind one, where two part, and what other sizes would give."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from archspec.graph import Node, Tap
from archspec.ops.base import Operator, Types, typed
from archspec.tensor import TensorType

MAX_BEHIND = 2_000
"""How many layers are looked at behind one that is refused: a bound for the time that a message may take."""


@dataclass(frozen=True)
class Ways:
    """What is behind one layer: its inputs, and the nodes that they come from, in execution order."""

    nodes: Mapping[str, Node]
    types: Mapping[str, Types]
    taps: tuple[Tap, ...]
    behind: tuple[str, ...]
    """Every node that one of the taps depends on, up to a bound; the nearest are the last."""

    @classmethod
    def to(cls, taps: tuple[Tap, ...], nodes: Mapping[str, Node], types: Mapping[str, Types]) -> Ways:
        found = reach(nodes, [tap.node for tap in taps])
        order = {name: i for i, name in enumerate(nodes)}
        return cls(nodes, types, taps, tuple(sorted(found, key=order.__getitem__)))

    def at(self, sizes: Mapping[str, int]) -> Ways:
        """The same ways where the open sizes have those numbers."""
        needed = {*self.behind, *(tap.node for name in self.behind for tap in self.nodes[name].inputs)}
        types = {name: tuple(t.at(sizes) for t in self.types[name]) for name in needed}
        return Ways(self.nodes, types, self.taps, self.behind)

    @property
    def size(self) -> int:
        """How many layers and tensors are gone through when something on the way is changed, about."""
        return len(self.behind) + len(self.taps) + 1

    def fork(self, one: Tap, other: Tap) -> str | None:
        """The last node that both tensors come from, or None where there is none."""
        common = reach(self.nodes, [one.node]) & reach(self.nodes, [other.node])
        return next((name for name in reversed(self.behind) if name in common), None)

    def between(self, fork: str | None, tap: Tap) -> list[str]:
        """The nodes from behind a fork to a tensor, in execution order."""
        before = reach(self.nodes, [fork]) if fork is not None else set()
        way = reach(self.nodes, [tap.node]) - before
        return [name for name in self.behind if name in way]

    def inputs_of(self, name: str) -> Types:
        """Types of what a node takes."""
        return tuple(self.types[tap.node][tap.port] for tap in self.nodes[name].inputs)

    def replay(self, changed: Mapping[str, Operator]) -> Types:
        """Types of the taps if some nodes had other arguments. Raises OperatorError where one then refuses."""
        found: dict[str, Types] = {}
        for name in self.behind:
            node = self.nodes[name]
            if name in changed or any(tap.node in found for tap in node.inputs):
                inputs = tuple(self._type(found, tap) for tap in node.inputs)
                outputs = typed(changed.get(name, node.op), inputs)
                if outputs != self.types[name]:
                    found[name] = outputs
        return tuple(self._type(found, tap) for tap in self.taps)

    def _type(self, found: Mapping[str, Types], tap: Tap) -> TensorType:
        return found.get(tap.node, self.types[tap.node])[tap.port]


def reach(nodes: Mapping[str, Node], ends: Iterable[str]) -> set[str]:
    """The nodes that some depend on, themselves among them, the nearest first until the bound."""
    waiting = deque(ends)
    found: set[str] = set()
    while waiting and len(found) < MAX_BEHIND:
        name = waiting.popleft()
        if name not in found:
            found.add(name)
            waiting.extend(tap.node for tap in nodes[name].inputs)
    return found
