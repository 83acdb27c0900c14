"""Test-time augmentation: the views of an image whose probabilities are averaged, or whose boxes are merged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from archspec.errors import did_you_mean, fail
from archspec_torch.runtime.images import Frame

SMALLER, LARGER = 6 / 7, 8 / 7
"""192 and 256 pixels where the network was trained with 224."""

Crops = Callable[[Tensor, int, int], list[Tensor]]
"""From images (n, c, H, W) to views (n, c, height, width)."""


@dataclass(frozen=True)
class Pass:
    """Images read once, at so many times the size that the network was trained with, and the views taken of them."""

    scale: float
    crops: Crops
    resized: bool = False
    """Whether the network itself is made for that size; else the views have the size it was trained with."""
    flipped: tuple[bool, ...] = (False,)
    """Which of the views are mirror images."""
    partial: bool = False
    """Whether views show a part of the image."""

    def frame(self, frame: Frame) -> Frame:
        """The frame to read at. Where the network is made for it, sides stay multiples of the largest power of two,
        up to 64, that they are multiples of, if that is another size: maps that are halved keep whole pixels."""
        if self.scale == 1:
            return frame
        sides = frame.height, frame.width
        if self.resized:
            step = min(64, *(side & -side for side in sides))
            whole = [step * round(side * self.scale / step) for side in sides]
            if 0 not in whole and all(new != side for new, side in zip(whole, sides, strict=True)):
                return replace(frame, height=whole[0], width=whole[1])
        if self.scale < 1:
            height, width = (max(1, min(side - 1, round(side * self.scale))) for side in sides)
        else:
            height, width = (max(side + 1, round(side * self.scale)) for side in sides)
        return replace(frame, height=height, width=width)


def whole(images: Tensor, height: int, width: int) -> list[Tensor]:
    return [images]


def mirrored(images: Tensor, height: int, width: int) -> list[Tensor]:
    return [images, images.flip(3)]


def centre(images: Tensor, height: int, width: int) -> list[Tensor]:
    top, left = (images.shape[2] - height) // 2, (images.shape[3] - width) // 2
    return [images[:, :, top : top + height, left : left + width]]


def ten(images: Tensor, height: int, width: int) -> list[Tensor]:
    """The four corners and the centre, and the mirror images of the five (Krizhevsky et al., 2012)."""
    bottom, right = images.shape[2] - height, images.shape[3] - width
    places = [(0, 0), (0, right), (bottom, 0), (bottom, right)]
    five = [images[:, :, top : top + height, left : left + width] for top, left in places]
    five += centre(images, height, width)
    return five + [one.flip(3) for one in five]


WHOLE = Pass(1, whole)
PASSES: dict[str, tuple[Pass, ...]] = {
    "none": (WHOLE,),
    "mirror": (Pass(1, mirrored, flipped=(False, True)),),
    "ten_crop": (Pass(LARGER, ten, flipped=(*[False] * 5, *[True] * 5), partial=True),),
    "multi_scale": (
        WHOLE,
        Pass(SMALLER, whole, resized=True),
        Pass(LARGER, whole, resized=True),
    ),
}
"""Name to passes, the first at the size of the network. `multi_scale`: the whole image at 6/7, 1 and 8/7 of the size,
the network run at each: the sizes S − 32, S, S + 32 for S = 224 (Simonyan and Zisserman, 2015, section 4.2)."""


def passes(tta: str) -> tuple[Pass, ...]:
    """The passes of that name. Raises SpecError E673 for a name that is none."""
    if tta not in PASSES:
        raise fail("E673", f"there is no test-time augmentation '{tta}'", hint=did_you_mean(tta, list(PASSES)))
    return PASSES[tta]
