"""Large images in overlapping tiles: where they lie, and which of their boxes are kept."""

from __future__ import annotations

import torch
from torch import Tensor

Box = tuple[int, int, int, int]
EDGE = 2.0
"""Pixels from the edge of its tile within which a box may have been cut there."""
COVERED = 0.5
"""The share of a cut box that lies in a whole one from which on both are one object."""


def tiles(width: int, height: int, size: int, overlap: float) -> list[Box]:
    """Squares of `size` pixels that cover an image, row after row, as x1, y1, x2, y2: each begins 1 − `overlap` of its
    size after the one before, the last ends where the image does. An image that is smaller is one tile."""
    return [
        (x, y, min(x + size, width), min(y + size, height))
        for y in _starts(height, size, overlap)
        for x in _starts(width, size, overlap)
    ]


def _starts(length: int, size: int, overlap: float) -> list[int]:
    if length <= size:
        return [0]
    return [*range(0, length - size, max(1, round(size * (1 - overlap)))), length - size]


def cut(boxes: Tensor, tile: Box, width: int, height: int) -> Tensor:
    """Which boxes (m, 4), in pixels of the image, end where their tile does and the image does not: (m,)."""
    x1, y1, x2, y2 = tile
    sides = [
        boxes[:, 0] <= x1 + EDGE if x1 > 0 else None,
        boxes[:, 1] <= y1 + EDGE if y1 > 0 else None,
        boxes[:, 2] >= x2 - EDGE if x2 < width else None,
        boxes[:, 3] >= y2 - EDGE if y2 < height else None,
    ]
    found = torch.zeros(len(boxes), dtype=torch.bool)
    for side in sides:
        if side is not None:
            found |= side
    return found


def suppressed(rows: Tensor, parts: Tensor, iou: float, per_class: bool = True) -> Tensor:
    """Detections (m, 6) of all tiles of an image, best first, without those that are another's: (k, 6).

    Of boxes that overlap by more than `iou` the best stays. A box that a tile has cut (`parts`, (m,)) goes as well
    where more than half of it lies in a box that is whole, whatever the scores: no overlap of a part with the whole is
    large.
    """
    from torchvision.ops import batched_nms

    labels = rows[:, 5] if per_class else torch.zeros(len(rows))
    hidden = torch.zeros(len(rows), dtype=torch.bool)
    for label in labels[parts].unique():
        whole = rows[~parts & (labels == label), :4]
        mine = (parts & (labels == label)).nonzero().flatten()
        if len(whole):
            hidden[mine] = (_share_inside(rows[mine, :4], whole) > COVERED).any(1)
    rows, labels = rows[~hidden], labels[~hidden]
    least = rows[:, :4].min() if len(rows) else 0.0
    return rows[batched_nms((rows[:, :4] - least).double(), rows[:, 4].double(), labels.long(), iou)]


def _share_inside(boxes: Tensor, others: Tensor) -> Tensor:
    """How much of each box (m, 4) lies in each other one (k, 4), as a share of its area: (m, k)."""
    low = torch.maximum(boxes[:, None, :2], others[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1).clamp(min=1e-12)
    return (high - low).clamp(min=0).prod(-1) / areas[:, None]
