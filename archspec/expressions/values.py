"""What expressions compute with: exact numbers, truth values, text, lists, and things with fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeVar

from archspec.effort import MAX_ITEMS_IN_ALL, spend
from archspec.errors import Suggestion, did_you_mean

Number = int | Fraction

LARGEST = 2**1000
"""Numerators and denominators stay below this, so that every number fits a float."""
MAX_ITEMS = 100_000
"""Items of a list, those of lists inside it included."""
MAX_NESTING = 50


class Fault(Exception):
    """What is wrong with an expression and where in its text. Becomes a `SpecError` at the surface."""

    def __init__(self, code: str, message: str, start: int, end: int, hint: str | None = None):
        self.code, self.message, self.start, self.end, self.hint = code, message, start, end, hint
        super().__init__(message)

    def again(self) -> Fault:
        """The same fault, to be raised anew."""
        return Fault(self.code, self.message, self.start, self.end, self.hint)


class Place:
    """Where in an expression's text a value comes from; faults point there."""

    __slots__ = ()
    start: int
    end: int

    def fault(self, code: str, message: str, hint: str | None = None) -> Fault:
        """A fault at this place."""
        return Fault(code, message, self.start, self.end, hint)

    def spend(self, items: int) -> None:
        """Count items of lists that are gone through here. Raises a fault E207 where they were too many in all."""
        if not spend(items):
            message = f"the expressions of this file go through more than {MAX_ITEMS_IN_ALL:,} items of lists in all"
            raise self.fault("E207", message)


@lru_cache(maxsize=1024)
def _decimal(value: float) -> Fraction:
    """The shortest decimal that reads back as this float: 1.1 is 11/10, as the user wrote it."""
    return Fraction(repr(value))


def exact(value: Any, place: Place) -> Any:
    """Floats as the decimal fractions they were written as, whole numbers as int; all else unchanged."""
    if type(value) is float:
        try:
            value = _decimal(value)
        except ValueError:
            raise place.fault("E204", f"{value} is no number to compute with") from None
    if type(value) is Fraction:
        if value.denominator == 1:
            value = value.numerator
        elif value.denominator >= LARGEST:
            raise place.fault("E207", "the number has too many digits")
    if type(value) is int and not -LARGEST < value < LARGEST:
        raise place.fault("E207", "the number is too large")
    if type(value) is Fraction and not -LARGEST < value.numerator < LARGEST:
        raise place.fault("E207", "the number has too many digits")
    return value


def number(value: Any, place: Place, use: str) -> Number:
    """The value as an exact number. Raises a fault that says what it is instead."""
    if type(value) is int:
        return value
    value = exact(value, place)
    if type(value) is int or type(value) is Fraction:
        return value
    raise place.fault("E204", f"{use} needs a number, but this is {describe(value)}")


def whole(value: Any, place: Place, use: str) -> int:
    """The value as a whole number."""
    found = number(value, place, use)
    if type(found) is int:
        return found
    raise place.fault("E204", f"{use} needs a whole number, but this is {describe(found)}")


def truth(value: Any, place: Place, use: str) -> bool:
    """The value as true or false; numbers and text are neither."""
    if type(value) is bool:
        return value
    hint = "compare it with a number, as in $x > 0" if isinstance(value, int | float | Fraction) else None
    raise place.fault("E204", f"{use} needs true or false, but this is {describe(value)}", hint)


def same(left: Any, right: Any, place: Place) -> bool:
    """Equality: numbers by value, lists item by item, values of different kinds never."""
    left, right = exact(left, place), exact(right, place)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        place.spend(min(len(left), len(right)))
        return len(left) == len(right) and all(same(a, b, place) for a, b in zip(left, right, strict=True))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def field(value: Any, part: str | int, place: Place) -> Any:
    """`.part` of a value: an item of a list, a key of a mapping, a field of an object, a layer's path."""
    if isinstance(value, str):
        return f"{value}.{part}"  # the variable holds the name of a layer
    if isinstance(value, list | tuple):
        if isinstance(part, int) or part.isdecimal():
            return item(value, int(part), place)
        raise place.fault("E206", f"a list has no '{part}'", f"items are .0 to .{len(value) - 1}")
    if isinstance(value, Mapping):
        if str(part) not in value:
            known = [str(key) for key in value]
            raise place.fault("E206", f"there is no '{part}' in this", did_you_mean(str(part), known, "keys"))
        return value[str(part)]
    find = getattr(value, "field", None)
    found = find(str(part)) if callable(find) else None
    if found is None:
        hint = getattr(value, "fields", None)
        near = did_you_mean(str(part), [name for name in ("channels", "rank", "stride") if f".{name}" in (hint or "")])
        told = near if isinstance(near, Suggestion) else hint
        raise place.fault("E206", f"{describe(value)} has no '{part}'", told)
    return found


def item(value: Any, index: int, place: Place) -> Any:
    """`[index]` of a list (from the end where negative)."""
    size = len(value)
    if not -size <= index < size:
        last = f"its items are .0 to .{size - 1}" if size else "it is empty"
        raise place.fault("E206", f"there is no item {index} in a list of {size}", last)
    return value[index]


Items = TypeVar("Items", list[Any], dict[str, Any])


def bounded(items: Items, place: Place) -> Items:
    """A new list or mapping, if it is not too long or too deep to be walked."""
    count = 0
    rows: list[Any] = [items]
    for _ in range(MAX_NESTING):
        found = sum(map(len, rows))
        count += found
        place.spend(found)
        if count > MAX_ITEMS:
            raise place.fault("E207", f"a list of more than {MAX_ITEMS:,} items")
        values = (inner for row in rows for inner in (row.values() if isinstance(row, dict) else row))
        rows = [inner for inner in values if isinstance(inner, list | tuple | dict)]
        if not rows:
            return items
    raise place.fault("E207", f"lists nested deeper than {MAX_NESTING} levels")


def plain(value: Any) -> Any:
    """A result as operators take it: fractions as floats, lists of such; other values unchanged."""
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return value


def describe(value: Any) -> str:
    """A value in a message: `'abc'`, `a list of 4`, `7/2`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Fraction):
        return written(value)
    if isinstance(value, str):
        return f"the text '{value if len(value) <= 40 else value[:39] + '…'}'"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, Mapping):
        return "a mapping"
    kind: Any = type(value)
    text = str(value) if kind.__str__ is not object.__str__ else kind.__name__
    return text if len(text) <= 60 else text[:59] + "…"


def written(value: int | float | Fraction) -> str:
    """A number as text: a decimal where one is exact, else a fraction."""
    if isinstance(value, Fraction) and value.denominator != 1:
        short = repr(float(value))
        return short if Fraction(short) == value else f"{value.numerator}/{value.denominator}"
    return str(value)


def names(scope: Iterable[str]) -> list[str]:
    """The variables of a scope, without its resolver."""
    return [name for name in scope if name != "?"]
