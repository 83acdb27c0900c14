"""Variables that nothing gives a value, where no layer was made that would have asked for it.

What is expanded is checked as it is expanded. Behind a `when` that is false, a `repeat: 0`, or the side of a choice
that was not taken, a misspelt variable would pass until the day somebody takes that way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from archspec import source
from archspec.errors import Diagnostic, Span, did_you_mean
from archspec.ops import REGISTRY
from archspec.source import Scalar, Sequence, Value
from archspec.spec import RESERVED, STRUCTURAL, Spec

_VARIABLE = re.compile(r"(?<!\$)\$([A-Za-z_]\w*)")
_COUNTED = re.compile(r"(\w*?)[0-9]+")


def unknown_variables(spec: Spec) -> list[Diagnostic]:
    """A diagnostic (E202) for every variable of the file that is none, and no layer's name either."""
    words = {*REGISTRY, *STRUCTURAL, *spec.blocks, "branch", "shortcut"}
    found: list[Diagnostic] = []
    blocks = spec.tree.get("blocks")
    given = [*spec.variables, *spec.inputs, *(head.name for head in spec.heads)]
    stretches = [(given, [spec.tree.get(key) for key in ("layers", "heads", "detect", "outputs")])]
    for block in (value for _, value in blocks.entries) if isinstance(blocks, source.Mapping) else ():
        if isinstance(block, source.Mapping):
            given = [*_keys(block.get("params")), *_items(block.get("inputs"))]
            stretches.append((given, [block.get(key) for key in ("params", "layers", "outputs")]))
    for given, values in stretches:
        found += _unknown([value for value in values if value is not None], {*given, *RESERVED}, words)
    return found


def _unknown(values: list[Value], known: set[str], words: set[str]) -> Iterator[Diagnostic]:
    """What a list of layers asks for, against all that any place in it could know: no more is certain from here."""
    uses: list[Scalar] = []
    templates: list[str] = []
    for value in values:
        for key, one in _walk(value):
            if isinstance(one, source.Mapping) and key == "each":
                known.update(_loop(one))
            elif isinstance(one, Scalar):
                if key == "name":
                    templates.append(re.sub(r"\\\$\w+|\\\$\\\{.*?\\\}", r"\\w*", re.escape(one.text)))
                if "$" in one.text:
                    uses.append(one)
    named = re.compile("|".join(templates) or r"(?!)")
    for use in uses:
        for match in _VARIABLE.finditer(use.text):
            name, counted = match[1], _COUNTED.fullmatch(match[1])
            if name in known or named.fullmatch(name) or (counted and counted[1] in words):
                continue
            hint = did_you_mean(f"${name}", [f"${k}" for k in sorted(known)], "variables")
            yield Diagnostic("E202", f"there is no variable ${name}", _place(use, match), hint)


def _walk(value: Value, key: str = "") -> Iterator[tuple[str, Value]]:
    """A value and all inside it, each with the key it stands under."""
    yield key, value
    if isinstance(value, Sequence):
        for item in value.items:
            yield from _walk(item, key)
    elif isinstance(value, source.Mapping):
        for inner, item in value.entries:
            yield from _walk(item, inner.text)


def _loop(each: source.Mapping) -> Iterable[str]:
    """The variables of a loop: its lists, or the columns of its table, or what holds a whole row."""
    return [*each.keys(), *_items(each.get("columns")), *_items(each.get("as"))]


def _items(value: Value | None) -> list[str]:
    items = value.items if isinstance(value, Sequence) else (value,)
    return [item.text for item in items if isinstance(item, Scalar)]


def _keys(value: Value | None) -> list[str]:
    return value.keys() if isinstance(value, source.Mapping) else []


def _place(use: Scalar, match: re.Match[str]) -> Span:
    at = use.span.column - 1 + int(use.quoted)
    if not use.span.text.startswith(use.text, at):
        return use.span
    return replace(use.span, column=at + 1 + match.start(), length=match.end() - match.start())
