"""What an open size is not: a number. Where one is needed, that is told by an exception of its own."""

from __future__ import annotations

import numbers
from fractions import Fraction
from typing import Any, NoReturn


class NoNumber(TypeError):
    """A number is needed where a size is open: a range of it, its root, its order among others.

    Not a plain TypeError: that is a mistake in a rule, at every size, and this is none.
    """


class Unnumbered:
    """Everything that Python asks of a number and that an open size cannot answer raises NoNumber.

    But for `/`, which gives no size at any number: `//` is meant, and Python says that `/` is not supported.
    """

    __slots__ = ()

    def _none(self, *_: object) -> NoReturn:
        raise NoNumber(f"{self} is open: it is no number")

    __index__ = __int__ = __float__ = __complex__ = _none
    __round__ = __trunc__ = __floor__ = __ceil__ = __abs__ = __invert__ = _none
    __rfloordiv__ = __rmod__ = __divmod__ = __rdivmod__ = __pow__ = __rpow__ = _none
    __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _none
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _none
    numerator = denominator = property(_none)  # what Fraction asks a rational number for

    def _order(self, other: object) -> bool:
        self._none()

    __lt__ = __le__ = __gt__ = __ge__ = _order

    def __format__(self, layout: str) -> str:
        return self._none() if layout else str(self)

    def _with(self, other: object) -> Any:
        """NotImplemented, for what may know better; of numbers it is known that there is no answer."""
        return self._none() if isinstance(other, int | float | complex | Fraction | type(self)) else NotImplemented


numbers.Rational.register(Unnumbered)
