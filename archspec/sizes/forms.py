"""Functions of one open size n, as the arithmetic of windows makes them: sums of n and of floors of such sums.

    c + Σ cᵢ·aᵢ      where an atom aᵢ is n itself, floor(form / m), or max(0, form)

They are kept in a canonical form, in which what the rules make in different ways mostly looks the same: floors
in floors collapse (floor((floor((n + b) / m) + c) / k) = floor((n + b + c·m) / (m·k))), whole multiples leave
them, and a ceiling is a floor. What looks different and is the same is found out by `archspec.sizes.proof`.

Every such function repeats itself: from some size on f(n + length) = f(n) + gain (`period`). That is why a
question about all sizes has an answer: it is enough to look at finitely many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm
from typing import NamedTuple, TypeAlias

from archspec.effort import MAX_STEPS_IN_ALL, spend_steps

MOST = 100_000
"""Sizes that are looked at one by one, at most: those before a function repeats itself, and those of a period."""
WIDEST = 200
"""Atoms of a form, at most: what is joined again and again makes two of each."""
WORK = 4_000_000
"""Steps for one network, at most (values of atoms, and `SET` for each size of a set): within half a second."""
SET = 4
"""Steps that a size takes on its way into a set, or out of two."""

_DONE: ContextVar[list[int] | None] = ContextVar("_DONE", default=None)


HINT = "a number in the place of the open size, or a stride that divides the others"


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
    atoms: int = field(init=False, compare=False, repr=False)
    """How many atoms it is written with, those inside others too."""
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        inside = (1 if isinstance(atom, Itself) else 1 + atom.inner.atoms for atom, _ in self.terms)
        object.__setattr__(self, "atoms", sum(inside))
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
    return _bounded(Form(tuple(left), constant))


def _bounded(a: Form) -> Form:
    """The form, where it is not too long to be worked with. Raises Untold E318."""
    if a.atoms <= WIDEST:
        return a
    message = f"its size as a formula of the input's has {a.atoms:,} parts, and no more than {WIDEST} are followed"
    raise Untold("E318", message, HINT)


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
        inner = _bounded(Form(((Floor(form(left, constant), by), 1),)))
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
    found = values(a, range(1, start + length))
    return gain < 0 or min(found) < 0, gain > 0 or max(found) > 0


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


def values(a: Form, sizes: Sequence[int]) -> list[int]:
    """f(n) of many sizes, the parts that several atoms share worked out once."""
    spend(a.atoms * len(sizes))
    return _values(a, sizes, {})


def _values(a: Form, sizes: Sequence[int], known: dict[Form, list[int]]) -> list[int]:
    if a in known:
        return known[a]
    total = [a.constant] * len(sizes)
    for atom, times in a.terms:
        if isinstance(atom, Itself):
            total = [t + times * n for t, n in zip(total, sizes, strict=True)]
            continue
        inner = _values(atom.inner, sizes, known)
        if isinstance(atom, Floor):
            by = atom.by
            total = [t + times * (v // by) for t, v in zip(total, inner, strict=True)]
        else:
            total = [t + times * v if v > 0 else t for t, v in zip(total, inner, strict=True)]
    known[a] = total
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
    wrong = max(-sign * v for v in values(atom.inner, range(start, start + length)))
    start += max(0, -(-wrong // abs(gain))) * length  # from here on the inner form keeps its sign
    within_reach(start, length)
    return Period(start, length, gain) if gain > 0 else Period(start, 1, 0)


def within_reach(start: int, length: int) -> None:
    """Raises Untold E318 where sizes are too many to be looked at one by one."""
    if start <= MOST and length <= MOST:
        return
    message = f"its size repeats itself only every {length:,} sizes of the input"
    if start > MOST:
        message = f"its size depends on which of the first {start:,} sizes the input has"
    raise Untold("E318", f"{message}, and no more than {MOST:,} are looked at", HINT)


# ---- how much is looked at


@contextmanager
def counting(done: list[int]) -> Iterator[None]:
    """Within it, values worked out are counted in `done`, whose one number is at most WORK."""
    token = _DONE.set(done)
    try:
        yield
    finally:
        _DONE.reset(token)


def forget() -> None:
    """Forget what was found before, so that a network is refused or not whatever was asked before it."""
    for known in (floor, larger, _ever, period):
        known.cache_clear()


def spend(steps: int) -> None:
    """Count sizes that are to be looked at. Raises Untold E318 where that is too much."""
    done = _DONE.get()
    if steps + (done[0] if done is not None else 0) > WORK:
        message = f"the sizes of its input are so unlike that comparing them takes more than {WORK:,} steps"
        raise Untold("E318", message, HINT)
    if not spend_steps(steps):
        message = f"comparing the sizes that this file leaves open takes more than {MAX_STEPS_IN_ALL:,} steps in all"
        raise Untold("E318", message, HINT)
    if done is not None:
        done[0] += steps
