"""What is really in the images of a batch, as tensors of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Truth:
    """N images with M objects at most: boxes (N, M, 4), x1, y1, x2, y2 in pixels of the network's input; labels (N, M).

    `labels` is −1 where there is no object, and `ignored` (N, M) marks those that nothing is learned from: neither that
    they are there nor that they are not (crowds, and what VOC calls difficult).
    """

    boxes: Tensor
    labels: Tensor
    ignored: Tensor

    @classmethod
    def of(cls, boxes: Sequence[Tensor], labels: Sequence[Tensor], ignored: Sequence[Tensor] | None = None) -> Truth:
        """From boxes (m, 4), labels (m,) and marks (m,) of each image."""
        marks = ignored or [torch.zeros_like(one, dtype=torch.bool) for one in labels]
        return cls(_stacked(boxes, 0.0), _stacked(labels, -1), _stacked(marks, False))

    @classmethod
    def of_rows(cls, rows: Tensor) -> Truth:
        """From targets (N, M, 6), as `rows_of` makes them: no more objects than the fullest image has."""
        most = int((rows[..., 4] >= 0).sum(1).max()) if len(rows) else 0
        rows = rows[:, :most]
        return cls(rows[..., :4], rows[..., 4].long(), rows[..., 5] > 0)

    @property
    def there(self) -> Tensor:
        """Where there is an object to be found: (N, M)."""
        return (self.labels >= 0) & ~self.ignored

    def to(self, device: torch.device) -> Truth:
        return Truth(self.boxes.to(device), self.labels.to(device), self.ignored.to(device))


ROW = 6
"""Numbers of an object in a target: x1, y1, x2, y2, class, 1 where it is ignored."""
POINT = 3
"""Numbers of a point in a target: x, y, whether it is seen."""


def rows_of(boxes: Tensor, labels: Tensor, ignored: Tensor, most: int) -> Tensor:
    """The target of one image, float32 (most, 6): its objects, then rows of zeros whose class is −1.

    boxes: (m, 4); labels: (m,); ignored: (m,). Of more than `most` objects the first.
    """
    rows = torch.zeros(most, ROW)
    rows[:, 4] = -1
    found = torch.cat([boxes.float(), labels[:, None].float(), ignored[:, None].float()], dim=1)[:most]
    rows[: len(found)] = found
    return rows


def _stacked(parts: Sequence[Tensor], filling: float) -> Tensor:
    """Tensors (m, …) under each other as (N, M, …), filled up."""
    most = max((len(part) for part in parts), default=0)
    whole = parts[0].new_full((len(parts), most, *parts[0].shape[1:]), filling)
    for row, part in zip(whole, parts, strict=True):
        row[: len(part)] = part
    return whole


def overlaps(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of every box with every other: (…, M, 4) and (…, R, 4) to (…, M, R).

    As `torchvision.ops.box_iou`, for many images at once; 0 where both are empty.
    """
    low = torch.maximum(first[..., :, None, :2], second[..., None, :, :2])
    high = torch.minimum(first[..., :, None, 2:], second[..., None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    union = areas(first)[..., :, None] + areas(second)[..., None, :] - shared
    return shared / union.clamp(min=torch.finfo(union.dtype).tiny)


def pair_iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of each box (n, 4) with its partner: (n,)."""
    low = torch.maximum(first[:, :2], second[:, :2])
    high = torch.minimum(first[:, 2:], second[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    union = areas(first) + areas(second) - shared
    return shared / union.clamp(min=torch.finfo(union.dtype).tiny)


def areas(boxes: Tensor) -> Tensor:
    """Areas (…) of boxes (…, 4)."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)
