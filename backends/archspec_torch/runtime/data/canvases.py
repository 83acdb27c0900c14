"""Canvases that handwritten digits of scikit-learn are drawn on, made as they are needed: what all kinds share."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy
import torch
from numpy.typing import NDArray

from archspec.errors import Span, fail
from archspec_torch.runtime.data.examples import Place
from archspec_torch.runtime.data.splits import SPLITS, stratified
from archspec_torch.runtime.images import Frame

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
Ink = NDArray[numpy.uint8]
Canvas = tuple[str, int]
"""A canvas by its split and its number there."""


class Section(Protocol):
    """What every such section of a run file says."""

    train: int
    val: int
    test: int
    noise: float
    seed: int


@dataclass(frozen=True)
class Canvases(ABC):
    """The canvases of each split, each a function of the seed, its split, its number and, where it says so, the
    epoch."""

    section: Section
    digits: Mapping[str, tuple[Ink, NDArray[numpy.int64]]]
    """The digits of each split: ink (n, 8, 8) and class (n,)."""
    parts: Mapping[str, tuple[Canvas, ...]]
    span: Span
    classes: tuple[str, ...]

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: len(self.parts[name]) for name in SPLITS if name in self.parts}

    def names_of(self, split: str) -> list[str]:
        return [f"{made}-{number}" for made, number in self.parts[split]]

    def regrouped(self, parts: Mapping[str, Sequence[Place]]) -> Self:
        return replace(self, parts={s: tuple(self.parts[now][i] for now, i in places) for s, places in parts.items()})

    def _draws(self, canvas: Canvas, epoch: int = 0) -> numpy.random.Generator:
        split, number = canvas
        return numpy.random.default_rng([self.section.seed, SPLITS.index(split), number, *[epoch] * (epoch > 0)])

    def _room(self, split: str, frame: Frame, share: float) -> torch.Tensor:
        """Where the split's canvases go: uint8 (n, c, h, w). Raises SpecError E649 where they take more than 8 GiB, or
        digits of that share of the shorter side would have sides of less than 6 pixels."""
        count, size = len(self.parts[split]), frame.channels * frame.height * frame.width
        if count * size > MOST:
            message = f"{count:,} canvases of {frame} take {count * size / (1 << 30):.1f} GiB"
            raise fail("E649", message, self.span, f"{MOST // size:,} are possible, or a smaller `model.input`")
        side = min(frame.height, frame.width) * share
        if round(side) < LEAST:
            message = f"digits of {side:.1f} pixels on a canvas of {frame}: they have {LEAST} at least"
            raise fail("E649", message, self.span, "a larger `scale`, or a larger `model.input`")
        return torch.empty(count, frame.channels, frame.height, frame.width, dtype=torch.uint8)


def digits_and_parts(
    section: Section,
) -> tuple[dict[str, tuple[Ink, NDArray[numpy.int64]]], dict[str, tuple[Canvas, ...]]]:
    """The digits, split class by class before any is drawn: 70 % for training, 15 % each to validate and test; and the
    canvases of each split."""
    from sklearn.datasets import load_digits  # slow to import, and needed for these data alone

    found = load_digits()
    ink = numpy.rint(found.images * (255 / 16)).astype(numpy.uint8)
    labels = found.target.astype(numpy.int64)
    split = stratified(torch.from_numpy(labels), HELD, section.seed)
    counts = {"train": section.train, "val": section.val, "test": section.test}
    parts = {name: tuple((name, i) for i in range(count)) for name, count in counts.items()}
    return {name: (ink[part.numpy()], labels[part.numpy()]) for name, part in split.items()}, parts


def slope(draws: numpy.random.Generator, frame: Frame) -> Pixels:
    """What the ground gains at each pixel (h, w): evenly, from corner to corner."""
    across = numpy.linspace(-1, 1, frame.width, dtype=numpy.float32)
    down = numpy.linspace(-1, 1, frame.height, dtype=numpy.float32)[:, None]
    gains = draws.uniform(-SLOPE, SLOPE, 2).astype(numpy.float32)
    return gains[0] * across + gains[1] * down


def two_shades(draws: numpy.random.Generator, dark: bool) -> tuple[float, float]:
    """Of 255, a ground and what stands out from it: brighter, or where the ground is not `dark`, darker."""
    near = draws.uniform(DARKEST, BRIGHTEST - CONTRAST)
    far = draws.uniform(near + CONTRAST, BRIGHTEST)
    return (far, near) if dark else (near, far)


def with_noise(canvas: Pixels, noise: float, draws: numpy.random.Generator) -> Ink:
    """Pixels (c, h, w) of 0 to 255, with normal noise of that deviation."""
    canvas += noise * draws.standard_normal(canvas.shape, numpy.float32)
    return numpy.rint(canvas).clip(0, 255).astype(numpy.uint8)
