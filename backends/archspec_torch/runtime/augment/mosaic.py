"""Several examples in one image: four around a point, or two over each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from archspec_torch.runtime.augment.geometry import placed
from archspec_torch.runtime.augment.targets import Objects, as_boxes

AROUND = 4
"""Images in a mosaic."""

Scene = tuple[Tensor, Objects]
"""An image uint8 (c, h, w) and the objects in it."""


@dataclass(frozen=True)
class Mosaic:
    """Four images, each with a corner at one point, cut where they meet and at the frame.

    The point is drawn from the shares `centre` of both sides, the size of each image from `scale`. What none of them
    covers is `fill`. Source: Bochkovskiy et al., 2020 (arXiv:2004.10934), section 3.3.
    """

    p: float
    scale: tuple[float, float]
    centre: tuple[float, float]
    fill: int
    keep: float

    def drawn(self) -> bool:
        """Whether chance has it."""
        return bool(torch.rand(()) < self.p)

    def __call__(self, scenes: Sequence[Scene]) -> Scene:
        """One scene of four."""
        first = scenes[0][0]
        height, width = first.shape[-2:]
        down, across, *sizes = torch.rand(2 + AROUND).tolist()
        low, high = self.centre
        y, x = round((low + down * (high - low)) * height), round((low + across * (high - low)) * width)
        whole, found = torch.full_like(first, self.fill), []
        for i, ((image, objects), share) in enumerate(zip(scenes, sizes, strict=True)):
            factor = self.scale[0] + share * (self.scale[1] - self.scale[0])
            upper, before = i < 2, i % 2 == 0
            room = (y if upper else height - y, x if before else width - x)
            part, objects = quarter(image, objects, room, factor, upper, before, self.keep)
            if not (part.shape[-2] and part.shape[-1]):
                continue
            top, left = y - part.shape[-2] if upper else y, x - part.shape[-1] if before else x
            whole[:, top : top + part.shape[-2], left : left + part.shape[-1]] = part
            shift = objects.boxes.new_tensor([left, top, left, top])
            found.append(Objects(objects.boxes + shift, objects.facts, objects.left))
        return whole, found[0].with_those_of(*found[1:])


def quarter(
    image: Tensor, objects: Objects, room: tuple[int, int], factor: float, upper: bool, before: bool, keep: float
) -> Scene:
    """What of an image, its sides times `factor`, lies within `room` (height, width) pixels of the corner that touches
    the point: the lower one of an `upper` image, the right one of one `before` the point."""
    height, width = image.shape[-2:]
    high, wide = min(room[0], max(1, round(height * factor))), min(room[1], max(1, round(width * factor)))
    down, across = min(height, max(1, round(high / factor))), min(width, max(1, round(wide / factor)))
    window = (height - down if upper else 0, width - across if before else 0, down, across)
    if not (high and wide):
        return image[:, :0, :0], objects.cut(torch.zeros_like(objects.boxes), 0, 0, keep)
    place = (0, 0, high, wide)
    part = placed(image, window, place, (high, wide), 0)
    boxes = placed(as_boxes(objects.boxes, image), window, place, (high, wide), 0).as_subclass(Tensor)
    return part, objects.cut(boxes, high, wide, keep)


@dataclass(frozen=True)
class BoxMixup:
    """Each image of a batch over another, in shares drawn from Beta(`alpha`, `alpha`), with the objects of both; with
    the probability `p`. Source: Zhang et al., 2019 (arXiv:1902.04103), section 3.1."""

    alpha: float
    p: float

    def __call__(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """images: float32 (n, c, h, w); targets: (n, M, 6). Returns as many images, and targets (n, 2·M, 6)."""
        n = len(images)
        shares = torch.distributions.Beta(self.alpha, self.alpha).sample((n,))
        shares = torch.where(torch.rand(n) < self.p, shares, torch.ones(n)).to(images.device)
        alone = (shares == 1) | (n == 1)
        weights = torch.where(alone, 1.0, shares)[:, None, None, None]
        mixed = images * weights + images.roll(1, 0) * (1 - weights)
        partners = targets.roll(1, 0).clone()
        partners[alone] = partners.new_tensor([0, 0, 0, 0, -1, 0])
        return mixed, gathered(torch.cat([targets, partners], dim=1))


def gathered(targets: Tensor) -> Tensor:
    """Targets (n, M, 6) with the objects before the empty rows, each in its order, and no more rows than the fullest
    image has objects."""
    there = targets[..., 4] >= 0
    order = there.to(torch.uint8).argsort(dim=1, descending=True, stable=True)
    most = max(1, int(there.sum(1).max()))
    return targets.gather(1, order[..., None].expand_as(targets))[:, :most]
