"""Sets of sizes: those of the whole numbers from 1 on that a network takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from math import lcm

from archspec.sizes.forms import SET, spend, within_reach

ALL = frozenset((0,))


@dataclass(frozen=True, slots=True)
class Sizes:
    """From `start` on the sizes whose remainder by `period` is one of `remainders`, and before it the `few`.

    Made by `sizes`, so that equal sets are equal: the shortest period, and the lowest start.
    """

    start: int = 1
    period: int = 1
    remainders: frozenset[int] = ALL
    few: frozenset[int] = frozenset()

    def __contains__(self, n: int) -> bool:
        return n % self.period in self.remainders if n >= self.start else n in self.few

    def __bool__(self) -> bool:
        return bool(self.remainders or self.few)

    @property
    def finite(self) -> bool:
        return not self.remainders

    @property
    def first(self) -> int:
        """The smallest size. The set must not be empty."""
        return min(self.few) if self.few else self.following(self.start)

    def following(self, n: int) -> int:
        """The smallest size of an infinite set from n on."""
        return next(m for m in count(n) if m in self)

    def below(self, end: int) -> Iterator[int]:
        """The sizes before `end`, rising."""
        yield from (n for n in sorted(self.few) if n < end)
        yield from (n for n in range(self.start, end) if n % self.period in self.remainders)

    @property
    def even(self) -> tuple[int, int]:
        """The least multiple m, and the least r below it, so that each m·n + r is one of them from some n on.

        A multiple with nothing more (r = 0) comes first, where there is one. The set must not be finite.
        """
        steps = [m for m in range(1, self.period + 1) if self.period % m == 0]
        whole = (m for m in steps if all(n in self.remainders for n in range(0, self.period, m)))
        if found := next(whole, 0):
            return found, 0
        return next(
            (m, r) for m in steps for r in range(m) if all(n in self.remainders for n in range(r, self.period, m))
        )

    def __le__(self, other: Sizes) -> bool:
        return not self - other

    def __and__(self, other: Sizes) -> Sizes:
        begin = max(self.first, other.first) if self and other else 1
        return self._with(other, lambda a, b: a and b, begin)

    def __or__(self, other: Sizes) -> Sizes:
        return self._with(other, lambda a, b: a or b, min((one.first for one in (self, other) if one), default=1))

    def __sub__(self, other: Sizes) -> Sizes:
        return self._with(other, lambda a, b: a and not b, self.first if self else 1)

    def _with(self, other: Sizes, both: Callable[[bool, bool], bool], begin: int) -> Sizes:
        """The sizes that `both` wants, of which none is below `begin`: a deep network's sets start far from 1."""
        if self == other:
            return self if both(True, True) else NONE
        start, period = max(self.start, other.start), lcm(self.period, other.period)
        within_reach(start, period)
        spend(SET * (period + start - begin))
        return sizes(
            start,
            period,
            (n % period for n in range(start, start + period) if both(n in self, n in other)),
            (n for n in range(begin, start) if both(n in self, n in other)),
        )


def sizes(start: int, period: int, remainders: Iterator[int], few: Iterator[int]) -> Sizes:
    """The set, in the one way to write it."""
    left, early = frozenset(remainders), set(few)
    if not left:
        return Sizes(max(early, default=0) + 1, 1, left, frozenset(early))
    for prime in _primes(period):
        while period % prime == 0:
            shorter = period // prime
            folded = frozenset(r % shorter for r in left)
            if len(folded) * prime != len(left):
                break
            period, left = shorter, folded
    while start > 1 and ((start - 1) % period in left) == (start - 1 in early):
        start -= 1
        early.discard(start)
    return Sizes(start, period, left, frozenset(early))


def _primes(n: int) -> Iterator[int]:
    """The primes that divide n."""
    p = 2
    while p * p <= n:
        if n % p == 0:
            yield p
            while n % p == 0:
                n //= p
        p += 1
    if n > 1:
        yield n


ANY = Sizes()
NONE = Sizes(1, 1, frozenset())
