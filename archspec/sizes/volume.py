"""Volumes: how many values a tensor of open sizes has, what a layer costs; sums of products of open sizes.

9,408·⌈H/2⌉·⌈W/2⌉ + 2,048,000
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import takewhile
from math import prod
from typing import NamedTuple, cast

from archspec.sizes import forms
from archspec.sizes.admissible import Sizes, sizes
from archspec.sizes.forms import MOST, Floor, Form, Untold
from archspec.sizes.number import NoNumber, Unnumbered
from archspec.sizes.open import Open, Undecided, assumed
from archspec.sizes.text import PEOPLE, Style, factor

NUMBERS = "write numbers for the open sizes"


class Factor(NamedTuple):
    """An open size that is multiplied, without whole numbers that divide it."""

    symbol: str
    form: Form


Product = tuple[Factor, ...]
"""Factors in a fixed order; none of them: 1."""
Coefficient = int | Fraction


@dataclass(frozen=True, slots=True, eq=False)
class Volume(Unnumbered):
    """Σ coefficient · product of open sizes.

    Coefficients are fractions where sizes are that never round: H/2·W/2 is ¼·H·W.
    """

    terms: Mapping[Product, Coefficient]

    @staticmethod
    def of(value: int | Open | Volume) -> Volume:
        """A number, an open size or a volume, as a volume."""
        if isinstance(value, Volume):
            return value
        if not isinstance(value, Open):
            return Volume({(): value} if value else {})
        one, whole = _primitive(value.form)
        return Volume({(Factor(value.symbol, one),): whole})

    @staticmethod
    def expanded(value: int | Open | Volume) -> Volume:
        """The same with the terms of a lone open size apart: 2·W + 2 rather than 2·(W + 1)."""
        if not isinstance(value, Open):
            return Volume.of(value)
        terms = (Volume.of(Open(value.symbol, Form(((atom, 1),)))) * c for atom, c in value.form.terms)
        return sum(terms, Volume.of(value.form.constant))

    # arithmetic

    def __add__(self, other: object) -> Volume:
        if not isinstance(other, int | Open | Volume):
            return cast(Volume, self._with(other))
        return _gathered((*self.terms.items(), *Volume.of(other).terms.items()))

    __radd__ = __add__

    def __sub__(self, other: object) -> Volume:
        if not isinstance(other, int | Open | Volume):
            return cast(Volume, self._with(other))
        return self + Volume.of(other) * -1

    def __rsub__(self, other: object) -> Volume:
        return self * -1 + other if isinstance(other, int | Open) else cast(Volume, self._with(other))

    def __mul__(self, other: object) -> Volume:
        if isinstance(other, int):
            return Volume({product: _plain(n * other) for product, n in self.terms.items()} if other else {})
        if not isinstance(other, Open | Volume):
            return cast(Volume, self._with(other))
        right = Volume.of(other).terms.items()
        return _gathered((_multiplied(a, b), m * n) for a, m in self.terms.items() for b, n in right)

    __rmul__ = __mul__

    def __floordiv__(self, by: int) -> Volume:
        """Where every term divides; else Untold E315."""
        assert self % by == 0
        return Volume({product: _plain(Fraction(n, by)) for product, n in self.terms.items()})

    def __mod__(self, by: int) -> int:
        """0 where every term divides; else Untold E315, since the rest has no simple form."""
        if all(n % by == 0 for n in self.terms.values()):
            return 0
        raise Untold("E315", f"whether {by} divides {self} depends on the size", NUMBERS)

    # questions

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Volume) and self.terms == other.terms:
            return True
        if assumed() is None:
            return False
        if not isinstance(other, int | Open | Volume):
            return cast(bool, self._with(other))
        return _is_zero(self - other)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __hash__(self) -> int:
        if assumed() is not None:
            raise NoNumber("a rule may not look an open volume up: it would miss volumes that are equal")
        return hash(frozenset(self.terms.items()))

    # what it is

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols it depends on, in order."""
        return tuple(dict.fromkeys(one.symbol for product in self.terms for one in product))

    def at(self, sizes: Mapping[str, int]) -> int:
        """The number it is where the symbols have those sizes."""
        return int(sum(n * prod(forms.value(f, sizes[s]) for s, f in product) for product, n in self.terms.items()))

    def parts(self, style: Style = PEOPLE) -> Iterator[str]:
        """Its terms as text, the one that grows fastest first."""
        fastest = sorted(self.terms, key=lambda product: (-len(product), *(-forms.slope(one.form) for one in product)))
        for product in fastest:
            n = self.terms[product]
            counted: dict[str, int] = {}
            for one in product:
                shown = factor(one.form, one.symbol, style)
                counted[shown] = counted.get(shown, 0) + 1
            powers = [style.times.join([shown] * k) if k != 2 else shown + style.square for shown, k in counted.items()]
            numbers = [_shown(n if n > 0 else -n, style)] if n not in (1, -1) or not product else []
            yield (style.minus if n < 0 else "") + style.times.join([*numbers, *powers])

    def written(self, style: Style = PEOPLE) -> str:
        """As text: `9,408·⌈H/2⌉·⌈W/2⌉+2,048,000`."""
        parts = list(self.parts(style)) or ["0"]
        return "".join(part if i == 0 or part.startswith(style.minus) else f"+{part}" for i, part in enumerate(parts))

    def __str__(self) -> str:
        return self.written() if len(self.terms) < 2 else f"({self.written()})"

    __repr__ = __str__


@lru_cache(maxsize=1 << 12)
def _primitive(form: Form) -> tuple[Form, Coefficient]:
    """A form as a form that no number divides, and a number."""
    whole = forms.content(form)
    inner = Form(tuple((atom, c // whole) for atom, c in form.terms), form.constant // whole)
    ((atom, times), *others) = inner.terms
    if isinstance(atom, Floor) and atom.exact and times == 1 and not others and not inner.constant:
        return atom.inner, _plain(Fraction(whole, atom.by))
    return inner, whole


@lru_cache(maxsize=1 << 12)
def _multiplied(a: Product, b: Product) -> Product:
    return tuple(sorted((*a, *b), key=lambda one: (one.symbol, forms.order(one.form))))


def _plain(n: Coefficient) -> Coefficient:
    return n.numerator if n.denominator == 1 else n


def _shown(n: Coefficient, style: Style) -> str:
    over = "" if n.denominator == 1 else f"/{style.number(n.denominator)}"
    return style.number(n.numerator) + over


def _gathered(terms: Iterable[tuple[Product, Coefficient]]) -> Volume:
    """Like terms together."""
    found: dict[Product, Coefficient] = {}
    for product, n in terms:
        found[product] = found.get(product, 0) + n
    return Volume({product: _plain(n) for product, n in found.items() if n})


def _is_zero(volume: Volume) -> bool:
    """Whether a volume is 0 at all sizes that are assumed (True) or at none (False).

    Raises Undecided with one symbol's sizes in two parts where it is at some, and Untold E315 for volumes that
    do not only grow.
    """
    allowed = assumed()
    assert allowed is not None
    if not volume.terms:
        return True
    grows = all(
        n > 0 and all(forms.rising(one.form) for one in product) for product, n in volume.terms.items() if product
    )
    least = {name: allowed[name].first for name in volume.symbols}
    if not grows or any(forms.value(f, least[name]) < 0 for product in volume.terms for name, f in product):
        raise Untold("E315", f"whether {volume} is 0 depends on the size", NUMBERS)
    if volume.at(least) > 0:
        return False
    for name in volume.symbols:
        whole = allowed[name]
        for part in (_up_to(volume, name, whole, least, 0), _up_to(volume, name, whole, least, volume.at(least))):
            if part != whole:
                raise Undecided(name, part, whole - part)
    return volume.at(least) == 0


def _up_to(volume: Volume, name: str, whole: Sizes, least: Mapping[str, int], most: int) -> Sizes:
    """The sizes of a symbol, the others being small, at which a growing volume is no more than that."""
    found = takewhile(lambda n: volume.at({**least, name: n}) <= most, whole.below(MOST))
    return sizes(1, 1, iter(()), found)
