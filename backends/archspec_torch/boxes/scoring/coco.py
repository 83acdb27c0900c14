"""COCO's twelve figures, as pycocotools computes them (Lin et al. 2014; `cocoeval.py`), on arrays.

Detections of an image and class choose by falling score. Each takes, of the truths that overlap it by a threshold or
more and are free, the one that it overlaps most; one that does not count (a crowd, or of a size that is not asked for)
only where there is no other. Overlap with a crowd is the share of the detection that lies in it, and a crowd is never
taken. What took a truth that does not count, or took none and is of another size, counts neither way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archspec_torch.boxes.scoring.arrays import Bools, Detections, Floats, Ints, Pairs, Truths, pairs

NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
EVERY = ((0.0, 1e10),)
SIZES = (*EVERY, (0.0, 32.0**2), (32.0**2, 96.0**2), (96.0**2, 1e10))
"""Least and largest areas: of all objects, of small, medium and large ones."""
MOST = 100
"""Detections of an image and class that count, those with the best scores."""


@dataclass(frozen=True)
class Counted:
    """Precision (thresholds, recalls, classes, sizes) at each of `RECALLS` or more, and the recall that is reached
    (thresholds, classes, sizes); −1 where a class has no truth of that size."""

    precision: Floats
    recall: Floats

    @property
    def by_class(self) -> Floats:
        """(classes, 2): AP and AP50 of all sizes."""
        every = self.precision[:, :, :, 0]
        return np.stack([_mean_of_each(every), _mean_of_each(every[:1])], 1)


def figures(
    truth: Truths, found: Detections, image_ids: Sequence[int], classes: int
) -> tuple[dict[str, float], Floats]:
    """The twelve by name, −1 where nothing is to be found; and (classes, 2): AP and AP50 of each class, −1 likewise.

    `image_ids` are the images' own numbers: detections of one score are ordered by them.
    """
    chosen = choose(truth, found, image_ids, SIZES)
    every = count(truth, found, chosen, classes)
    few = [count(truth, found, chosen, classes, most, sizes=1).recall for most in (1, 10)]
    precision, recall = every.precision, every.recall
    values = [precision[..., 0], precision[:1, ..., 0], precision[5:6, ..., 0], *(precision[..., s] for s in (1, 2, 3))]
    values += [*few, *(recall[..., s] for s in range(4))]
    return {name: mean(value) for name, value in zip(NAMES, values, strict=True)}, every.by_class


def mean(values: Floats) -> float:
    """Of those that there are; −1 where there are none."""
    there = values[values > -1]
    return float(there.mean()) if there.size else -1.0


@dataclass(frozen=True)
class Chosen:
    """What detections took: `order`, those that may count (D,), by class, falling score and image; of these `rank`
    (D,) in their image and class, `right` and `ignored` (sizes, thresholds, D); and which truths do not count
    (sizes, T)."""

    order: Ints
    rank: Ints
    right: Bools
    ignored: Bools
    left_out: Bools


def choose(truth: Truths, found: Detections, image_ids: Sequence[int], sizes: Sequence[tuple[float, float]]) -> Chosen:
    """Which truth each detection takes, for objects of all `sizes` and at all thresholds at once."""
    images = np.empty(len(image_ids), np.int64)
    images[np.argsort(np.array(image_ids, np.int64), kind="stable")] = np.arange(len(image_ids))
    cells = found.labels * len(image_ids) + images[found.images]
    by_cell = np.lexsort((-found.scores, cells))
    rank = _places(cells[by_cell])
    by_cell, rank = by_cell[rank < MOST], rank[rank < MOST]
    numbers = np.full(len(cells), -1, np.int64)
    numbers[by_cell] = np.arange(len(by_cell))  # of detections, by cell and falling score
    low, high = np.array(sizes).T[:, :, None]
    left_out = truth.crowd | (truth.areas < low) | (truth.areas > high)
    near = pairs(truth, found, same_class=True, crowds=True)
    near = near.where((near.iou >= THRESHOLDS[0]) & (numbers[near.detection] >= 0))
    near = Pairs(numbers[near.detection], near.truth, near.iou)
    right, ignored = _take(near, cells[by_cell], truth.crowd, left_out)
    areas = (found.xywh[:, 2] * found.xywh[:, 3])[by_cell]
    elsewhere = (areas < low) | (areas > high)
    ignored |= ~right & elsewhere[:, None]
    right &= ~ignored
    order = np.lexsort((-found.scores[by_cell], found.labels[by_cell]))
    return Chosen(by_cell[order], rank[order], right[:, :, order], ignored[:, :, order], left_out)


def _take(near: Pairs, cells: Ints, crowd: Bools, left_out: Bools) -> tuple[Bools, Bools]:
    """Which detections took a truth, and which one that does not count: (sizes, thresholds, D). Pairs are of detections
    numbered by cell and falling score; the first of all cells choose, then the second, …"""
    shape = (len(left_out), len(THRESHOLDS))
    took, ignored = (np.zeros((*shape, len(cells)), np.bool_) for _ in range(2))
    near = near.where(np.lexsort((near.truth, near.iou, near.detection)))  # of equals the last truth is taken
    starts = (
        np.flatnonzero(np.r_[True, near.detection[1:] != near.detection[:-1]])
        if len(near.iou)
        else np.zeros(0, np.int64)
    )
    which, lengths = near.detection[starts], np.diff(np.r_[starts, len(near.iou)])
    turn = _places(cells[which])
    free = np.ones((*shape, len(crowd)), np.bool_)
    enough = near.iou >= THRESHOLDS[:, None]
    for now in range(int(turn.max(initial=-1)) + 1):
        mine = turn == now
        pairs_of = lengths[mine]
        begin = np.cumsum(pairs_of) - pairs_of
        place = np.arange(pairs_of.sum())
        at = np.repeat(starts[mine] - begin, pairs_of) + place
        targets, detections = near.truth[at], which[mine]
        there = enough[:, at] & (free[:, :, targets] | crowd[targets])
        counts = ~left_out[:, None, targets]
        widest = len(at) + 1
        worth = np.where(there, place + 1 + widest * counts, 0)
        best = np.maximum.reduceat(worth, begin, axis=2)
        found = best > 0
        took[:, :, detections] = found
        ignored[:, :, detections] = found & (best < widest)
        size, level, _ = np.nonzero(found)
        free[size, level, targets[(best[found] - 1) % widest]] = False
    return took, ignored


def _places(keys: Ints) -> Ints:
    """Of each of several sorted keys how many equal ones stand before it."""
    starts = _starts(keys)
    return np.arange(len(keys)) - np.repeat(starts, np.diff(np.r_[starts, len(keys)]))


def _starts(keys: Ints) -> Ints:
    """Where in sorted keys each of them stands first."""
    return np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, np.int64)


def count(
    truth: Truths, found: Detections, chosen: Chosen, classes: int, most: int = MOST, sizes: int | None = None
) -> Counted:
    """Precision and recall where each image and class has `most` detections, of the first `sizes` sizes."""
    kept = chosen.rank < most
    labels = found.labels[chosen.order[kept]]
    right, ignored = (of[:sizes][:, :, kept] for of in (chosen.right, chosen.ignored))
    ends = np.searchsorted(labels, np.arange(classes + 1))
    wanted = np.stack([np.bincount(truth.labels[~out], minlength=classes) for out in chosen.left_out[:sizes]])
    precision = np.full((len(THRESHOLDS), len(RECALLS), classes, len(wanted)), -1.0)
    recall = np.full((len(THRESHOLDS), classes, len(wanted)), -1.0)
    for size, c in np.argwhere(wanted):
        mine = slice(ends[c], ends[c + 1])
        hits, n = np.cumsum(right[size, :, mine], 1), wanted[size, c]
        counted = np.cumsum(~ignored[size, :, mine], 1)
        recall[:, c, size] = hits[:, -1] / n if hits.shape[1] else 0.0
        shares = hits / (counted + np.spacing(1))
        best = np.maximum.accumulate(shares[:, ::-1], 1)[:, ::-1]
        needed = np.searchsorted(np.arange(n + 1) / n, RECALLS)
        for t in range(len(THRESHOLDS)):
            at = np.searchsorted(hits[t], needed)
            precision[t, :, c, size] = np.append(best[t], 0.0)[at]
    return Counted(precision, recall)


def _mean_of_each(precision: Floats) -> Floats:
    """Over thresholds and recalls, for each class; −1 where the class has no truth."""
    return np.where((precision > -1).any((0, 1)), precision.mean((0, 1)), -1.0)
