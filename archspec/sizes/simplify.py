"""The simplest way to write sizes, once it is known which sizes a network takes.

Where only even sizes fit, 2⌊H/2⌋ is H, and ⌊H/2⌋ is H/2: what is the same at all of them is written the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd, prod
from typing import cast

from archspec.sizes.admissible import Sizes
from archspec.sizes.forms import (
    Atom,
    Floor,
    Form,
    Itself,
    Untold,
    counting,
    floor,
    form,
    minus,
    plus,
    scaled,
    slope,
    value,
)
from archspec.sizes.open import Open
from archspec.sizes.proof import equal, signs
from archspec.sizes.text import text
from archspec.sizes.volume import Volume

FAR = 1009
"""How far from the smallest sizes another is tried, before any is proved: what rounds differently shows there."""


class Simplest:
    """Open sizes to their simplest form among those met: `simplest(size)`, equal ones alike."""

    def __init__(self, allowed: Mapping[str, Sizes]):
        self.allowed = allowed
        self.work = [0]
        self.known: dict[str, dict[tuple[object, ...], list[list[Form]]]] = {name: {} for name in allowed}
        """Forms that are the same at all sizes allowed, by symbol; those that look alike at a glance together."""

    def note(self, size: object) -> None:
        """A size that occurs: what is equal to it may be written as it is."""
        if isinstance(size, Volume):
            for product in size.terms:
                for part in product:
                    self.note(Open(*part))
        elif isinstance(size, Open):
            self._alike(size)

    def __call__(self, size: int) -> int:
        """The same size, in the shortest form of those noted."""
        found: object = size
        if isinstance(found, Volume):
            total = Volume({})
            for product, n in found.terms.items():
                total += Volume.of(prod(self._open(Open(*part)) for part in product)) * int(n)
            return cast(int, total)
        return self._open(found) if isinstance(found, Open) else size

    def _open(self, size: Open) -> int:
        best = min(self._alike(size), key=lambda one: (len(text(one, size.symbol)), text(one, size.symbol)))
        return Open(size.symbol, best) + 0 if best.terms else best.constant

    def _alike(self, size: Open) -> list[Form]:
        """The forms known to be equal to a size, its own simplification among them."""
        within = self.allowed[size.symbol]
        try:
            with counting(self.work):
                own = simplified(size.form, within)
                groups = self.known[size.symbol].setdefault(_glance(own, within), [])
                for group in groups:
                    if own in group:
                        return group
                    if equal(own, group[0], within):
                        group.append(own)
                        return group
        except Untold:  # what repeats itself too seldom stays as it was made
            return [size.form]
        groups.append([own])
        return groups[-1]


def _glance(a: Form, within: Sizes) -> tuple[object, ...]:
    """What equal forms have in common, quick to find: how they grow, and their values at two sizes."""
    far = max(within.few, default=1) if within.finite else within.following(within.start + FAR)
    return slope(a), value(a, within.first), value(a, far)


def simplified(a: Form, within: Sizes) -> Form:
    """The form with floors that never round made fractions, and multiples of those made whole."""
    total = Form((), a.constant)
    for atom, coefficient in a.terms:
        total = plus(total, _simplified(atom, within), coefficient)
    terms: list[tuple[Atom, int]] = []
    rest = Form((), total.constant)
    for atom, coefficient in total.terms:
        common = gcd(coefficient, atom.by) if isinstance(atom, Floor) and atom.exact else 1
        if common > 1 and isinstance(atom, Floor):
            rest = plus(rest, _fraction(atom.inner, atom.by // common), coefficient // common)
        else:
            terms.append((atom, coefficient))
    return plus(form(terms), rest)


def _simplified(atom: Atom, within: Sizes) -> Form:
    if isinstance(atom, Itself):
        return Form(((atom, 1),))
    inner = simplified(atom.inner, within)
    if isinstance(atom, Floor):
        left = minus(inner, scaled(floor(inner, atom.by), atom.by))
        constant = Form((), value(left, within.first))
        return _fraction(minus(inner, constant), atom.by) if equal(left, constant, within) else floor(inner, atom.by)
    negative, _, positive = signs(inner, within)
    if not negative:
        return inner
    return Form(((type(atom)(inner), 1),)) if positive else Form(())


def _fraction(inner: Form, by: int) -> Form:
    """inner / by, where that leaves no remainder."""
    common = gcd(by, inner.constant, *(c for _, c in inner.terms))
    inner = Form(tuple((atom, c // common) for atom, c in inner.terms), inner.constant // common)
    return inner if by == common else Form(((Floor(inner, by // common, True), 1),))
