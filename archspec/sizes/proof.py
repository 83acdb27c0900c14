"""Where a function of an open size is below, at and above 0, over a set of sizes: proved, not tried.

A function that repeats itself, over a set that does, is settled by one period of both: in each class of
remainders it rises, falls or stays, and so its sign changes once at most.
"""

from __future__ import annotations

from functools import lru_cache
from math import lcm
from typing import NamedTuple

from archspec.sizes import forms
from archspec.sizes.admissible import NONE, Sizes, sizes
from archspec.sizes.forms import SET, Form, minus, period, rising, spend, value, values, within_reach


class Signs(NamedTuple):
    """A set of sizes in three parts: where a function is below 0, where it is 0, where it is above."""

    negative: Sizes
    zero: Sizes
    positive: Sizes


@lru_cache(maxsize=1 << 12)
def signs(a: Form, within: Sizes) -> Signs:
    """The three parts of `within`. Raises Untold E318 where there is too much to look at."""
    if rising(a) and within and value(a, within.first) > 0:
        return Signs(NONE, NONE, within)
    repeats = period(a)
    length = lcm(repeats.length, within.period)
    start = max(repeats.start, within.start)
    within_reach(start, length)
    spend(SET * length)
    gain = repeats.gain * (length // repeats.length)
    late_sizes = [n for n in range(start, start + length) if n in within]
    first = dict(zip(late_sizes, values(a, late_sizes), strict=True))
    settled = start + length * max((_rounds(v, gain) for v in first.values()), default=0)
    within_reach(settled, length)
    spend(SET * settled)
    early_sizes = list(within.below(settled))
    early = {n: _sign(v) for n, v in zip(early_sizes, values(a, early_sizes), strict=True)}
    late = {n % length: _sign(v + gain * ((settled - start) // length)) for n, v in first.items()}
    return Signs(
        *(
            sizes(
                settled,
                length,
                (r for r, sign in late.items() if sign == wanted),
                (n for n, sign in early.items() if sign == wanted),
            )
            for wanted in (-1, 0, 1)
        )
    )


def _rounds(v: int, gain: int) -> int:
    """After how many periods the sign of v + k·gain no longer changes."""
    if not gain or v * gain > 0:
        return 0
    return abs(v) // abs(gain) + 1


def _sign(v: int) -> int:
    return (v > 0) - (v < 0)


def equal(a: Form, b: Form, within: Sizes) -> bool:
    """Whether two functions are the same at every size of a set."""
    if a == b:
        return True
    parts = signs(minus(a, b), within)
    return not parts.negative and not parts.positive


def forget() -> None:
    """Forget all that was proved: what a network may cost is counted from its first layer on."""
    signs.cache_clear()
    forms.forget()
