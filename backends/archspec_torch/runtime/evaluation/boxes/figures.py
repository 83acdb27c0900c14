"""What is measured of detections: average precision, kinds of mistakes, what is taken for what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from archspec_torch.boxes.scoring import coco, voc
from archspec_torch.boxes.scoring.arrays import Detections, Truths


def mean_precisions(found: Sequence[Tensor], targets: Sequence[Tensor], classes: int) -> dict[str, float]:
    """What epochs are told by, in pixels of the frame. `map50`: the mean over the classes of VOC's average precision at
    an overlap of 0.5 (the area). `map`: COCO's AP. −1 where there is nothing to be found.

    found: detections of some images each, (n, K, 6): x1, y1, x2, y2, score, class; −1 where there is none. targets:
    (n, M, 6): x1, y1, x2, y2, class, 1 where it is ignored. Ignored objects are VOC's difficult ones, and COCO's crowds.
    """
    true, told = _truths(targets), _detections(found)
    images = range(sum(map(len, targets)))
    curves = voc.curves(true, told, classes, voc.match(true, told))
    chosen = coco.choose(true, told, images, coco.EVERY)
    average = coco.mean(coco.count(true, told, chosen, classes).precision)
    return {"map50": voc.mean([curve.area for curve in curves]), "map": average}


def _rows(parts: Sequence[Tensor], where: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows (R, 6) of all images with a class, which stands in that column, and the numbers of their images (R,)."""
    images, rows = [], []
    before = 0
    for part in parts:
        there = part[..., where] >= 0
        image = there.nonzero()[:, 0]
        rows.append(part[there].double().cpu())
        images.append(image.cpu() + before)
        before += len(part)
    if not rows:
        return np.zeros((0, 6)), np.zeros(0, np.int64)
    return torch.cat(rows).numpy(), torch.cat(images).numpy()


def _truths(targets: Sequence[Tensor]) -> Truths:
    rows, images = _rows(targets, 4)
    xywh = _xywh(rows)
    ignored = rows[:, 5] > 0
    return Truths(xywh, rows[:, 4].astype(np.int64), images, xywh[:, 2] * xywh[:, 3], ignored, ignored)


def _detections(found: Sequence[Tensor]) -> Detections:
    rows, images = _rows(found, 5)
    return Detections(_xywh(rows), rows[:, 4], rows[:, 5].astype(np.int64), images)


def _xywh(rows: np.ndarray) -> np.ndarray:
    return np.concatenate([rows[:, :2], rows[:, 2:4] - rows[:, :2]], 1)
