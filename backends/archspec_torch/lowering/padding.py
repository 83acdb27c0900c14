"""Padding that torch's own layers cannot express: unequal sides, or sides that depend on the image's size."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from archspec.ops.base import Window
from archspec.ops.windows import follows_size, pads_first
from archspec.tensor import pad_word


@dataclass(frozen=True)
class FixedSides:
    """Cells to add (before, after), by spatial axis."""

    sides: tuple[tuple[int, int], ...]

    def around(self, x: Tensor) -> tuple[tuple[int, int], ...]:
        """What to add to this tensor (N, C, *spatial)."""
        return self.sides


@dataclass(frozen=True)
class SameUpperSides:
    """TensorFlow's SAME: the output is ceil(size / stride), whatever size the tensor turns out to have."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]

    def around(self, x: Tensor) -> tuple[tuple[int, int], ...]:
        """What to add to this tensor (N, C, *spatial)."""
        return tuple(
            pad_word("same_upper", size, k, s, d)
            for size, k, s, d in zip(x.shape[2:], self.kernel, self.stride, self.dilation, strict=True)
        )


Sides = FixedSides | SameUpperSides


def equal_sides(padding: object, window: Window) -> tuple[int, ...] | None:
    """The padding as torch's layers take it, one number an axis; None where they cannot."""
    return None if pads_first(padding, window) else window.before


def sides_of(padding: object, window: Window) -> Sides:
    """The padding of a window, fixed or found anew for every tensor."""
    if follows_size(padding, window):
        return SameUpperSides(window.kernel, window.stride, window.dilation)
    return FixedSides(tuple(zip(window.before, window.after, strict=True)))


def pad(x: Tensor, sides: Sides, value: float = 0.0) -> Tensor:
    """The tensor (N, C, *spatial) with the cells added."""
    flat = [cells for side in reversed(sides.around(x)) for cells in side]  # torch counts axes from the last
    return F.pad(x, flat, value=value)
