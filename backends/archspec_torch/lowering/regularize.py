"""Regularisers as torch modules: the identity in evaluation mode."""

from __future__ import annotations

from torch import Tensor, nn

from archspec.ops import regularize
from archspec_torch.lowering.base import Site, lowers

SPATIAL = {1: nn.Dropout1d, 2: nn.Dropout2d, 3: nn.Dropout3d}


class DropPath(nn.Module):
    """Stochastic depth: in training an example (N, …) is 0 with probability p, else scaled by 1 / (1 − p)."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        kept = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(1 - self.p)
        return x * kept.div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


@lowers(regularize.Dropout)
def dropout(site: Site[regularize.Dropout]) -> nn.Module:
    return nn.Dropout(site.op.p)


@lowers(regularize.SpatialDropout)
def spatial_dropout(site: Site[regularize.SpatialDropout]) -> nn.Module:
    return SPATIAL[site.inputs[0].rank](site.op.p)


@lowers(regularize.DropPath)
def drop_path(site: Site[regularize.DropPath]) -> nn.Module:
    return DropPath(site.op.p)
