"""Detections in files: COCO's results, VOC's text files of a class each, YOLO text with scores, CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from archspec.errors import Span, did_you_mean, fail
from archspec_torch.boxes import table, yolo
from archspec_torch.boxes.annotated import Annotated, Box, wrong
from archspec_torch.boxes.reading import Document, Fields, folded, from_text, shown, text_of, uncollected
from archspec_torch.boxes.scoring.arrays import Detections

VOC_FILE = re.compile(r"comp\d_det_[^_]+_(.+)\.txt|.*_det_(.+)\.txt")
LAYOUT = "a .json file of COCO's results, a .csv file, or a folder of .txt files (VOC's a class, or YOLO's an image)"

Row = tuple[int, int, Box, float]
"""Number of the image and of the class, from 0; x, y, width, height; score."""


def read(path: str | Path, truth: Annotated) -> tuple[Detections, tuple[str, ...]]:
    """The detections at a path, matched to the truth's images and classes; and notes on what was left out.

    Detections of classes that the truth does not have are left out, as in pycocotools, and noted. Raises SpecError
    E640 for what
    is wrong in a file, E641 where there is none, E642 for an image that the truth does not have.
    """
    path = Path(path)
    names = _Names(truth)
    if path.is_dir():
        rows = _folder(path, names)
    elif path.suffix.lower() == ".json":
        rows = _coco(path, names)
    elif path.suffix.lower() == ".csv":
        rows = _csv(path, names)
    else:
        there = f"'{path}' is no file of detections" if path.exists() else f"there is nothing at '{path}'"
        raise fail("E641", there, hint=f"detections are {LAYOUT}")
    with uncollected():
        found = list(rows)
    known = [row for row in found if row[1] >= 0]
    xywh = np.array([row[2] for row in known], np.float64).reshape(-1, 4)
    image, label = (np.array([row[i] for row in known], np.int64) for i in (0, 1))
    left = len(found) - len(known)
    note = f"{left:,} of {len(found):,} detections are of classes that the truth does not have: left out"
    scores = np.array([row[3] for row in known], np.float64)
    return Detections(xywh, scores, label, image), (note,) if left else ()


class _Names:
    """What detections may call the truth's images and classes."""

    def __init__(self, truth: Annotated):
        self.truth = truth
        self.image_ids = {entry.id: n for n, entry in enumerate(truth.images)}
        self.image_names: dict[str, int] = {}
        for n, entry in enumerate(truth.images):
            for name in (entry.path.as_posix(), entry.path.name, entry.path.stem):
                self.image_names.setdefault(name, n)
        self.class_ids = {number: n for n, number in enumerate(truth.ids)}
        self.class_names = {name: n for n, name in enumerate(truth.classes)}

    def image(self, value: Any, path: Path, line: int) -> int:
        """Number of an image, by COCO's id, by its name, or by that without folder or suffix."""
        found: int | None = None
        if isinstance(value, int) and not isinstance(value, bool):
            found = self.image_ids.get(value)
        elif isinstance(value, str):
            name = folded(value.strip())
            found = self.image_names.get(name, self.image_names.get(name.rpartition("/")[2]))
        if found is None:
            said = shown(value)
            count = len(self.truth.images)
            known = [str(n) for n in self.image_ids] if isinstance(value, int) else list(self.image_names)
            hint = did_you_mean(str(value)[:80], known[:5000], "images of the truth")
            raise fail(
                "E642",
                f"a detection is on image {said}, which is none of the truth's {count:,}",
                Span(str(path), line, 1),
                hint,
            )
        return found

    def label(self, name: str) -> int:
        """Number of a class by its name; −1 where the truth has none of it."""
        return self.class_names.get(name, -1)


def _coco(path: Path, names: _Names) -> Iterator[Row]:
    """COCO's results: a list of {image_id, category_id, bbox, score}. An image or a class may be called by its name
    too."""
    document = Document(path)
    with uncollected():
        value = document.value()
    if isinstance(value, dict) and isinstance(value.get("annotations"), list):
        value = value["annotations"]  # a whole data set with scores, as some programs write it
    if not isinstance(value, list):
        raise wrong(
            path,
            1,
            "the document is no list of detections",
            'as [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.9}]',
        )
    images, classes = names.image_ids, names.class_ids
    for n, record in enumerate(value):
        # the common case in few steps: there are often a million of them
        if type(record) is dict:
            image, score, box = record.get("image_id"), record.get("score"), record.get("bbox")
            category = record.get("category_id")
            if (
                type(image) is int
                and type(category) is int
                and type(score) is float
                and type(box) is list
                and len(box) == 4
            ):
                x, y, w, h = box
                if (
                    type(x) is float and type(y) is float and type(w) is float and type(h) is float
                    and -1e7 <= x <= 1e7 and -1e7 <= y <= 1e7 and 0 <= w <= 1e7 and 0 <= h <= 1e7
                    and -1e7 <= score <= 1e7 and image in images
                ):  # fmt: skip
                    yield images[image], classes.get(category, -1), (x, y, w, h), score
                    continue
        yield _result(Fields(record, path, 1, f"detection {n + 1}"), names)


def _result(one: Fields, names: _Names) -> Row:
    image = names.image(one.get("image_id"), one.path, one.line)
    category = one.get("category_id")
    label = names.label(category) if isinstance(category, str) else names.class_ids.get(one.whole("category_id"), -1)
    return image, label, one.xywh("bbox"), one.number("score")


def _csv(path: Path, names: _Names) -> Iterator[Row]:
    """Columns image, label, score, x1, y1, x2, y2; pixels from 0, half open."""
    for row, line in table.rows(path, ("image", "label", "score", "x1", "y1", "x2", "y2")):
        x1, y1, x2, y2 = table.corners(path, line, row)
        score = table.number(path, line, row, "score")
        yield (
            names.image(row["image"], path, line),
            names.label(row["label"].strip()),
            (x1, y1, x2 - x1, y2 - y1),
            score,
        )


def _folder(folder: Path, names: _Names) -> Iterator[Row]:
    """VOC's files `comp4_det_test_<class>.txt`, or YOLO's: a file an image, with shares of its size and scores last."""
    files = sorted(path for path in folder.glob("*.txt") if path.name != "classes.txt")
    if not files:
        raise fail("E641", f"the folder '{folder}' holds no .txt files of detections", hint=f"detections are {LAYOUT}")
    for path in files:
        match = VOC_FILE.fullmatch(path.name)
        yield from _voc_rows(path, match[1] or match[2], names) if match else _yolo_rows(path, names)


def _voc_rows(path: Path, label: str, names: _Names) -> Iterator[Row]:
    """Rows `image score xmin ymin xmax ymax`, pixels from 1, the last ones included."""
    for line, text in enumerate(text_of(path).splitlines(), 1):
        words = text.split()
        if not words:
            continue
        if len(words) != 6:
            raise wrong(
                path, line, f"a row of {len(words)} values, not 6", "a row is image, score, xmin, ymin, xmax, ymax"
            )

        def no(said: object, line: int = line) -> Exception:
            return wrong(path, line, f"{shown(said)} is not a number")

        score, xmin, ymin, xmax, ymax = (from_text(word, no) for word in words[1:])
        if xmax < xmin or ymax < ymin:
            raise wrong(path, line, f"the box {xmin:g} {ymin:g} {xmax:g} {ymax:g} ends before it begins")
        box = (xmin - 1, ymin - 1, xmax - xmin + 1, ymax - ymin + 1)
        yield names.image(words[0], path, line), names.label(label), box, score


def _yolo_rows(path: Path, names: _Names) -> Iterator[Row]:
    n = names.image(path.stem, path, 1)
    entry = names.truth.images[n]
    width, height = (entry.width, entry.height) if entry.width and entry.height else yolo.image_size(entry.path)
    for line, text in enumerate(text_of(path).splitlines(), 1):
        if text.strip():
            label, (cx, cy, w, h), score = yolo.row(path, line, text, list(names.truth.classes), scored=True)
            box = ((cx - w / 2) * width, (cy - h / 2) * height, w * width, h * height)
            yield n, names.label(label), box, score
