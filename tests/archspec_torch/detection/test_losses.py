"""Losses and matching of detectors against torchvision's, and against the papers worked by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus
from torchvision.models.detection import _utils as theirs
from torchvision.models.detection.ssd import SSD
from torchvision.ops import box_iou, clip_boxes_to_image

from archspec.ops import detect as ops
from archspec_torch.detection import coding, losses
from archspec_torch.detection.matching import IGNORED, NEGATIVE, assign_cells, match_defaults
from archspec_torch.detection.truth import Truth, overlaps, rows_of
from archspec_torch.lowering.detect import SsdBoxes


def some(images: int, classes: int, side: int, seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """Boxes and labels of each image; the second has none."""
    made = torch.Generator().manual_seed(seed)
    boxes, labels = [], []
    for i in range(images):
        count = 0 if i == 1 else int(torch.randint(1, 8, (), generator=made))
        centers = torch.rand(count, 2, generator=made) * side
        sizes = torch.rand(count, 2, generator=made) * side / 2 + side / 30
        boxes.append(torch.cat([centers - sizes / 2, centers + sizes / 2], 1))
        labels.append(torch.randint(0, classes, (count,), generator=made))
    return boxes, labels


def test_overlaps_are_torchvision_s() -> None:
    first, second = some(3, 1, 100, 0)[0], some(3, 1, 100, 1)[0]
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(overlaps(a, b), box_iou(a, b))
    both = overlaps(torch.stack([first[0][:1], first[2][:1]]), second[0])
    torch.testing.assert_close(both[1], box_iou(first[2][:1], second[0]))


DEFAULTS = torch.cat(
    [
        coding.default_boxes((g, g), [(60.0 * s, 60.0 * s), (80.0 * s, 40.0 * s)], (300, 300), None, torch.zeros(1))
        for g, s in ((19, 1), (10, 2), (5, 3))
    ]
)


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_of_ssd_is_torchvision_s(seed: int) -> None:
    boxes, labels = some(4, 5, 300, seed)
    rows = len(DEFAULTS)
    made = torch.Generator().manual_seed(seed)
    scores, places = torch.randn(4, rows, 6, generator=made), torch.randn(4, rows, 4, generator=made)
    ours = losses.ssd_loss(scores, places, DEFAULTS, Truth.of(boxes, labels))
    corners = coding.corners(DEFAULTS[:, :2], DEFAULTS[:, 2:])
    matcher = theirs.SSDMatcher(0.5)
    matches = [matcher(box_iou(b, corners)) if len(b) else torch.full((rows,), -1) for b in boxes]
    assert torch.equal(match_defaults(Truth.of(boxes, labels), DEFAULTS), torch.stack(matches))
    expected = SSD.compute_loss(
        SimpleNamespace(box_coder=theirs.BoxCoder((10.0, 10.0, 5.0, 5.0)), neg_to_pos_ratio=3),
        [{"boxes": b, "labels": k + 1} for b, k in zip(boxes, labels, strict=True)],
        {"bbox_regression": places, "cls_logits": scores},
        [corners] * 4,
        matches,
    )
    torch.testing.assert_close(ours["class"], expected["classification"])
    torch.testing.assert_close(ours["box"], expected["bbox_regression"])


HEADS = [((19, 19), 1.0), ((10, 10), 2.0), ((5, 3), 3.0)]
SIDE = 300


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize(("grid", "s"), HEADS)
@pytest.mark.parametrize("stride", [None, 16.0])
def test_boxes_of_ssd_are_torchvision_s(grid: tuple[int, int], s: float, stride: float | None, clip: bool) -> None:
    anchors = [(60.0 * s, 60.0 * s), (80.0 * s, 40.0 * s), (30.0 * s, 90.0 * s)]
    raw = 2 * torch.randn(2, 4 * len(anchors), *grid)
    defaults = coding.default_boxes(grid, anchors, (SIDE, SIDE), stride, raw)
    told = raw.unflatten(1, (-1, 4)).permute(0, 3, 4, 1, 2).flatten(1, 3)
    coder = theirs.BoxCoder((10.0, 10.0, 5.0, 5.0), bbox_xform_clip=math.inf)
    corners = coding.corners(defaults[:, :2], defaults[:, 2:])
    expected = torch.stack([coder.decode_single(one, corners) for one in told])
    if clip:
        expected = clip_boxes_to_image(expected, (SIDE, SIDE))
    found = coding.ssd_boxes(raw, coding.planes(defaults, grid), (0.1, 0.2), (SIDE, SIDE) if clip else None)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-3)
    if not clip:
        torch.testing.assert_close(coding.ssd_encode(found, defaults, (0.1, 0.2)), told, rtol=1e-3, atol=1e-3)


def test_nothing_is_learned_of_what_overlaps_an_ignored_object() -> None:
    box = torch.tensor([[40.0, 40.0, 110.0, 110.0]])
    seen = match_defaults(Truth.of([box], [torch.tensor([0])]), DEFAULTS)
    hidden = match_defaults(Truth.of([box], [torch.tensor([0])], [torch.tensor([True])]), DEFAULTS)
    assert (seen >= 0).sum() > 1 and not (hidden >= 0).any()
    overlap = box_iou(box, coding.corners(DEFAULTS[:, :2], DEFAULTS[:, 2:]))[0]
    assert torch.equal(hidden[0] == IGNORED, overlap >= 0.5)
    assert set(hidden[0].tolist()) == {IGNORED, NEGATIVE}


def test_the_cell_of_the_centre_and_the_anchor_of_the_shape_answer() -> None:
    """An image of 64 by 96; heads of 2×3 cells (32 pixels) and 4×6 (16). By hand: 40 by 30 pixels has an IoU of
    1200/1600 with 40×40, 600/1200 with 20×30; its centre (50, 20) is in column 1, row 0 of the first."""
    truth = Truth.of([torch.tensor([[30.0, 5.0, 70.0, 35.0], [1.0, 40.0, 19.0, 60.0]])], [torch.tensor([2, 0])])
    anchors = [[(10.0, 90.0), (40.0, 40.0)], [(20.0, 30.0), (18.0, 20.0)]]
    first, second = assign_cells(truth, anchors, [(2, 3), (4, 6)], (64, 96))
    assert [x.tolist() for x in (first.image, first.anchor, first.row, first.column, first.labels)] == [
        [0],
        [1],
        [0],
        [1],
        [2],
    ]
    assert [x.tolist() for x in (second.anchor, second.row, second.column, second.labels)] == [[1], [3], [0], [0]]


def test_the_loss_of_yolo_by_hand() -> None:
    """One head of 1×2 cells of 32 pixels and an anchor of 16 by 16; an object of 16·e by 16 centred at (40, 8)."""
    raw = torch.randn(1, 7, 1, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    wide = 16 * math.e
    truth = Truth.of([torch.tensor([[40 - wide / 2, 0.0, 40 + wide / 2, 16.0]])], [torch.tensor([1])])
    told = losses.yolo_loss([raw], [[(16.0, 16.0)]], (32, 64), truth, ignore=2.0)
    x, y, w, h, there, a, b = raw[0, :, 0, 1]
    small = 2 - wide * 16 / (32 * 64)
    logit = binary_cross_entropy_with_logits
    places = logit(x, torch.tensor(8 / 32).double()) + logit(y, torch.tensor(8 / 32).double())
    assert told["box"].item() == pytest.approx(float(small * (places + (w - 1) ** 2 / 2 + h**2 / 2)), rel=1e-6)
    assert told["object"].item() == pytest.approx(float(softplus(-there)))
    assert told["empty"].item() == pytest.approx(float(softplus(raw[0, 4, 0, 0])))
    assert told["class"].item() == pytest.approx(float(softplus(a) + softplus(-b)))
    one = losses.yolo_loss([raw], [[(16.0, 16.0)]], (32, 64), truth, softmax=True)
    assert one["class"].item() == pytest.approx(float(softplus(a - b)))


@pytest.mark.parametrize("name", ["iou", "giou", "diou", "ciou"])
def test_losses_of_overlap(name: str) -> None:
    """[0, 0, 2, 2] and [1, 0, 3, 2]: intersection 2, union 6, hull 6, centres 1 apart, hull's diagonal √13."""
    first, second = torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0]])
    expected = {"iou": 2 / 3, "giou": 2 / 3, "diou": 2 / 3 + 1 / 13, "ciou": 2 / 3 + 1 / 13}[name]
    assert losses.overlap_loss(name)(first, second).item() == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_the_first_yolo_by_hand() -> None:
    """A grid of 1×2 cells over 32 by 64 pixels, two boxes a cell, one class: equation 3, term by term."""
    raw = torch.rand(1, 11, 1, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    truth = Truth.of([torch.tensor([[36.0, 8.0, 52.0, 16.0]])], [torch.tensor([0])])
    told = losses.yolo_v1_loss(raw, 2, (32, 64), truth)
    boxes = coding.yolo_v1_boxes(raw, 2, (32, 64))[0, 2:]
    iou = box_iou(truth.boxes[0].double(), boxes)[0]
    best = int(iou.argmax())
    x, y, w, h, there = raw[0, 5 * best : 5 * best + 5, 0, 1]
    place = (x - (44 / 32 - 1)) ** 2 + (y - 12 / 32) ** 2
    size = (w - math.sqrt(16 / 64)) ** 2 + (h - math.sqrt(8 / 32)) ** 2
    assert told["box"].item() == pytest.approx(float(5 * (place + size)), rel=1e-6)
    assert told["object"].item() == pytest.approx(float((there - iou[best]) ** 2), rel=1e-6)
    others = [raw[0, 4, 0, 0], raw[0, 9, 0, 0], raw[0, 5 * (1 - best) + 4, 0, 1]]
    assert told["empty"].item() == pytest.approx(0.5 * float(sum(other**2 for other in others)), rel=1e-6)
    assert told["class"].item() == pytest.approx(float((raw[0, 10, 0, 1] - 1) ** 2), rel=1e-6)


def test_the_loss_of_multibox_by_hand() -> None:
    """Three boxes in an image of 10×20 pixels, α = 0.3. Objects [0, 0, 0.5, 0.6] and [0, 0, 0.5, 0.5], in parts of it,
    would both have box 0; one gets box 1, whichever for the same: both corners of that are 0.5 off."""
    places = torch.tensor([[0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1, 1]]).view(1, 12)
    confidence = torch.tensor([[2.0, 1.0, -1.0]])
    boxes = torch.tensor([[0.0, 0, 10, 6], [0.0, 0, 10, 5]])  # x of 20, y of 10
    truth = Truth.of([boxes], [torch.tensor([0, 0])])
    told = losses.multibox_loss(confidence, places, (10, 20), truth)
    assert told["box"].item() == pytest.approx(0.15 * (0.1**2 + 2 * 0.5**2))
    wanted = math.log1p(math.exp(-2)) + math.log1p(math.exp(-1)) + math.log1p(math.exp(-1))
    assert told["confidence"].item() == pytest.approx(wanted, rel=1e-6)
    far = torch.tensor([[0.0, 0, 10, 5], [10.0, 5, 20, 10]])  # box 2 is exactly object 1; sureness alone says box 1
    for weight, box, sums in (
        (0.3, 0.15 * 4 * 0.25 * 0.5, [2, 1, 1]),  # box 1: 0.3/2·(2·0.25) = 0.075 − 1 < 0 + 1
        (30.0, 0.0, [2, -1, -1]),  # 30/2·(2·0.25) = 7.5 − 1 > 1: now box 2, and box 1 is to be unsure
    ):
        told = losses.multibox_loss(confidence, places, (10, 20), Truth.of([far], [torch.tensor([0, 0])]), weight)
        assert told["box"].item() == pytest.approx(box, abs=1e-6)
        assert told["confidence"].item() == pytest.approx(sum(math.log1p(math.exp(-x)) for x in sums), rel=1e-6)


def test_multibox_learns_nothing_of_boxes_on_ignored_objects_nor_of_more_objects_than_boxes() -> None:
    """Box 0 lies on an ignored object: its confidence counts neither way. Of three objects two have a box."""
    places, confidence = torch.tensor([[0, 0, 0.5, 0.5, 0.5, 0.5, 1, 1]]).view(1, 8), torch.tensor([[3.0, -2.0]])
    box = torch.tensor([[0.0, 0, 8, 8]])
    hidden = Truth.of([box], [torch.tensor([0])], [torch.tensor([True])])
    told = losses.multibox_loss(confidence, places, (16, 16), hidden)
    assert [round(float(part), 6) for part in told.values()] == [0.0, round(math.log1p(math.exp(-2)), 6)]
    seen = losses.multibox_loss(confidence, places, (16, 16), Truth.of([box], [torch.tensor([0])]))
    assert float(seen["confidence"]) == pytest.approx(math.log1p(math.exp(-3)) + math.log1p(math.exp(-2)), rel=1e-6)
    three = Truth.of([torch.tensor([[0.0, 0, 8, 8], [8, 8, 16, 16], [0, 8, 8, 16]])], [torch.tensor([0, 0, 0])])
    full = losses.multibox_loss(confidence, places, (16, 16), three, 100.0)
    assert float(full["box"]) == 0.0
    assert float(full["confidence"]) == pytest.approx(math.log1p(math.exp(-3)) + math.log1p(math.exp(2)), rel=1e-6)


def test_a_batch_without_objects_has_a_loss() -> None:
    nothing = Truth.of([torch.zeros(0, 4)] * 2, [torch.zeros(0, dtype=torch.int64)] * 2)
    ssd = losses.ssd_loss(torch.randn(2, len(DEFAULTS), 3), torch.randn(2, len(DEFAULTS), 4), DEFAULTS, nothing)
    assert [float(part) for part in ssd.values()] == [0.0, 0.0]
    yolo = losses.yolo_loss([torch.zeros(2, 6, 2, 2)], [[(8.0, 8.0)]], (16, 16), nothing)
    assert float(yolo["empty"]) == pytest.approx(4 * math.log(2))
    assert float(losses.yolo_v1_loss(torch.zeros(2, 6, 2, 2), 1, (16, 16), nothing)["box"]) == 0.0
    multibox = losses.multibox_loss(torch.zeros(2, 5), torch.zeros(2, 20), (16, 16), nothing)
    assert [float(part) for part in multibox.values()] == [0.0, pytest.approx(5 * math.log(2))]


def test_targets_hold_the_same_objects() -> None:
    boxes, labels, ignored = torch.rand(3, 4), torch.tensor([0, 2, 1]), torch.tensor([False, True, False])
    rows = torch.stack([rows_of(boxes, labels, ignored, 5), rows_of(boxes[:1], labels[:1], ignored[:1], 5)])
    found, wanted = Truth.of_rows(rows), Truth.of([boxes, boxes[:1]], [labels, labels[:1]], [ignored, ignored[:1]])
    assert torch.equal(found.boxes, wanted.boxes)
    assert torch.equal(found.labels, wanted.labels)
    assert torch.equal(found.ignored, wanted.ignored)
    assert Truth.of_rows(rows[:0]).labels.shape == (0, 0)


def test_default_boxes_are_those_of_the_image_however_it_was_asked_before() -> None:
    """Nothing told of places leaves the default boxes: half the image around the middles of 2×2 cells."""
    decoder = SsdBoxes(ops.SsdBoxes(anchors=[(0.5, 0.5)], unit="image", classes=1, clip=False))
    scores = torch.zeros(1, 2, 2, 2)

    def boxes(height: int, width: int, places: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = decoder(scores.to(places), places, torch.zeros(1, 3, height, width))[0]
        return found

    def quarters(height: float, width: float) -> list[list[list[float]]]:
        y, x = height / 2, width / 2
        return [[[i * x, j * y, i * x + x, j * y + y] for j in (0, 1) for i in (0, 1)]]

    places = torch.zeros(1, 4, 2, 2)
    with torch.inference_mode():
        assert boxes(100, 60, places).tolist() == quarters(100, 60)
    assert boxes(100, 60, places).tolist() == quarters(100, 60)
    assert boxes(40, 80, places).tolist() == quarters(40, 80)
    assert boxes(40, 80, places.double()).dtype == torch.float64
    wanted = places.clone().requires_grad_()
    boxes(40, 80, wanted)[..., 2].sum().backward()
    assert wanted.grad is not None and wanted.grad[:, 0].eq(4).all()  # right edges move by 0.1 of 40 pixels


def test_an_empty_batch_has_no_boxes() -> None:
    decoder = SsdBoxes(ops.SsdBoxes(anchors=[(0.5, 0.5), (0.2, 0.4)], unit="image", classes=3))
    boxes, scores = decoder(torch.zeros(0, 8, 2, 5), torch.zeros(0, 8, 2, 5), torch.zeros(0, 3, 8, 20))
    assert (boxes.shape, scores.shape) == ((0, 20, 4), (0, 20, 3))
