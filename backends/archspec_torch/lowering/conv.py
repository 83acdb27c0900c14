"""Convolutions as torch modules."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from archspec.ops.base import Window
from archspec.ops.conv import Conv, ConvTranspose, Depthwise, LocallyConnected
from archspec.ops.windows import per_axis
from archspec_torch.lowering.base import Site, lowers
from archspec_torch.lowering.initial import initialise
from archspec_torch.lowering.padding import Sides, equal_sides, pad, sides_of


class _PadFirst(nn.Module):
    """Mixed into a convolution of torch: pads unequal sides, then convolves without padding."""

    sides: Sides

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(pad(x, self.sides))


class PaddedConv1d(_PadFirst, nn.Conv1d):
    """`nn.Conv1d` with unequal padding."""


class PaddedConv2d(_PadFirst, nn.Conv2d):
    """`nn.Conv2d` with unequal padding."""


class PaddedConv3d(_PadFirst, nn.Conv3d):
    """`nn.Conv3d` with unequal padding."""


class _CutAfter(nn.Module):
    """Mixed into a transposed convolution of torch: cuts unequal sides off its output."""

    sides: tuple[tuple[int, int], ...]

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        y = super().forward(input, output_size)
        for axis, (before, after) in enumerate(self.sides, start=2):
            y = y.narrow(axis, before, y.shape[axis] - before - after)
        return y


class CutConvTranspose1d(_CutAfter, nn.ConvTranspose1d):
    """`nn.ConvTranspose1d` with unequal padding."""


class CutConvTranspose2d(_CutAfter, nn.ConvTranspose2d):
    """`nn.ConvTranspose2d` with unequal padding."""


class CutConvTranspose3d(_CutAfter, nn.ConvTranspose3d):
    """`nn.ConvTranspose3d` with unequal padding."""


# torch's classes want sizes as tuples of a fixed length, which ours, of any rank, are not to a type checker
CONV: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
PADDED: dict[int, Any] = {1: PaddedConv1d, 2: PaddedConv2d, 3: PaddedConv3d}
TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
CUT: dict[int, Any] = {1: CutConvTranspose1d, 2: CutConvTranspose2d, 3: CutConvTranspose3d}


class LocallyConnectedLayer(nn.Module):
    """A convolution with weights (out, C, *kernel, *positions) and biases (out, *positions)."""

    def __init__(
        self, weight: tuple[int, ...], bias: tuple[int, ...] | None, window: Window, sides: Sides | None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(weight))
        self.bias = nn.Parameter(torch.empty(bias)) if bias else None
        self.window, self.sides = window, sides
        bound = 1 / math.sqrt(math.prod(weight[1 : 2 + len(window.kernel)]))  # as torch's convolutions begin
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        if self.sides is not None:
            x = pad(x, self.sides)
        rank = len(self.window.kernel)
        for axis, size in enumerate(self.window.kernel):
            x = x.unfold(axis + 2, size, self.window.stride[axis])
        places = x.shape[2 : 2 + rank]
        # (N, C, *positions, *kernel) to one matrix product a position: (P, N, taps) by (P, taps, out)
        patches = x.permute(*range(2, 2 + rank), 0, 1, *range(2 + rank, 2 + 2 * rank))
        patches = patches.clone(memory_format=torch.contiguous_format).flatten(0, rank - 1)
        weight = self.weight.flatten(2 + rank).flatten(1, 1 + rank).permute(2, 1, 0)
        y = torch.bmm(patches.flatten(2), weight).permute(1, 2, 0).unflatten(2, places)
        return y if self.bias is None else y + self.bias.to(y.dtype)


@lowers(Conv)
def conv(site: Site[Conv]) -> nn.Module:
    """`nn.Conv{1,2,3}d`, or one that pads first where the sides differ."""
    op, channels = site.op, site.inputs[0].channels
    return _conv(op.window(site.inputs), op.padding, channels, op.out, op.groups, op.bias, op.init)


@lowers(Depthwise)
def depthwise(site: Site[Depthwise]) -> nn.Module:
    """A convolution with a group for every channel."""
    op, channels = site.op, site.inputs[0].channels
    out = channels * op.multiplier
    return _conv(op.window(site.inputs), op.padding, channels, out, channels, op.bias, op.init)


def _conv(
    window: Window,
    padding: object,
    channels: int,
    out: int,
    groups: int,
    bias: bool,
    init: str | dict[str, float],
) -> nn.Module:
    rank, equal = len(window.kernel), equal_sides(padding, window)
    module: nn.Module = (CONV if equal else PADDED)[rank](
        channels,
        out,
        window.kernel,
        window.stride,
        equal or 0,
        window.dilation,
        groups,
        bias,
    )
    if isinstance(module, _PadFirst):
        module.sides = sides_of(padding, window)
    taps = math.prod(window.kernel)
    initialise(module, init, channels // groups * taps, out // groups * taps)
    return module


@lowers(ConvTranspose)
def conv_transpose(site: Site[ConvTranspose]) -> nn.Module:
    """`nn.ConvTranspose{1,2,3}d`, or one that cuts its output where the sides differ."""
    op, x = site.op, site.inputs[0]
    kernel, cuts = per_axis("kernel", op.kernel, x), op.cuts(x)
    equal = all(before == after for before, after in cuts)
    module: nn.Module = (TRANSPOSED if equal else CUT)[x.rank](
        x.channels,
        op.out,
        kernel,
        per_axis("stride", op.stride, x),
        tuple(before for before, _ in cuts) if equal else 0,
        per_axis("output_padding", op.output_padding, x),
        op.groups,
        op.bias,
        per_axis("dilation", op.dilation, x),
    )
    if isinstance(module, _CutAfter):
        module.sides = cuts
    taps = math.prod(kernel)
    initialise(module, op.init, x.channels // op.groups * taps, op.out // op.groups * taps)
    return module


@lowers(LocallyConnected)
def locally_connected(site: Site[LocallyConnected]) -> nn.Module:
    """Windows unfolded, and a matrix product at every position."""
    op, x = site.op, site.inputs[0]
    window, shapes = op.window(site.inputs), op.weights(site.inputs)
    padded = op.padding == "same_upper" or any(window.before + window.after)
    module = LocallyConnectedLayer(
        shapes["weight"].shape,
        shapes["bias"].shape if op.bias else None,
        window,
        sides_of(op.padding, window) if padded else None,
    )
    taps = math.prod(window.kernel)
    initialise(module, op.init, x.channels * taps, op.out * taps)
    return module
