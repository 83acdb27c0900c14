"""Which cells of its input, along one axis, a cell of a layer's output reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, gcd

from archspec.ops.base import Operator, Types
from archspec.ops.conv import ConvTranspose
from archspec.ops.region import RegionOperator
from archspec.ops.resample import Upsample
from archspec.ops.windows import per_axis
from archspec.tensor import TensorType, extent


@dataclass(frozen=True, slots=True)
class Reach:
    """Cell y reads the cells `low(y)` … `high(y)`, every `apart`-th of them; none where low is above high.

    Cell y + `every` reads what lies `step` further on. Cells may lie outside the tensor, where padding is.
    """

    low: Callable[[int], int]
    high: Callable[[int], int]
    every: int = 1
    step: int = 1
    apart: int = 1

    @property
    def closer(self) -> int | Fraction:
        """How many cells of the input lie between two neighbours of the output."""
        return self.step if self.every == 1 else Fraction(self.step, self.every)


def reaches(op: Operator, inputs: Types, position: int, after: TensorType) -> list[Reach]:
    """An entry a spatial axis, for the input at that position."""
    before = inputs[position]
    if op.category != "merge" and (window := op.window(inputs)) is not None:
        parts = zip(window.kernel, window.stride, window.before, window.dilation, strict=True)
        return [_window(*part) for part in parts]
    if isinstance(op, ConvTranspose):
        kernels, strides = per_axis("kernel", op.kernel, before), per_axis("stride", op.stride, before)
        dilations = per_axis("dilation", op.dilation, before)
        enlarged = zip(kernels, strides, dilations, op.cuts(before), strict=True)
        return [_spread(kernel, stride, dilation, cut) for kernel, stride, dilation, (cut, _) in enlarged]
    if isinstance(op, RegionOperator):  # a region may lie anywhere
        return [_window(n, 1, 0, 1) for n in before.spatial]
    sizes = zip(before.spatial, after.spatial, strict=True)
    return [_resized(op, old, new) for old, new in sizes]


def _window(kernel: int, stride: int, before: int, dilation: int) -> Reach:
    ahead = dilation * (kernel - 1) - before
    return Reach(lambda y: y * stride - before, lambda y: y * stride + ahead, 1, stride, dilation)


def _spread(kernel: int, stride: int, dilation: int, cut: int) -> Reach:
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


def _resized(op: Operator, old: int, new: int) -> Reach:
    """Where nothing slides: the same cell, shifted, those under an enlarged one, or all."""
    if op.category == "merge":
        if new > old:  # one cell stretched over all positions of what it meets
            return Reach(lambda _: 0, lambda _: old - 1, 1, 0)
        shift = (old - new) // 2  # a merge cuts what is too large, as much at both ends
        return Reach(lambda y: y + shift, lambda y: y + shift)
    if new < old:  # global pooling sees everything, and there is no next cell
        return _window(old, 1, 0, 1)
    if new == old:
        return Reach(lambda y: y, lambda y: y)
    if not isinstance(op, Upsample) or op.mode == "nearest":
        common = gcd(old, new)
        return Reach(lambda y: y * old // new, lambda y: y * old // new, new // common, old // common)
    if op.align_corners:
        scale, half = Fraction(old - 1, new - 1), Fraction(0)
    else:  # between the middles of two cells, as interpolation takes them
        scale, half = Fraction(old, new), Fraction(1, 2)
    return Reach(
        lambda y: floor((y + half) * scale - half),
        lambda y: ceil((y + half) * scale - half),
        scale.denominator,
        scale.numerator,
    )
