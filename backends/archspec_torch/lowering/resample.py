"""Changes of resolution as torch modules. Sizes are taken from the tensors, so that other image sizes run too."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from archspec.ops import resample
from archspec_torch.lowering.base import Site, lowers, per_axis


class Upsample(nn.Module):
    """(N, C, …) made larger by `scale`, to `size`, or to the size of a second tensor."""

    def __init__(
        self,
        scale: tuple[float, ...] | None,
        size: tuple[int, ...] | None,
        mode: str,
        align_corners: bool | None,
    ):
        super().__init__()
        self.scale, self.size, self.mode, self.align_corners = scale, size, mode, align_corners

    def forward(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        size = self.size if like is None else like.shape[2:]
        return F.interpolate(x, size, self.scale, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        return f"scale={self.scale}, size={self.size}, mode={self.mode}, align_corners={self.align_corners}"


class Subsample(nn.Module):
    """(N, C, …) at every stride-th position of each spatial axis, a view."""

    def __init__(self, stride: tuple[int, ...]):
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x[(slice(None), slice(None), *(slice(None, None, s) for s in self.stride))]

    def extra_repr(self) -> str:
        return f"{self.stride}"


@lowers(resample.Upsample)
def upsample(site: Site[resample.Upsample]) -> nn.Module:
    op, rank = site.op, site.inputs[0].rank
    scale = per_axis(op.scale, rank)
    mode = "nearest" if op.mode == "nearest" else resample.LINEAR[rank]
    return Upsample(
        tuple(float(s) for s in scale) if scale else None,
        per_axis(op.size, rank),
        mode,
        None if mode == "nearest" else op.align_corners,
    )


@lowers(resample.Subsample)
def subsample(site: Site[resample.Subsample]) -> nn.Module:
    stride = per_axis(site.op.stride, site.inputs[0].rank)
    assert stride is not None  # an argument that has no default
    return Subsample(stride)


@lowers(resample.PixelShuffle)
def pixel_shuffle(site: Site[resample.PixelShuffle]) -> nn.Module:
    return nn.PixelShuffle(site.op.scale)


@lowers(resample.SpaceToDepth)
def space_to_depth(site: Site[resample.SpaceToDepth]) -> nn.Module:
    return nn.PixelUnshuffle(site.op.block)
