"""Changes of colour: torchvision's, quicker, and shifts along the principal components of a split's colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional


@dataclass(frozen=True)
class Components:
    """Variances (c,) of colours, of values 0 … 1, along their principal directions, the columns of `vectors` (c, c)."""

    variances: Tensor
    vectors: Tensor

    def to_json(self) -> dict[str, Any]:
        """variances, largest first; vectors: for each of them its direction, a number a channel."""
        return {"variances": self.variances.tolist(), "vectors": self.vectors.T.tolist()}


def components_of(histogram: Tensor, products: Tensor) -> Components:
    """The components of all pixels of a split.

    histogram: int64 (c, 256), of each channel; products: int64 (c, c), sums over all pixels of the product of two
    channels. Exact sums of whole numbers, so the same whatever the order of the images. Each direction points to where
    its largest number is above 0.
    """
    values = torch.arange(256, dtype=torch.int64)
    n = int(histogram[0].sum())
    means = (histogram * values).sum(1).double() / n
    covariance = (products.double() / n - means.outer(means)) / 255**2
    variances, vectors = torch.linalg.eigh(covariance)
    variances, vectors = variances.flip(0).clamp_min(0), vectors.flip(1)
    largest = vectors.abs().argmax(0)
    return Components(variances, vectors * vectors[largest, torch.arange(len(largest))].sign())


class PcaShift(nn.Module):
    """All pixels of an image uint8 (c, h, w) shifted by the sum over the components of α·λ·direction, α normal with
    deviation `std`. Source: Krizhevsky et al., 2012, section 4.1, on values 0 … 1."""

    def __init__(self, std: float, components: Components):
        super().__init__()
        self.std = std
        self.shifts = (255 * components.variances * components.vectors).float()

    def forward(self, image: Tensor) -> Tensor:
        shift = self.shifts @ (self.std * torch.randn(self.shifts.shape[1]))
        return (image.float() + shift[:, None, None]).round_().clamp_(0, 255).to(torch.uint8)


class Jitter(v2.ColorJitter):
    """torchvision's on an image uint8 (c, h, w), to the bit and quicker: from one change to the next its values stay
    float32, whole numbers all the same."""

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        image = inpt.float()
        names = ("brightness_factor", "contrast_factor", "saturation_factor", "hue_factor")
        for number in params["fn_idx"].tolist():
            factor = params[names[number]]
            if factor is None or (number == 2 and len(image) == 1):
                continue
            if number == 3:
                image = functional.adjust_hue(image.to(torch.uint8), factor).float()
                continue
            towards = None if number == 0 else grey(image) if number == 2 else grey(image).mean()
            image.mul_(factor)
            if towards is not None:
                image.add_(towards, alpha=1.0 - factor)
            if factor > 1:
                image.clamp_(0, 255)
            image.floor_()
        return image.to(torch.uint8)


def grey(image: Tensor) -> Tensor:
    """Grey values (1, h, w) of an image float32 (c, h, w), whole numbers as torchvision's are."""
    if len(image) == 1:
        return image
    red, green, blue = image
    return red.mul(0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114).floor_()[None]
