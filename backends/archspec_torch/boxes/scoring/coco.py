"""COCO's twelve figures, through faster-coco-eval (the C++ of pycocotools' evaluation, equal to it)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from archspec.errors import fail
from archspec_torch.boxes.reading import uncollected
from archspec_torch.boxes.scoring.arrays import Detections, Floats, Truths

NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def figures(
    truth: Truths, found: Detections, image_ids: Sequence[int], classes: int
) -> tuple[dict[str, float], Floats]:
    """The twelve by name, −1 where nothing is to be found; and (classes, 2): AP and AP50 of each class, −1 likewise.

    `image_ids` are the images' own numbers: detections of one score are ordered by them. Raises SpecError E643 where
    faster-coco-eval is not installed.
    """
    COCO, Evaluation = _library()
    with uncollected():
        images = [{"id": n} for n in image_ids]
        categories = [{"id": n + 1, "name": str(n)} for n in range(classes)]
        of = np.array(image_ids, np.int64)
        true_images, found_images = of[truth.images].tolist(), of[found.images].tolist()
        annotations: list[dict[str, Any]] = [
            {"id": n, "image_id": i, "category_id": c, "bbox": box, "area": area, "iscrowd": crowd}
            for n, (i, c, box, area, crowd) in enumerate(
                zip(
                    true_images,
                    (truth.labels + 1).tolist(),
                    truth.xywh.tolist(),
                    truth.areas.tolist(),
                    truth.crowd.astype(int).tolist(),
                    strict=True,
                ),
                1,
            )
        ]
        areas = (found.xywh[:, 2] * found.xywh[:, 3]).tolist()
        results: list[dict[str, Any]] = [
            {"id": n, "image_id": i, "category_id": c, "bbox": box, "area": area, "score": score, "iscrowd": 0}
            for n, (i, c, box, area, score) in enumerate(
                zip(
                    found_images,
                    (found.labels + 1).tolist(),
                    found.xywh.tolist(),
                    areas,
                    found.scores.tolist(),
                    strict=True,
                ),
                1,
            )
        ]
        sides = []
        for items in (annotations, results):
            side = COCO()
            side.dataset = {"images": images, "categories": categories, "annotations": items}
            side.createIndex()
            sides.append(side)
        evaluation = Evaluation(*sides, "bbox", print_function=lambda *_: None)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    values = dict(zip(NAMES, map(float, evaluation.stats[:12]), strict=True))
    precision = np.asarray(evaluation.eval["precision"])[:, :, :, 0, -1]  # (thresholds, recalls, classes)
    by_class = np.stack([_mean(precision), _mean(precision[:1])], 1)
    return values, by_class


def _mean(precision: Floats) -> Floats:
    """Over thresholds and recalls, for each class; −1 where the class has no truth."""
    return np.where((precision > -1).any((0, 1)), precision.mean((0, 1)), -1.0)


def _library() -> tuple[Any, Any]:
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as error:
        hint = "pip install 'archspec-nn[detect]'"
        raise fail(
            "E643", "COCO's figures need the package 'faster-coco-eval', which is not installed", hint=hint
        ) from error
    return COCO, COCOeval_faster
