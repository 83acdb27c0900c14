"""What kind of mistakes detections are (after Bolya et al. 2020, TIDE, section 2.2), what each kind costs, and which
classes are taken for which."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from archspec_torch.boxes.scoring import voc
from archspec_torch.boxes.scoring.arrays import Bools, Detections, Ints, Pairs, Truths, pairs
from archspec_torch.boxes.scoring.voc import Matched

OVERLAP, SLIGHT = 0.5, 0.1
KINDS = ("class", "place", "both", "duplicate", "background", "missed")
MISSED = len(KINDS) - 1


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
    apart = _apart(truth, found)
    wrong, right = np.flatnonzero(apart.kind >= 0), apart.matched.right
    counts = np.bincount(apart.kind[wrong], minlength=len(KINDS))
    counts[MISSED] = len(apart.missed)
    return Mistakes(
        score,
        int(right.sum()),
        dict(zip(KINDS, counts.tolist(), strict=True)),
        _confusion(truth, found, classes, apart.every),
        np.flatnonzero(kept)[wrong],
        apart.kind[wrong],
        apart.meant[wrong],
        apart.missed,
        apart.matched.truth[right],
    )


def costs(truth: Truths, found: Detections, classes: int) -> dict[str, float]:
    """By how much VOC's mean average precision at 0.5 (the area) would be higher without the mistakes of a kind: of
    each kind alone, over all detections. Bolya et al. 2020, section 2.3.

    Of the detections whose class (whose place) alone is wrong, the surest of each truth that was not found gets it
    right, and the others go; those of other kinds go. The authors' program lets one detection of a truth get its class
    or its place right, and has smaller figures where several could; here, as in the paper, each kind stands alone.
    Truths that were missed are left out. A class without truths then counts 0 where it still has detections, and not at
    all where it has none.
    """
    apart = _apart(truth, found)
    matched, mends = apart.matched, [KINDS.index("class"), KINDS.index("place")]
    told = np.unique(truth.labels[_counted(truth)])

    def average(truth: Truths, found: Detections, matched: Matched) -> float:
        every = voc.curves(truth, found, classes, matched)
        areas = [every[c].area if every[c].truths else 0.0 for c in told if every[c].truths or len(every[c].scores)]
        return float(np.mean(areas)) if areas else 1.0

    if not len(told):
        return dict.fromkeys(KINDS, 0.0)
    before, result = average(truth, found, matched), {}
    for kind, name in enumerate(KINDS):
        if kind == MISSED:
            there = np.ones(len(truth.labels), np.bool_)
            there[apart.missed] = False
            left = Truths(*(getattr(truth, part.name)[there] for part in fields(truth)))
            result[name] = average(left, found, matched) - before
            continue
        mine, right, labels = apart.kind == kind, matched.right.copy(), found.labels.copy()
        if kind in mends:
            open_ = np.ones(len(truth.labels), np.bool_)
            open_[matched.truth[matched.right]] = False
            able = np.flatnonzero(mine)[open_[apart.meant[mine]]]
            able = able[np.argsort(-found.scores[able], kind="stable")]
            able = able[np.unique(apart.meant[able], return_index=True)[1]]
            right[able], labels[able] = True, truth.labels[apart.meant[able]]
        mended = Detections(found.xywh, found.scores, labels, found.images)
        order = np.lexsort((-found.scores, labels))
        gone = matched.ignored | (mine & ~right)
        result[name] = average(truth, mended, Matched(right, gone, matched.truth, order)) - before
    return result


@dataclass(frozen=True)
class _Apart:
    """Detections told apart: `kind` (D,) the place in `KINDS` of what is wrong, −1 of what is right or counts neither
    way; `meant` (D,) the truth compared with, −1 for none; `missed` the numbers of the truths that are."""

    kind: Ints
    meant: Ints
    missed: Ints
    matched: Matched
    every: Pairs


def _apart(truth: Truths, found: Detections) -> _Apart:
    every = pairs(truth, found, same_class=False)
    same = truth.labels[every.truth] == found.labels[every.detection]
    matched = voc.match(truth, found, OVERLAP, every.where(same))
    count = len(found.scores)
    own, own_truth = every.where(same).best(count)
    counted = _counted(truth)
    other, other_truth = every.where(~same & counted[every.truth]).best(count)
    false = ~matched.right & ~matched.ignored
    duplicate = false & (own >= OVERLAP)
    kind_class = false & ~duplicate & (other >= OVERLAP)
    place = false & ~duplicate & ~kind_class & (own >= SLIGHT)
    both = false & ~duplicate & ~kind_class & ~place & (other >= SLIGHT)
    kind = np.select([kind_class, place, both, duplicate, false], range(MISSED), -1)
    meant = np.where(kind_class | both, other_truth, np.where(place | duplicate, own_truth, -1))
    seen = ~counted
    for which, told in ((matched.truth, matched.right), (other_truth, kind_class), (own_truth, place)):
        seen[which[told]] = True
    return _Apart(kind, meant, np.flatnonzero(~seen), matched, every)


def _counted(truth: Truths) -> Bools:
    return ~(truth.difficult | truth.crowd)


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
