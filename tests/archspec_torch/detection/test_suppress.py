"""Suppression of a whole batch at once against torchvision's, asked image by image and class by class; soft against
the pseudo-code of its paper."""

from __future__ import annotations

import math
import random

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from torch import Tensor  # noqa: E402
from torchvision.ops import nms  # noqa: E402

from archspec_torch.detection.suppress import ENOUGH, detections  # noqa: E402


def one_by_one(
    boxes: Tensor, scores: Tensor, score: float, iou: float, per_class: bool, before: int, keep: int
) -> list[Tensor]:
    """The detections of each image (T, 6), by loops."""
    found = []
    for places, values in zip(boxes, scores, strict=True):
        rows = []
        for label in range(values.shape[1]):
            order = values[:, label].argsort(descending=True, stable=True)[:before]
            order = order[values[order, label] > score]
            told = torch.cat([places[order], values[order, label, None], torch.full((len(order), 1), label)], 1)
            rows.append(told[nms(told[:, :4].double(), told[:, 4].double(), iou)] if per_class else told)
        together = torch.cat(rows)
        if not per_class:
            together = together[nms(together[:, :4].double(), together[:, 4].double(), iou)]
        found.append(together[together[:, 4].argsort(descending=True, stable=True)][:keep])
    return found


def some(n: int, rows: int, classes: int, spread: float, power: float) -> tuple[Tensor, Tensor]:
    """Boxes (n, rows, 4) within `spread` pixels, and scores, the fewer of them high the larger `power`."""
    corners = torch.rand(n, rows, 2) * spread - spread / 3
    return torch.cat([corners, corners + 5 + 20 * torch.rand(n, rows, 2)], 2), torch.rand(n, rows, classes) ** power


@pytest.mark.parametrize("per_class", [True, False])
@pytest.mark.parametrize(
    ("rows", "classes", "spread", "power", "before", "keep"),
    [
        (300, 3, 100.0, 1.0, 400, 100),  # all that passes competes
        (900, 4, 200.0, 30.0, 400, 50),  # few pass
        (900, 4, 5.0, 1.0, 400, 20),  # many pass and few are left: the best alone are not enough
        (900, 2, 300.0, 1.0, 7, 30),  # fewer of a class compete than are kept
        (40, 1, 50.0, 1.0, 400, 100),
        (3, 30, 10.0, 1.0, 400, 2),
    ],
)
def test_detections_are_those_of_torchvision_one_by_one(
    rows: int, classes: int, spread: float, power: float, before: int, keep: int, per_class: bool
) -> None:
    torch.manual_seed(rows + classes)
    boxes, scores = some(3, rows, classes, spread, power)
    scores[1] *= 0.2  # in one image less is found
    scores[2, :, 0] = 0  # nor all classes in another
    found = detections(boxes, scores, score=0.1, iou=0.4, per_class=per_class, before=before, keep=keep)
    expected = one_by_one(boxes, scores, 0.1, 0.4, per_class, before, keep)
    assert found.shape == (3, keep, 6)
    for mine, theirs in zip(found, expected, strict=True):
        assert torch.equal(mine[: len(theirs)], theirs)
        assert mine[len(theirs) :, 5].eq(-1).all() and not mine[len(theirs) :, :5].any()


def test_what_scores_less_is_looked_at_where_the_best_take_each_other_away() -> None:
    """So many boxes at one place that the first to be compared are all of it, and one elsewhere that scores less."""
    keep = 2
    rows = keep * ENOUGH**2 + 2
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0]]).repeat(1, rows, 1)
    boxes[0, -1] += 50
    scores = torch.linspace(0.9, 0.5, rows)[None, :, None]
    found = detections(boxes, scores, score=0.1, iou=0.5, keep=keep)
    assert found[0, :, 0].tolist() == [0, 50]
    assert found[0, :, 4].tolist() == pytest.approx([0.9, 0.5])


def test_equal_scores_keep_the_order_of_classes_then_of_boxes() -> None:
    boxes = torch.arange(4.0)[:, None].mul(100) + torch.tensor([0.0, 0.0, 10.0, 10.0])
    found = detections(boxes[None], torch.full((1, 4, 2), 0.5), keep=8)
    assert found[0, :, 5].tolist() == [0] * 4 + [1] * 4
    assert found[0, :, 0].tolist() == [0, 100, 200, 300] * 2


def test_nothing_found_is_an_empty_list() -> None:
    found = detections(torch.zeros(2, 5, 4), torch.zeros(2, 5, 3), keep=4)
    assert found[..., :5].eq(0).all() and found[..., 5].eq(-1).all()


Found = list[tuple[list[float], float, int]]
"""A box, its score and its class."""


def soft_nms(found: Found, how: str, iou: float, sigma: float) -> Found:
    """Bodla et al., arXiv:1704.04503, figure 2, with the functions of equations 2 and 3: B and S are `found`."""
    kept = []
    found = list(found)
    while found:
        best, value, label = found.pop(max(range(len(found)), key=lambda i: found[i][1]))
        kept.append((best, value, label))
        for i, (box, score, other) in enumerate(found):
            wide, high = (max(min(best[2 + d], box[2 + d]) - max(best[d], box[d]), 0.0) for d in (0, 1))
            union = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (best, box)) - wide * high
            o = wide * high / union
            lower = (1 - o if o > iou else 1.0) if how == "linear" else math.exp(-(o * o) / sigma)
            found[i] = (box, score * lower, other)
    return kept


@pytest.mark.parametrize("per_class", [True, False])
@pytest.mark.parametrize("soft", ["linear", "gaussian"])
@pytest.mark.parametrize("seed", range(12))
def test_soft_suppression_is_that_of_the_paper(seed: int, soft: str, per_class: bool) -> None:
    draw = random.Random(f"{seed} {soft} {per_class}")
    torch.manual_seed(seed)
    n, rows, classes = draw.randint(1, 3), draw.choice([1, 15, 40, 120]), draw.randint(1, 4)
    boxes, scores = (x.double() for x in some(n, rows, classes, draw.choice([5.0, 60.0, 150.0]), 1 + seed % 3))
    if seed % 2:
        scores = (scores * 5).ceil() / 5.5  # many are equal
        boxes = boxes[:, : (rows + 1) // 2].repeat(1, 2, 1)[:, :rows]  # and two at each place
    score, iou, sigma = draw.choice([0.0, 0.01, 0.3]), draw.choice([0.0, 0.3, 0.6]), draw.choice([0.1, 0.5, 2.0])
    before, keep = draw.choice([4, 20, 400]), draw.choice([1, 10, 40, 200])
    given = boxes.clone(), scores.clone()
    found = detections(
        boxes, scores, score=score, iou=iou, per_class=per_class, before=before, keep=keep, soft=soft, sigma=sigma
    )
    assert torch.equal(boxes, given[0]) and torch.equal(scores, given[1])
    for image in range(n):
        rivals: Found = []
        kept: Found = []
        for label in range(classes):
            column = scores[image, :, label].tolist()
            best = sorted(range(rows), key=lambda row: -column[row])[:before]
            of_class = [(boxes[image, row].tolist(), column[row], label) for row in best if column[row] > score]
            kept += soft_nms(of_class, soft, iou, sigma) if per_class else []
            rivals += of_class
        rivals.sort(key=lambda one: -one[1])
        kept = kept if per_class else soft_nms(rivals, soft, iou, sigma)
        kept = sorted([one for one in kept if one[1] > max(score, 1e-3)], key=lambda one: -one[1])[:keep]
        mine = found[image].tolist()
        assert [row[:4] for row in mine if row[5] >= 0] == [box for box, _, _ in kept]
        assert [row[5] for row in mine] == [label for _, _, label in kept] + [-1] * (keep - len(kept))
        assert [row[4] for row in mine] == pytest.approx([v for _, v, _ in kept] + [0] * (keep - len(kept)), rel=1e-12)


@pytest.mark.parametrize(("soft", "lowered"), [("linear", 0.8 * (1 - 0.5)), ("gaussian", 0.8 * math.exp(-0.5))])
def test_soft_suppression_by_hand(soft: str, lowered: float) -> None:
    """The second box is half of the first, 0.25 / 0.5 in the exponent; the third is elsewhere, and passes it."""
    boxes = torch.tensor([[[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 5.0], [20.0, 0.0, 30.0, 10.0]]])
    scores = torch.tensor([[[0.9], [0.8], [0.6]]])
    found = detections(boxes, scores, iou=0.3, keep=4, soft=soft)
    assert found[0, :, 0].tolist() == [0, 20, 0, 0]
    assert found[0, :, 4].tolist() == pytest.approx([0.9, 0.6, lowered, 0])
    assert found[0, :, 5].tolist() == [0, 0, 0, -1]


def test_of_equal_scores_the_first_boxes_compete() -> None:
    boxes = torch.arange(50.0)[:, None].mul(100) + torch.tensor([0.0, 0.0, 10.0, 10.0])
    scores = torch.full((1, 50, 2), 0.5)
    scores[0, 30, 1] = 0.6
    found = detections(boxes[None], scores, before=3, keep=8, soft="gaussian")
    assert found[0, :, 0].tolist() == [3000, 0, 100, 200, 0, 100, 0, 0]
    assert found[0, :, 5].tolist() == [1, 0, 0, 0, 1, 1, -1, -1]


def test_boxes_without_an_area_lower_nothing() -> None:
    """As in the code of the paper's authors, which lowers what shares pixels alone."""
    boxes = torch.tensor([[[5.0, 5.0, 5.0, 5.0], [5.0, 5.0, 5.0, 5.0], [0.0, 0.0, 10.0, 10.0]]])
    found = detections(boxes, torch.tensor([[[0.9], [0.8], [0.7]]]), keep=3, soft="gaussian")
    assert found[0, :, 4].tolist() == pytest.approx([0.9, 0.8, 0.7])


@pytest.mark.parametrize("per_class", [True, False])
def test_nothing_found_softly_is_an_empty_list(per_class: bool) -> None:
    for n in (0, 2):
        found = detections(torch.zeros(n, 5, 4), torch.zeros(n, 5, 3), keep=4, per_class=per_class, soft="linear")
        assert found.shape == (n, 4, 6) and found[..., :5].eq(0).all() and found[..., 5].eq(-1).all()


def test_boxes_that_are_come_to_late_were_lowered_by_all_before_them() -> None:
    """35 boxes apart from each other, then more than are lowered at first, at one place, each half of the 34th, and one
    elsewhere that scores less than they did: once the first of those is taken, the IoU of the others with it is 1."""
    apart = torch.arange(35.0)[:, None].mul(100) + torch.tensor([0.0, 0.0, 10.0, 10.0])
    halves = (apart[33] - torch.tensor([0.0, 0.0, 0.0, 5.0])).repeat(40 * 4 * 2, 1)
    boxes = torch.cat([apart, halves, torch.tensor([[0.0, 100.0, 10.0, 110.0]])])
    scores = torch.tensor([0.9] * 35 + [0.5] * len(halves) + [0.45])
    found = detections(boxes[None], scores[None, :, None], iou=0.4, keep=40, soft="linear")
    assert found[0, :, 4].tolist() == pytest.approx([0.9] * 35 + [0.45, 0.25] + [0] * 3)
