"""The figures of an epoch of a detector, held to pycocotools and to a case worked by hand."""

from __future__ import annotations

import contextlib
import io

import pytest
import torch
from torch import Tensor

from archspec_torch.runtime.evaluation.boxes.figures import mean_precisions


def drawn(seed: int, images: int, classes: int) -> tuple[Tensor, Tensor]:
    """Objects, some ignored; detections near some of them or anywhere, scores with ties, padding behind both."""
    random = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random)

    corner, size = 200 * uniform(images, 8, 2), 4 + 80 * uniform(images, 8, 2)
    labels = (uniform(images, 8, 1) * (classes + 1)).floor() - 1
    targets = torch.cat([corner, corner + size, labels, (uniform(images, 8, 1) < 0.15).float()], 2)
    targets[labels[..., 0] < 0] = torch.tensor([0.0, 0, 0, 0, -1, 0])
    of = (uniform(images, 30, 1) * 8).long().expand(-1, -1, 6)
    near = targets.gather(1, of)
    boxes = near[..., :4] + 6 * (uniform(images, 30, 4) - 0.5)
    boxes[..., 2:] = torch.maximum(boxes[..., 2:], boxes[..., :2])
    scores = (uniform(images, 30, 1) * 20).floor() / 20
    other = uniform(images, 30, 1) < 0.2
    told = torch.where(other, (uniform(images, 30, 1) * classes).floor(), near[..., 4:5])
    return torch.cat([boxes, scores, told], 2), targets


def of_pycocotools(found: Tensor, targets: Tensor, classes: int) -> float:
    coco = pytest.importorskip("pycocotools.coco").COCO
    cocoeval = pytest.importorskip("pycocotools.cocoeval").COCOeval
    images = [{"id": n + 1, "width": 320, "height": 320} for n in range(len(found))]
    annotations, results = [], []
    for n in range(len(found)):
        for x1, y1, x2, y2, label, ignored in targets[n].double().tolist():
            if label >= 0:
                one = {"id": len(annotations) + 1, "image_id": n + 1, "category_id": int(label) + 1}
                box = [x1, y1, x2 - x1, y2 - y1]
                annotations.append({**one, "bbox": box, "area": box[2] * box[3], "iscrowd": int(ignored)})
        for x1, y1, x2, y2, score, label in found[n].double().tolist():
            if label >= 0:
                one = {"image_id": n + 1, "category_id": int(label) + 1, "score": score}
                results.append({**one, "bbox": [x1, y1, x2 - x1, y2 - y1]})
    with contextlib.redirect_stdout(io.StringIO()):
        data = coco()
        data.dataset = {"images": images, "annotations": annotations}
        data.dataset["categories"] = [{"id": c + 1, "name": str(c)} for c in range(classes)]
        data.createIndex()
        evaluation = cocoeval(data, data.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])


@pytest.mark.parametrize("seed", range(4))
def test_the_mean_average_precision_is_that_of_pycocotools(seed: int) -> None:
    found, targets = drawn(seed, 40, 3)
    figures = mean_precisions(list(found.split(7)), list(targets.split(7)), 3)
    assert figures["map"] == pytest.approx(of_pycocotools(found, targets, 3), abs=1e-9)
    assert 0.1 < figures["map"] < 0.9


def test_a_case_worked_by_hand() -> None:
    """Class 0 has two objects that count and one that is ignored; its detections by falling score are right, ignored,
    a second one of the first object, and right: precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1, so that the area is
    1/2 + 1/2 · 2/3. Class 1 has one object, found with an overlap of 1/2: right at that threshold alone. Class 2 has
    none."""
    targets = torch.tensor(
        [
            [[0.0, 0, 10, 10, 0, 0], [20, 20, 30, 30, 0, 1], [0, 0, 0, 0, -1, 0]],
            [[0, 0, 10, 10, 0, 0], [50, 50, 60, 60, 1, 0], [0, 0, 0, 0, -1, 0]],
        ]
    )
    none = [0.0, 0, 0, 0, 0, -1]
    found = torch.tensor(
        [
            [[0, 0, 10, 10, 0.75, 0], [20, 20, 30, 30, 0.625, 0], [0, 0, 10, 10, 0.5, 0]],
            [[0, 0, 10, 10, 0.25, 0], [50, 50, 60, 55, 0.5, 1], none],
        ]
    )
    figures = mean_precisions([found[:1], found[1:]], [targets[:1], targets[1:]], 3)
    assert figures["map50"] == pytest.approx((5 / 6 + 1) / 2, abs=1e-12)
    # COCO's: 51 of 101 recalls with precision 1, 50 with 2/3; class 1 found at one of ten thresholds
    assert figures["map"] == pytest.approx(((51 + 50 * 2 / 3) / 101 + 0.1) / 2, abs=1e-12)


def test_where_there_is_nothing_to_be_found_or_nothing_found() -> None:
    nothing, none = torch.tensor([[[0.0, 0, 0, 0, -1, 0]]]), torch.tensor([[[0.0, 0, 0, 0, 0, -1]]])
    assert mean_precisions([none], [nothing], 2) == {"map50": 0.0, "map": 0.0}
    assert mean_precisions([], [], 2) == {"map50": 0.0, "map": 0.0}
    one = torch.tensor([[[0.0, 0, 9, 9, 1, 0]]])
    assert mean_precisions([none], [one], 2) == {"map50": 0.0, "map": 0.0}
    assert mean_precisions([torch.tensor([[[0.0, 0, 9, 9, 0.5, 1]]])], [nothing], 2) == {"map50": 0.0, "map": 0.0}
