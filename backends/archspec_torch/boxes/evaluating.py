"""`archspec evaluate-boxes`: detections in files scored against annotations in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from archspec_torch.boxes import detections, formats, printed
from archspec_torch.boxes.images import with_images
from archspec_torch.boxes.scoring import coco, voc
from archspec_torch.boxes.scoring.arrays import Detections, Floats, Truths, truths
from archspec_torch.boxes.scoring.mistakes import Mistakes, costs, mistakes

SCORE = 0.25


@dataclass(frozen=True)
class BoxScores:
    """What detections reached. `figures`: COCO's twelve, VOC_AP50 (area) and VOC_AP50_11 (eleven points), −1 where
    nothing was to be
    found; `coco_classes` (classes, 2): AP and AP50."""

    figures: dict[str, float]
    classes: tuple[str, ...]
    coco_classes: Floats
    curves: list[voc.Curve]
    truth: Truths
    found: Detections
    score: float
    images: int
    notes: tuple[str, ...] = ()

    @cached_property
    def mistakes(self) -> Mistakes:
        """Kinds of mistakes and confusion of the detections with `score` or more; computed when first asked for."""
        return mistakes(self.truth, self.found, len(self.classes), self.score)

    @cached_property
    def costs(self) -> dict[str, float]:
        """What each kind of mistake takes from VOC_AP50, all detections counted; computed when first asked for."""
        return costs(self.truth, self.found, len(self.classes))

    def to_json(self) -> dict[str, Any]:
        """The figures by name; classes, each with its own; errors by kind and what each
        kind costs; the confusion, background last; notes."""
        rows = zip(self.classes, self.coco_classes.tolist(), self.curves, strict=True)
        by_class = {
            name: {"truths": c.truths, "AP": ap, "AP50": ap50, "VOC_AP50": c.area, "VOC_AP50_11": c.eleven}
            for name, (ap, ap50), c in rows
        }
        wrong = {"score": self.mistakes.score, "right": self.mistakes.right, **self.mistakes.kinds}
        confusion = {"classes": [*self.classes, "background"], "rows": self.mistakes.confusion.tolist()}
        told = {"errors": wrong, "costs": self.costs, "confusion": confusion, "notes": list(self.notes)}
        return {**self.figures, "classes": by_class, **told}

    def __str__(self) -> str:
        return printed.scores(self, get_terminal_size((80, 24)).columns)


def evaluate_boxes(
    truth: str | Path, detected: str | Path, split: str | None = None, score: float = SCORE
) -> BoxScores:
    """Score detections (COCO's results, VOC's or YOLO's text, CSV) against annotations (COCO, VOC, YOLO, CSV).

    COCO's figures use the areas of the annotations, where they have some, and take difficult objects as any others;
    VOC's leave out
    difficult objects and crowds. `score`: the least of detections whose mistakes are told by kind. Raises SpecError
    E640 to E642.
    """
    data = formats.read(truth, split=split)
    if Path(detected).is_dir():  # shares of images, whose headers may be needed
        data, _ = with_images(data, Path(truth))
    found, notes = detections.read(detected, data)
    return scored(truths(data), found, [entry.id for entry in data.images], data.classes, score, notes)


def scored(
    truth: Truths,
    found: Detections,
    image_ids: Sequence[int],
    classes: tuple[str, ...],
    score: float = SCORE,
    notes: tuple[str, ...] = (),
) -> BoxScores:
    """All figures of detections; `image_ids` as COCO numbers the images."""
    figures, by_class = coco.figures(truth, found, image_ids, len(classes))
    curves = voc.curves(truth, found, len(classes), voc.match(truth, found))
    figures["VOC_AP50"] = voc.mean([curve.area for curve in curves])
    figures["VOC_AP50_11"] = voc.mean([curve.eleven for curve in curves])
    return BoxScores(figures, classes, by_class, curves, truth, found, score, len(image_ids), notes)
