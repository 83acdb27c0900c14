"""Figures of one object an image: localisation error, classes, overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from PIL import Image
from torch import Tensor

from archspec_torch.boxes.printed import short
from archspec_torch.detection import regress
from archspec_torch.detection.regress import OneObject
from archspec_torch.detection.windows import corners
from archspec_torch.runtime.drawn import draw_boxes
from archspec_torch.runtime.evaluation.figures import MISTAKES, Errors, Figures, Gallery, Words, csv_text, percent
from archspec_torch.runtime.evaluation.text import LINES, NAME, WORST

if TYPE_CHECKING:
    from archspec_torch.runtime.data import Boxed, Examples

NOTHING = "nothing"
SHOWN = 320
"""Pixels of the longer side of a picture that boxes are drawn on, at least."""


@dataclass(frozen=True)
class Misplaced:
    """An image whose class or box is wrong. Boxes are x1, y1, x2, y2 in pixels of the network's input."""

    example: int
    image: str
    """What the image is called."""
    true: str
    predicted: str
    score: float
    overlap: float
    object: tuple[float, ...]
    box: tuple[float, ...]

    @property
    def words(self) -> str:
        if self.true == self.predicted:
            return f"{short(self.true, 18)} off its place"
        return f"{short(self.true, 18)} taken for {short(self.predicted, 18)}"

    @property
    def told(self) -> str:
        name = short(Path(self.image).name, 24)
        return f"{name}\n{self.words}\n{100 * self.score:.1f} %, overlap {self.overlap:.2f}"

    def to_json(self) -> dict[str, Any]:
        """example, file, true, predicted, score, overlap, object, box, words."""
        named = {"file" if key == "image" else key: value for key, value in asdict(self).items()}
        return {**named, "object": list(self.object), "box": list(self.box), "words": self.words}


@dataclass(frozen=True)
class OfClass:
    """A class: images of it, how many are told to be of it, and how many with their box at its place; mean overlap."""

    name: str
    n: int
    right: int
    localised: int
    iou: float

    @property
    def shares(self) -> tuple[float | None, ...]:
        """Localised, right, overlap; None of a class without images."""
        return (self.localised / self.n, self.right / self.n, self.iou) if self.n else (None, None, None)


@dataclass(frozen=True)
class LocalisedFigures(Figures):
    """All figures of a localiser on the `n` images that count: those with an object, and the others where it can tell
    that nothing is there."""

    words = Words("localise", "truth", "told")
    gallery = Gallery(row=2.2, legend="dashed: the object; drawn through: what was told")

    n: int
    right: int
    localised: int
    iou: float
    """Mean over the objects."""
    classes: tuple[OfClass, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Row: the truth; column: what was told; nothing last in both."""
    mistakes: tuple[Misplaced, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.classes)

    @property
    def empty(self) -> tuple[int, int]:
        """Images without an object, and those of which it is told so."""
        return sum(self.confusion[-1]), self.confusion[-1][-1]

    @property
    def confused(self) -> tuple[str, ...]:
        return (*self.names, NOTHING)

    @property
    def errors(self) -> Errors:
        return Errors.counted(self.n - self.localised, max(self.n, 1))

    @property
    def worst(self) -> Sequence[Misplaced]:
        return self.mistakes

    def brief(self) -> dict[str, float]:
        n = max(self.n, 1)
        return {"localised": self.localised / n, "accuracy": self.right / n, "iou": self.iou}

    def headline(self) -> list[tuple[str, str]]:
        told = self.brief()
        return [
            ("localised", f"{percent(told['localised'])}  ({self.localised:,} of {self.n:,}: class right, IoU ≥ 0.5)"),
            ("localisation error", percent(1 - told["localised"])),
            ("accuracy", f"{percent(told['accuracy'])}  (classes: {self.right:,} of {self.n:,})"),
            ("IoU", f"{percent(self.iou)}  (mean overlap of the objects)"),
        ]

    def tables(self, width: int) -> list[str]:
        listed = self.classes
        if len(listed) > LINES:
            listed = tuple(sorted(listed, key=lambda one: one.localised / one.n if one.n else 2.0)[:LINES])
        wide = max(len(NOTHING), *(len(short(one.name, NAME)) for one in listed))
        lines = [f"{'by class':{wide + 2}}  localised  accuracy       IoU  images"]
        for one in listed:
            cells = ("–" if share is None else percent(share) for share in one.shares)
            shares = "".join(f"  {cell:>{w}}" for cell, w in zip(cells, (9, 8, 8), strict=True))
            lines.append(f"  {short(one.name, NAME):{wide}}{shares}  {one.n:>6,}")
        n, right = self.empty
        if n:
            lines.append(f"  {NOTHING:{wide}}  {percent(right / n):>9}  {percent(right / n):>8}  {'–':>8}  {n:>6,}")
        if len(listed) < len(self.classes):
            lines.append(f"  … the least localised of {len(self.classes):,} classes; --format csv has all")
        worst = [f"  {one.image}: {one.words} at {percent(one.score)}, overlap {one.overlap:.2f}"
                 for one in self.mistakes[:WORST]]  # fmt: skip
        return ["\n".join(lines), "\n".join(["surest mistakes", *worst]) if worst else ""]

    def picture(self, mistake: Any, image: Image.Image) -> Image.Image:
        """The image with the object's box, dashed, and the one that was told."""
        times = max(1, SHOWN // max(image.size))
        page = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST).convert("RGB")
        both = zip((mistake.object, mistake.box), (mistake.true, mistake.predicted), (True, False), strict=True)
        for box, name, dashed in both:
            if name != NOTHING:
                number = self.names.index(name)
                page = draw_boxes(page, [[times * v for v in box]], [number], None, self.names, [dashed], 0)
        return page

    def to_json(self) -> dict[str, Any]:
        """task, n, localised, accuracy, iou, per_class (by name), nothing (n, right; where images are without an
        object), confusion, mistakes."""
        per_class = {one.name: {key: v for key, v in asdict(one).items() if key != "name"} for one in self.classes}
        head = {"task": self.words.task, "n": self.n, **self.brief(), "per_class": per_class}
        if self.empty[0]:
            head["nothing"] = dict(zip(("n", "right"), self.empty, strict=True))
        told = [one.to_json() for one in self.mistakes]
        return {**head, "confusion": [list(row) for row in self.confusion], "mistakes": told}

    def to_csv(self) -> str:
        """A line a class, one of images without an object where there are any, then all: class, n, right, localised,
        iou."""
        rows: list[list[Any]] = [["class", "n", "right", "localised", "iou"]]
        rows += [[one.name, one.n, one.right, one.localised, one.iou] for one in self.classes]
        n, right = self.empty
        rows += [[NOTHING, n, right, right, ""]] if n else []
        return csv_text([*rows, ["all", self.n, self.right, self.localised, self.iou]])


def localised_figures(
    told: Tensor, examples: Examples, names: Sequence[str], size: tuple[int, int], tells_nothing: bool
) -> LocalisedFigures:
    """The figures of what was told (n, 1, 6) in pixels of the frame, of height and width `size`."""
    told, wanted = told.cpu(), OneObject.of_rows(examples.labels.cpu(), size)
    right, overlap, both = regress.localised(told, wanted, size)
    counts = wanted.there | tells_nothing
    label, said = wanted.label, told[:, 0, 5].long()
    c = len(names)
    pairs = (torch.where(label >= 0, label, c) * (c + 1) + torch.where(said >= 0, said, c))[counts]
    matrix = torch.bincount(pairs, minlength=(c + 1) ** 2).view(c + 1, c + 1)
    classes = []
    for number, name in enumerate(names):
        mine = label == number
        n = int(mine.sum())
        mean = float(overlap[mine].mean()) if n else 0.0
        classes.append(OfClass(name, n, int((right & mine).sum()), int((both & mine).sum()), mean))
    objects = wanted.there
    return LocalisedFigures(
        n=int(counts.sum()),
        right=int((right & counts).sum()),
        localised=int((both & counts).sum()),
        iou=float(overlap[objects].mean()) if bool(objects.any()) else 0.0,
        classes=tuple(classes),
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        mistakes=_worst(told, wanted, overlap, counts & ~both, names, size, examples),
    )


def listed(told: Tensor, examples: Examples, names: Sequence[str], size: tuple[int, int]) -> list[list[Any]]:
    """A row an image below the names of the columns; boxes in pixels of the network's input."""
    told, wanted = told.cpu(), OneObject.of_rows(examples.labels.cpu(), size)
    _, overlap, both = regress.localised(told, wanted, size)
    entries = cast("Boxed", examples).entries
    rows: list[list[Any]] = [
        ["example", "image", "true", "predicted", "probability", "x1", "y1", "x2", "y2", "iou", "localised"]
    ]
    for i, row in enumerate(told[:, 0].tolist()):
        words = [_named(int(wanted.label[i]), names), _named(int(row[5]), names)]
        box = [round(v, 3) for v in row[:4]]
        rows.append(
            [i, entries[i].path.as_posix(), *words, f"{row[4]:.6f}", *box, f"{float(overlap[i]):.6f}", int(both[i])]
        )
    return rows


def _worst(
    told: Tensor,
    wanted: OneObject,
    overlap: Tensor,
    wrong: Tensor,
    names: Sequence[str],
    size: tuple[int, int],
    examples: Examples,
) -> tuple[Misplaced, ...]:
    """Those that the network was surest of."""
    height, width = size
    boxes = corners(wanted.box) * wanted.box.new_tensor([width, height, width, height])
    places = wrong.nonzero().flatten()
    order = places[told[places, 0, 4].argsort(descending=True, stable=True)][:MISTAKES]
    return tuple(
        Misplaced(
            i,
            cast("Boxed", examples).entries[i].path.name,
            _named(int(wanted.label[i]), names),
            _named(int(told[i, 0, 5]), names),
            float(told[i, 0, 4]),
            float(overlap[i]),
            tuple(boxes[i].tolist()),
            tuple(told[i, 0, :4].tolist()),
        )
        for i in order.tolist()
    )


def _named(label: int, names: Sequence[str]) -> str:
    return names[label] if label >= 0 else NOTHING
