"""Rearrangements as torch modules. Sizes are taken from the tensors, so that other image sizes run too."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from archspec.ops import shape
from archspec_torch.lowering.base import Site, lowers, per_axis
from archspec_torch.lowering.merge import centre_crop


class Reshape(nn.Module):
    """(N, …) → (N, *sizes), of which one may be -1."""

    def __init__(self, sizes: tuple[int, ...]):
        super().__init__()
        self.sizes = sizes

    def forward(self, x: Tensor) -> Tensor:
        # not reshape(N, *sizes): it cannot tell what -1 is in an empty batch
        return x.flatten(1).unflatten(1, self.sizes)

    def extra_repr(self) -> str:
        return f"{self.sizes}"


class Pad(nn.Module):
    """(N, C, …) with cells around the spatial axes (`sides`: before, after) and channels of zeros."""

    def __init__(self, sides: tuple[tuple[int, int], ...], mode: str, channels: tuple[int, int]):
        super().__init__()
        # torch lists the last axis first
        self.spatial = [n for side in reversed(sides) for n in side]
        self.around = [*self.spatial, *channels]
        self.around_channels = [0] * len(self.spatial) + list(channels)
        self.mode, self.channels = mode, channels

    def forward(self, x: Tensor) -> Tensor:
        if self.mode == "zeros":
            return F.pad(x, self.around)
        if any(self.spatial):
            x = F.pad(x, self.spatial, mode=self.mode)
        return F.pad(x, self.around_channels) if any(self.channels) else x

    def extra_repr(self) -> str:
        return f"{self.spatial}, mode={self.mode}, channels={self.channels}"


class Crop(nn.Module):
    """(N, C, …) cut to `size`, or to the size of a second tensor; from `offset`, or centred without it."""

    def __init__(self, size: tuple[int, ...] | None, offset: tuple[int, ...] | None):
        super().__init__()
        self.size, self.offset = size, offset

    def forward(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        size = self.size if like is None else tuple(like.shape[2:])
        assert size is not None  # the operator refuses a crop without both
        if self.offset is None:
            return centre_crop(x, size)
        for axis, (begin, length) in enumerate(zip(self.offset, size, strict=True), start=2):
            x = x.narrow(axis, begin, length)
        return x

    def extra_repr(self) -> str:
        return f"size={self.size}, offset={self.offset}"


@lowers(shape.Identity)
def identity(site: Site[shape.Identity]) -> nn.Module:
    return nn.Identity()


@lowers(shape.Flatten)
def flatten(site: Site[shape.Flatten]) -> nn.Module:
    return nn.Flatten()


@lowers(shape.Reshape)
def reshape(site: Site[shape.Reshape]) -> nn.Module:
    return Reshape(site.op.shape)


@lowers(shape.Pad)
def pad(site: Site[shape.Pad]) -> nn.Module:
    before, after = site.op.channels
    return Pad(site.op.sides(site.inputs[0]), site.op.mode, (before, after))


@lowers(shape.Crop)
def crop(site: Site[shape.Crop]) -> nn.Module:
    rank = site.inputs[0].rank
    return Crop(per_axis(site.op.size, rank), per_axis(site.op.offset, rank))
