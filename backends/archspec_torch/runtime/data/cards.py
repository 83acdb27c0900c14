"""`digit_cards`: cards with a handwritten digit, seen askew, with their corners exact; no download."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from archspec.run.sections import DigitCards
from archspec_torch.detection.truth import POINT
from archspec_torch.runtime.data.canvases import (
    Canvas,
    Canvases,
    Pixels,
    digits_and_parts,
    slope,
    two_shades,
    with_noise,
)
from archspec_torch.runtime.data.examples import InMemory, Report, Where
from archspec_torch.runtime.data.pointed import Pointed
from archspec_torch.runtime.data.targets import Target
from archspec_torch.runtime.images import Frame, Placement

CORNERS = ("left top", "right top", "right bottom", "left bottom")
"""The points, as whoever reads the digit has them."""
UNIT = numpy.array([[0.0, 0.0], [1, 0], [1, 1], [0, 1]])
"""Those corners on the card."""
NARROW = 0.75
"""A card's width of its height."""
AWAY = 3.0
"""Heights of a card from which it is seen: nearer, more perspective."""
MARGIN = 0.15
"""Of the card's width, left and right of its digit."""
FINE = 3
"""Points across a pixel, and down, that it is the mean of."""
Numbers = NDArray[numpy.floating[Any]]


@dataclass(frozen=True)
class Cards(Canvases):
    """Canvases with a card each."""

    section: DigitCards
    name: str = "digit cards"
    target: Target = Target.POINTS

    def labels_of(self, split: str) -> Tensor:
        """float32 (n, 4, 3). Where cards lie depends on the frame: here each takes the whole of a canvas of 1×1."""
        corners = torch.cat((torch.from_numpy(UNIT).float(), torch.ones(4, 1)), 1)
        return corners.expand(len(self.parts[split]), 4, POINT).clone()

    def load(self, split: str, frame: Frame, report: Report) -> Pointed:
        """The split's canvases, of the frame's size. Raises SpecError E649 where they take more than 8 GiB, or digits
        would have sides of less than 6 pixels."""
        images = self._room(split, frame, self.section.scale[0] * NARROW * (1 - 2 * MARGIN))
        labels = torch.ones(len(images), 4, POINT)
        for i, canvas in enumerate(self.parts[split]):
            pixels, corners = self._made(canvas, frame)
            images[i], labels[i, :, :2] = torch.from_numpy(pixels), torch.from_numpy(corners)
        placement = Placement(frame.width, frame.height, (1.0, 1.0), (0.0, 0.0))
        return Pointed(InMemory(images, labels), (placement,) * len(images), tuple(self.names_of(split)))

    def _made(self, canvas: Canvas, frame: Frame) -> tuple[NDArray[numpy.uint8], Numbers]:
        """Pixels (c, h, w), and the corners (4, 2) in pixels: a ground whose brightness changes evenly, a card that
        stands out from it, a digit that stands out from the card, and noise over all."""
        draws = self._draws(canvas)
        ink = self.digits[canvas[0]][0]
        digit = ink[draws.integers(len(ink))].astype(numpy.float32) / 255
        seen = self._seen(draws, frame)
        card, marks = _covered(seen, digit, frame)
        gradient, dark = slope(draws, frame), bool(draws.integers(2))
        planes = []
        for _ in range(frame.channels):
            ground, paper = two_shades(draws, dark)
            planes.append((ground + gradient) * (1 - card) + paper * (card - marks) + ground * marks)
        return with_noise(numpy.stack(planes), self.section.noise, draws), _moved(seen, UNIT)

    def _seen(self, draws: numpy.random.Generator, frame: Frame) -> Numbers:
        """The projection (3, 3) from places on the card, 0 to 1 across and down, to pixels of the canvas.

        The card is turned about its upright and its level axis, then in the picture, and seen from AWAY; its longer
        extent is the drawn share of the canvas's shorter side, and all of it lies in the canvas.
        """
        section, (least, most) = self.section, self.section.scale
        level, upright = numpy.radians(draws.uniform(-section.tilt, section.tilt, 2))
        turn = math.radians(draws.uniform(-section.turn, section.turn))
        placed = _rotation(turn, 0, 1) @ _rotation(level, 1, 2) @ _rotation(upright, 0, 2)
        centred = numpy.array([[NARROW, 0, -NARROW / 2], [0, 1, -0.5], [0, 0, 1]])
        view = numpy.eye(3)
        view[:, :2] = placed[:, :2] / [[1], [1], [AWAY]]
        askew = view @ centred
        corners = _moved(askew, UNIT)
        low, high = corners.min(0), corners.max(0)
        size = min(frame.height, frame.width) * draws.uniform(least, most) / (high - low).max()
        room = numpy.array([frame.width, frame.height]) - size * (high - low)
        left, top = draws.uniform(0, 1, 2) * room - size * low
        return numpy.array([[size, 0, left], [0, size, top], [0, 0, 1]]) @ askew


def open_cards(section: DigitCards, where: Where) -> Cards:
    """The digits, split class by class before any is put on a card."""
    digits, parts = digits_and_parts(section)
    return Cards(section, digits, parts, where("kind"), CORNERS)


def _rotation(angle: float, one: int, other: int) -> Numbers:
    """The rotation (3, 3) of one axis to the other, in radians."""
    found = numpy.eye(3)
    found[[one, other], [one, other]] = math.cos(angle)
    found[one, other], found[other, one] = -math.sin(angle), math.sin(angle)
    return found


def _moved(projection: Numbers, places: Numbers) -> Numbers:
    """Places (n, 2) projected."""
    told = numpy.column_stack((places, numpy.ones(len(places)))) @ projection.T
    found: Numbers = told[:, :2] / told[:, 2:]
    return found


def _covered(seen: Numbers, digit: Pixels, frame: Frame) -> tuple[Pixels, Pixels]:
    """How much of each pixel (h, w) the card covers, and how much ink is on it: 0 to 1."""
    x, y = (numpy.arange(FINE * n) / FINE + 0.5 / FINE for n in (frame.width, frame.height))
    grid = numpy.stack(numpy.meshgrid(x, y), -1).reshape(-1, 2)
    across, down = _moved(numpy.linalg.inv(seen), grid).T
    inside = (across >= 0) & (across <= 1) & (down >= 0) & (down <= 1)
    side = NARROW * (1 - 2 * MARGIN)  # of the digit, in heights of the card
    last = len(digit) - 1
    column = ((across - MARGIN) / (1 - 2 * MARGIN)) * len(digit) - 0.5
    row = ((down - (1 - side) / 2) / side) * len(digit) - 0.5
    marks = numpy.zeros(len(grid), numpy.float32)
    here = inside & (column > -1) & (column < last + 1) & (row > -1) & (row < last + 1)
    marks[here] = _between(numpy.pad(digit, 1), row[here] + 1, column[here] + 1)
    shape = (frame.height, FINE, frame.width, FINE)
    card, ink = (one.reshape(shape).mean((1, 3)).astype(numpy.float32) for one in (inside, marks))
    return card, ink


def _between(values: Pixels, row: Numbers, column: Numbers) -> Pixels:
    """Values (h, w) between their places, bilinear: (n,)."""
    top, left = (numpy.floor(at).astype(int).clip(0, n - 2) for at, n in zip((row, column), values.shape, strict=True))
    down, across = row - top, column - left
    above = values[top, left] * (1 - across) + values[top, left + 1] * across
    below = values[top + 1, left] * (1 - across) + values[top + 1, left + 1] * across
    found: Pixels = (above * (1 - down) + below * down).astype(numpy.float32)
    return found
