"""The best of many boxes: non-maximum suppression for all images and classes of a batch at once."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from archspec.ops.detect import DETECTION

ENOUGH = 4
"""So many times the boxes that are kept compete first; as many times more where too few of them are left."""
TOGETHER = 512
"""Boxes compared at once on a CPU: more are more pairs, fewer more calls."""
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
    n, classes = scores.shape[0], scores.shape[2]
    if boxes.is_meta:  # no data: a shape is all there is
        return boxes.new_empty(n, keep, DETECTION)
    if soft != "none":
        found = _of_each_class(scores, score, before)
        rivals = found.image * classes + found.label if per_class else found.image
        values = softened(boxes[found.image, found.row], found.score, rivals, iou, soft, sigma)
        kept = (values > max(score, SOFT_LEAST)).nonzero().flatten()
        return _listed(boxes, found._replace(score=values).at(kept), n, keep)
    most = keep
    while True:
        most *= ENOUGH
        found, seen = _best(scores, score, before, most)
        rivals = found.image * classes + found.label
        if not per_class:
            found = found.at(found.score.argsort(descending=True, stable=True))
            found = found.at(found.image.argsort(stable=True))
            rivals = found.image
        found = found.at(_unrivalled(boxes[found.image, found.row], found.score, rivals, iou))
        # what scores less takes nothing away from what is kept: where that fills the list, it need not be seen
        if bool((seen | (found.image.bincount(minlength=n) >= keep)).all()):
            return _listed(boxes, found, n, keep)


class _Candidates(NamedTuple):
    """T boxes that compete, image after image, class after class, the best first: all (T,)."""

    image: Tensor
    label: Tensor
    row: Tensor
    score: Tensor

    def at(self, places: Tensor) -> _Candidates:
        return _Candidates(*(one[places] for one in self))


def _of_each_class(scores: Tensor, score: float, before: int) -> _Candidates:
    """Of each class of each image the `before` best above `score`."""
    best, which = scores.transpose(1, 2).topk(min(before, scores.shape[1]), dim=2)  # (N, C, before)
    image, label, rank = (best > score).nonzero(as_tuple=True)
    return _Candidates(image, label, which[image, label, rank], best[image, label, rank])


def _best(scores: Tensor, score: float, before: int, most: int) -> tuple[_Candidates, Tensor]:
    """The same, but where they are many only those among the `most` best of each image; besides, of which images that
    is all: (N,)."""
    n, classes = scores.shape[0], scores.shape[2]
    peaks = scores.amax(2)
    found = _above(scores, peaks, score, n * most)
    if found is None:
        found, seen = _highest(scores, peaks, score, most)
    else:
        seen = torch.ones(n, dtype=torch.bool, device=scores.device)
    group, order = (found.image * classes + found.label).sort(stable=True)
    found = found.at(order)
    counts = group.bincount(minlength=n * classes)
    rank = torch.arange(len(group), device=group.device) - (counts.cumsum(0) - counts)[group]
    return found.at(rank < before), seen


def _above(scores: Tensor, peaks: Tensor, score: float, most: int) -> _Candidates | None:
    """All above `score`, the best first, unless they are more than `most`."""
    image, row = (peaks > score).nonzero(as_tuple=True)
    if len(image) > most:
        return None
    values = scores[image, row]
    at, label = (values > score).nonzero(as_tuple=True)
    if len(at) > most:
        return None
    found = _Candidates(image[at], label, row[at], values[at, label])
    return found.at(found.score.argsort(descending=True, stable=True))


def _highest(scores: Tensor, peaks: Tensor, score: float, most: int) -> tuple[_Candidates, Tensor]:
    """Those above `score` among the `most` best of each image, the best first; of which images that is all: (N,)."""
    n, rows, classes = scores.shape
    which = peaks.topk(min(most, rows), dim=1).indices  # the best boxes lie in the rows whose best is best
    flat = scores.gather(1, which[..., None].expand(-1, -1, classes)).flatten(1)
    best, places = flat.topk(min(most, flat.shape[1]), dim=1)
    image, rank = (best > score).nonzero(as_tuple=True)
    place = places[image, rank]
    seen = torch.full((n,), most >= rows * classes, device=scores.device) | (best[:, -1] <= score)
    return _Candidates(image, place % classes, which[image, place // classes], best[image, rank]), seen


def _unrivalled(boxes: Tensor, scores: Tensor, rivals: Tensor, iou: float) -> Tensor:
    """The places of those of T boxes that no better rival overlaps by more than `iou`, in their order.

    boxes: (T, 4); rivals: (T,), not falling: those of equal number compete.
    """
    from torchvision.ops import nms  # torchvision is slow to import: only what detects waits for it

    if not len(boxes):
        return rivals
    # rivals of several numbers are compared at once, far from each other: that takes places from 0 on, and all digits
    exact = boxes.double()
    exact = exact - exact.min()
    exact += (rivals * (exact.max() + 1))[:, None]
    scores = scores.double()
    together = TOGETHER if boxes.device.type == "cpu" else len(boxes)
    ends = (rivals[1:] != rivals[:-1]).nonzero().flatten().add(1).tolist()
    found, begin = [], 0
    for end in [*ends, len(boxes)]:
        if end - begin >= together or end == len(boxes):
            found.append(nms(exact[begin:end], scores[begin:end], iou) + begin)
            begin = end
    return torch.cat(found).sort().values


def _listed(boxes: Tensor, found: _Candidates, n: int, keep: int) -> Tensor:
    """The best of what was found in each image, as one table: (n, keep, 6)."""
    found = found.at(found.score.argsort(descending=True, stable=True))
    found = found.at(found.image.argsort(stable=True))
    counts = found.image.bincount(minlength=n)
    rank = torch.arange(len(found.image), device=boxes.device) - (counts.cumsum(0) - counts)[found.image]
    inside = rank < keep
    image, label, row, scores = found.at(inside)
    listed = boxes.new_zeros(n, keep, DETECTION)
    listed[..., 5] = -1
    listed[image, rank[inside]] = torch.cat(
        [boxes[image, row], scores[:, None].to(boxes.dtype), label[:, None].to(boxes.dtype)], dim=1
    )
    return listed


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
