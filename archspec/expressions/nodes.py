"""The parts of a parsed expression that name or pick a value; `operators.py` has those that compute one.

Each knows its place in the text, the nodes inside it, and its value in a scope.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from archspec.errors import did_you_mean
from archspec.expressions.values import Place, bounded, describe, exact, field, item, names, whole


class Env(NamedTuple):
    """What names mean: `$name` in the scope, bare words in the facts (None: every word is text)."""

    scope: Mapping[str, Any]
    facts: Mapping[str, Any] | None


class Node(Place):
    """Base of all parts."""

    __slots__ = ()

    def evaluate(self, env: Env) -> Any:
        """The value, exact. Raises `Fault`."""
        raise NotImplementedError

    def parts(self) -> tuple[Node, ...]:
        """The nodes directly inside."""
        return ()


def walk(node: Node) -> Iterator[Node]:
    """A node and all nodes inside it."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(current.parts())


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Constant(Node):
    """A number, a quoted text, true or false."""

    value: Any
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        return self.value


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Variable(Node):
    """`$name.part.0.$i`: a variable and a path into it, or a layer where no variable has the name."""

    name: str
    path: tuple[str | Variable, ...]
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        scope = env.scope
        if self.name not in scope:
            return self._resolve(env)
        value = scope[self.name]
        for part in self.path:
            value = field(value, part if type(part) is str else self._key(part, env), self)
        return exact(value, self) if type(value) is float or type(value) is Fraction else value

    def _key(self, part: Any, env: Env) -> str | int:
        value = part.evaluate(env)
        if isinstance(value, str) or type(value) is int:
            return value
        raise part.fault("E204", f"a path needs a number or a name, but ${part.name} is {describe(value)}")

    def _resolve(self, env: Env) -> Any:
        resolve = env.scope.get("?")
        if resolve is not None:
            keys = [part if type(part) is str else str(self._key(part, env)) for part in self.path]
            found = resolve(".".join([self.name, *keys]))
            if found is not None:
                return found
        layers = getattr(resolve, "known", list)
        known = [*names(env.scope), *layers()]
        hint = did_you_mean(f"${self.name}", [f"${name}" for name in known], "variables and layers")
        raise self.fault("E202", f"there is no variable ${self.name}", hint)

    def parts(self) -> tuple[Node, ...]:
        return tuple(part for part in self.path if isinstance(part, Variable))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Word(Node):
    """A bare word: a fact where there is one, else text. `pieces` are text and variables (`p$l`)."""

    text: str
    pieces: tuple[str | Variable, ...]
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        if env.facts is not None and self.text in env.facts:
            return exact(env.facts[self.text], self)
        if len(self.pieces) == 1:
            return self.text
        return "".join(p if isinstance(p, str) else self._written(p, env) for p in self.pieces)

    def _written(self, piece: Variable, env: Env) -> str:
        value = piece.evaluate(env)
        if isinstance(value, str) or type(value) is int:
            return str(value)
        raise piece.fault("E204", f"a name needs a whole number or text, but this is {describe(value)}")

    def parts(self) -> tuple[Node, ...]:
        return tuple(piece for piece in self.pieces if isinstance(piece, Variable))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Port(Node):
    """`$prev:0`, `$in:$j`, `stage3:0`: one tensor of several."""

    value: Node
    port: Node
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        value, port = self.value.evaluate(env), self.port.evaluate(env)
        if not isinstance(port, str) and (type(port) is not int or port < 0):
            raise self.port.fault("E204", f"a tensor is picked by number or name, but this is {describe(port)}")
        if isinstance(value, str):
            return f"{value}:{port}"
        pick = getattr(value, "port", None)
        found = pick(port) if callable(pick) else None
        if found is None:
            raise self.fault("E206", f"{describe(value)} has no tensor {port}")
        return found

    def parts(self) -> tuple[Node, ...]:
        return self.value, self.port


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Field(Node):
    """`(…).name` or `…[0].name`."""

    value: Node
    part: str | Variable
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        part = self.part if isinstance(self.part, str) else self.part._key(self.part, env)
        return exact(field(self.value.evaluate(env), part, self), self)

    def parts(self) -> tuple[Node, ...]:
        return (self.value,) if isinstance(self.part, str) else (self.value, self.part)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Index(Node):
    """`$list[i]`."""

    value: Node
    index: Node
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        value, index = self.value.evaluate(env), self.index.evaluate(env)
        if isinstance(value, Mapping) and isinstance(index, str):
            return exact(field(value, index, self), self)
        position = whole(index, self.index, "a position in a list")
        if isinstance(value, list | tuple):
            return exact(item(value, position, self), self)
        pick = getattr(value, "port", None)
        found = pick(position) if callable(pick) else None
        if found is None:
            raise self.fault("E204", f"only lists have items, but this is {describe(value)}")
        return found

    def parts(self) -> tuple[Node, ...]:
        return self.value, self.index


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Slice(Node):
    """`$list[a:b]`: items a to b, b left out; negative positions count from the end."""

    value: Node
    low: Node | None
    high: Node | None
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        value = self.value.evaluate(env)
        if not isinstance(value, list | tuple):
            raise self.fault("E204", f"only lists can be cut, but this is {describe(value)}")
        low, high = (
            None if node is None else whole(node.evaluate(env), node, "a position in a list")
            for node in (self.low, self.high)
        )
        cut = list(value[low:high])
        self.spend(len(cut))
        return cut

    def parts(self) -> tuple[Node, ...]:
        return tuple(node for node in (self.value, self.low, self.high) if node is not None)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Items(Node):
    """`[a, b, c]`."""

    items: tuple[Node, ...]
    start: int
    end: int

    def evaluate(self, env: Env) -> Any:
        return bounded([node.evaluate(env) for node in self.items], self)

    def parts(self) -> tuple[Node, ...]:
        return self.items
