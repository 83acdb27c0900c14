"""Functions of one open size n, as the arithmetic of windows makes them: sums of n and of floors of such sums.

    c + Σ cᵢ·aᵢ      where an atom aᵢ is n itself, floor(form / m), or max(0, form)

They are kept in a canonical form, in which what the rules make in different ways mostly looks the same: floors
in floors collapse (floor((floor((n + b) / m) + c) / k) = floor((n + b + c·m) / (m·k))), whole multiples leave
them, and a ceiling is a floor. What looks different and is the same is found out by `archspec.sizes.proof`.

Every such function repeats itself: from some size on f(n + length) = f(n) + gain (`period`). That is why a
question about all sizes has an answer: it is enough to look at finitely many.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm
from typing import NamedTuple, TypeAlias

from archspec.effort import MAX_SIZES_IN_ALL, spend

MOST = 100_000
"""Sizes that are looked at one by one, at most: those before a function repeats itself, and those of a period."""


class Untold(Exception):
    """A question about all sizes has no answer within bounds, or none at all: `code`, and what would work."""

    def __init__(self, code: str, message: str, hint: str):
        self.code, self.message, self.hint = code, message, hint
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Itself:
    """The open size n."""


@dataclass(frozen=True, slots=True)
class Floor:
    """floor(inner / by). `exact`: no size that is allowed leaves a remainder, so it is written as a fraction."""

    inner: Form
    by: int
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Positive:
    """max(0, inner)."""

    inner: Form


Atom: TypeAlias = Itself | Floor | Positive


@dataclass(frozen=True, slots=True)
class Form:
    """constant + Σ coefficient·atom: every atom once, none with 0, in a fixed order."""

    terms: tuple[tuple[Atom, int], ...]
    constant: int = 0
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.terms, self.constant)))

    def __hash__(self) -> int:
        return self._hash  # forms hold forms, and are looked up all the time


N = Form(((Itself(), 1),))
ZERO = Form(())


class Period(NamedTuple):
    """f(n + length) = f(n) + gain for every n ≥ start."""

    start: int
    length: int
    gain: int


# ---- sums


def form(terms: Iterable[tuple[Atom, int]], constant: int = 0) -> Form:
    """The sum of some terms, in the canonical order."""
    found: dict[Atom, int] = {}
    for atom, coefficient in terms:
        found[atom] = found.get(atom, 0) + coefficient
    left = [(atom, coefficient) for atom, coefficient in found.items() if coefficient]
    if len(left) > 1:
        left.sort(key=lambda term: _order(term[0]))
    return Form(tuple(left), constant)


def order(a: Form) -> tuple[object, ...]:
    """What forms are sorted by, where an order is needed and none means anything."""
    return a.constant, *((*_order(atom), coefficient) for atom, coefficient in a.terms)


def _order(atom: Atom) -> tuple[object, ...]:
    if isinstance(atom, Itself):
        return (0,)
    inner = tuple((*_order(one), coefficient) for one, coefficient in atom.inner.terms)
    if isinstance(atom, Floor):
        return (1, atom.by, atom.exact, atom.inner.constant, inner)
    return (2, atom.inner.constant, inner)


def plus(a: Form, b: Form, times: int = 1) -> Form:
    """a + times · b."""
    if not b.terms:
        return Form(a.terms, a.constant + times * b.constant)
    scaled = ((atom, times * coefficient) for atom, coefficient in b.terms)
    return form((*a.terms, *scaled), a.constant + times * b.constant)


def minus(a: Form, b: Form) -> Form:
    """a − b."""
    return plus(a, b, -1)


def scaled(a: Form, times: int) -> Form:
    """times · a."""
    if not times:
        return ZERO
    return Form(tuple((atom, times * coefficient) for atom, coefficient in a.terms), times * a.constant)


def content(a: Form) -> int:
    """The greatest whole number that divides all of a form."""
    return gcd(a.constant, *(coefficient for _, coefficient in a.terms))


def rising(a: Form) -> bool:
    """Whether the form says of itself that it never falls where n grows."""
    return all(c > 0 and (isinstance(atom, Itself) or rising(atom.inner)) for atom, c in a.terms)


# ---- floors


@lru_cache(maxsize=1 << 14)
def floor(a: Form, by: int) -> Form:
    """floor(a / by) for by ≥ 1, collapsed."""
    if by == 1 or not a.terms:
        return Form(a.terms, a.constant) if by == 1 else Form((), a.constant // by)
    for atom, coefficient in a.terms:
        if isinstance(atom, Positive):  # a floor never falls, so it may be taken on both sides of a max or min
            rest = plus(a, Form(((atom, 1),)), -coefficient)
            ends = floor(plus(rest, atom.inner, coefficient), by), floor(rest, by)
            return larger(*ends) if coefficient > 0 else smaller(*ends)
    if slope(a) < 0:
        return scaled(floor(plus(Form((), by - 1), a, -1), by), -1)
    return _split(a, by)


def _split(a: Form, by: int) -> Form:
    """The floor with whole multiples taken out of it, and a floor inside it joined to it."""
    whole = [(atom, coefficient // by) for atom, coefficient in a.terms]
    left = [(atom, coefficient % by) for atom, coefficient in a.terms if coefficient % by]
    outside, constant = divmod(a.constant, by)
    if not left:
        return form(whole, outside)
    common = gcd(by, *(coefficient for _, coefficient in left))
    left = [(atom, coefficient // common) for atom, coefficient in left]
    constant, by = constant // common, by // common
    if by == 1:
        return form((*whole, *left), outside + constant)
    ((atom, coefficient), *others) = left
    if isinstance(atom, Floor) and coefficient == 1 and not others:
        inner = floor(plus(atom.inner, Form((), constant * atom.by)), atom.by * by)
    else:
        inner = Form(((Floor(form(left, constant), by), 1),))
    return plus(form(whole, outside), inner)


# ---- the larger and the smaller


@lru_cache(maxsize=1 << 12)
def larger(a: Form, b: Form) -> Form:
    """max(a, b): one of the two where it is never below the other, at any size from 1 on."""
    difference = minus(a, b)
    falls, rises = _ever(difference)
    if not falls:
        return a
    if not rises:
        return b
    common = content(difference)
    inner = Form(tuple((atom, c // common) for atom, c in difference.terms), difference.constant // common)
    if inner.terms[0][1] < 0:  # one of the two ways to write it: max(a, b) = a + max(0, b − a)
        return plus(a, Form(((Positive(scaled(inner, -1)), common),)))
    return plus(b, Form(((Positive(inner), common),)))


def smaller(a: Form, b: Form) -> Form:
    """min(a, b)."""
    return scaled(larger(scaled(a, -1), scaled(b, -1)), -1)


@lru_cache(maxsize=1 << 12)
def _ever(a: Form) -> tuple[bool, bool]:
    """Whether a is below 0 at some size from 1 on, and whether above."""
    start, length, gain = period(a)
    afford(start + length, a)
    values = [value(a, n) for n in range(1, start + length)]
    return gain < 0 or min(values) < 0, gain > 0 or max(values) > 0


# ---- values, and how they repeat


def value(a: Form, n: int) -> int:
    """f(n)."""
    total = a.constant
    for atom, coefficient in a.terms:
        if isinstance(atom, Itself):
            total += coefficient * n
        elif isinstance(atom, Floor):
            total += coefficient * (value(atom.inner, n) // atom.by)
        else:
            total += coefficient * max(0, value(atom.inner, n))
    return total


@lru_cache(maxsize=1 << 14)
def slope(a: Form) -> Fraction:
    """What it grows by, in the long run, where n grows by 1."""
    total = Fraction(0)
    for atom, coefficient in a.terms:
        if isinstance(atom, Itself):
            total += coefficient
        elif isinstance(atom, Floor):
            total += coefficient * slope(atom.inner) / atom.by
        else:
            total += coefficient * max(Fraction(0), slope(atom.inner))
    return total


@lru_cache(maxsize=1 << 14)
def period(a: Form) -> Period:
    """How it repeats itself. Raises Untold E318 where that takes too long to look at."""
    start, length, gain = 1, 1, 0
    for atom, coefficient in a.terms:
        one = _atom_period(atom)
        whole = lcm(length, one.length)
        gain = gain * (whole // length) + coefficient * one.gain * (whole // one.length)
        start, length = max(start, one.start), whole
        within_reach(start, length)
    return Period(start, length, gain)


def _atom_period(atom: Atom) -> Period:
    if isinstance(atom, Itself):
        return Period(1, 1, 1)
    start, length, gain = period(atom.inner)
    if isinstance(atom, Floor):
        times = atom.by // gcd(gain, atom.by)
        within_reach(start, length * times)
        return Period(start, length * times, gain * times // atom.by)
    if not gain:
        return Period(start, length, 0)
    sign = 1 if gain > 0 else -1
    afford(length, atom.inner)
    wrong = max(-(sign * value(atom.inner, n)) for n in range(start, start + length))
    start += max(0, -(-wrong // abs(gain))) * length  # from here on the inner form keeps its sign
    within_reach(start, length)
    return Period(start, length, gain) if gain > 0 else Period(start, 1, 0)


def afford(number: int, a: Form) -> None:
    """Count values of a form that are about to be computed. Raises Untold E318 where they are too many in all."""
    if not spend(number * _parts(a), "sizes"):
        message = f"to tell for all sizes of the input takes computing more than {MAX_SIZES_IN_ALL:,} values"
        raise Untold("E318", message, "a number in the place of the open size, or strides that divide each other")


@lru_cache(maxsize=1 << 14)
def _parts(a: Form) -> int:
    """How many numbers one value of a form is made of."""
    return 1 + sum(1 if isinstance(atom, Itself) else _parts(atom.inner) for atom, _ in a.terms)


def within_reach(start: int, length: int) -> None:
    """Raises Untold E318 where sizes are too many to be looked at one by one."""
    if start <= MOST and length <= MOST:
        return
    message = f"its size repeats itself only every {length:,} sizes of the input"
    if start > MOST:
        message = f"its size depends on which of the first {start:,} sizes the input has"
    hint = "a number in the place of the open size, or a stride that divides the others"
    raise Untold("E318", f"{message}, and no more than {MOST:,} are looked at", hint)
