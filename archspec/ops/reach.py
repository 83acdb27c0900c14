"""Which cells of its input, along one axis, a cell of a layer's output reads; and the usual ways of reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from math import ceil, floor, gcd
from typing import Literal

from archspec.tensor import extent

Outside = Literal["nothing", "reflect", "replicate"]


@dataclass(frozen=True, slots=True)
class Reach:
    """Cell y reads the cells `low(y)` … `high(y)`, every `apart`-th of them; none where low is above high.

    Cell y + `every` reads what lies `step` further on. Cells may lie outside the tensor, where padding is:
    `outside` says whether that holds nothing of the image, or cells of it, mirrored or repeated.
    """

    low: Callable[[int], int]
    high: Callable[[int], int]
    every: int = 1
    step: int = 1
    apart: int = 1
    outside: Outside = "nothing"

    @property
    def closer(self) -> int | Fraction:
        """How many cells of the input lie between two neighbours of the output."""
        return self.step if self.every == 1 else Fraction(self.step, self.every)

    @property
    def unmoved(self) -> bool:
        """Whether every cell reads the one at its own place, and no other."""
        return self.every == self.step == 1 and self.low(0) == self.high(0) == 0


@cache
def same(shift: int = 0) -> Reach:
    """The cell at the same place, counted from the `shift`-th."""
    return Reach(lambda y: y + shift, lambda y: y + shift)


def whole(cells: int) -> Reach:
    """Everything, from every cell: there is no next one."""
    return Reach(lambda _: 0, lambda _: cells - 1, 1, 0)


@lru_cache(maxsize=1 << 10)  # windows and axes repeat
def slid(kernel: int, stride: int = 1, before: int = 0, dilation: int = 1, outside: Outside = "nothing") -> Reach:
    """A window that slides."""
    ahead = dilation * (kernel - 1) - before
    return Reach(lambda y: y * stride - before, lambda y: y * stride + ahead, 1, stride, dilation, outside)


def spread(kernel: int, stride: int, dilation: int, cut: int) -> Reach:
    """A transposed window: cell x gives to the cells x·stride + dilation·k − cut, k from 0 to kernel − 1.

    With a dilation the cells that give to one lie `apart` from each other, or none does.
    """
    span, common = extent(kernel, dilation), gcd(stride, dilation)
    apart = dilation // common

    def first(y: int, taps: range) -> int | None:
        found = (y + cut - dilation * k for k in taps)
        return next((at // stride for at in found if at % stride == 0), None)

    def low(y: int) -> int:
        found = first(y, range(kernel - 1, -1, -1))
        return 1 if found is None else found

    def high(y: int) -> int:
        found = first(y, range(kernel))
        return 0 if found is None else found

    if dilation == 1:
        return Reach(lambda y: -(-(y + cut - span + 1) // stride), lambda y: (y + cut) // stride, stride, 1)
    return Reach(low, high, stride, 1, apart)


def nearest(old: int, new: int) -> Reach:
    """The cell that each of more cells is a copy of."""
    common = gcd(old, new)
    return Reach(lambda y: y * old // new, lambda y: y * old // new, new // common, old // common)


def interpolated(old: int, new: int, align_corners: bool) -> Reach:
    """The two cells around a point; `align_corners`: those at the ends lie on one another, else their outer edges."""
    if old == new:
        return same()
    if align_corners:
        scale, half = Fraction(old - 1, new - 1), Fraction(0)
    else:  # between the middles of two cells
        scale, half = Fraction(old, new), Fraction(1, 2)
    return Reach(
        lambda y: floor((y + half) * scale - half),
        lambda y: ceil((y + half) * scale - half),
        scale.denominator,
        scale.numerator,
    )
