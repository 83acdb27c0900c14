"""The best of many boxes: non-maximum suppression for all images and classes of a batch at once."""

from __future__ import annotations

import torch
from torch import Tensor

from archspec.ops.detect import DETECTION

SOFT_LEAST = 1e-3
"""Below that score nothing is left of a box whose score was lowered."""


def detections(
    boxes: Tensor,
    scores: Tensor,
    *,
    score: float = 0.05,
    iou: float = 0.5,
    per_class: bool = True,
    before: int = 400,
    keep: int = 100,
    soft: str = "none",
    sigma: float = 0.5,
) -> Tensor:
    """The detections of each image: (N, keep, 6), from the best on, as x1, y1, x2, y2, score, class.

    boxes: (N, R, 4), scores: (N, R, C). Behind the last one of an image rows of zeros, their class −1. The
    arguments are those of the layer `nms`; equal scores keep the order of classes, then of boxes.
    """
    n, rows, classes = scores.shape
    if boxes.is_meta:  # no data: a shape is all there is
        return boxes.new_empty(n, keep, DETECTION)
    best, which = scores.transpose(1, 2).topk(min(before, rows), dim=2)  # (N, C, before)
    image, label, rank = (best > score).nonzero(as_tuple=True)
    candidates = boxes[image, which[image, label, rank]]
    values = best[image, label, rank]
    rivals = image * classes + label if per_class else image
    if soft == "none":
        from torchvision.ops import batched_nms  # torchvision is slow to import: only what detects waits for it

        # it tells rivals apart by moving their boxes far from each other: that takes places from 0 on, and all digits
        least = candidates.min() if len(candidates) else 0.0
        kept = batched_nms(candidates.double() - least, values.double(), rivals, iou)
    else:
        values = softened(candidates, values, rivals, iou, soft, sigma)
        kept = (values > max(score, SOFT_LEAST)).nonzero().flatten()
        kept = kept[values[kept].argsort(descending=True, stable=True)]
    return _listed(candidates[kept], values[kept], label[kept], image[kept], n, keep)


def _listed(boxes: Tensor, scores: Tensor, labels: Tensor, image: Tensor, n: int, keep: int) -> Tensor:
    """Detections of all images, best first, as one table: (n, keep, 6)."""
    order = image.argsort(stable=True)
    boxes, scores, labels, image = boxes[order], scores[order], labels[order], image[order]
    counts = torch.bincount(image, minlength=n)
    rank = torch.arange(len(image), device=image.device) - (counts.cumsum(0) - counts)[image]
    found = boxes.new_zeros(n, keep, DETECTION)
    found[..., 5] = -1
    inside = rank < keep
    rows = torch.cat([boxes, scores[:, None], labels[:, None].to(boxes.dtype)], dim=1)
    found[image[inside], rank[inside]] = rows[inside]
    return found


def softened(boxes: Tensor, scores: Tensor, rivals: Tensor, iou: float, how: str, sigma: float) -> Tensor:
    """Scores (T,) lowered by better rivals that overlap, from the best on: linear or gaussian.

    boxes: (T, 4); rivals: (T,), those of equal number compete. Bodla et al., arXiv:1704.04503, equations 2 and 3.
    """
    from torchvision.ops import box_iou

    scores = scores.clone()
    for number in rivals.unique():
        members = (rivals == number).nonzero().flatten()
        overlaps = box_iou(boxes[members], boxes[members])
        here, open_ = scores[members], torch.ones(len(members), dtype=torch.bool, device=boxes.device)
        for _ in range(len(members)):
            first = here.masked_fill(~open_, -1).argmax()
            open_[first] = False
            o = overlaps[first]
            factor = torch.where(o > iou, 1 - o, 1.0) if how == "linear" else (-(o * o) / sigma).exp()
            here = torch.where(open_, here * factor, here)
        scores[members] = here
    return scores
