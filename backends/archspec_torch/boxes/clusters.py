"""`archspec anchors`: widths and heights that stand for a data set's boxes (Redmon & Farhadi 2017, YOLO9000, section
2).

k-means where the distance is 1 − IoU of two boxes with one centre, begun by k-means++ with that distance squared
(Arthur &
Vassilvitskii 2007), the best of several beginnings kept. A centre is the mean of its boxes, or, where the median
brings more overlap, that;
a step that loses overlap is not taken, so that the mean overlap never falls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archspec.errors import fail
from archspec_torch.boxes import formats
from archspec_torch.boxes.scoring.arrays import Floats
from archspec_torch.boxes.turned import stands

STEPS, BEGINNINGS = 300, 10


@dataclass(frozen=True)
class Anchors:
    """Widths and heights (k, 2) in pixels, by area; the mean over all boxes of the overlap with the best of them."""

    sizes: Floats
    mean_iou: float
    boxes: int

    def to_json(self) -> dict[str, Any]:
        """anchors [[w, h], …], mean_iou, boxes."""
        return {
            "anchors": [[round(v, 2) for v in row] for row in self.sizes.tolist()],
            "mean_iou": self.mean_iou,
            "boxes": self.boxes,
        }

    def __str__(self) -> str:
        shown = ", ".join(f"[{w:.4g}, {h:.4g}]" for w, h in self.sizes.tolist())
        return f"anchors: [{shown}]\nmean IoU {self.mean_iou:.4f} over {self.boxes:,} boxes"


def overlaps(sizes: Floats, centres: Floats) -> Floats:
    """(N, k): intersection over union of boxes with one centre, by width and height."""
    both = np.minimum(sizes[:, None], centres[None]).prod(2)
    return both / (sizes.prod(1)[:, None] + centres.prod(1)[None] - both)


def cluster(sizes: Floats, k: int, seed: int = 0) -> Floats:
    """k centres of widths and heights (N, 2), by area. The same for the same seed."""
    random = np.random.default_rng(seed)
    best, most = sizes[:k], -1.0
    for _ in range(BEGINNINGS):
        centres = _begin(sizes, k, random)
        found = overlaps(sizes, centres)
        for _ in range(STEPS):
            moved = _moved(sizes, centres, found.argmax(1))
            again = overlaps(sizes, moved)
            if again.max(1).mean() <= found.max(1).mean():
                break
            centres, found = moved, again
        if (reached := float(found.max(1).mean())) > most:
            best, most = centres, reached
    return best[np.argsort(best.prod(1), kind="stable")]


def _begin(sizes: Floats, k: int, random: np.random.Generator) -> Floats:
    centres = sizes[random.integers(len(sizes))][None]
    while len(centres) < k:
        far = (1 - overlaps(sizes, centres).max(1)).clip(0) ** 2
        share = far / far.sum() if far.sum() > 0 else None
        centres = np.r_[centres, sizes[random.choice(len(sizes), p=share)][None]]
    return centres


def _moved(sizes: Floats, centres: Floats, of: np.ndarray[Any, np.dtype[np.int64]]) -> Floats:
    moved = centres.copy()
    for n in range(len(centres)):
        mine = sizes[of == n]
        if len(mine):
            tried = np.stack([centres[n], mine.mean(0), np.median(mine, axis=0)])
            moved[n] = tried[overlaps(mine, tried).mean(0).argmax()]
    return moved


def anchors(
    data: str | Path,
    k: int,
    size: tuple[int, int] | None = None,
    seed: int = 0,
    split: str | None = None,
    images: Sequence[str | Path] = (),
) -> Anchors:
    """Anchors of a data set's boxes: those with area, crowds left out, on their images upright; scaled as these are to
    `size` (width, height). Images are looked for in the folders `images`, or, with none named, where data sets have
    them: boxes of one that is not there stand as annotated.

    Raises SpecError of reading, and E646 where there are fewer boxes of different sizes than anchors asked for, or an
    image whose size is not known is to be scaled.
    """
    read, places = formats.read_with_images(data, images, split=split)
    found = []
    for given in read.images:
        entry = stands(given) if given.objects else given
        if size and entry.objects:
            entry = formats.with_size(entry)
            if not formats.has_size(entry):
                message = f"the size of {entry.path} is not annotated, and it is not there: its boxes cannot be scaled"
                raise fail("E646", message, entry.span, places.hint())
        scale = (size[0] / entry.width, size[1] / entry.height) if size and entry.objects else (1.0, 1.0)
        for one in entry.objects:
            w, h = one.extent
            if w > read.least and h > read.least and not one.crowd:
                found.append((w * scale[0], h * scale[1]))
    sizes = np.array(found, np.float64).reshape(-1, 2)
    different = len(np.unique(sizes, axis=0))
    if different < k:
        raise fail(
            "E646",
            f"{k} anchors of boxes of {different} different sizes",
            hint=f"ask for {different} or fewer" if different else None,
        )
    centres = cluster(sizes, k, seed)
    return Anchors(centres, float(overlaps(sizes, centres).max(1).mean()), len(sizes))
