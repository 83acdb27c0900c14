"""Regions as torch modules: features (N, C, H, W) and boxes (N, R, 4) to (N·R, C, *size), by torchvision's kernels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archspec.ops import region
from archspec_torch.lowering.base import Site, lowers


class _Regions(nn.Module):
    def __init__(self, op: region.RegionOperator):
        super().__init__()
        height, width = (op.size, op.size) if isinstance(op.size, int) else op.size
        self.size, self.stride = (height, width), op.stride

    def forward(self, features: Tensor, boxes: Tensor) -> Tensor:
        # in the wider of the two types: half precision knows coordinates above 1024 to no better than a pixel
        wide = torch.promote_types(features.dtype, boxes.dtype)
        return self.pooled(features.to(wide), list(boxes.to(wide))).to(features.dtype)

    def pooled(self, features: Tensor, boxes: list[Tensor]) -> Tensor:
        """(N, C, H, W) and (R, 4) an image to (N·R, C, *size)."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        return f"size={self.size}, stride={self.stride:g}"


class RoiAlign(_Regions):
    def __init__(self, op: region.RoiAlign):
        super().__init__(op)
        self.sampling, self.aligned = op.sampling, op.aligned

    def pooled(self, features: Tensor, boxes: list[Tensor]) -> Tensor:
        from torchvision.ops import roi_align  # only what has regions waits for it

        return roi_align(features, boxes, self.size, 1 / self.stride, self.sampling, self.aligned)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, sampling={self.sampling}, aligned={self.aligned}"


class RoiPool(_Regions):
    def pooled(self, features: Tensor, boxes: list[Tensor]) -> Tensor:
        from torchvision.ops import roi_pool

        return roi_pool(features, boxes, self.size, 1 / self.stride)


@lowers(region.RoiAlign)
def roi_align(site: Site[region.RoiAlign]) -> nn.Module:
    return RoiAlign(site.op)


@lowers(region.RoiPool)
def roi_pool(site: Site[region.RoiPool]) -> nn.Module:
    return RoiPool(site.op)
