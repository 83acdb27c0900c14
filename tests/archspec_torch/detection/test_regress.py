"""Losses, overlaps and PCK of regressed boxes and points, against numbers worked by hand and numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from archspec_torch.detection.regress import (  # noqa: E402
    Answer,
    OneObject,
    Placed,
    errors,
    lengths,
    localisation_loss,
    localised,
    points_loss,
    told,
)
from archspec_torch.detection.truth import pair_iou  # noqa: E402

SIZE = (100, 200)
"""Height and width of the frame."""


def rows(*objects: tuple[float, ...]) -> torch.Tensor:
    """(1, M, 6)"""
    return torch.tensor([objects])


def test_the_largest_object_that_is_not_ignored_counts() -> None:
    found = OneObject.of_rows(
        rows((0, 0, 10, 10, 1, 0), (20, 10, 120, 60, 2, 0), (0, 0, 200, 100, 3, 1), (0, 0, 0, 0, -1, 0)), SIZE
    )
    assert found.label.tolist() == [2]
    torch.testing.assert_close(found.box, torch.tensor([[0.35, 0.35, 0.5, 0.5]]))  # (70/200, 35/100, 50/100, 100/200)
    nothing = OneObject.of_rows(rows((0, 0, 9, 9, 4, 1), (0, 0, 0, 0, -1, 0)), SIZE)
    assert nothing.label.tolist() == [-1] and not nothing.there.any()
    assert OneObject.of_rows(torch.zeros(2, 0, 6), SIZE).label.tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("distance", "box"),
    [("l1", 0.1 + 0.05 + 0.3), ("l2", 0.01 + 0.0025 + 0.09), ("smooth_l1", 0.05 + 0.0125 + 0.25)],
)
def test_a_vector_y_counts_boxes_and_classes_only_where_something_is(distance: str, box: float) -> None:
    """y = [pc, bx, by, bh, bw, c1, c2]: an image with an object of class 1, one without. β = 0.1: 0.1 and 0.3 lie on
    the straight part, |d| − 0.05, and 0.05 on the curved, d²/0.2."""
    y = torch.tensor([[2.0, 0.6, 0.45, 0.2, 0.7, 0.0, 1.0], [-1.0, 9.0, 9.0, 9.0, 9.0, 5.0, -5.0]])
    wanted = OneObject(torch.tensor([[0.5, 0.5, 0.2, 0.4], [0.0, 0, 0, 0]]), torch.tensor([1, -1]))
    found = localisation_loss(Answer.of_vector(y), wanted, distance)
    classes = math.log(1 + math.exp(-1))
    present = math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))
    assert found.tolist() == pytest.approx([classes / 2, box / 2, present / 2], rel=1e-5)


def test_no_gradient_reaches_boxes_and_classes_of_images_without_an_object() -> None:
    y = torch.randn(3, 8, requires_grad=True)
    wanted = OneObject(torch.rand(3, 4), torch.tensor([-1, 2, -1]))
    localisation_loss(Answer.of_vector(y), wanted).sum().backward()
    assert y.grad is not None
    assert y.grad[[0, 2], 1:].abs().max() == 0
    assert (y.grad[1] != 0).all() and (y.grad[[0, 2], 0] != 0).all()


def test_of_boxes_one_a_class_that_of_the_right_class_learns() -> None:
    boxes = torch.zeros(2, 3, 4, requires_grad=True)
    answer = Answer(torch.zeros(2, 3), boxes)
    found = localisation_loss(answer, OneObject(torch.full((2, 4), 0.5), torch.tensor([2, 0])), "l2")
    assert found.tolist() == pytest.approx([math.log(3), 4 * 0.25, 0])
    found.sum().backward()
    assert boxes.grad is not None
    assert [tuple(place) for place in boxes.grad.abs().sum(2).nonzero().tolist()] == [(0, 2), (1, 0)]


def test_what_is_told_lies_in_the_frame_and_may_be_nothing() -> None:
    y = torch.tensor([[3.0, 0.5, 0.5, 0.5, 0.25, 0.0, 2.0], [-0.1, 0.5, 0.5, 0.5, 0.25, 0.0, 2.0]])
    found = told(Answer.of_vector(y), SIZE)
    assert found.shape == (2, 1, 6)
    sure = 1 / (1 + math.exp(-3)) / (1 + math.exp(-2))
    assert found[0, 0].tolist() == pytest.approx([75, 25, 125, 75, sure, 1])  # 200·(0.5 ∓ 0.125), 100·(0.5 ∓ 0.25)
    assert found[1, 0].tolist() == [0, 0, 0, 0, 0, -1]


def test_overlaps_are_those_of_numpy() -> None:
    generator = np.random.default_rng(0)
    first, second = (np.sort(generator.random((50, 2, 2)), axis=1).reshape(50, 4) for _ in range(2))
    expected = []
    for (a, b, c, d), (e, f, g, h) in zip(first, second, strict=True):
        shared = max(0, min(c, g) - max(a, e)) * max(0, min(d, h) - max(b, f))
        expected.append(shared / ((c - a) * (d - b) + (g - e) * (h - f) - shared))
    np.testing.assert_allclose(pair_iou(torch.from_numpy(first), torch.from_numpy(second)).numpy(), expected)


def test_right_is_the_class_with_an_overlap_of_a_half() -> None:
    """A box of 100×100 moved by 33 overlaps by 67/133 = 0.504, by 34 by 66/134 = 0.493."""
    size = (200, 200)
    wanted = OneObject(torch.tensor([[0.25, 0.25, 0.5, 0.5]] * 3 + [[0.0] * 4]), torch.tensor([1, 1, 1, -1]))
    said = torch.tensor(
        [[[33.0, 0, 133, 100, 0.9, 1]], [[34, 0, 134, 100, 0.9, 1]], [[0, 0, 100, 100, 0.9, 0]], [[0, 0, 0, 0, 0, -1]]]
    )
    right, overlap, both = localised(said, wanted, size)
    assert right.tolist() == [True, True, False, True]
    assert overlap.tolist() == pytest.approx([67 / 133, 66 / 134, 1, 0])
    assert both.tolist() == [True, False, False, True]


def test_points_count_where_they_are_seen() -> None:
    """Two points, one seen: off by 0.1 across and 0.05 down in parts of 200×100; then none seen."""
    y = torch.tensor([[1.0, 0.6, 0.55, 9.0, 9.0], [2.0, 9.0, 9.0, 9.0, 9.0]])
    points = torch.tensor([[[100.0, 50, 1], [3, 3, 0]], [[0, 0, 0], [0, 0, 0]]])
    found = points_loss(Placed.of_vector(y), points, SIZE, "l2")
    present = math.log(1 + math.exp(-1)) + math.log(1 + math.exp(2))
    assert found.tolist() == pytest.approx([(0.01 + 0.0025) / 2, present / 2], rel=1e-5)
    assert points_loss(Placed.of_vector(y[:, 1:]), points, SIZE, "l1").tolist() == pytest.approx(
        [0.15 / 2, 0], rel=1e-5
    )


def test_pck_is_that_of_numpy() -> None:
    generator = np.random.default_rng(1)
    points, said = generator.uniform(0, 90, (40, 5, 3)), generator.uniform(0, 90, (40, 5, 2))
    points[..., 2] = generator.random((40, 5)) < 0.7
    said = points[..., :2] + (said - 45) * 0.3
    expected = np.full((40, 5), np.nan)
    for i in range(40):
        seen = points[i, :, 2] > 0
        if not seen.any():
            continue
        extent = points[i, seen, :2].max(0) - points[i, seen, :2].min(0)
        length = extent.max() if extent.max() > 0 else max(SIZE)
        for k in range(5):
            if seen[k]:
                expected[i, k] = np.hypot(*(said[i, k] - points[i, k, :2])) / length
    there = torch.from_numpy(points)
    found = errors(torch.from_numpy(said), there, lengths(there, max(SIZE))).numpy()
    np.testing.assert_allclose(found, expected)
    assert 0.05 < (found[~np.isnan(found)] <= 0.1).mean() < 0.95


def test_errors_may_be_parts_of_the_distance_of_two_points() -> None:
    """Shoulder and hip 30 and 40 apart: 50; images that do not show both, or in one place, have no length. Without the
    two, the box, and of one point the frame."""
    points = torch.tensor(
        [
            [[0.0, 0, 1], [30, 40, 1], [10, 10, 1]],
            [[0, 0, 1], [0, 0, 0], [10, 60, 1]],
            [[5, 5, 1], [0, 0, 0], [0, 0, 0]],
            [[5, 5, 1], [5, 5, 1], [9, 9, 1]],
        ]
    )
    by_two = lengths(points, max(SIZE), (0, 1))
    assert by_two[0] == 50 and by_two.isnan().tolist() == [False, True, True, True]
    assert lengths(points, torch.tensor([1, 1, 200, 1])).tolist() == [40, 60, 200, 4]
    off = errors(points[..., :2] + torch.tensor([3.0, 4.0]), points, lengths(points, max(SIZE), (0, 1)))
    assert off[0].tolist() == pytest.approx([0.1, 0.1, 0.1])
    assert off.isnan().tolist() == [[False] * 3, [True] * 3, [True] * 3, [True] * 3]
