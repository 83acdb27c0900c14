"""Many small pictures as one: a grid with a border between, enlarged so that single pixels are seen."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch import Tensor

from archspec.files import write_bytes

SIDE = 900
"""Pixels that a sheet has at least along its longer side, where its pictures are small."""


def stretched(image: Tensor) -> Tensor:
    """Any numbers (c, h, w) as uint8: the least black, the greatest white, all channels by the same scale."""
    low, high = image.min(), image.max()
    return ((image - low) / (high - low).clamp(min=1e-12) * 255).round().to(torch.uint8)


def write_sheet(images: Sequence[Tensor], path: Path, columns: int | None = None) -> Path:
    """uint8 images (c, h, w), c 1 or 3, in rows, as PNG; returns the path. Raises SpecError E505."""
    height, width = max(i.shape[1] for i in images), max(i.shape[2] for i in images)
    across = columns or math.ceil(math.sqrt(len(images) * height / width))
    down = math.ceil(len(images) / across)
    scale = max(1, SIDE // max(across * (width + 1), down * (height + 1)))
    gap = max(2, scale // 3)
    tall, wide = scale * height + gap, scale * width + gap
    page = numpy.full((down * tall + gap, across * wide + gap, 3), 90, dtype=numpy.uint8)
    for i, image in enumerate(images):
        pixels = image.expand(3, -1, -1).permute(1, 2, 0).cpu().numpy()
        pixels = pixels.repeat(scale, 0).repeat(scale, 1)
        top, left = gap + (i // across) * tall, gap + (i % across) * wide
        page[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    out = io.BytesIO()
    Image.fromarray(page).save(out, format="PNG")
    write_bytes(path, out.getvalue())
    return path
