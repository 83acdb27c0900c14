"""Average precision as the Pascal VOC challenge computes it (Everingham et al. 2010, section 4.2; devkit
`VOCevaldet.m`).

Detections of a class are taken by falling score, over all images. Each is compared with the truth of its image and
class that it
overlaps most: at `least` or more it is right where that truth was not found before, and wrong where it was; below, it
is wrong.
A truth that is difficult (or a crowd) counts neither way, nor do detections that overlap it most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archspec_torch.boxes.scoring.arrays import Bools, Detections, Floats, Ints, Pairs, Truths, pairs


@dataclass(frozen=True)
class Matched:
    """Which detections are right and which count neither way (D,); the truth each was matched to, −1 for none;
    `order`: by class and
    falling score."""

    right: Bools
    ignored: Bools
    truth: Ints
    order: Ints


@dataclass(frozen=True)
class Curve:
    """Precision and recall of one class after each detection that counts, by falling score; and its average precision.

    `area` and `eleven` are None where the class has no truth that counts.
    """

    recall: Floats
    precision: Floats
    scores: Floats
    truths: int
    area: float | None
    eleven: float | None


def match(truth: Truths, found: Detections, least: float = 0.5, within: Pairs | None = None) -> Matched:
    """The challenge's matching. `within`: the pairs of one class each, where they are known already."""
    most, which = (within or pairs(truth, found, same_class=True)).best(len(found.scores))
    order = np.lexsort((-found.scores, found.labels))
    hit = (most >= least) & (which >= 0)
    ignored = np.zeros(len(order), np.bool_)
    ignored[hit] = (truth.difficult | truth.crowd)[which[hit]]
    counts = order[(hit & ~ignored)[order]]
    right = np.zeros(len(order), np.bool_)
    right[counts[np.unique(which[counts], return_index=True)[1]]] = True
    return Matched(right, ignored, np.where(hit, which, -1), order)


def curves(truth: Truths, found: Detections, classes: int, matched: Matched) -> list[Curve]:
    """The curve of each class."""
    positives = np.bincount(truth.labels[~(truth.difficult | truth.crowd)], minlength=classes)
    order = matched.order[~matched.ignored[matched.order]]
    ends = np.searchsorted(found.labels[order], np.arange(classes + 1))
    return [
        _curve(matched.right[mine], found.scores[mine], int(positives[c]))
        for c in range(classes)
        for mine in (order[ends[c] : ends[c + 1]],)
    ]


def _curve(right: Bools, scores: Floats, truths: int) -> Curve:
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    if not truths:
        return Curve(np.zeros(len(hits)), precision, scores, 0, None, None)
    best = np.maximum.accumulate(precision[::-1])[::-1]  # the largest precision at this recall or more
    before = np.r_[0, hits[:-1]]
    area = float(((hits - before) * best).sum() / truths)
    # in floats, as published figures have it: a recall of 9/15 is below the point 0.6000000000000001
    at = np.searchsorted(hits / truths, np.linspace(0, 1, 11))
    eleven = float(np.r_[best, 0.0][at].sum() / 11)
    return Curve(hits / truths, precision, scores, truths, area, eleven)


def mean(values: list[float | None]) -> float:
    """Over the classes that have truth; −1 where none has, as COCO's figures have it."""
    told = [value for value in values if value is not None]
    return sum(told) / len(told) if told else -1.0
