"""Normalisation as torch modules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archspec.ops.norm import BatchNorm, GroupNorm, InstanceNorm, L2Norm, LayerNorm, LocalResponseNorm
from archspec_torch.lowering.base import Site, lowers

BATCH: dict[int, Any] = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
INSTANCE: dict[int, Any] = {1: nn.InstanceNorm1d, 2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}


class FrozenBatchNorm(nn.Module):
    """Batch normalisation that never changes: statistics, scale and shift are buffers."""

    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float, affine: bool) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(channels) if affine else None)
        self.register_buffer("bias", torch.zeros(channels) if affine else None)
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of (N, C, *spatial), which torch's wants last."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class UnitLength(nn.Module):
    """(N, C, …) to length 1 along C, times γ where there is one."""

    weight: Tensor | None

    def __init__(self, channels: int, rank: int, scale: float | None, eps: float) -> None:
        super().__init__()
        self.shape, self.eps = (channels, *[1] * rank), eps
        self.weight = None if scale is None else nn.Parameter(torch.full((channels,), scale))

    def forward(self, x: Tensor) -> Tensor:
        y = F.normalize(x, dim=1, eps=self.eps)
        return y if self.weight is None else y * self.weight.view(self.shape)


@lowers(BatchNorm)
def batch_norm(site: Site[BatchNorm]) -> nn.Module:
    """`nn.BatchNorm{1,2,3}d`, or a frozen one."""
    op, x = site.op, site.inputs[0]
    if op.frozen:
        return FrozenBatchNorm(x.channels, op.eps, op.affine)
    return BATCH[x.rank](x.channels, op.eps, op.momentum, op.affine)


@lowers(LayerNorm)
def layer_norm(site: Site[LayerNorm]) -> nn.Module:
    """`nn.LayerNorm` over the channels."""
    op, x = site.op, site.inputs[0]
    return (ChannelNorm if x.rank else nn.LayerNorm)(x.channels, op.eps, op.affine)


@lowers(GroupNorm)
def group_norm(site: Site[GroupNorm]) -> nn.Module:
    """`nn.GroupNorm`."""
    op = site.op
    return nn.GroupNorm(op.groups, site.inputs[0].channels, op.eps, op.affine)


@lowers(InstanceNorm)
def instance_norm(site: Site[InstanceNorm]) -> nn.Module:
    """`nn.InstanceNorm{1,2,3}d`."""
    op, x = site.op, site.inputs[0]
    return INSTANCE[x.rank](x.channels, op.eps, affine=op.affine)


@lowers(LocalResponseNorm)
def lrn(site: Site[LocalResponseNorm]) -> nn.Module:
    """`nn.LocalResponseNorm`."""
    op = site.op
    return nn.LocalResponseNorm(op.size, op.alpha, op.beta, op.k)


@lowers(L2Norm)
def l2_norm(site: Site[L2Norm]) -> nn.Module:
    op, x = site.op, site.inputs[0]
    return UnitLength(x.channels, x.rank, op.scale, op.eps)
