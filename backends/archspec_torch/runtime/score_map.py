"""Where in an image a classifier says what: the scores of all windows that it is slid over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from archspec_torch.detection.coding import clipped
from archspec_torch.runtime.images import Placement
from archspec_torch.runtime.sliding import Sliding
from archspec_torch.runtime.tasks import Classify

Box = tuple[float, float, float, float]
Classes = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class ScoreMap:
    """The windows of an image, row after row: x1, y1, x2, y2 of each in pixels of the image, and its most probable
    classes, best first. `best`: of the image's most probable classes the window that tells them."""

    rows: int
    columns: int
    places: tuple[tuple[Box, Classes], ...]
    best: tuple[Box, ...]

    def to_json(self) -> dict[str, Any]:
        """rows, columns, places: [{box, classes: [{class, probability}]}]."""
        places = [
            {"box": list(box), "classes": [{"class": name, "probability": p} for name, p in classes]}
            for box, classes in self.places
        ]
        return {"rows": self.rows, "columns": self.columns, "places": places}


def score_map(sliding: Sliding, image: Tensor, placement: Placement, top: int) -> tuple[Classes, ScoreMap]:
    """The `top` classes of an image, uint8 (c, h, w), by the window that tells each with most probability; and what
    each window tells. Raises ImageProblem where its maps do not fit into memory."""
    task = sliding.task
    assert isinstance(task, Classify)
    with torch.inference_mode():
        outputs, windows = sliding(image[None])
    (scores,) = (each.cpu().float() for each in outputs.values())
    corners = torch.tensor([[float(edge) for edge in box] for box in windows.boxes()])
    inside = clipped(placement.to_image(corners), (placement.height, placement.width))
    boxes: list[Box] = [(x1, y1, x2, y2) for x1, y1, x2, y2 in inside.tolist()]
    best, where = task.probabilities(scores).max(0)
    values, numbers = best.topk(min(top, len(task.classes)))
    told = [(n, p) for n, p in zip(numbers.tolist(), values.tolist(), strict=True) if p >= task.least]
    rows, columns = windows.count
    found = ScoreMap(
        rows,
        columns,
        tuple(zip(boxes, task.decode(scores, top), strict=True)),
        tuple(boxes[int(where[n])] for n, _ in told),
    )
    return tuple((task.classes[n], p) for n, p in told), found
