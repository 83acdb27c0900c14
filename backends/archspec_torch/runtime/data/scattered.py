"""`scattered_digits`: handwritten digits of scikit-learn on noisy canvases, with exact boxes; no download."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from archspec.errors import Span, fail
from archspec.run.sections import ScatteredDigits
from archspec_torch.boxes import ImageEntry
from archspec_torch.boxes.annotated import Box, Object
from archspec_torch.detection.truth import rows_of
from archspec_torch.runtime.data.boxed import Boxed
from archspec_torch.runtime.data.draws import Draws
from archspec_torch.runtime.data.examples import InMemory, Place, Report, Where, loaded
from archspec_torch.runtime.data.splits import SPLITS, stratified
from archspec_torch.runtime.data.targets import Target
from archspec_torch.runtime.images import Frame, Placement

INK = 64
"""Of 255: what a pixel of a digit has at least that its box holds."""
TRIES = 50
"""Places tried for a digit; of those the one that overlaps least, where none keeps to `overlap`."""
CONTRAST, DARKEST, BRIGHTEST, SLOPE = 70, 40, 215, 20
"""Of 255: the least difference between ink and ground, the range of both, and what the ground gains at most from the
middle to an edge, across and down."""
LEAST = 6
"""Pixels of a digit's side, at least."""
MOST = 8 << 30
"""Bytes of canvases that a split may take."""
HELD = {"val": 0.15, "test": 0.15}
"""Shares of the digits."""
Pixels = NDArray[numpy.float32]
Canvas = tuple[str, int]
"""A canvas by its split and its number there."""


@dataclass(frozen=True)
class Scattered:
    """The canvases of each split, each a function of the seed, its split, its number and, in training, the epoch."""

    section: ScatteredDigits
    digits: Mapping[str, tuple[NDArray[numpy.uint8], NDArray[numpy.int64]]]
    """The digits of each split: ink (n, 8, 8) and class (n,)."""
    parts: Mapping[str, tuple[Canvas, ...]]
    span: Span
    name: str = "scattered digits"
    classes: tuple[str, ...] = tuple("0123456789")
    target: Target = Target.BOXES

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: len(self.parts[name]) for name in SPLITS if name in self.parts}

    @cached_property
    def _labels(self) -> dict[str, Tensor]:
        found = {}
        for split, canvases in self.parts.items():
            chosen = [self._chosen(canvas, 0)[1] for canvas in canvases]
            every = [torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(len(numbers), 4) for numbers in chosen]
            found[split] = torch.stack([self._target(b, n) for b, n in zip(every, chosen, strict=True)])
        return found

    def labels_of(self, split: str) -> Tensor:
        """float32 (n, M, 6) of the first epoch. Where digits lie depends on the frame: here each takes the whole of a
        canvas of 1×1."""
        return self._labels[split]

    def names_of(self, split: str) -> list[str]:
        return [f"{made}-{number}" for made, number in self.parts[split]]

    def regrouped(self, parts: Mapping[str, Sequence[Place]]) -> Scattered:
        return replace(self, parts={s: tuple(self.parts[now][i] for now, i in places) for s, places in parts.items()})

    def load(self, split: str, frame: Frame, report: Report) -> Boxed:
        """The split's canvases, of the frame's size; those of `train` are others in each epoch. Raises SpecError E649
        where they take more than 8 GiB, or digits would have sides of less than 6 pixels."""
        canvases = self.parts[split]
        size = frame.channels * frame.height * frame.width
        if len(canvases) * size > MOST:
            message = f"{len(canvases):,} canvases of {frame} take {len(canvases) * size / (1 << 30):.1f} GiB"
            raise fail("E649", message, self.span, f"{MOST // size:,} are possible, or a smaller `model.input`")
        side = min(frame.height, frame.width) * self.section.scale[0]
        if round(side) < LEAST:
            message = f"digits of {side:.1f} pixels on a canvas of {frame}: they have {LEAST} at least"
            raise fail("E649", message, self.span, "a larger `scale`, or a larger `model.input`")
        images = torch.empty(len(canvases), frame.channels, frame.height, frame.width, dtype=torch.uint8)
        found = []
        for i, canvas in enumerate(canvases):
            pixels, boxes, labels = self._made(canvas, frame)
            images[i] = torch.from_numpy(pixels)
            found.append((boxes, labels))
        targets = torch.stack([self._target(torch.tensor(b).reshape(-1, 4), labels) for b, labels in found])
        placement = Placement(frame.width, frame.height, (1.0, 1.0), (0.0, 0.0))
        entries = tuple(
            ImageEntry(
                Path(name),
                frame.width,
                frame.height,
                tuple(
                    Object(str(label), (x1, y1, x2, y2), False, False, f"{name}:1")
                    for (x1, y1, x2, y2), label in zip(boxes, labels, strict=True)
                ),
                number,
                f"{name}:1",
            )
            for number, (name, (boxes, labels)) in enumerate(zip(self.names_of(split), found, strict=True), 1)
        )
        made = Anew(images, targets, self, canvases, frame) if split == "train" else InMemory(images, targets)
        return Boxed(made, (placement,) * len(entries), entries)

    def example(self, canvas: Canvas, frame: Frame, epoch: int) -> tuple[Tensor, Tensor]:
        """A canvas of an epoch (from 0), uint8 (c, h, w), and its objects (M, 6)."""
        pixels, boxes, labels = self._made(canvas, frame, epoch)
        return torch.from_numpy(pixels), self._target(torch.tensor(boxes).reshape(-1, 4), labels)

    def _target(self, boxes: Tensor, labels: Sequence[int]) -> Tensor:
        """Rows (M, 6), M the most objects that a canvas may have."""
        return rows_of(
            boxes, torch.tensor(labels, dtype=torch.int64), torch.zeros(len(labels)), self.section.objects[1]
        )

    def _chosen(self, canvas: Canvas, epoch: int) -> tuple[NDArray[numpy.uint8], list[int], numpy.random.Generator]:
        """The digits of a canvas (k, 8, 8), their classes, and what draws the rest."""
        split, number = canvas
        draws = numpy.random.default_rng([self.section.seed, SPLITS.index(split), number, *[epoch] * (epoch > 0)])
        ink, labels = self.digits[split]
        least, most = self.section.objects
        picked = draws.integers(len(ink), size=draws.integers(least, most + 1))
        return ink[picked], labels[picked].tolist(), draws

    def _made(self, canvas: Canvas, frame: Frame, epoch: int = 0) -> tuple[NDArray[numpy.uint8], list[Box], list[int]]:
        """Pixels (c, h, w), boxes and classes.

        A ground whose brightness changes evenly from corner to corner, digits of one ink that stands out from it, and
        noise over both.
        """
        digits, labels, draws = self._chosen(canvas, epoch)
        low, high = self.section.scale
        side = min(frame.height, frame.width)
        cover = numpy.zeros((frame.height, frame.width), numpy.float32)
        boxes: list[Box] = []
        for digit in digits:
            size = round(side * draws.uniform(low, high))
            ink = _inked(digit, max(LEAST, size))
            box = self._place(ink.shape, boxes, draws, frame)
            boxes.append(box)
            x, y = int(box[0]), int(box[1])
            under = cover[y : y + ink.shape[0], x : x + ink.shape[1]]
            numpy.maximum(under, ink, out=under)
        return self._painted(cover, draws, frame), boxes, labels

    def _place(self, size: tuple[int, ...], boxes: Sequence[Box], draws: numpy.random.Generator, frame: Frame) -> Box:
        """Where the ink of a digit (height, width) goes on the canvas."""
        high, wide = size
        tried: list[tuple[float, Box]] = []
        for _ in range(TRIES):
            y, x = int(draws.integers(frame.height - high + 1)), int(draws.integers(frame.width - wide + 1))
            box = (float(x), float(y), float(x + wide), float(y + high))
            shared = max((_overlap(box, other) for other in boxes), default=0.0)
            if shared <= self.section.overlap:
                return box
            tried.append((shared, box))
        return min(tried)[1]

    def _painted(self, cover: Pixels, draws: numpy.random.Generator, frame: Frame) -> NDArray[numpy.uint8]:
        """The canvas (c, h, w) under that much ink (h, w) of 0 to 1."""
        across = numpy.linspace(-1, 1, frame.width, dtype=numpy.float32)
        down = numpy.linspace(-1, 1, frame.height, dtype=numpy.float32)[:, None]
        slope = draws.uniform(-SLOPE, SLOPE, 2).astype(numpy.float32)
        gradient = slope[0] * across + slope[1] * down
        planes = []
        dark = bool(draws.integers(2))
        for _ in range(frame.channels):
            near = draws.uniform(DARKEST, BRIGHTEST - CONTRAST)
            far = draws.uniform(near + CONTRAST, BRIGHTEST)
            ground, ink = (far, near) if dark else (near, far)
            planes.append((ground + gradient) * (1 - cover) + ink * cover)
        canvas = numpy.stack(planes)
        canvas += self.section.noise * draws.standard_normal(canvas.shape, numpy.float32)
        return numpy.rint(canvas).clip(0, 255).astype(numpy.uint8)


@dataclass(frozen=True)
class Anew(InMemory):
    """Canvases that are others in each epoch. In memory are those of the first, which are measured too."""

    source: Scattered
    canvases: tuple[Canvas, ...]
    frame: Frame

    def to(self, device: torch.device) -> Anew:
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def example(self, position: int, draws: Draws) -> tuple[Tensor, Tensor]:
        if draws.epoch == 0:
            return super().example(position, draws)
        return self.source.example(self.canvases[position], self.frame, draws.epoch)

    def batches(
        self, groups: Sequence[Tensor], device: torch.device, workers: int, draws: Draws | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        if draws is None or draws.epoch == 0:
            return super().batches(groups, device, workers)
        return loaded(partial(self.example, draws=draws), len(self.canvases), groups, device, workers)


def open_scattered(section: ScatteredDigits, where: Where) -> Scattered:
    """The digits, split class by class before any is scattered: 70 % for training, 15 % each to validate and test."""
    from sklearn.datasets import load_digits  # slow to import, and needed for these data alone

    found = load_digits()
    ink = numpy.rint(found.images * (255 / 16)).astype(numpy.uint8)
    labels = found.target.astype(numpy.int64)
    split = stratified(torch.from_numpy(labels), HELD, section.seed)
    digits = {name: (ink[part.numpy()], labels[part.numpy()]) for name, part in split.items()}
    counts = {"train": section.train, "val": section.val, "test": section.test}
    parts = {name: tuple((name, i) for i in range(count)) for name, count in counts.items()}
    return Scattered(section, digits, parts, where("kind"))


def _inked(digit: NDArray[numpy.uint8], size: int) -> Pixels:
    """A digit of that size, cut to its inked pixels: 0 to 1."""
    ink = numpy.asarray(Image.fromarray(digit).resize((size, size), Image.Resampling.BILINEAR), numpy.float32)
    rows, columns = numpy.nonzero(ink >= INK)
    ink = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return numpy.where(ink >= INK, ink / 255, 0).astype(numpy.float32)


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    both = across * down
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return both / (areas - both)
