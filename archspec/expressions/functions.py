"""The functions expressions may call. Each takes evaluated arguments and the place of the call."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from archspec.expressions.values import Number, Place, describe, exact, number, whole


@dataclass(frozen=True, slots=True)
class Function:
    """A function: fewest and most arguments (None: any number), and what it computes."""

    least: int
    most: int | None
    call: Callable[[list[Any], Place], Any]

    @property
    def doc(self) -> str:
        """One line for the reference."""
        return (self.call.__doc__ or "").strip()


FUNCTIONS: dict[str, Function] = {}


def _function(least: int, most: int | None) -> Callable[[Callable[[list[Any], Place], Any]], Any]:
    def enter(call: Callable[[list[Any], Place], Any]) -> Any:
        FUNCTIONS[call.__name__.strip("_")] = Function(least, most, call)
        return call

    return enter


def _numbers(args: list[Any], place: Place, use: str) -> list[Number]:
    """The numbers of one list, or the arguments themselves."""
    items = args[0] if len(args) == 1 and isinstance(args[0], list | tuple) else args
    return [number(value, place, use) for value in items]


def round_to(x: Number, step: int) -> int:
    """The multiple of `step` nearest to x (up from half), at least `step`, never below 90 % of x.

    The `_make_divisible` of the MobileNet code (Howard et al. 2017, Sandler et al. 2018), computed exactly.
    """
    near = max(step, math.floor(Fraction(x) / step + Fraction(1, 2)) * step)
    return near + step if 10 * near < 9 * x else near


@_function(2, 2)
def _round_to(args: list[Any], place: Place) -> int:
    """`round_to(x, k)`: the nearest multiple of k, at least k, never below 90 % of x: `round_to(22.4, 8)` is 24."""
    step = whole(args[1], place, "round_to")
    if step < 1:
        raise place.fault("E204", f"round_to needs a positive step, but this is {step}")
    return round_to(number(args[0], place, "round_to"), step)


@_function(1, 1)
def _ceil(args: list[Any], place: Place) -> int:
    """`ceil(x)`: the smallest whole number not below x: `ceil(1.1 * 10)` is 11."""
    return math.ceil(number(args[0], place, "ceil"))


@_function(1, 1)
def _floor(args: list[Any], place: Place) -> int:
    """`floor(x)`: the largest whole number not above x: `floor(7 / 2)` is 3."""
    return math.floor(number(args[0], place, "floor"))


@_function(1, 1)
def _round(args: list[Any], place: Place) -> int:
    """`round(x)`: the nearest whole number, of two the even one: `round(5 / 2)` is 2."""
    return round(number(args[0], place, "round"))


@_function(1, 1)
def _abs(args: list[Any], place: Place) -> Number:
    """`abs(x)`: x without its sign: `abs(2 - 5)` is 3."""
    value = number(args[0], place, "abs")
    return -value if value < 0 else value


@_function(1, None)
def _min(args: list[Any], place: Place) -> Number:
    """`min(a, b, …)` or `min(list)`: the smallest: `min(16, 4 * 8)` is 16."""
    found = _numbers(args, place, "min")
    if not found:
        raise place.fault("E204", "min of an empty list")
    return min(found)


@_function(1, None)
def _max(args: list[Any], place: Place) -> Number:
    """`max(a, b, …)` or `max(list)`: the largest: `max([3, 4, 6])` is 6."""
    found = _numbers(args, place, "max")
    if not found:
        raise place.fault("E204", "max of an empty list")
    return max(found)


@_function(1, 1)
def _sum(args: list[Any], place: Place) -> Any:
    """`sum(list)`: the sum, 0 where the list is empty: `sum([3, 4, 6, 3])` is 16."""
    if not isinstance(args[0], list | tuple):
        raise place.fault("E204", f"sum needs a list, but this is {describe(args[0])}")
    return exact(sum(_numbers(args, place, "sum")), place)


@_function(1, 1)
def _len(args: list[Any], place: Place) -> int:
    """`len(x)`: how many items a list has, or tensors a bundle: `len(2..5)` is 4."""
    if isinstance(args[0], str) or not hasattr(args[0], "__len__"):
        raise place.fault("E204", f"len needs a list or a bundle, but this is {describe(args[0])}")
    return len(args[0])


@_function(1, 1)
def _reverse(args: list[Any], place: Place) -> list[Any]:
    """`reverse(list)`: the list from its end: `reverse(1..3)` is [3, 2, 1]."""
    value = args[0]
    listed = hasattr(value, "__len__") and hasattr(value, "__getitem__")
    if isinstance(value, str | dict) or not listed:
        raise place.fault("E204", f"reverse needs a list, but this is {describe(value)}")
    return [value[i] for i in range(len(value) - 1, -1, -1)]
