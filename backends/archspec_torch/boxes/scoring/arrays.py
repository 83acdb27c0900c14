"""Truth and detections of a data set as arrays, and which of them may be pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archspec_torch.boxes.annotated import Annotated

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Truths:
    """All objects of a data set: xywh (T, 4) in pixels, labels and images (T,) as numbers from 0, areas, crowd and
    difficult."""

    xywh: Floats
    labels: Ints
    images: Ints
    areas: Floats
    crowd: Bools
    difficult: Bools


@dataclass(frozen=True)
class Detections:
    """All detections: xywh (D, 4) in pixels, scores, labels and images (D,) as numbers of the truth's classes and
    images."""

    xywh: Floats
    scores: Floats
    labels: Ints
    images: Ints


def truths(data: Annotated) -> Truths:
    """The objects of a data set as arrays, in its order."""
    number = {name: n for n, name in enumerate(data.classes)}
    all_of = [(n, one, *one.extent) for n, entry in enumerate(data.images) for one in entry.objects]
    return Truths(
        np.array([(*one.box[:2], w, h) for _, one, w, h in all_of], np.float64).reshape(-1, 4),
        np.array([number[one.label] for _, one, _, _ in all_of], np.int64),
        np.array([n for n, *_ in all_of], np.int64),
        np.array([w * h if one.area is None else one.area for _, one, w, h in all_of], np.float64),
        np.array([one.crowd for _, one, _, _ in all_of], np.bool_),
        np.array([one.difficult for _, one, _, _ in all_of], np.bool_),
    )


@dataclass(frozen=True)
class Pairs:
    """Pairs of a detection and a truth of one image, sorted by detection: their numbers (P,) and overlaps (P,)."""

    detection: Ints
    truth: Ints
    iou: Floats

    def best(self, count: int) -> tuple[Floats, Ints]:
        """Of each of `count` detections the largest overlap and the first truth with it; 0 and −1 where it has no
        pair."""
        most, which = np.zeros(count), np.full(count, -1, np.int64)
        if len(self.detection):
            starts = np.flatnonzero(np.r_[True, self.detection[1:] != self.detection[:-1]])
            has = self.detection[starts]
            most[has] = np.maximum.reduceat(self.iou, starts)
            hits = np.flatnonzero(self.iou == most[self.detection])
            first = hits[np.unique(self.detection[hits], return_index=True)[1]]
            which[has] = self.truth[first]
        return most, which

    def where(self, kept: Bools | Ints) -> Pairs:
        return Pairs(self.detection[kept], self.truth[kept], self.iou[kept])


def pairs(truth: Truths, found: Detections, same_class: bool, crowds: bool = False) -> Pairs:
    """Every detection with every truth of its image (and of its class), and their intersection over union.

    `crowds`: with a crowd, their intersection over the detection, as COCO has it.
    """
    classes = int(max(truth.labels.max(initial=0), found.labels.max(initial=0))) + 1 if same_class else 1
    keys = truth.images * classes + (truth.labels if same_class else 0)
    wanted = found.images * classes + (found.labels if same_class else 0)
    order = np.argsort(keys, kind="stable")
    begin, end = (np.searchsorted(keys[order], wanted, side) for side in ("left", "right"))
    counts = end - begin
    detection = np.repeat(np.arange(len(wanted)), counts)
    within = np.arange(len(detection)) - np.repeat(np.cumsum(counts) - counts, counts)
    t = order[np.repeat(begin, counts) + within]
    return Pairs(detection, t, iou(found.xywh[detection], truth.xywh[t], truth.crowd[t] if crowds else None))


def iou(a: Floats, b: Floats, crowd: Bools | None = None) -> Floats:
    """Intersection over union of boxes (P, 4) x, y, width, height, one by one; 0 where neither has area.

    `crowd` (P,): where the intersection is divided by the area of `a` alone.
    """
    low = np.maximum(a[:, :2], b[:, :2])
    sides = np.clip(np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:]) - low, 0, None)
    both = sides[:, 0] * sides[:, 1]
    alone = a[:, 2] * a[:, 3]
    union = alone + b[:, 2] * b[:, 3] - both
    if crowd is not None:
        union[crowd] = alone[crowd]
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)
