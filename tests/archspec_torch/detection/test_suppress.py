"""Suppression of a whole batch at once against torchvision's, asked image by image and class by class."""

from __future__ import annotations

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
