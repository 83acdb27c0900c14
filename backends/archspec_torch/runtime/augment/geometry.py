"""Changes of an image and of what lies in it, besides those that torchvision has as they are needed here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional
from torchvision.transforms.v2._utils import query_size
from torchvision.tv_tensors import BoundingBoxes, Mask, wrap

OUTSIDE = 255
"""The class of a mask's pixels that come from outside the image: none."""
Window = tuple[int, int, int, int]
"""Top, left, height and width of a part of an image, in whole pixels."""


class EdgeCrop(v2.RandomCrop):
    """torchvision's, which repeats or mirrors pixels at the edge for images and refuses to for boxes."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, BoundingBoxes) and params["needs_pad"]:
            inpt, params = functional.pad(inpt, params["padding"]), {**params, "needs_pad": False}
        return super().transform(inpt, params)


class ResizedCrop(v2.RandomResizedCrop):
    """torchvision's, of a single pixel too."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return resized(functional.crop(inpt, **params), self.size)


class Resize(v2.Resize):
    """torchvision's, of a single pixel too."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return resized(inpt, self.size)


class Warp(v2.ElasticTransform):
    """torchvision's, with boxes around the very pixels that show what was in them, not of their corners alone."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The same displacements, smoothed along each axis by itself: in a tenth of the time."""
        height, width = query_size(flat_inputs)
        kernel, sigma = int(8 * self.sigma[0] + 1) | 1, list(self.sigma)
        parts = []
        for amount, side in zip(self.alpha, (width, height), strict=True):
            part = torch.rand(1, 1, height, width) * 2 - 1
            for size in ([kernel, 1], [1, kernel]):
                part = functional.gaussian_blur(part, size, sigma)
            parts.append(part * amount / side)
        return {"displacement": torch.cat(parts, 1).permute(0, 2, 3, 1)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not isinstance(inpt, BoundingBoxes):
            return super().transform(inpt, params)
        return wrap(warped(inpt.as_subclass(Tensor), params["displacement"]), like=inpt)


def warped(boxes: Tensor, displacement: Tensor) -> Tensor:
    """Boxes (m, 4) around the pixels whose sources lie in the given ones; without extent where there are none.

    displacement: (1, h, w, 2), from a pixel of the result to its source, x and y in halves of the image's sides. Boxes
    without extent, which are points, move to where the nearest source is found.
    """
    height, width = displacement.shape[1:3]
    halves = displacement.new_tensor([width / 2, height / 2])
    across, down = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    here = torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=-1)
    moves = displacement[0] * halves
    sources, reach = here + moves, math.ceil(float(moves.abs().max())) + 1
    found = torch.zeros_like(boxes)
    for row, box in zip(found, boxes, strict=True):
        if bool((box[:2] == box[2:]).all()):
            nearest = int((sources - box[:2]).square().sum(-1).argmin())
            row[:] = (here.view(-1, 2)[nearest] + box[:2] - sources.view(-1, 2)[nearest]).repeat(2)
            continue
        left, top = (max(0, int(edge) - reach) for edge in box[:2])
        near = sources[top : math.ceil(box[3]) + reach, left : math.ceil(box[2]) + reach]
        inside = ((near >= box[:2]) & (near <= box[2:])).all(-1)
        if bool(inside.any()):
            columns, lines = left + inside.any(0).nonzero(), top + inside.any(1).nonzero()
            row[:] = torch.stack([columns[0, 0], lines[0, 0], columns[-1, 0] + 1, lines[-1, 0] + 1])
    return found


class IouCrop(v2.RandomIoUCrop):
    """torchvision's, with the same draws in a part of the time: windows are tried on numbers, not on tensors."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        boxes = next(one for one in flat_inputs if isinstance(one, BoundingBoxes)).tolist()
        while True:
            least = self.options[int(torch.randint(len(self.options), ()))]
            if least >= 1:
                return {}
            for _ in range(self.trials):
                across, down = (self.min_scale + (self.max_scale - self.min_scale) * torch.rand(2)).tolist()
                wide, high = int(width * across), int(height * down)
                if not (wide and high and self.min_aspect_ratio <= wide / high <= self.max_aspect_ratio):
                    continue
                before, above = torch.rand(2).tolist()
                left, top = int((width - wide) * before), int((height - high) * above)
                part = (left, top, left + wide, top + high)
                within = [middle_within(box, part) for box in boxes]
                chosen = [box for box, inside in zip(boxes, within, strict=True) if inside]
                if chosen and max(overlap(box, part) for box in chosen) >= least:
                    inside = torch.tensor(within)
                    return {"top": top, "left": left, "height": high, "width": wide, "is_within_crop_area": inside}


def middle_within(box: Sequence[float], part: Sequence[float]) -> bool:
    """Whether the middle of a box (x1, y1, x2, y2) lies in a part of the image."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return part[0] < x < part[2] and part[1] < y < part[3]


def overlap(box: Sequence[float], part: Sequence[float]) -> float:
    """Intersection over union of two boxes that have the middle of one in common."""
    across = min(box[2], part[2]) - max(box[0], part[0])
    down = min(box[3], part[3]) - max(box[1], part[1])
    union = (box[2] - box[0]) * (box[3] - box[1]) + (part[2] - part[0]) * (part[3] - part[1]) - across * down
    return across * down / union


class Scale(v2.Transform):
    """An image at another size in its frame: of one made larger a part, one made smaller somewhere on `fill`. The
    factor is drawn from `scale`, with the probability `p`; `outwards`: it is what the frame grows by.

    Source: large-scale jitter, Ghiasi et al., 2021, section 3; zooming out, Liu et al., 2016, section 3.6, as factors
    below 1.
    """

    def __init__(self, scale: tuple[float, float], fill: int, p: float = 1.0, outwards: bool = False):
        super().__init__()
        self.scale, self.fill, self.p, self.outwards = scale, fill, p, outwards

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        chance, share, down, across = torch.rand(4).tolist()
        if chance >= self.p:
            return {}
        factor = self.scale[0] + share * (self.scale[1] - self.scale[0])
        factor = 1 / factor if self.outwards else factor
        if factor < 1:
            window = drawn_window(height, width, factor, down, across)
            return {"window": (0, 0, height, width), "place": window, "size": (height, width)}
        window = drawn_window(height, width, 1 / factor, down, across)
        return {"window": window, "place": (0, 0, height, width), "size": (height, width)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return placed(inpt, **params, fill=self.fill) if params else inpt


def resized(inpt: Any, size: Sequence[int]) -> Any:
    """An image, or the boxes or the mask in it, at that size.

    torch fails where an image uint8 of a single pixel comes in or goes out: that one is resized in float32.
    """
    bilinear: dict[str, Any] = {"interpolation": v2.InterpolationMode.BILINEAR, "antialias": True}
    if [1, 1] in (functional.get_size(inpt), list(size)) and type(inpt) is Tensor:
        return functional.resize(inpt.float(), list(size), **bilinear).round().to(inpt.dtype)
    return functional.resize(inpt, list(size), **bilinear)


def drawn_window(height: int, width: int, share: float, down: float, across: float) -> Window:
    """A part of an image, its sides `share` of the image's; `down` and `across` (0 … 1) say where."""
    high, wide = max(1, round(height * share)), max(1, round(width * share))
    return round(down * (height - high)), round(across * (width - wide)), high, wide


def placed(inpt: Any, window: Window, place: Window, size: tuple[int, int], fill: int) -> Any:
    """The part `window` of an image, or of the boxes or the mask in it, brought to `place` in a frame of that size."""
    top, left, height, width = window
    if [height, width] != functional.get_size(inpt):
        inpt = functional.crop(inpt, top, left, height, width)
    if (height, width) != place[2:]:
        inpt = resized(inpt, place[2:])
    below, right = size[0] - place[0] - place[2], size[1] - place[1] - place[3]
    padding = [place[1], place[0], right, below]
    if not any(padding):
        return inpt
    return functional.pad(inpt, padding, fill=OUTSIDE if isinstance(inpt, Mask) else fill)
