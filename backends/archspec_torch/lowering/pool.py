"""Pooling as torch modules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from archspec.ops.base import Window
from archspec.ops.pool import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from archspec.ops.windows import per_axis
from archspec.tensor import window_output
from archspec_torch.lowering.base import Site, lowers
from archspec_torch.lowering.padding import Sides, equal_sides, pad, sides_of

# torch's classes want sizes as tuples of a fixed length, which ours, of any rank, are not to a type checker
MAX: dict[int, Any] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
AVERAGE: dict[int, Any] = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
ADAPTIVE_MAX: dict[int, Any] = {1: nn.AdaptiveMaxPool1d, 2: nn.AdaptiveMaxPool2d, 3: nn.AdaptiveMaxPool3d}
ADAPTIVE_AVERAGE: dict[int, Any] = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}


class PaddedPool(nn.Module):
    """Pads unequal sides, then pools without padding, then drops windows that torch would not have begun.

    pool: a pooling module of torch without padding. With `ceil` it takes the cells added after the
    input for input, and may begin a last window in them.
    """

    def __init__(self, pool: nn.Module, window: Window, sides: Sides, value: float) -> None:
        super().__init__()
        self.pool, self.window, self.sides, self.value = pool, window, sides, value

    def forward(self, x: Tensor) -> Tensor:
        return self.trim(self.pool(pad(x, self.sides, self.value)), x)

    def trim(self, y: Tensor, x: Tensor) -> Tensor:
        """The windows of y that begin inside x or the padding before it."""
        if not self.window.ceil:
            return y
        w = self.window
        for axis, (lo, hi) in enumerate(self.sides.around(x)):
            k, s, d = w.kernel[axis], w.stride[axis], w.dilation[axis]
            y = y.narrow(axis + 2, 0, window_output(x.shape[axis + 2], k, s, lo, hi, d, ceil=True))
        return y


class PaddedMeanOfInput(PaddedPool):
    """Mean over the cells of each window that belong to the input."""

    def forward(self, x: Tensor) -> Tensor:
        # both pools divide by the same number of cells, so their ratio is sum over count
        real = torch.ones_like(x[:1, :1])
        return super().forward(x) / super().forward(real)


class PlanesThenDepth(nn.Module):
    """`nn.AvgPool3d` for an image smaller than the window, which torch refuses whatever the padding.

    The mean over a box is the mean over its depth of the means over its planes, divisors included.
    """

    def __init__(
        self,
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...] | int,
        ceil: bool,
        count_padding: bool = True,
    ) -> None:
        super().__init__()
        sides = (padding,) * 3 if isinstance(padding, int) else padding
        self.planes = AVERAGE[2](kernel[1:], stride[1:], sides[1:], ceil, count_padding)
        self.depth = AVERAGE[1](kernel[:1], stride[:1], sides[:1], ceil, count_padding)

    def forward(self, x: Tensor) -> Tensor:
        count, channels, depth = x.shape[:3]
        y = self.planes(x.flatten(1, 2))
        height, width = y.shape[2:]
        columns = y.reshape(count, channels, depth, height * width).movedim(2, 3)
        return self.depth(columns.flatten(1, 2)).reshape(count, channels, height, width, -1).movedim(4, 2)


class GlobalAverage(nn.Module):
    """(N, C, *spatial) to (N, C), or (N, C, 1, …)."""

    def __init__(self, keep: bool) -> None:
        super().__init__()
        self.keep = keep

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(tuple(range(2, x.dim())), keepdim=self.keep)


class GlobalMax(nn.Module):
    """(N, C, *spatial) to (N, C), or (N, C, 1, …). Equal maxima share the gradient."""

    def __init__(self, keep: bool) -> None:
        super().__init__()
        self.keep = keep

    def forward(self, x: Tensor) -> Tensor:
        return x.amax(tuple(range(2, x.dim())), keepdim=self.keep)


@lowers(MaxPool)
def max_pool(site: Site[MaxPool]) -> nn.Module:
    """`nn.MaxPool{1,2,3}d`, behind cells of −∞ where the sides differ."""
    op, window = site.op, site.op.window(site.inputs)
    pool = MAX[len(window.kernel)]
    if not op.pads_first(window):
        return pool(window.kernel, window.stride, window.before, window.dilation, ceil_mode=op.ceil)
    bare = pool(window.kernel, window.stride, 0, window.dilation, ceil_mode=op.ceil)
    return PaddedPool(bare, window, sides_of(op.padding, window), float("-inf"))


@lowers(AvgPool)
def avg_pool(site: Site[AvgPool]) -> nn.Module:
    """`nn.AvgPool{1,2,3}d`, behind zeros where the sides differ."""
    op, window = site.op, site.op.window(site.inputs)
    equal, pool = equal_sides(op.padding, window), AVERAGE[len(window.kernel)]
    if op.by_planes(site.inputs):
        pool = PlanesThenDepth
    if equal is not None:
        return pool(window.kernel, window.stride, equal, op.ceil, op.count_padding)
    bare = pool(window.kernel, window.stride, 0, op.ceil)
    padded = PaddedPool if op.count_padding else PaddedMeanOfInput
    return padded(bare, window, sides_of(op.padding, window), 0.0)


@lowers(AdaptiveAvgPool)
def adaptive_avg_pool(site: Site[AdaptiveAvgPool]) -> nn.Module:
    """`nn.AdaptiveAvgPool{1,2,3}d`."""
    x = site.inputs[0]
    return ADAPTIVE_AVERAGE[x.rank](per_axis("size", site.op.size, x))


@lowers(AdaptiveMaxPool)
def adaptive_max_pool(site: Site[AdaptiveMaxPool]) -> nn.Module:
    """`nn.AdaptiveMaxPool{1,2,3}d`."""
    x = site.inputs[0]
    return ADAPTIVE_MAX[x.rank](per_axis("size", site.op.size, x))


@lowers(GlobalAvgPool)
def global_avg_pool(site: Site[GlobalAvgPool]) -> nn.Module:
    """A mean over the spatial axes."""
    return GlobalAverage(site.op.keep)


@lowers(GlobalMaxPool)
def global_max_pool(site: Site[GlobalMaxPool]) -> nn.Module:
    """A maximum over the spatial axes."""
    return GlobalMax(site.op.keep)
