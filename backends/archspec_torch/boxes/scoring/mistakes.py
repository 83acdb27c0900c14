"""What kind of mistakes detections are (after Bolya et al. 2020, TIDE, section 2.2), and which classes are taken for
which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archspec_torch.boxes.scoring.arrays import Detections, Ints, Pairs, Truths, pairs
from archspec_torch.boxes.scoring.voc import match

OVERLAP, SLIGHT = 0.5, 0.1
KINDS = ("class", "place", "both", "duplicate", "background", "missed")


@dataclass(frozen=True)
class Mistakes:
    """Of the detections with at least `score`: how many are right, how many are each kind of mistake, and the
    confusion.

    `confusion` (classes + 1, classes + 1): rows are the truth and columns what was told, background last in both.
    `detections` (W,) are the numbers of those that are wrong, `kind` (W,) each one's place in `KINDS`, and `meant` (W,)
    the truth that it is compared with, −1 for none; `missed` the numbers of the truths that are, `hit` (right,) those
    of the truths that right detections found.
    """

    score: float
    right: int
    kinds: dict[str, int]
    confusion: Ints
    detections: Ints
    kind: Ints
    meant: Ints
    missed: Ints
    hit: Ints


def mistakes(truth: Truths, found: Detections, classes: int, score: float) -> Mistakes:
    """A wrong detection is, the first that holds: *duplicate*, its own class at 0.5 or more but found before;
    *class*, another class at
    0.5 or more; *place*, its own class at 0.1 to 0.5; *both*, another class at 0.1 to 0.5; else *background*.
    *Missed* is a truth that
    no right detection found, and none whose class or place alone was wrong. Crowds and difficult objects count
    neither way."""
    kept = found.scores >= score
    found = Detections(found.xywh[kept], found.scores[kept], found.labels[kept], found.images[kept])
    every = pairs(truth, found, same_class=False)
    same = truth.labels[every.truth] == found.labels[every.detection]
    matched = match(truth, found, OVERLAP, every.where(same))
    count = len(found.scores)
    own, own_truth = every.where(same).best(count)
    counted = ~(truth.difficult | truth.crowd)
    other, other_truth = every.where(~same & counted[every.truth]).best(count)
    false = ~matched.right & ~matched.ignored
    duplicate = false & (own >= OVERLAP)
    kind_class = false & ~duplicate & (other >= OVERLAP)
    place = false & ~duplicate & ~kind_class & (own >= SLIGHT)
    both = false & ~duplicate & ~kind_class & ~place & (other >= SLIGHT)
    background = false & ~duplicate & ~kind_class & ~place & ~both
    seen = ~counted
    for which, told in ((matched.truth, matched.right), (other_truth, kind_class), (own_truth, place)):
        seen[which[told]] = True
    masks = (kind_class, place, both, duplicate, background, ~seen)
    kinds = {name: int(mask.sum()) for name, mask in zip(KINDS, masks, strict=True)}
    wrong, kind = np.flatnonzero(false), np.argmax(masks[:-1], 0)
    meant = np.where(kind_class | both, other_truth, np.where(place | duplicate, own_truth, -1))
    return Mistakes(
        score,
        int(matched.right.sum()),
        kinds,
        _confusion(truth, found, classes, every),
        np.flatnonzero(kept)[wrong],
        kind[wrong],
        meant[wrong],
        np.flatnonzero(~seen),
        matched.truth[matched.right],
    )


def _confusion(truth: Truths, found: Detections, classes: int, every: Pairs) -> Ints:
    """Pairs that overlap by 0.5 or more, the largest first (those of one class first among equals), each box once;
    what is left over
    meets the background."""
    near = np.flatnonzero(every.iou >= OVERLAP)
    differs = truth.labels[every.truth[near]] != found.labels[every.detection[near]]
    near = near[np.lexsort((-found.scores[every.detection[near]], differs, -every.iou[near]))]
    taken_d, taken_t = np.zeros(len(found.scores), np.bool_), np.zeros(len(truth.labels), np.bool_)
    told, meant = [], []
    for d, t in zip(every.detection[near].tolist(), every.truth[near].tolist(), strict=True):
        if not taken_d[d] and not taken_t[t]:
            taken_d[d] = taken_t[t] = True
            told.append(d)
            meant.append(t)
    skipped = truth.difficult | truth.crowd
    table = np.zeros((classes + 1, classes + 1), np.int64)
    t, d = np.array(meant, np.int64), np.array(told, np.int64)
    counts = ~skipped[t]
    np.add.at(table, (truth.labels[t[counts]], found.labels[d[counts]]), 1)
    lost = truth.labels[~taken_t & ~skipped]
    np.add.at(table, (lost, np.full_like(lost, classes)), 1)
    extra = found.labels[~taken_d]
    np.add.at(table, (np.full_like(extra, classes), extra), 1)
    return table
