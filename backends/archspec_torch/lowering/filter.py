"""Fixed kernels as torch modules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archspec.ops.filter import Filter, Magnitude
from archspec_torch.lowering.base import Site, lowers
from archspec_torch.lowering.padding import Sides, equal_sides, pad, sides_of

CONV: dict[int, Any] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


class FixedFilter(nn.Module):
    """A convolution with numbers that are given: `weight` (1, C, *kernel), or (1, 1, *kernel) for every channel.

    It is a parameter that needs no gradient: frozen, saved and moved like any weight.
    """

    def __init__(self, weight: Tensor, summed: bool, sides: Sides | None, **sliding: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.summed, self.sides, self.sliding = summed, sides, sliding

    def forward(self, x: Tensor) -> Tensor:
        if self.sides is not None:
            x = pad(x, self.sides)
        convolve = CONV[x.ndim - 2]
        if self.summed:
            return convolve(x, self.weight, **self.sliding)
        channels = x.shape[1]
        weight = self.weight.expand(channels, *self.weight.shape[1:])
        return convolve(x, weight, groups=channels, **self.sliding)

    def extra_repr(self) -> str:
        return f"{'×'.join(str(n) for n in self.weight.shape[2:])}{', summed over channels' if self.summed else ''}"


class MagnitudeOf(nn.Module):
    """√Σxᵢ²; where that is 0 its gradient is 0."""

    def forward(self, *tensors: Tensor) -> Tensor:
        return torch.linalg.vector_norm(torch.stack(tensors), dim=0)


@lowers(Filter)
def fixed_filter(site: Site[Filter]) -> nn.Module:
    """The kernel's numbers, scaled, in the network's precision."""
    op, window = site.op, site.op.window(site.inputs)
    numbers = torch.tensor(op.kernel, dtype=torch.float64) * op.scale
    weight = numbers.to(torch.get_default_dtype()).reshape(op.weights(site.inputs)["weight"].shape)
    equal = equal_sides(op.padding, window)
    return FixedFilter(
        weight,
        op.sums(site.inputs[0]),
        None if equal is not None else sides_of(op.padding, window),
        stride=window.stride,
        padding=equal or (0,) * len(window.kernel),
        dilation=window.dilation,
    )


@lowers(Magnitude)
def magnitude(site: Site[Magnitude]) -> nn.Module:
    """Euclidean length, position by position."""
    return MagnitudeOf()
