"""The three kinds of value a text can hold, each with its place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from archspec.errors import Span, fail

MAX_DEPTH = 100
"""Levels of lists and mappings: far beyond any network, and well inside Python's own recursion limit."""

SMALL = 8
"""Up to this many keys a scan is as fast as an index."""


class Lost(str):
    """What stands for a value that could not be read: that has been told, and no more is said of what needs it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number, truth value or text. `text` is as written, so that 1.1 can be read as exactly 11/10."""

    value: str | int | float | bool
    text: str
    span: Span
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Value, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the order written. Keys are text, also those that look like numbers."""

    entries: tuple[tuple[Scalar, Value], ...]
    span: Span
    _index: dict[str, tuple[Scalar, Value]] = field(
        default_factory=dict, init=False, repr=False, compare=False, hash=False
    )

    def _entry(self, key: str) -> tuple[Scalar, Value] | None:
        if len(self.entries) <= SMALL:
            for entry in self.entries:
                if entry[0].value == key:
                    return entry
            return None
        if not self._index:
            self._index.update((str(entry[0].value), entry) for entry in self.entries)
        return self._index.get(key)

    def get(self, key: str) -> Value | None:
        """The value under a key, or None."""
        entry = self._entry(key)
        return entry[1] if entry else None

    def key(self, key: str) -> Scalar | None:
        """The key itself, for its place, or None where it does not occur."""
        entry = self._entry(key)
        return entry[0] if entry else None

    def keys(self) -> list[str]:
        """The keys as text, in order."""
        return [str(key.value) for key, _ in self.entries]

    def items(self) -> Iterator[tuple[str, Value]]:
        """Keys as text with their values, in order."""
        return ((str(key.value), value) for key, value in self.entries)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._entry(key) is not None


Value = Scalar | Sequence | Mapping


def lost(span: Span) -> Scalar:
    """The place of a value that could not be read."""
    return Scalar(Lost(), "", span)


def is_lost(value: Value | None) -> bool:
    """Whether a value could not be read."""
    return isinstance(value, Scalar) and isinstance(value.value, Lost)


def to_plain(value: Value) -> Any:
    """The value as dicts, lists, text, numbers and truth values."""
    if isinstance(value, Scalar):
        return value.value
    if isinstance(value, Sequence):
        return [to_plain(item) for item in value.items]
    return {key: to_plain(item) for key, item in value.items()}


def at(value: Value, loc: tuple[str | int, ...], key: bool = False) -> Span:
    """The deepest place that exists along a path of keys and positions, such as pydantic's `loc`.

    Parts that name nothing here (a missing key, the tag of a union) are passed over. With `key`
    the place is that of the last key found instead of its value: for a key that should not be there.
    """
    span = value.span
    for part in loc:
        if isinstance(value, Mapping):
            entry = value._entry(str(part))
            if entry is not None:
                value = entry[1]
                span = entry[0].span if key else value.span
        elif isinstance(value, Sequence) and isinstance(part, int) and 0 <= part < len(value.items):
            value = value.items[part]
            span = value.span
    return span


def from_plain(data: Any, span: Span, depth: int = 0) -> Value:
    """Plain data from a script or an override as a value, everything at one place.

    Raises SpecError: E015 for what YAML could not hold (None, NaN, an object), E013 where it is too deep.
    """
    if depth > MAX_DEPTH:
        raise fail("E013", f"the data is nested deeper than {MAX_DEPTH} levels", span)
    if isinstance(data, bool | str):
        return Scalar(data, data if isinstance(data, str) else str(data).lower(), span, isinstance(data, str))
    if isinstance(data, dict):
        entries = []
        for key, item in data.items():
            if isinstance(key, bool) or not isinstance(key, str | int):
                raise fail("E012", f"keys are text, but {key!r} is {type(key).__name__}", span)
            entries.append((Scalar(str(key), str(key), span), from_plain(item, span, depth + 1)))
        return Mapping(tuple(entries), span)
    if isinstance(data, list | tuple | range):
        return Sequence(tuple(from_plain(item, span, depth + 1) for item in data), span)
    number = _number(data)
    if number is None:
        shown = "None" if data is None else f"{type(data).__name__} {data!r:.60}"
        raise fail("E015", f"{shown} is no value a spec can hold", span, "text, numbers, true/false, lists, dicts")
    return Scalar(number, repr(number), span)


def _number(data: Any) -> int | float | None:
    """Any finite real number (numpy's and fractions too) as int or float; None for everything else."""
    if isinstance(data, int | Fraction) or hasattr(data, "__index__"):
        try:
            return int(data) if data == int(data) else float(data)
        except (TypeError, ValueError, OverflowError):
            return None
    if hasattr(data, "__float__"):
        try:
            number = float(data)
        except (TypeError, ValueError, OverflowError):
            return None
        return number if math.isfinite(number) else None
    return None
