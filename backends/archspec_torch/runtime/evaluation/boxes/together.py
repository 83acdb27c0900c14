"""What several views of an image, or several detectors, say as one: boxes that mean one object become one box.

Detections (n, K, 6): x1, y1, x2, y2 in pixels of the same frame, score, class; −1 where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from archspec_torch.detection.suppress import detections
from archspec_torch.detection.truth import overlaps
from archspec_torch.runtime.images import Placement

NEAR = 0.55
"""Overlap above which boxes of a class are fused (Solovyev et al., section 4)."""
SUPPRESSED, HEARD = 0.5, 0.5
"""Overlap above which a better box takes the place of another, and from which others have a vote on where it lies."""
FIRST, LAST = slice(0, 4), slice(4, 6)


def fused(found: Sequence[Tensor]) -> Tensor:
    """Weighted boxes fusion (Solovyev, Wang, Gabruseva, arXiv:1910.13302, section 3): (n, K, 6), the best first, no
    more than the fullest of `found` has room for.

    By falling score each box joins the fused box of its class that it overlaps most, by more than `NEAR`, or begins
    one. A fused box lies at the mean of its boxes, weighed by their scores, and has their mean score: times the share
    of the views that told it, where they are not all.
    """
    if len(found) == 1:
        return found[0]
    views, most = len(found), max(one.shape[1] for one in found)
    boxes = _by_score(torch.cat(list(found), 1))
    n, total = boxes.shape[:2]
    there = boxes[..., 5] >= 0
    steps = int(there.sum(1).max()) if n else 0
    means, labels = boxes.new_zeros(n, total, 4), boxes.new_full((n, total), -1)
    sums = boxes.new_zeros(n, total, 5)  # of the scores times the corners, and of the scores
    counts, used = boxes.new_zeros(n, total), torch.zeros(n, dtype=torch.int64, device=boxes.device)
    rows = torch.arange(n, device=boxes.device)
    for step in range(steps):
        box, score, label = boxes[:, step, FIRST], boxes[:, step, 4], boxes[:, step, 5]
        open_ = slice(0, int(used.max()) + 1)  # one that is empty yet among them
        shared = overlaps(box[:, None], means[:, open_])[:, 0].masked_fill(labels[:, open_] != label[:, None], -1)
        best, at = shared.max(1)
        at = torch.where(best > NEAR, at, used)
        mine = there[:, step]
        row, at, new = rows[mine], at[mine], (best <= NEAR)[mine]
        used[row] += new.long()
        score = score[mine, None]
        sums[row, at] += torch.cat([box[mine] * score, score], 1)
        counts[row, at] += 1
        labels[row, at] = label[mine]
        means[row, at] = sums[row, at, :4] / sums[row, at, 4:].clamp_min(torch.finfo(boxes.dtype).tiny)
    scores = sums[..., 4] / counts.clamp_min(1) * (counts / views).clamp_max(1)
    return _by_score(torch.cat([means, scores[..., None], labels[..., None]], 2))[:, :most]


def voted(found: Sequence[Tensor]) -> Tensor:
    """Box voting (Gidaris and Komodakis, arXiv:1505.01749, section 4.3): of all boxes the best of each class are
    kept by suppression, each moved to the mean of the boxes of its class that it overlaps by `HEARD` or more, weighed
    by their scores; its own score stays. (n, K, 6), no more than the fullest of `found` has room for."""
    every, most = torch.cat(list(found), 1), max(one.shape[1] for one in found)
    there, labels = every[..., 5] >= 0, every[..., 5].long()
    classes = int(labels.max()) + 1 if labels.numel() else 0
    if classes <= 0:
        return every[:, :most]
    scores = every.new_full((*labels.shape, classes), -1.0)
    scores.scatter_(2, labels.clamp_min(0)[..., None], torch.where(there, every[..., 4], -1.0)[..., None])
    total = every.shape[1]
    best = detections(every[..., FIRST], scores, score=-0.5, iou=SUPPRESSED, before=total, keep=most)
    for image, kept in zip(every, best, strict=True):
        near = overlaps(kept[:, FIRST], image[:, FIRST]) >= HEARD
        votes = (near & (kept[:, 5:] == image[:, 5])) * image[:, 4]
        weight = votes.sum(1, keepdim=True)
        heard = (weight[:, 0] > 0) & (kept[:, 5] >= 0)
        kept[heard, FIRST] = (votes @ image[:, FIRST] / weight)[heard]
    return best


def unflipped(found: Tensor, width: int) -> Tensor:
    """Detections in mirror images of that width, in the images."""
    there = (found[..., 5] >= 0)[..., None]
    sides = torch.stack([width - found[..., 2], found[..., 1], width - found[..., 0], found[..., 3]], -1)
    return torch.cat([sides.where(there, found[..., FIRST]), found[..., LAST]], -1)


def moved(found: Tensor, before: Sequence[Placement], now: Sequence[Placement]) -> Tensor:
    """Detections in a frame where images lie as `before` says, in one where they lie as `now` says. Images made
    in the size of the frame are the same picture in another size."""
    if list(before) == list(now):
        return found
    result = found.clone()
    for image, one, other in zip(result, before, now, strict=True):
        there = image[:, 5] >= 0
        boxes = one.to_image(image[there, FIRST].double())
        boxes = boxes * boxes.new_tensor([other.width / one.width, other.height / one.height] * 2)
        image[there, FIRST] = other.to_frame(boxes).to(found.dtype)
    return result


def _by_score(boxes: Tensor) -> Tensor:
    """The boxes of each image by falling score, those that there are before what is none; zeros behind them."""
    there = boxes[..., 5] >= 0
    key = torch.where(there, boxes[..., 4], -torch.inf)
    order = key.argsort(dim=1, descending=True, stable=True)
    boxes = boxes.gather(1, order[..., None].expand(-1, -1, 6))
    empty = boxes.new_tensor([0.0, 0, 0, 0, 0, -1])
    return torch.where((boxes[..., 5] >= 0)[..., None], boxes, empty)
