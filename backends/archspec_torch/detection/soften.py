"""Soft non-maximum suppression: what a better box overlaps loses score, not its place. Bodla et al., arXiv:1704.04503.

A score can only fall, so the best of what is left is final: it is the next detection, and after `keep` of them an image
is done. All images of a batch take a step together, and classes that do not compete need not: of each image it is the
class whose best is best. Where many compete, what scored less than that which is taken need not be lowered yet.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from archspec.ops.detect import DETECTION

LEAST = 1e-3
"""Below that score nothing is left of a box whose score was lowered."""
LOOKS = 8
"""Once in so many steps a GPU is asked whether anything is left: its answer has to be waited for."""
FIRST = 4
"""A CPU lowers so many times the boxes that are kept at first, and twice as many when it comes to the next one."""
TOGETHER = 32
"""Boxes whose overlaps with those that come later are computed at once."""

Factor = Callable[[Tensor, Tensor], Tensor]
"""What boxes leave of the scores of others, of planes x1, y1, x2, y2, area of the others and of the boxes."""


class _Rivals(NamedTuple):
    """Boxes of each of G groups that compete, the best first; G is N, or N·C where classes do not compete. Behind the
    last one of a group stand scores of 0."""

    score: Tensor
    """(G, M)."""
    row: Tensor
    """Which of the image's boxes: (G, M)."""
    label: Tensor
    """Its class: (G, M)."""


def softened(
    boxes: Tensor,
    scores: Tensor,
    *,
    score: float,
    iou: float,
    per_class: bool,
    before: int,
    keep: int,
    how: str,
    sigma: float,
) -> Tensor:
    """The detections of each image: (N, keep, 6), from the best on, as x1, y1, x2, y2, score, class; behind the last
    one rows of zeros, their class −1.

    boxes: (N, R, 4), scores: (N, R, C). `how`: "linear" or "gaussian", equations 2 and 3; the others as of the
    layer `nms`. Of equal rivals comes first the one that scored more before, then that of the first class, then box. An
    overlap that is no number, as of two boxes without an area, lowers nothing. Scores carry no gradient.
    """
    n, rows = boxes.shape[:2]
    listed = boxes.new_zeros(n, keep, DETECTION)
    listed[..., 5] = -1
    found = _rivals(scores.detach(), score, before, per_class)
    groups, most = found.score.shape
    if not most:
        return listed
    left = found.score.to(torch.promote_types(scores.dtype, torch.float32))
    places = found.row + (torch.arange(groups, device=boxes.device) // (groups // n) * rows)[:, None]
    corners = boxes.detach().to(left.dtype).reshape(-1, 4)[places].movedim(2, 0)  # (4, G, M)
    areas = (corners[2] - corners[0]) * (corners[3] - corners[1])
    planes, least = torch.cat([corners, areas[None]]).contiguous(), max(score, LEAST)
    factor = partial(_linear, iou=iou) if how == "linear" else partial(_gaussian, sigma=sigma)
    best, at = (_taken if groups == n else _taken_of_classes)(planes, left, n, keep, least, factor)
    told = torch.stack([best, found.label.flatten()[at].to(best.dtype)], 2).to(boxes.dtype)
    detections = torch.cat([boxes.reshape(-1, 4)[places.flatten()[at]], told], 2)
    begun = listed[:, : best.shape[1]]
    begun.copy_(detections.where((best > least)[..., None], begun))
    return listed


def _taken(planes: Tensor, left: Tensor, n: int, keep: int, least: float, factor: Factor) -> tuple[Tensor, Tensor]:
    """Scores of the boxes that are taken of each image, one group of rivals each, and their places in G·M: (N, steps).

    planes: x1, y1, x2, y2, area (5, N, M); left: scores (N, M), falling, lowered in place."""
    most, cpu = left.shape[1], left.device.type == "cpu"
    initial, open_ = left.clone(), min(FIRST * keep, most) if cpu else most
    here, others, next_ = _opened(left, planes, initial, open_)
    groups = torch.arange(n, device=left.device)[:, None]
    best, at, takers = [left[:, :0]], [groups[:, :0]], [planes[..., :0]]
    for step in range(min(keep, most)):
        value, first = here.max(1, keepdim=True)  # (N, 1); of equal ones the first
        if cpu or step % LOOKS == 0:
            while any(of_image < behind for of_image, behind in zip(value[:, 0].tolist(), next_, strict=True)):
                begin, open_ = open_, min(2 * open_, most)
                for some in torch.cat(takers, 2).split(TOGETHER, 2):
                    for lower in factor(planes[:, :, None, begin:open_], some[..., None]).unbind(1):
                        left[:, begin:open_].mul_(lower)
                here, others, next_ = _opened(left, planes, initial, open_)
                value, first = here.max(1, keepdim=True)
            if float(value.max()) <= least:
                break
        taker = planes.gather(2, first.expand(5, -1, -1))
        best.append(value)
        at.append(groups * most + first)
        takers.append(taker)
        here.mul_(factor(others, taker)).scatter_(1, first, 0)
    return torch.cat(best, 1), torch.cat(at, 1)


def _opened(left: Tensor, planes: Tensor, initial: Tensor, open_: int) -> tuple[Tensor, Tensor, list[float]]:
    """Scores and planes of the boxes that all which was taken has lowered, the first `open_` of each image, and the
    score of the next: −1 behind the last one."""
    next_ = initial[:, open_].tolist() if open_ < left.shape[1] else [-1.0] * len(left)
    return left[:, :open_], planes[..., :open_], next_


def _taken_of_classes(
    planes: Tensor, left: Tensor, n: int, keep: int, least: float, factor: Factor
) -> tuple[Tensor, Tensor]:
    """The same where classes do not compete. planes: (5, N·C, M); left: (N·C, M)."""
    groups, most = left.shape
    images = torch.arange(n, device=left.device) * (groups // n)
    tops = left.amax(1)
    best, at = [left[:n, :0]], [images[:, None][:, :0]]
    for step in range(min(keep, groups // n * most)):
        group = images + tops.view(n, -1).argmax(1)
        here, others = left[group], planes[:, group]
        value, first = here.max(1, keepdim=True)
        if (left.device.type == "cpu" or step % LOOKS == 0) and float(value.max()) <= least:
            break
        best.append(value)
        at.append(group[:, None] * most + first)
        here.mul_(factor(others, others.gather(2, first.expand(5, -1, -1)))).scatter_(1, first, 0)
        left[group] = here
        tops[group] = here.amax(1)
    return torch.cat(best, 1), torch.cat(at, 1)


def _linear(others: Tensor, boxes: Tensor, iou: float) -> Tensor:
    """Equation 2 of the paper. others: (5, …, M), boxes: (5, …, 1)."""
    overlap = _overlaps(others, boxes)
    return torch.where(overlap > iou, 1 - overlap, 1.0)


def _gaussian(others: Tensor, boxes: Tensor, sigma: float) -> Tensor:
    """Equation 3."""
    return _overlaps(others, boxes).square_().div_(-sigma).exp_()


def _overlaps(others: Tensor, boxes: Tensor) -> Tensor:
    """Intersection over union: (…, M)."""
    sides = torch.minimum(others[2:4], boxes[2:4]).sub_(torch.maximum(others[:2], boxes[:2])).clamp_(min=0)
    shared = sides[0].mul_(sides[1])
    return (shared / (others[4] + boxes[4]).sub_(shared)).nan_to_num_(0)


def _rivals(scores: Tensor, score: float, before: int, per_class: bool) -> _Rivals:
    """Of each class of each image the `before` best above `score`, of equal ones those that stand before."""
    n, rows, classes = scores.shape
    scores = scores.transpose(1, 2).contiguous()  # (N, C, R)
    chosen = scores > score
    if rows > before and bool((chosen.sum(2) > before).any()):
        held = scores.where(chosen, 0)
        last = held.topk(before, dim=2, sorted=False).values.amin(2, keepdim=True)
        better = held > last
        equal = (held == last) & chosen
        chosen = better | (equal & (equal.cumsum(2, dtype=torch.int32) <= before - better.sum(2, keepdim=True)))
    sizes = (n * classes, rows) if per_class else (n, classes * rows)
    chosen = chosen.view(sizes)
    group, at = chosen.nonzero(as_tuple=True)
    counts = chosen.sum(1)
    rank = torch.arange(len(group), device=group.device) - (counts.cumsum(0) - counts)[group]
    shape = len(chosen), int(rank.max()) + 1 if len(rank) else 0
    values, where = scores.new_zeros(shape), group.new_zeros(shape)
    values[group, rank], where[group, rank] = scores.view(sizes)[group, at], at
    values, order = values.sort(dim=1, descending=True, stable=True)
    where = where.gather(1, order)
    label = torch.arange(len(chosen), device=group.device)[:, None] % classes if per_class else where // rows
    return _Rivals(values, where % rows, label.expand(shape))
