"""Changes of an image and of what lies in it, besides those that torchvision has as they are needed here."""

from __future__ import annotations

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


class Warp(v2.ElasticTransform):
    """torchvision's, with boxes around the very pixels that show what was in them, not of their corners alone."""

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
    sources = here + displacement[0] * halves
    found = torch.zeros_like(boxes)
    for row, box in zip(found, boxes, strict=True):
        if bool((box[:2] == box[2:]).all()):
            nearest = int((sources - box[:2]).square().sum(-1).argmin())
            row[:] = (here.view(-1, 2)[nearest] + box[:2] - sources.view(-1, 2)[nearest]).repeat(2)
            continue
        inside = ((sources >= box[:2]) & (sources <= box[2:])).all(-1)
        if bool(inside.any()):
            columns, lines = inside.any(0).nonzero(), inside.any(1).nonzero()
            row[:] = torch.stack([columns[0, 0], lines[0, 0], columns[-1, 0] + 1, lines[-1, 0] + 1])
    return found


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
        inpt = functional.resize(inpt, list(place[2:]), antialias=True)
    below, right = size[0] - place[0] - place[2], size[1] - place[1] - place[3]
    padding = [place[1], place[0], right, below]
    if not any(padding):
        return inpt
    return functional.pad(inpt, padding, fill=OUTSIDE if isinstance(inpt, Mask) else fill)
