"""The surface: expressions and texts with variables, whose faults become placed diagnostics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from archspec.errors import Span, SpecError, fail
from archspec.expressions.grammar import parse
from archspec.expressions.nodes import Constant, Env, Node, Variable, Word, walk
from archspec.expressions.values import Fault, Items, bounded, describe, field, names, written

MAX_TEXT = 10_000
"""Characters of an interpolated text."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression and where it was written."""

    text: str
    node: Node
    span: Span

    def evaluate(self, scope: Mapping[str, Any], facts: Mapping[str, Any] | None = None) -> Any:
        """The value: int where whole, else an exact Fraction; bool, text, list, or an object of the scope.

        `scope` maps variable names (without `$`) to values; under "?" it may hold a function that resolves
        dotted paths of layers, None for unknown ones, and has `known()`, their names. Objects take part through
        methods: `field(name)` for `$in.channels`, `port(number or name)` for `$in:0` (each None where there is
        none), `__len__`.
        `facts` are the names an assertion may use without `$`. Raises SpecError (E202 … E208).
        """
        try:
            return self.node.evaluate(Env(scope, facts))
        except Fault as fault:
            raise _placed(fault, self.text, self.span) from None

    def variables(self) -> set[str]:
        """Names of the variables (and layers) it mentions with `$`."""
        return {node.name for node in walk(self.node) if isinstance(node, Variable)}

    def words(self) -> set[str]:
        """Bare words it mentions: text, or facts in an assertion."""
        return {node.text for node in walk(self.node) if isinstance(node, Word)}


def parse_expression(text: str, span: Span) -> Expression:
    """Parse an expression. `span` is the scalar it is written in. Raises SpecError (E201, E203, E207)."""
    try:
        return Expression(text, parse(text), span)
    except Fault as fault:
        raise _placed(fault, text, span) from None


def evaluate(text: str, span: Span, scope: Mapping[str, Any]) -> Any:
    """The value of an expression in a scope. Raises SpecError as `parse_expression` and `Expression.evaluate` do."""
    try:
        return parse(text).evaluate(Env(scope, None))
    except Fault as fault:
        raise _placed(fault, text, span) from None


def collected(items: Items, span: Span) -> Items:
    """A list or mapping whose items were evaluated one by one. Raises SpecError E207 where it grew out of bounds."""
    try:
        return bounded(items, Constant(None, 0, 0))
    except Fault as fault:
        raise fail(fault.code, fault.message, span, fault.hint) from None


def interpolate(text: str, span: Span, scope: Mapping[str, Any]) -> str:
    """Text with `$l`, `$row.name` and `${$l + 1}` replaced by their values; `$$` is a dollar sign.

    After a variable that holds a number or text, a dot is part of the text: `p$l.conv` is p3.conv.
    Raises SpecError (E209 for what is no text, and those of expressions).
    """
    if "$" not in text:
        return text
    env = Env(scope, None)
    try:
        parts = [_fill(piece, env) if isinstance(piece, Node) else piece for piece in _template(text)]
        whole = "".join(parts)
        if len(whole) > MAX_TEXT:
            raise Fault("E207", f"the text grows to {len(whole):,} characters", 0, len(text))
        return whole
    except Fault as fault:
        raise _placed(fault, text, span) from None


_PIECE = re.compile(r"\$\$|\$\{|\$[^\W\d]\w*(?:\.(?:[^\W\d]\w*|[0-9]+))*|[^$]+|\$")
_INSIDE = re.compile(r"(?:'[^']*'|\"[^\"]*\"|[^'\"}])*")


@lru_cache(maxsize=8192)
def _template(text: str) -> tuple[str | Node, ...]:
    """The pieces of a text: literal ones and nodes whose places count from the start of the text."""
    pieces: list[str | Node] = []
    at = 0
    while at < len(text):
        match = _PIECE.match(text, at)
        assert match is not None
        piece = match.group()
        end = match.end()
        if piece == "$$":
            pieces.append("$")
        elif piece == "${":
            inside = _INSIDE.match(text, end)
            close = inside.end() if inside else end
            if text[close : close + 1] != "}":
                raise Fault("E209", "this '${' is not closed", at, at + 2)
            if not text[end:close].strip():
                raise Fault("E209", "an expression is missing in '${}'", at, close + 1)
            # Spaces in front keep the places right.
            pieces.append(parse(" " * end + text[end:close]))
            end = close + 1
        elif piece == "$":
            hint = "a dollar sign itself is written $$"
            raise Fault("E209", "a name is missing after '$'", at, at + 1, hint)
        elif piece[0] == "$":
            name, *path = piece[1:].split(".")
            pieces.append(Variable(name, tuple(path), at, end))
        else:
            pieces.append(piece)
        at = end
    return tuple(pieces)


def _fill(node: Node, env: Env) -> str:
    rest = ""
    if isinstance(node, Variable) and node.name not in env.scope:
        known = [name for name in names(env.scope) if node.name.startswith(name)]
        inner = max(known, key=len, default="")
        if inner and not node.name[len(inner)].isalpha():
            hint = f"for ${inner} and the text after it write ${{${inner}}}{node.name[len(inner) :]}"
            raise node.fault("E202", f"there is no variable ${node.name}", hint)
    if isinstance(node, Variable) and node.path and node.name in env.scope:
        value = env.scope[node.name]
        for position, part in enumerate(node.path):
            if isinstance(value, str | int | float | Fraction):
                rest = "".join(f".{after}" for after in node.path[position:])
                break
            assert isinstance(part, str)
            value = field(value, part, node)
    else:
        value = node.evaluate(env)
    if isinstance(value, bool):
        return ("true" if value else "false") + rest
    if isinstance(value, str):
        return value + rest
    if isinstance(value, int | float | Fraction):
        return written(value) + rest
    raise node.fault("E209", f"text cannot hold {describe(value)}", "use a number or text")


def _placed(fault: Fault, text: str, span: Span) -> SpecError:
    return fail(fault.code, fault.message, locate(text, span, fault.start, fault.end), fault.hint)


def locate(text: str, span: Span, start: int, end: int) -> Span:
    """The place of text[start:end] inside the scalar at `span`; the whole scalar where that is unknown."""
    line, first = span.text, span.column - 1
    places: range | list[int] | None = range(first, first + len(text) + 1)
    if not line.startswith(text, first):
        places = _unescaped(line, first, text)
    if places is None:
        return span
    low = places[min(start, len(text))]
    high = places[min(end, len(text))]
    if start >= len(text):
        high = low + 1
    return replace(span, column=low + 1, length=max(1, high - low))


_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)")


def _unescaped(line: str, first: int, text: str) -> range | list[int] | None:
    """Where each character of a quoted scalar stands in its line, or None if it is not all there."""
    quote = line[first : first + 1]
    if quote not in ("'", '"'):
        return None
    if line.startswith(text, first + 1):
        return range(first + 1, first + 2 + len(text))
    places: list[int] = []
    at = first + 1
    while at < len(line) and len(places) <= len(text):
        places.append(at)
        if quote == '"' and (match := _ESCAPE.match(line, at)):
            at = match.end()
        elif line[at] == quote:
            if quote == '"' or line[at + 1 : at + 2] != "'":
                break
            at += 2
        else:
            at += 1
    return places if len(places) == len(text) + 1 else None
