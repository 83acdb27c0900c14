"""The best of many boxes: non-maximum suppression for all images and classes of a batch at once."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from archspec.ops.detect import DETECTION
from archspec_torch.detection.soften import softened

ENOUGH = 4
"""So many times the boxes that are kept compete first; as many times more where too few of them are left."""
TOGETHER = 512
"""Boxes compared at once on a CPU: more are more pairs, fewer more calls."""


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
    arguments are those of the layer `nms`; equal scores keep the order of classes, then of boxes,
    and lowered ones that which `softened` tells.
    """
    n, classes = scores.shape[0], scores.shape[2]
    if boxes.is_meta:  # no data: a shape is all there is
        return boxes.new_empty(n, keep, DETECTION)
    if soft != "none":
        return softened(
            boxes,
            scores,
            score=score,
            iou=iou,
            per_class=per_class,
            before=before,
            keep=keep,
            how=soft,
            sigma=sigma,
        )
    boxes = boxes.reshape(-1, 4)
    most = keep
    while True:
        most *= ENOUGH
        found, seen = _best(scores, score, before, most)
        rivals = found.group if per_class else found.group // classes
        found = found.at(_unrivalled(boxes[found.row], found.score, rivals, iou))
        # what scores less takes nothing away from what is kept: where that fills the list, it need not be seen
        if seen is None or bool((seen | ((found.group // classes).bincount(minlength=n) >= keep)).all()):
            return _listed(boxes, found, n, classes, keep)


class _Candidates(NamedTuple):
    """T boxes, each with a class: all (T,). Those that compete lie image after image, class after class, equal scores
    in the order of the boxes."""

    group: Tensor
    """The number of the image times that of all classes, and the class."""
    row: Tensor
    """Which of the boxes of all images."""
    score: Tensor

    def at(self, places: Tensor | slice) -> _Candidates:
        return _Candidates(*(one[places] for one in self))


def _best(scores: Tensor, score: float, before: int, most: int) -> tuple[_Candidates, Tensor | None]:
    """Of each class of each image the `before` best above `score`, but where they are many only those among the `most`
    best of each image; besides, of which images that is all: (N,), None where it is of each."""
    n, classes = scores.shape[0], scores.shape[2]
    peaks, seen = scores.amax(2), None
    found = _above(scores, peaks, score, n * most)
    if found is None:
        found, seen = _highest(scores, peaks, score, most)
    if len(found.group) > before and bool((found.group.bincount() > before).any()):
        found = found.at(found.score.argsort(descending=True, stable=True))
        found = found.at(found.group.argsort(stable=True))
        return found.at((_ranks(found.group, n * classes) < before).nonzero().flatten()), seen
    return found.at(found.group.argsort(stable=True)), seen


def _above(scores: Tensor, peaks: Tensor, score: float, most: int) -> _Candidates | None:
    """All above `score`, in the order of the boxes, unless they are more than `most`."""
    rows, classes = scores.shape[1:]
    row = (peaks > score).flatten().nonzero().flatten()
    if len(row) > most:
        return None
    values = scores.reshape(-1, classes)[row]
    at = (values > score).flatten().nonzero().flatten()
    if len(at) > most:
        return None
    row = row[at // classes]
    return _Candidates(row // rows * classes + at % classes, row, values.flatten()[at])


def _highest(scores: Tensor, peaks: Tensor, score: float, most: int) -> tuple[_Candidates, Tensor]:
    """Those above `score` among the `most` best of each image, the best first; of which images that is all: (N,)."""
    n, rows, classes = scores.shape
    which = peaks.topk(min(most, rows), dim=1).indices  # the best boxes lie in the rows whose best is best
    flat = scores.gather(1, which[..., None].expand(-1, -1, classes)).flatten(1)
    best, places = flat.topk(min(most, flat.shape[1]), dim=1)
    image, rank = (best > score).nonzero(as_tuple=True)
    place = places[image, rank]
    seen = torch.full((n,), most >= rows * classes, device=scores.device) | (best[:, -1] <= score)
    row = which[image, place // classes] + image * rows
    return _Candidates(image * classes + place % classes, row, best[image, rank]), seen


def _ranks(numbers: Tensor, groups: int) -> Tensor:
    """The place of each of T numbers, not falling and below `groups`, among those equal to it: (T,), from 0 on."""
    counts = numbers.bincount(minlength=groups)
    return torch.arange(len(numbers), device=numbers.device) - (counts.cumsum(0) - counts)[numbers]


def _unrivalled(boxes: Tensor, scores: Tensor, rivals: Tensor, iou: float) -> Tensor:
    """The places of those of T boxes that no better rival overlaps by more than `iou`, the best first; of equal ones
    that which stands before.

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
    if len(boxes) <= TOGETHER or boxes.device.type != "cpu":
        alone: Tensor = nms(exact, scores, iou)
        return alone
    found, begin = [], 0
    for end in [*(rivals[1:] != rivals[:-1]).nonzero().flatten().add(1).tolist(), len(boxes)]:
        if end - begin >= TOGETHER or end == len(boxes):
            found.append(nms(exact[begin:end], scores[begin:end], iou) + begin)
            begin = end
    left = torch.cat(found)
    return left[scores[left].argsort(descending=True, stable=True)]


def _listed(boxes: Tensor, found: _Candidates, n: int, classes: int, keep: int) -> Tensor:
    """The first of what was found in each image, the best first, as one table: (n, keep, 6). boxes: (N·R, 4)."""
    if n == 1:
        found = found.at(slice(keep))
        line = torch.arange(len(found.group), device=boxes.device)
    else:
        image, order = (found.group // classes).sort(stable=True)
        rank = _ranks(image, n)
        inside = (rank < keep).nonzero().flatten()
        found, line = found.at(order[inside]), image[inside] * keep + rank[inside]
    told = torch.stack([found.score, found.group % classes], 1).to(boxes.dtype)
    listed = boxes.new_zeros(n * keep, DETECTION)
    listed[:, 5] = -1
    listed[line] = torch.cat([boxes[found.row], told], 1)
    return listed.view(n, keep, DETECTION)
