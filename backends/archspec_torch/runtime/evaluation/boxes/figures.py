"""What is measured of detections: average precision, kinds of mistakes, what is taken for what."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from archspec_torch.boxes.annotated import Annotated, ImageEntry
from archspec_torch.boxes.evaluating import SCORE, BoxScores, scored
from archspec_torch.boxes.printed import short
from archspec_torch.boxes.scoring import coco, voc
from archspec_torch.boxes.scoring.arrays import Detections, Floats, Ints, Truths, iou, truths
from archspec_torch.boxes.scoring.mistakes import KINDS
from archspec_torch.runtime.drawn import draw_boxes
from archspec_torch.runtime.evaluation.boxes import text
from archspec_torch.runtime.evaluation.figures import MISTAKES, Errors, Figures, Gallery, Mistake, Words, csv_text
from archspec_torch.runtime.images import Placement

if TYPE_CHECKING:
    from archspec_torch.runtime.data.boxed import Boxed

BACKGROUND = "background"
MISSED = MISTAKES // 3
"""Objects that were missed among the mistakes that are kept, where there are enough of the others."""
TITLE = 36
"""Characters that a line of a picture's title has room for."""
POINTS = 200
"""Points of a curve that are kept for pictures."""
SHOWN = 320
"""Pixels of the longer side of a picture that boxes are drawn on, at least."""


@dataclass(frozen=True)
class BoxMistake:
    """A detection that is wrong, or an object that was missed. Boxes are x1, y1, x2, y2 in pixels of the file."""

    example: int
    image: str
    kind: str
    """One of `KINDS`."""
    predicted: str | None
    score: float | None
    box: tuple[float, ...]
    """That of the detection; of a missed object its own."""
    true: str | None
    """The class of the object it was compared with, where there is one."""
    object: tuple[float, ...] | None
    overlap: float
    """Intersection over union of the two."""

    @property
    def words(self) -> str:
        """What is wrong, without the score."""
        true, told = (short(name or "", 18) for name in (self.true, self.predicted))
        return {
            "class": f"{true} taken for {told}",
            "place": f"{told} off its place",
            "both": f"{true} taken for {told}, off its place",
            "duplicate": f"{told} told twice",
            "background": f"{told} where nothing is",
            "missed": f"{true} missed",
        }[self.kind]

    @property
    def told(self) -> str:
        lines = textwrap.fill(self.words, TITLE)
        lines = f"{short(Path(self.image).name, TITLE)}\n{lines}"
        return lines if self.score is None else f"{lines}\n{100 * self.score:.1f} %"

    def to_json(self) -> dict[str, Any]:
        """example, file, kind, words, predicted, score, box, true, object, overlap."""
        box, other = list(self.box), None if self.object is None else list(self.object)
        named = {"example": self.example, "file": self.image, "kind": self.kind, "words": self.words}
        told = {"predicted": self.predicted, "score": self.score, "box": box}
        return {**named, **told, "true": self.true, "object": other, "overlap": self.overlap}


@dataclass(frozen=True)
class BoxFigures(Figures):
    """All figures of a detector on `n` images, in pixels of their files."""

    words = Words("detect", "truth", "told")
    plots = ("pr_curves",)
    gallery = Gallery(columns=4, row=2.2, legend="dashed: annotated objects; drawn through: the mistake")

    n: int
    scores: BoxScores
    placements: Sequence[Placement]
    mistakes: tuple[BoxMistake, ...]
    """The surest detections that are wrong, and the largest objects that were missed."""

    @property
    def names(self) -> tuple[str, ...]:
        return self.scores.classes

    @property
    def confused(self) -> tuple[str, ...]:
        return (*self.scores.classes, BACKGROUND)

    @property
    def confusion(self) -> tuple[tuple[int, ...], ...]:  # type: ignore[override]
        """Row: the truth; column: what was told; background last in both."""
        return tuple(tuple(row) for row in self.scores.mistakes.confusion.tolist())

    @property
    def errors(self) -> Errors:
        """Objects that no detection found, and detections that are wrong: of all objects and wrong detections."""
        made, true = self.scores.mistakes, self.scores.truth
        counted = ~(true.difficult | true.crowd)
        objects, hits, wrong = (
            np.bincount(images, minlength=self.n)
            for images in (true.images[counted], true.images[made.hit], self.scores.found.images[made.detections])
        )
        return Errors.of_each((objects - hits + wrong).tolist(), (objects + wrong).tolist())

    @property
    def worst(self) -> Sequence[BoxMistake]:
        return self.mistakes

    def brief(self) -> dict[str, float]:
        """VOC's mean average precision at an overlap of 0.5 (the area), and COCO's AP; 0 where there are no objects."""
        told = self.scores.figures
        return {"map50": max(told["VOC_AP50"], 0.0), "map": max(told["AP"], 0.0)}

    def facts(self) -> list[tuple[str, str]]:
        return text.facts(self)

    def headline(self) -> list[tuple[str, str]]:
        return text.headline(self)

    def tables(self, width: int) -> list[str]:
        return text.tables(self, width)

    def picture(self, mistake: Mistake, image: Image.Image) -> Image.Image:
        """The image without what pads it, larger where it is small: what is there dashed, the mistake drawn through."""
        one = cast(BoxMistake, mistake)
        placed = self.placements[one.example]
        corners = placed.to_frame(torch.tensor([0.0, 0.0, placed.width, placed.height])).round().int().tolist()
        left, top = (max(0, v) for v in corners[:2])
        right, bottom = (min(side, v) for side, v in zip(image.size, corners[2:], strict=True))
        page = image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
        times = max(1.0, SHOWN / max(page.size))
        page = page.resize((round(page.width * times), round(page.height * times)), Image.Resampling.BICUBIC)
        moved = torch.tensor([left, top, left, top], dtype=torch.float64)

        def on_page(boxes: Floats) -> Tensor:
            return (placed.to_frame(torch.from_numpy(boxes.reshape(-1, 4))) - moved) * times

        truth, names = self.scores.truth, self.names
        mine = truth.images == one.example
        there = on_page(_corners(truth.xywh[mine]))
        page = draw_boxes(page, there, truth.labels[mine].tolist(), None, names, [True] * len(there), size=0)
        box = on_page(np.array(one.box))
        told = names.index(one.predicted or one.true or "")
        return draw_boxes(page, box, [told], None if one.score is None else [one.score], names)

    def to_json(self) -> dict[str, Any]:
        """task, n, map50, map; then as `archspec evaluate-boxes`: the figures by name, classes, errors, costs,
        confusion and notes; sizes: how many objects are small, medium and large; curves, by class: recall, precision
        and score; mistakes."""
        head = {"task": self.words.task, "n": self.n, **self.brief()}
        told = {**head, **self.scores.to_json(), "sizes": self.sizes()}
        curves = {name: _points(curve) for name, curve in zip(self.names, self.scores.curves, strict=True)}
        return {**told, "curves": curves, "mistakes": [one.to_json() for one in self.mistakes]}

    def to_csv(self) -> str:
        """A line a class, then the mean: class, truths, AP, AP50, VOC_AP50, VOC_AP50_11; empty where there is none."""
        heads = ("AP", "AP50", "VOC_AP50", "VOC_AP50_11")
        rows: list[list[Any]] = [["class", "truths", *heads]]
        by_class = self.scores.to_json()["classes"]
        every = {"truths": sum(one["truths"] for one in by_class.values()), **self.scores.figures}
        for name, one in [*by_class.items(), ("mean", every)]:
            values = (one[head] for head in heads)
            rows.append([name, one["truths"], *(None if v is None or v < 0 else v for v in values)])
        return csv_text(rows)

    def sizes(self) -> dict[str, int]:
        """How many objects that are no crowds COCO calls small, medium and large."""
        areas = self.scores.truth.areas[~self.scores.truth.crowd]
        bounds = zip(("small", "medium", "large"), coco.SIZES[1:], strict=True)
        return {name: int(((areas >= low) & (areas <= high)).sum()) for name, (low, high) in bounds}


def box_figures(found: Tensor, examples: Boxed, classes: tuple[str, ...], score: float = SCORE) -> BoxFigures:
    """The figures of detections (n, K, 6): x1, y1, x2, y2 in pixels of the frame, score, class; −1 where there is none.

    They are brought back to the pixels of the files and cut to the images; what lies outside of its image is left out.
    `score`: the least of detections whose mistakes are told by kind.
    """
    entries = tuple(examples.entries)
    true = truths(Annotated(entries, classes, tuple(range(1, len(classes) + 1))))
    told = in_files(found, examples.placements)
    scores = scored(true, told, [entry.id for entry in entries], classes, score)
    return BoxFigures(len(entries), scores, tuple(examples.placements), _mistakes(scores, entries))


def box_rows(found: Tensor, examples: Boxed, classes: tuple[str, ...]) -> list[list[Any]]:
    """A row a detection below the names of the columns, as `archspec evaluate-boxes` reads them."""
    rows: list[list[Any]] = [["image", "label", "score", "x1", "y1", "x2", "y2"]]
    told = in_files(found, examples.placements)
    names = [entry.path.as_posix() for entry in examples.entries]
    columns = told.images.tolist(), told.labels.tolist(), told.scores.tolist(), _corners(told.xywh).round(5).tolist()
    return rows + [[names[i], classes[c], f"{s:.9g}", *box] for i, c, s, box in zip(*columns, strict=True)]


def in_files(found: Tensor, placements: Sequence[Placement]) -> Detections:
    """Detections (n, K, 6) in pixels of the frame, in those of the image files, cut to them."""
    rows, images = _rows([found], 5)
    scale = np.array([one.scale * 2 for one in placements], np.float64).reshape(-1, 4)[images]
    shift = np.array([one.shift * 2 for one in placements], np.float64).reshape(-1, 4)[images]
    sides = np.array([(one.width, one.height) * 2 for one in placements], np.float64).reshape(-1, 4)[images]
    boxes = np.clip((rows[:, :4] - shift) / scale, 0, sides)
    within = (boxes[:, 2:] > boxes[:, :2]).all(1)
    boxes, rows, images = boxes[within], rows[within], images[within]
    return Detections(_xywh(boxes), rows[:, 4], rows[:, 5].astype(np.int64), images)


def mean_precisions(found: Sequence[Tensor], targets: Sequence[Tensor], classes: int) -> dict[str, float]:
    """What epochs are told by, in pixels of the frame. `map50`: the mean over the classes of VOC's average precision at
    an overlap of 0.5 (the area). `map`: COCO's AP. 0 where there is nothing to be found.

    found: detections of some images each, (n, K, 6): x1, y1, x2, y2, score, class; −1 where there is none. targets: as
    many images each, (n, M, 6): x1, y1, x2, y2, class, 1 where it is ignored: VOC's difficult objects, COCO's crowds.
    """
    true, told = _truths(targets), _detections(found)
    images = range(sum(map(len, targets)))
    curves = voc.curves(true, told, classes, voc.match(true, told))
    chosen = coco.choose(true, told, images, coco.EVERY)
    average = coco.mean(coco.count(true, told, chosen, classes).precision)
    return {"map50": max(voc.mean([curve.area for curve in curves]), 0.0), "map": max(average, 0.0)}


def _mistakes(scores: BoxScores, entries: Sequence[ImageEntry]) -> tuple[BoxMistake, ...]:
    made, true, found = scores.mistakes, scores.truth, scores.found
    surest = np.argsort(-found.scores[made.detections], kind="stable")
    largest = made.missed[np.argsort(-true.areas[made.missed], kind="stable")]
    few = max(MISSED, MISTAKES - len(surest))
    surest = surest[: MISTAKES - min(few, len(largest))]
    kept = []
    for w in surest.tolist():
        d, t = int(made.detections[w]), int(made.meant[w])
        kept.append(_mistake(scores, entries, KINDS[made.kind[w]], d, None if t < 0 else t))
    return (*kept, *(_mistake(scores, entries, "missed", None, t) for t in largest[:few].tolist()))


def _mistake(scores: BoxScores, entries: Sequence[ImageEntry], kind: str, d: int | None, t: int | None) -> BoxMistake:
    """Of a detection, an object, or both by their numbers."""
    true, found, names = scores.truth, scores.found, scores.classes
    told = None if d is None else found.xywh[d]
    meant = None if t is None else true.xywh[t]
    image = int(true.images[t] if d is None else found.images[d])
    both = 0.0 if told is None or meant is None else float(iou(told[None], meant[None])[0])
    box = told if told is not None else meant
    assert box is not None
    return BoxMistake(
        image,
        entries[image].path.name,
        kind,
        None if d is None else names[found.labels[d]],
        None if d is None else float(found.scores[d]),
        _plain(box),
        None if t is None else names[true.labels[t]],
        None if meant is None else _plain(meant),
        both,
    )


def _points(curve: voc.Curve) -> dict[str, list[float]]:
    """The corners of a curve, where its recall rises; as many as pictures show."""
    rises = np.flatnonzero(np.diff(curve.recall, prepend=0.0) > 0)
    if len(rises) > POINTS:
        rises = rises[np.linspace(0, len(rises) - 1, POINTS).round().astype(int)]
    parts = {"recall": curve.recall, "precision": curve.precision, "score": curve.scores}
    return {name: values[rises].round(6).tolist() for name, values in parts.items()}


def _plain(xywh: Floats) -> tuple[float, ...]:
    return tuple(_corners(xywh[None])[0].tolist())


def _corners(xywh: Floats) -> Floats:
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], 1)


def _xywh(corners: Floats) -> Floats:
    return np.concatenate([corners[:, :2], corners[:, 2:4] - corners[:, :2]], 1)


def _rows(parts: Sequence[Tensor], where: int) -> tuple[Floats, Ints]:
    """Rows (R, 6) of all images with a class, which stands in that column, and the numbers of their images (R,)."""
    images, rows = [], []
    before = 0
    for part in parts:
        there = part[..., where] >= 0
        rows.append(part[there].double().cpu())
        images.append(there.nonzero()[:, 0].cpu() + before)
        before += len(part)
    if not rows:
        return np.zeros((0, 6)), np.zeros(0, np.int64)
    return torch.cat(rows).numpy(), torch.cat(images).numpy()


def _truths(targets: Sequence[Tensor]) -> Truths:
    rows, images = _rows(targets, 4)
    xywh = _xywh(rows)
    ignored = rows[:, 5] > 0
    return Truths(xywh, rows[:, 4].astype(np.int64), images, xywh[:, 2] * xywh[:, 3], ignored, ignored)


def _detections(found: Sequence[Tensor]) -> Detections:
    rows, images = _rows(found, 5)
    return Detections(_xywh(rows), rows[:, 4], rows[:, 5].astype(np.int64), images)
