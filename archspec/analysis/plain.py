"""Values as other programs read them: numbers, lists, and formulas as text."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any


def number(value: int | Fraction) -> int | float:
    """A field's size or stride: whole where it is."""
    return int(value) if value.denominator == 1 else float(value)


def written(value: int) -> int | str:
    """A size or a count: a number, or a formula of the sizes that the input leaves open, `ceil(H/2)`."""
    return value if isinstance(value, int) else _formula(value)


def plain(value: Any) -> Any:
    """Any figure: a list of its axes, a number, a formula, a word."""
    if type(value) is int:  # nearly all are
        return value
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if isinstance(value, Fraction):
        return number(value)
    return value if isinstance(value, str | float) else written(value)


@lru_cache(maxsize=1 << 12, typed=True)  # layers repeat
def _formula(value: Any) -> str:
    from archspec.sizes import PROGRAMS

    text: str = value.written(PROGRAMS)
    return text
