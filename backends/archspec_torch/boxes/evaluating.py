"""`archspec evaluate-boxes`: detections in files scored against annotations in files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from archspec_torch.boxes import detections, formats
from archspec_torch.boxes.scoring import coco, voc
from archspec_torch.boxes.scoring.arrays import Detections, Floats, Truths, truths
from archspec_torch.boxes.scoring.mistakes import Mistakes, mistakes

SCORE = 0.25
SHOWN = 20
"""Classes whose confusion is printed: more do not fit a terminal."""
RECALLS = (0.1, 0.3, 0.5, 0.7, 0.9)


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
    notes: tuple[str, ...]

    @cached_property
    def mistakes(self) -> Mistakes:
        """Kinds of mistakes and confusion of the detections with `score` or more; computed when first asked for."""
        return mistakes(self.truth, self.found, len(self.classes), self.score)

    def to_json(self) -> dict[str, Any]:
        """The figures by name; classes, each with its own; errors by kind; the confusion, background last; notes."""
        rows = zip(self.classes, self.coco_classes.tolist(), self.curves, strict=True)
        by_class = {
            name: {"truths": c.truths, "AP": ap, "AP50": ap50, "VOC_AP50": c.area, "VOC_AP50_11": c.eleven}
            for name, (ap, ap50), c in rows
        }
        wrong = {"score": self.mistakes.score, "right": self.mistakes.right, **self.mistakes.kinds}
        confusion = {"classes": [*self.classes, "background"], "rows": self.mistakes.confusion.tolist()}
        return {**self.figures, "classes": by_class, "errors": wrong, "confusion": confusion, "notes": list(self.notes)}

    def __str__(self) -> str:
        return "\n\n".join([self._totals(), self._by_class(), self._errors(), *self._confusion()])

    def _totals(self) -> str:
        truths = sum(curve.truths for curve in self.curves)
        head = f"{self.images:,} images, {truths:,} objects, {len(self.found.scores):,} detections"
        cells = [f"{name:<11} {value:.4f}" for name, value in self.figures.items()]
        third = -(-len(cells) // 3)
        rows = ["   ".join(cells[i::third]) for i in range(third)]
        return "\n".join([head, *rows])

    def _by_class(self) -> str:
        wide = max(5, *(len(name) for name in self.classes)) if self.classes else 5
        marks = "  ".join(f"P@{recall:.1f}" for recall in RECALLS)
        lines = [f"{'class':<{wide}}  objects      AP    AP50  VOC 50  VOC 11  {marks}  best F1 (score)"]
        for name, (ap, ap50), curve in zip(self.classes, self.coco_classes.tolist(), self.curves, strict=True):
            figures = (ap, ap50, curve.area, curve.eleven)
            cells = "  ".join(f"{'–':>6}" if value is None or value < 0 else f"{value:6.4f}" for value in figures)
            points = "  ".join(f"{at:5.3f}" for at in _precisions(curve))
            lines.append(f"{name:<{wide}}  {curve.truths:>7,}  {cells}  {points}  {_best(curve)}")
        return "\n".join([*lines, "P@0.5: the largest precision at a recall of 0.5 or more, at an overlap of 0.5"])

    def _errors(self) -> str:
        found = self.mistakes
        kinds = ", ".join(f"{name} {count:,}" for name, count in found.kinds.items())
        return f"detections with a score of {found.score:g} or more: {found.right:,} right; wrong: {kinds}"

    def _confusion(self) -> list[str]:
        if len(self.classes) > SHOWN:
            return [f"confusion of {len(self.classes)} classes: see --format json"]
        names = [*self.classes, "background"]
        table = self.mistakes.confusion
        wide = max(len(name) for name in names)
        widths = [max(len(name), *(len(f"{v:,}") for v in table[:, i])) for i, name in enumerate(names)]
        lines = ["truth in rows, what was told in columns"]
        lines.append(" " * wide + "".join(f"  {name:>{w}}" for name, w in zip(names, widths, strict=True)))
        for name, row in zip(names, table.tolist(), strict=True):
            lines.append(f"{name:<{wide}}" + "".join(f"  {v:>{w},}" for v, w in zip(row, widths, strict=True)))
        return ["\n".join(lines)]


def _precisions(curve: voc.Curve) -> list[float]:
    """The largest precision at each of `RECALLS` or more; 0 where that is not reached."""
    return [float(curve.precision[curve.recall >= recall - 1e-12].max(initial=0)) for recall in RECALLS]


def _best(curve: voc.Curve) -> str:
    total = curve.precision + curve.recall
    if not curve.truths or not total.any():
        return "–"
    f1 = np.divide(2 * curve.precision * curve.recall, total, out=np.zeros_like(total), where=total > 0)
    at = int(f1.argmax())
    return f"{f1[at]:.3f} ({curve.scores[at]:.3g})"


def evaluate_boxes(
    truth: str | Path, detected: str | Path, split: str | None = None, score: float = SCORE
) -> BoxScores:
    """Score detections (COCO's results, VOC's or YOLO's text, CSV) against annotations (COCO, VOC, YOLO, CSV).

    COCO's figures use the areas of the annotations, where they have some, and take difficult objects as any others;
    VOC's leave out
    difficult objects and crowds. `score`: the least of detections whose mistakes are told by kind. Raises SpecError
    E640 to E643.
    """
    data = formats.read(truth, split=split)
    found, notes = detections.read(detected, data)
    true = truths(data)
    figures, by_class = coco.figures(true, found, [entry.id for entry in data.images], len(data.classes))
    curves = voc.curves(true, found, len(data.classes), voc.match(true, found))
    figures["VOC_AP50"] = voc.mean([curve.area for curve in curves])
    figures["VOC_AP50_11"] = voc.mean([curve.eleven for curve in curves])
    return BoxScores(figures, data.classes, by_class, curves, true, found, score, len(data.images), notes)
