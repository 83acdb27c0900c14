"""Each entry of `augment` as a transform of torchvision: for an image, or for a batch with its labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from archspec.errors import Span, fail
from archspec.run.sections import Augment
from archspec.run.sections import augment as entries
from archspec_torch.runtime.augment.colors import Components, PcaShift
from archspec_torch.runtime.images import Frame

BILINEAR = v2.InterpolationMode.BILINEAR


@dataclass(frozen=True)
class Augmentation:
    """What is done to each image, in this order, and what to a whole batch: one of `mixes`, drawn anew each time."""

    each: tuple[nn.Module, ...]
    mixes: tuple[nn.Module, ...]

    def image(self, image: Tensor, seed: int) -> Tensor:
        """An image uint8 (c, h, w), changed as that seed draws it. torch's own generator stays as it is."""
        with _drawing(seed):
            for step in self.each:
                image = step(image)
        return image

    def batch(self, images: Tensor, labels: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """A batch mixed as that seed draws it: images float32 (n, c, h, w) of values 0 … 255, labels float32 (n, C).

        labels: int64 (n,), or float32 (n, C) where an image has several classes.
        """
        with _drawing(seed):
            mix = self.mixes[int(torch.randint(len(self.mixes), ()))]
            mixed, shares = mix(images.float(), labels)
        return mixed, shares


@contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """torch's generator of the CPU, from which torchvision draws, begins at that seed, and is given back as it was."""
    generator = torch.default_generator
    former = generator.get_state()
    generator.manual_seed(seed)
    try:
        yield
    finally:
        generator.set_state(former)


@dataclass(frozen=True)
class Setting:
    """What transforms are made for: the images' frame, the number of classes, and the training split's colours."""

    frame: Frame
    classes: int
    components: Callable[[], Components]
    span: Span | None


def augmentation_of(section: Sequence[Augment], setting: Setting) -> Augmentation:
    """The list of a run file, made for its images. Raises SpecError E638 for what these images are too small for."""
    made = [(entry, MAKERS[type(entry)](entry, setting)) for entry in section]
    mixes = (entries.Mixup, entries.Cutmix)
    return Augmentation(
        tuple(step for entry, step in made if not isinstance(entry, mixes)),
        tuple(step for entry, step in made if isinstance(entry, mixes)),
    )


def _mirror(entry: entries.Mirror, setting: Setting) -> nn.Module:
    return v2.RandomVerticalFlip(entry.p) if entry.direction == "vertical" else v2.RandomHorizontalFlip(entry.p)


def _random_crop(entry: entries.RandomCrop, setting: Setting) -> nn.Module:
    size = (setting.frame.height, setting.frame.width)
    if entry.mode == "reflect" and entry.padding >= min(size):
        message = f"random_crop cannot mirror {entry.padding} pixels at the edge of images of {size[0]}×{size[1]}"
        hint = f"a padding of {min(size) - 1} at most, or the mode edge"
        raise fail("E638", message, setting.span, hint)
    if entry.padding >= min(size):
        message = f"random_crop with a padding of {entry.padding:,} may show nothing of images of {size[0]}×{size[1]}"
        raise fail("E638", message, setting.span, f"a padding of {min(size) - 1} at most")
    return v2.RandomCrop(size, padding=entry.padding, fill=entry.fill, padding_mode=entry.mode)


def _resized_crop(entry: entries.ResizedCrop, setting: Setting) -> nn.Module:
    size = (setting.frame.height, setting.frame.width)
    return v2.RandomResizedCrop(size, scale=entry.scale, ratio=entry.ratio, interpolation=BILINEAR, antialias=True)


def _rotate(entry: entries.Rotate, setting: Setting) -> nn.Module:
    return v2.RandomRotation((-entry.degrees, entry.degrees), interpolation=BILINEAR, fill=entry.fill)


def _shear(entry: entries.Shear, setting: Setting) -> nn.Module:
    within = (-entry.degrees, entry.degrees)
    return v2.RandomAffine(0, shear=(*within, *within), interpolation=BILINEAR, fill=entry.fill)


def _zoom(entry: entries.Zoom, setting: Setting) -> nn.Module:
    return v2.RandomAffine(0, scale=entry.scale, interpolation=BILINEAR, fill=entry.fill)


def _shift(entry: entries.Shift, setting: Setting) -> nn.Module:
    return v2.RandomAffine(0, translate=(entry.share, entry.share), interpolation=BILINEAR, fill=entry.fill)


def _color_jitter(entry: entries.ColorJitter, setting: Setting) -> nn.Module:
    return v2.ColorJitter(entry.brightness, entry.contrast, entry.saturation, entry.hue)


def _pca_color(entry: entries.PcaColor, setting: Setting) -> nn.Module:
    return PcaShift(entry.std, setting.components())


def _local_warp(entry: entries.LocalWarp, setting: Setting) -> nn.Module:
    side = min(setting.frame.height, setting.frame.width)
    reach = int(8 * entry.sigma + 1) // 2  # of torchvision's kernel, which mirrors as much at the edge
    if reach >= side:
        message = f"local_warp smooths over {reach} pixels to each side, and images of {side} cannot mirror as many"
        hint = f"a sigma below {(side - 1) / 4:g}, and alpha smaller in proportion" if side > 1 else None
        raise fail("E638", message, setting.span, hint)
    return v2.ElasticTransform(entry.alpha, entry.sigma, interpolation=BILINEAR, fill=entry.fill)


def _erase(entry: entries.Erase, setting: Setting) -> nn.Module:
    return v2.RandomErasing(entry.p, scale=entry.scale, ratio=entry.ratio)


def _blur(entry: entries.Blur, setting: Setting) -> nn.Module:
    reach = min(math.ceil(3 * entry.sigma[1]), min(setting.frame.height, setting.frame.width) - 1)
    return v2.RandomApply([v2.GaussianBlur(2 * reach + 1, sigma=tuple(entry.sigma))], entry.p)


def _mixup(entry: entries.Mixup, setting: Setting) -> nn.Module:
    return v2.MixUp(alpha=entry.alpha, num_classes=setting.classes)


def _cutmix(entry: entries.Cutmix, setting: Setting) -> nn.Module:
    return v2.CutMix(alpha=entry.alpha, num_classes=setting.classes)


MAKERS: dict[type[Any], Callable[[Any, Setting], nn.Module]] = {
    entries.Mirror: _mirror,
    entries.RandomCrop: _random_crop,
    entries.ResizedCrop: _resized_crop,
    entries.Rotate: _rotate,
    entries.Shear: _shear,
    entries.Zoom: _zoom,
    entries.Shift: _shift,
    entries.ColorJitter: _color_jitter,
    entries.PcaColor: _pca_color,
    entries.LocalWarp: _local_warp,
    entries.Erase: _erase,
    entries.Blur: _blur,
    entries.Mixup: _mixup,
    entries.Cutmix: _cutmix,
}
