"""An open size: an axis whose length the spec leaves open, and what windows make of it.

It takes part in the arithmetic of the operators' rules as an `int` does, and in nothing else: where a rule needs
a number (a greatest common divisor, a range, a float) `NoNumber` is raised, and the size is refused.

A rule may ask whether one size equals another, or is below it. While a rule runs under `assuming`, the answer is
proved for all sizes assumed possible; where it is yes at some and no at others, `Undecided` says which, and the
rule is asked again for each (see `archspec.ops.settle`). Elsewhere `==` compares the canonical forms, so that
open sizes may be keys, and they have no order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import TYPE_CHECKING, cast

from archspec.sizes import forms
from archspec.sizes.admissible import Sizes
from archspec.sizes.forms import Form, Untold
from archspec.sizes.number import NoNumber, Unnumbered
from archspec.sizes.proof import signs
from archspec.sizes.text import PEOPLE, Style, factor, text

if TYPE_CHECKING:
    from archspec.sizes.volume import Volume

_ASSUMED: ContextVar[Mapping[str, Sizes] | None] = ContextVar("_ASSUMED", default=None)


class Undecided(Exception):
    """A question whose answer is yes at some sizes of a symbol, and no at the others."""

    def __init__(self, symbol: str, yes: Sizes, no: Sizes):
        self.symbol, self.yes, self.no = symbol, yes, no
        super().__init__(symbol)


@contextmanager
def assuming(allowed: Mapping[str, Sizes]) -> Iterator[None]:
    """Within it, open sizes may be compared: each symbol stands for any of its sizes."""
    token = _ASSUMED.set(allowed)
    try:
        yield
    finally:
        _ASSUMED.reset(token)


def assumed() -> Mapping[str, Sizes] | None:
    """The sizes that each symbol may have, where a rule is running."""
    return _ASSUMED.get()


@dataclass(frozen=True, slots=True, eq=False)
class Open(Unnumbered):
    """A size that is a function of one open size, `symbol`."""

    symbol: str
    form: Form

    # arithmetic

    def __add__(self, other: object) -> int:
        if type(other) is int:
            return _size(self.symbol, forms.plus(self.form, Form((), other)))
        if isinstance(other, Open) and other.symbol == self.symbol:
            return _size(self.symbol, forms.plus(self.form, other.form))
        return cast(int, self._volume() + other if isinstance(other, Open) else self._with(other))

    __radd__ = __add__

    def __neg__(self) -> int:
        return _size(self.symbol, forms.scaled(self.form, -1))

    def __sub__(self, other: object) -> int:
        return self + -other if isinstance(other, int | Open) else cast(int, self._with(other))

    def __rsub__(self, other: object) -> int:
        return -self + other if type(other) is int else cast(int, self._with(other))

    def __mul__(self, other: object) -> int:
        if type(other) is int:
            return _size(self.symbol, forms.scaled(self.form, other))
        return cast(int, self._volume() * other if isinstance(other, Open) else self._with(other))

    __rmul__ = __mul__

    def __floordiv__(self, other: object) -> int:
        if type(other) is not int:
            return cast(int, self._with(other))
        if not other:
            raise ZeroDivisionError(f"{self} divided by 0")
        return _size(self.symbol, forms.floor(self.form if other > 0 else forms.scaled(self.form, -1), abs(other)))

    def __mod__(self, other: object) -> int:
        return self - self // other * other if type(other) is int else cast(int, self._with(other))

    def _volume(self) -> Volume:
        from archspec.sizes.volume import Volume

        return Volume.of(self)

    # questions

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Open) and other.symbol == self.symbol and other.form == self.form:
            return True
        allowed = _ASSUMED.get()
        if not isinstance(other, int | Open):
            return NotImplemented if allowed is None else cast(bool, self._with(other))
        if allowed is None:
            return False
        less, same, more = signs(self._minus(other), allowed[self.symbol])
        return decided(self.symbol, same, less | more)

    def __lt__(self, other: object) -> bool:
        return self._ordered(other, below=True, same=False)

    def __le__(self, other: object) -> bool:
        return self._ordered(other, below=True, same=True)

    def __gt__(self, other: object) -> bool:
        return self._ordered(other, below=False, same=False)

    def __ge__(self, other: object) -> bool:
        return self._ordered(other, below=False, same=True)

    def __bool__(self) -> bool:
        return self != 0

    def __hash__(self) -> int:
        if _ASSUMED.get() is not None:
            raise NoNumber("a rule may not look an open size up: it would miss sizes that are equal")
        return hash((self.symbol, self.form))

    def _ordered(self, other: object, below: bool, same: bool) -> bool:
        if not isinstance(other, int | Open):
            return cast(bool, self._with(other))
        allowed = _ASSUMED.get()
        if allowed is None:
            raise NoNumber(f"{self} and {other} have no order while {self.symbol} is open")
        rest, within = self._minus(other), allowed[self.symbol]
        if forms.rising(rest) and forms.value(rest, within.first) >= (1 if below == same else 0):
            return not below  # most questions: does this window fit; and it does at the smallest size
        less, equal, more = signs(rest, within)
        yes, no = (less, more) if below else (more, less)
        return decided(self.symbol, yes | equal, no) if same else decided(self.symbol, yes, no | equal)

    def _minus(self, other: int | Open) -> Form:
        if isinstance(other, Open) and other.symbol != self.symbol:
            raise _apart(self, other)
        return forms.minus(self.form, other.form if isinstance(other, Open) else Form((), other))

    # what it is

    def at(self, sizes: Mapping[str, int]) -> int:
        """The number it is where the symbols have those sizes."""
        return forms.value(self.form, sizes[self.symbol])

    @property
    def slope(self) -> Fraction:
        """What it grows by, in the long run, where the symbol grows by 1."""
        return forms.slope(self.form)

    def written(self, style: Style = PEOPLE) -> str:
        """As text that stands for itself."""
        return text(self.form, self.symbol, style)

    def __str__(self) -> str:
        return factor(self.form, self.symbol)

    __repr__ = __str__


def decided(symbol: str, yes: Sizes, no: Sizes) -> bool:
    """Whether the answer is yes. Raises Undecided where it depends on the size."""
    if yes and no:
        raise Undecided(symbol, yes, no)
    return bool(yes)


def _size(symbol: str, form: Form) -> int:
    """A number where nothing is left open."""
    return cast(int, Open(symbol, form)) if form.terms else form.constant


def symbol(name: str, times: int = 1, more: int = 0) -> int:
    """The open size of that name; or a declared multiple of it, `times·name + more`."""
    return _size(name, forms.plus(Form((), more), forms.N, times))


def larger(a: int, b: int) -> int:
    """max(a, b), of open sizes too. It asks no question: where either may be the larger, so does the result say."""
    return max(a, b) if type(a) is type(b) is int else _picked(a, b, forms.larger)


def smaller(a: int, b: int) -> int:
    """min(a, b) in the same way."""
    return min(a, b) if type(a) is type(b) is int else _picked(a, b, forms.smaller)


def _picked(a: object, b: object, pick: Callable[[Form, Form], Form]) -> int:
    symbols = {side.symbol: side for side in (a, b) if isinstance(side, Open)}
    if len(symbols) > 1:
        raise _apart(*symbols.values())
    ends = (side.form if isinstance(side, Open) else Form((), cast(int, side)) for side in (a, b))
    return _size(next(iter(symbols)), pick(*ends))


def common_divisor(size: int, m: int) -> int:
    """gcd(n, m) of an open size n and a number: Σ φ(d) over the d that divide both (Gauss)."""
    total = 0
    for d in (d for d in range(1, m + 1) if m % d == 0):
        coprime = sum(gcd(k, d) == 1 for k in range(1, d + 1))
        total += (size // d - (size - 1) // d) * coprime  # the difference is 1 where d divides n, else 0
    return total


def _apart(a: Open, b: Open) -> Untold:
    return Untold(
        "E314",
        f"{a} and {b} would have to be one size, and {a.symbol} and {b.symbol} are open, each for itself",
        "write the same letter for sizes that are always equal",
    )
