"""Each entry of `augment` as a transform of torchvision: for an image and its target, or for a batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torchvision.transforms import v2
from torchvision.tv_tensors import Mask

from archspec.errors import Span, fail
from archspec.run.sections import Augment
from archspec.run.sections import augment as entries
from archspec_torch.runtime.augment.colors import Components, Jitter, PcaShift
from archspec_torch.runtime.augment.geometry import OUTSIDE, EdgeCrop, IouCrop, Resize, ResizedCrop, Scale, Warp
from archspec_torch.runtime.augment.mosaic import AROUND, BoxMixup, Mosaic, gathered
from archspec_torch.runtime.augment.targets import Boxes, Kind, Points, Step, Still
from archspec_torch.runtime.images import Frame

BILINEAR = v2.InterpolationMode.BILINEAR
STILL = (entries.ColorJitter, entries.PcaColor, entries.Erase, entries.Blur)
"""Entries that leave everything where it is."""
MIXES = (entries.Mixup, entries.Cutmix)
"""Entries that change whole batches."""

Mix = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Others = Callable[[], tuple[Tensor, Tensor]]
"""Draws another example: its image and its target."""


@dataclass(frozen=True)
class Augmentation:
    """What is done to each example, in this order, and what to a whole batch: one of `mixes`, drawn anew each time."""

    each: tuple[Step | Mosaic, ...]
    mixes: tuple[Mix, ...]
    kind: Kind

    @property
    def several(self) -> bool:
        """Whether an example is made of several."""
        return any(isinstance(step, Mosaic) for step in self.each)

    def example(self, image: Tensor, target: Tensor, seed: int, others: Others | None = None) -> tuple[Tensor, Tensor]:
        """An image uint8 (c, h, w) and its target, changed as that seed draws it. torch's own generator stays as it is.

        `others` draws the examples of a mosaic, with torch's generator. With a mosaic in the list targets have four
        times as many rows, whether it was drawn or not.
        """
        rows = (AROUND if self.several else 1) * len(target) if target.ndim else 0
        with _drawing(seed):
            image, state = self._changed(image, target, self.each, others)
        return image, self.kind.ended(state, rows)

    def _changed(
        self, image: Tensor, target: Tensor, steps: Sequence[Step | Mosaic], others: Others | None
    ) -> tuple[Tensor, Any]:
        """The image and the state of its target after those steps, which examples beside it go through too."""
        state = self.kind.begun(target)
        for i, step in enumerate(steps):
            if isinstance(step, Mosaic):
                if others is not None and step.drawn():
                    scenes = [self._changed(*others(), steps[:i], others) for _ in range(AROUND - 1)]
                    image, state = step([(image, state), *scenes])
            elif step.moves:
                image, state = self.kind.moved(image, state, step)
            else:
                image = step.change(image)
        return image, state

    def batch(self, images: Tensor, targets: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """A batch mixed as that seed draws it: images float32 (n, c, h, w) of values 0 … 255, and their targets: shares
        float32 (n, C) of classes, or boxes (n, M, 6).

        targets: int64 (n,), or float32 (n, C) where an image has several classes; or boxes.
        """
        with _drawing(seed):
            mix = self.mixes[int(torch.randint(len(self.mixes), ()))]
            return mix(images.float(), targets)

    def trimmed(self, targets: Tensor) -> Tensor:
        """The targets of a batch, with no more rows than its fullest image has objects where rows were added."""
        return gathered(targets) if self.several else targets


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
    """What transforms are made for: the images' frame, the number of classes, the training split's colours, the kind of
    its targets, and where the entries stand."""

    frame: Frame
    classes: int
    components: Callable[[], Components]
    kind: Kind
    spans: Sequence[Span | None]


@dataclass(frozen=True)
class Here:
    """The setting at one entry."""

    setting: Setting
    span: Span | None

    @property
    def frame(self) -> Frame:
        return self.setting.frame


def augmentation_of(section: Sequence[Augment], setting: Setting) -> Augmentation:
    """The list of a run file, made for its images and targets.

    Raises SpecError E638 for what these images are too small for, E639 for what these targets cannot go with.
    """
    each: list[Step | Mosaic] = []
    mixes: list[Mix] = []
    for entry, span in zip(section, setting.spans, strict=False):
        here = Here(setting, span)
        check_kind(entry, here)
        if isinstance(entry, entries.Mosaic) and any(isinstance(step, Mosaic) for step in each):
            message = f"a second mosaic would take {AROUND**2} images for one"
            raise fail("E639", message, span, "one mosaic in the list: its `p` says how often")
        made = MAKERS[type(entry)](entry, here)
        if isinstance(entry, MIXES):
            mixes.append(made)
        elif isinstance(made, Mosaic | Step):
            each.append(made)
        else:
            each.append(Step(made, moves=not isinstance(entry, STILL)))
    return Augmentation(tuple(each), tuple(mixes), setting.kind)


@dataclass(frozen=True)
class Sometimes:
    """A mix of classes with the probability `p`; batches that are not mixed have shares of classes too."""

    mix: Mix
    p: float
    classes: int

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if self.p == 1 or torch.rand(()) < self.p:
            return self.mix(images, labels)
        return images, labels if labels.ndim == 2 else one_hot(labels, self.classes).float()


def check_kind(entry: Augment, here: Here) -> None:
    """Raises SpecError E639 for an entry that the targets cannot go with."""
    kind = here.setting.kind
    reasons: dict[type[Augment], tuple[tuple[type[Any], ...], str, str]] = {
        entries.Mosaic: ((Boxes,), "joins the boxes of four images", "it is for data with boxes"),
        entries.IouCrop: ((Boxes,), "chooses a part of an image by its boxes", "resized_crop takes any part"),
        entries.Mixup: ((Boxes, Still), "mixes classes or joins boxes", "leave it out"),
        entries.Cutmix: ((Still,), "mixes classes by their areas", "mosaic joins images with their boxes"),
    }
    if type(entry) in reasons:
        kinds, does, hint = reasons[type(entry)]
        word = type(entry).model_fields["kind"].default
        if not isinstance(kind, kinds):
            message = f"{word} {does}, and this data has {kind.name} as targets"
            raise fail("E639", message, here.span, hint)
    if isinstance(entry, entries.RandomCrop) and entry.mode == "reflect" and isinstance(kind, Boxes | Points):
        message = f"random_crop would mirror things at the edge without their {kind.name}"
        raise fail("E639", message, here.span, "the mode constant or edge")


def _mirror(entry: entries.Mirror, here: Here) -> Step:
    flip = v2.RandomVerticalFlip if entry.direction == "vertical" else v2.RandomHorizontalFlip
    return Step(flip(entry.p), mirrors=True)


def _random_crop(entry: entries.RandomCrop, here: Here) -> nn.Module:
    size = (here.frame.height, here.frame.width)
    if entry.mode == "reflect" and entry.padding >= min(size):
        message = f"random_crop cannot mirror {entry.padding} pixels at the edge of images of {size[0]}×{size[1]}"
        hint = f"a padding of {min(size) - 1} at most, or the mode edge"
        raise fail("E638", message, here.span, hint)
    if entry.padding >= min(size):
        message = f"random_crop with a padding of {entry.padding:,} may show nothing of images of {size[0]}×{size[1]}"
        raise fail("E638", message, here.span, f"a padding of {min(size) - 1} at most")
    return EdgeCrop(size, padding=entry.padding, fill=_fill(entry.fill), padding_mode=entry.mode)


def _resized_crop(entry: entries.ResizedCrop, here: Here) -> nn.Module:
    size = (here.frame.height, here.frame.width)
    return ResizedCrop(size, scale=entry.scale, ratio=entry.ratio, interpolation=BILINEAR, antialias=True)


def _rotate(entry: entries.Rotate, here: Here) -> nn.Module:
    return v2.RandomRotation((-entry.degrees, entry.degrees), interpolation=BILINEAR, fill=_fill(entry.fill))


def _shear(entry: entries.Shear, here: Here) -> nn.Module:
    within = (-entry.degrees, entry.degrees)
    return v2.RandomAffine(0, shear=(*within, *within), interpolation=BILINEAR, fill=_fill(entry.fill))


def _zoom(entry: entries.Zoom, here: Here) -> nn.Module:
    return v2.RandomAffine(0, scale=entry.scale, interpolation=BILINEAR, fill=_fill(entry.fill))


def _shift(entry: entries.Shift, here: Here) -> nn.Module:
    return v2.RandomAffine(0, translate=(entry.share, entry.share), interpolation=BILINEAR, fill=_fill(entry.fill))


def _color_jitter(entry: entries.ColorJitter, here: Here) -> nn.Module:
    return Jitter(entry.brightness, entry.contrast, entry.saturation, entry.hue)


def _pca_color(entry: entries.PcaColor, here: Here) -> nn.Module:
    return PcaShift(entry.std, here.setting.components())


def _local_warp(entry: entries.LocalWarp, here: Here) -> nn.Module:
    side = min(here.frame.height, here.frame.width)
    reach = int(8 * entry.sigma + 1) // 2  # of torchvision's kernel, which mirrors as much at the edge
    if reach >= side:
        message = f"local_warp smooths over {reach} pixels to each side, and images of {side} cannot mirror as many"
        hint = f"a sigma below {(side - 1) / 4:g}, and alpha smaller in proportion" if side > 1 else None
        raise fail("E638", message, here.span, hint)
    return Warp(entry.alpha, entry.sigma, interpolation=BILINEAR, fill=_fill(entry.fill))


def _erase(entry: entries.Erase, here: Here) -> nn.Module:
    return v2.RandomErasing(entry.p, scale=entry.scale, ratio=entry.ratio)


def _blur(entry: entries.Blur, here: Here) -> nn.Module:
    reach = min(math.ceil(3 * entry.sigma[1]), min(here.frame.height, here.frame.width) - 1)
    return v2.RandomApply([v2.GaussianBlur(2 * reach + 1, sigma=tuple(entry.sigma))], entry.p)


def _scale_jitter(entry: entries.ScaleJitter, here: Here) -> Step:
    low, high = entry.scale
    return Step(Scale((low, high), entry.fill), keep=entry.keep)


def _zoom_out(entry: entries.ZoomOut, here: Here) -> nn.Module:
    low, high = entry.sides
    return Scale((low, high), entry.fill, entry.p, outwards=True)


def _iou_crop(entry: entries.IouCrop, here: Here) -> Step:
    crop = IouCrop(*entry.scale, *entry.ratio, sampler_options=[0.0, *entry.overlaps, 1.0])
    size = (here.frame.height, here.frame.width)
    return Step(v2.Compose([crop, Resize(size)]), by_centre=True)


def _mosaic(entry: entries.Mosaic, here: Here) -> Mosaic:
    (low, high), (first, last) = entry.scale, entry.centre
    return Mosaic(entry.p, (low, high), (first, last), entry.fill, entry.keep)


def _mixup(entry: entries.Mixup, here: Here) -> Mix:
    if isinstance(here.setting.kind, Boxes):
        return BoxMixup(entry.alpha or 1.5, entry.p)
    classes = here.setting.classes
    return Sometimes(v2.MixUp(alpha=entry.alpha or 0.2, num_classes=classes), entry.p, classes)


def _cutmix(entry: entries.Cutmix, here: Here) -> Mix:
    return v2.CutMix(alpha=entry.alpha, num_classes=here.setting.classes)


def _fill(value: int) -> dict[Any, int]:
    """What comes from outside an image has that value, and in a mask no class."""
    return {Mask: OUTSIDE, "others": value}


MAKERS: dict[type[Any], Callable[[Any, Here], Any]] = {
    entries.Mirror: _mirror,
    entries.RandomCrop: _random_crop,
    entries.ResizedCrop: _resized_crop,
    entries.Rotate: _rotate,
    entries.Shear: _shear,
    entries.Zoom: _zoom,
    entries.Shift: _shift,
    entries.ScaleJitter: _scale_jitter,
    entries.ZoomOut: _zoom_out,
    entries.IouCrop: _iou_crop,
    entries.Mosaic: _mosaic,
    entries.ColorJitter: _color_jitter,
    entries.PcaColor: _pca_color,
    entries.LocalWarp: _local_warp,
    entries.Erase: _erase,
    entries.Blur: _blur,
    entries.Mixup: _mixup,
    entries.Cutmix: _cutmix,
}
