"""Detections in files: COCO's results, JSON of `archspec detect`, VOC's text files of a class each, YOLO text with
scores, CSV."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archspec.errors import fail
from archspec_torch.boxes import table, yolo
from archspec_torch.boxes.annotated import Annotated, Box, wrong
from archspec_torch.boxes.names import Names, line_of
from archspec_torch.boxes.reading import Document, Fields, from_text, shown, text_of, uncollected
from archspec_torch.boxes.scoring.arrays import Detections
from archspec_torch.boxes.turned import lying, turn_of
from archspec_torch.boxes.yolo_sets import listed_names

VOC_FILE = re.compile(r"comp\d_det_[^_]+_(.+)\.txt|.*_det_(.+)\.txt")
LAYOUT = (
    "a .json file (COCO's results, or what `archspec detect --format json` writes), a .csv file, or a folder of .txt "
    "files (VOC's a class, or YOLO's an image)"
)
JSON = (
    'as COCO\'s results, [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.9}], or as '
    "`archspec detect --format json` writes them"
)

Row = tuple[int, int, Box, float]
"""Number of the image and of the class, from 0; x, y, width, height; score."""


def read(path: str | Path, truth: Annotated) -> tuple[Detections, tuple[str, ...]]:
    """The detections at a path, matched to the truth's images and classes; and notes on what was left out.

    Detections of classes that the truth does not have are left out, as in pycocotools, and noted. Raises SpecError
    E640 for what
    is wrong in a file, E641 where there is none, E642 for an image that the truth does not have.
    """
    path = Path(path)
    names, notes = Names(truth), list[str]()
    if path.is_dir():
        rows = _folder(path, names)
    elif path.suffix.lower() == ".json":
        rows = _json(path, names, notes)
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
    if left:
        notes.append(f"{left:,} of {len(found):,} detections are of classes that the truth does not have: left out")
    scores = np.array([row[3] for row in known], np.float64)
    return Detections(xywh, scores, label, image), tuple(notes)


def _json(path: Path, names: Names, notes: list[str]) -> Iterator[Row]:
    """COCO's results, a list of {image_id, category_id, bbox, score}, or what `archspec detect --format json` writes.

    COCO's numbers may be names too; a `file_name` or `category_name` beside a number goes before it, unless none of
    the document's is the truth's: then the numbers count, and that is noted.
    """
    document = Document(path)
    with uncollected():
        value = document.value()
    places: list[int] | None = None
    if isinstance(value, dict):
        members = document.members()
        if "images" in members and "classes" in members and "annotations" not in members:
            yield from _detected(document, members["images"], names)
            return
        value = [record for record, _ in members.get("annotations", [])] if "annotations" in members else None
        places = [at for _, at in members.get("annotations", [])]  # a whole data set with scores
    if not isinstance(value, list):
        raise wrong(path, 1, "the document is no list of detections", JSON)
    files = _any_known(value, "file_name", "image_id", lambda name: bool(names.named(name)), notes)
    kinds = _any_known(value, "category_name", "category_id", names.class_names.__contains__, notes)
    images, classes = names.image_ids, names.class_ids
    for n, record in enumerate(value):
        # the common case in few steps: there are often a million of them
        if type(record) is dict:
            image, category = record.get("image_id"), record.get("category_id")
            file = record.get("file_name") if files or image is None else None
            kind = record.get("category_name") if kinds or category is None else None
            if file is None and type(image) is int:
                place = images.get(image, -1)
            else:
                found = names.find(image) if file is None else names.of_both(file, image)
                place = found[0] if len(found) == 1 else -1
            label: int | None
            if kind is not None:
                label = names.label(kind) if type(kind) is str else None
            elif type(category) is int:
                label = classes.get(category, -1)
            else:
                label = names.category(category) if type(category) is str else None
            score, box = record.get("score"), record.get("bbox")
            if place >= 0 and label is not None and type(score) is float and type(box) is list and len(box) == 4:
                x, y, w, h = box
                if (
                    type(x) is float and type(y) is float and type(w) is float and type(h) is float
                    and -1e7 <= x <= 1e7 and -1e7 <= y <= 1e7 and 0 <= w <= 1e7 and 0 <= h <= 1e7
                    and -1e7 <= score <= 1e7
                ):  # fmt: skip
                    yield place, label, (x, y, w, h), score
                    continue
        if places is None:
            places = [at for _, at in document.items()]
        yield _result(Fields(record, document, places[n], f"detection {n + 1}"), names, files, kinds)


def _any_known(value: Sequence[Any], key: str, number: str, known: Callable[[str], bool], notes: list[str]) -> bool:
    """Whether a key of names names something of the truth in some detection; where in none, that is noted.

    One strange name among known ones is of something else, and its number may be any: numbers go for names only where
    no name is known.
    """
    named = [one for one in value if isinstance(one, dict) and one.get(key) is not None]
    if any(isinstance(one[key], str) and known(one[key]) for one in named):
        return True
    if count := sum(one.get(number) is not None for one in named):
        which = f"{count:,} of {len(value):,} detections have a '{key}' that is none of the truth's"
        notes.append(f"{which}: taken by their '{number}'")
    return False


def _result(one: Fields, names: Names, files: bool, kinds: bool) -> Row:
    image, category = one.record.get("image_id"), one.record.get("category_id")
    key = "image_id"
    if one.record.get("file_name") is not None and (files or image is None):
        key, found = "file_name", names.of_both(one.text("file_name"), image)
    else:
        found = names.find(one.get(key))
    if len(found) != 1:
        raise names.none(one.get(key), one.span(key))
    if one.record.get("category_name") is not None and (kinds or category is None):
        label = names.label(one.text("category_name"))
    else:
        label = names.category(category if isinstance(category, str) else one.whole("category_id"))
    return found[0], label, one.xywh("bbox"), one.number("score")


def _detected(document: Document, images: Sequence[tuple[Any, int]], names: Names) -> Iterator[Row]:
    """Images with `objects`, each a class by name, a score, and x1, y1, x2, y2; frames of a video as `named_frame`."""
    for n, (record, at) in enumerate(images, 1):
        one = Fields(record, document, at, f"image {n}")
        objects = one.get("objects")
        if not isinstance(objects, list):
            raise one.no("objects", objects, "a list")
        if not objects:
            continue
        name = one.text("image")
        if one.record.get("frame") is not None:
            name = named_frame(name, one.whole("frame", 0))
        image = names.image(name, one.span("image"))
        for thing, here in document.items(document.member(at, "objects")):
            found = Fields(thing, document, here, "an object")
            yield image, names.label(found.text("class")), found.corners("box"), found.number("score")


def named_frame(name: str, frame: int) -> str:
    """What files of detections call a frame (from 0) of a video or an animation."""
    path = Path(name)
    return path.with_name(f"{path.stem}-{frame:06}").as_posix()


def _csv(path: Path, names: Names) -> Iterator[Row]:
    """Columns image, label, score, x1, y1, x2, y2; pixels from 0, half open."""
    for row, line in table.rows(path, ("image", "label", "score", "x1", "y1", "x2", "y2")):
        x1, y1, x2, y2 = table.corners(path, line, row)
        score = table.number(path, line, row, "score")
        yield (
            names.image(row["image"], line_of(path, line)),
            names.label(row["label"].strip()),
            (x1, y1, x2 - x1, y2 - y1),
            score,
        )


def _folder(folder: Path, names: Names) -> Iterator[Row]:
    """VOC's files `comp4_det_test_<class>.txt`, or YOLO's: a file an image, with shares of its size and scores last."""
    files = sorted(path for path in folder.glob("*.txt") if path.name != "classes.txt")
    if not files:
        raise fail("E641", f"the folder '{folder}' holds no .txt files of detections", hint=f"detections are {LAYOUT}")
    classes = listed_names(folder)
    for path in files:
        match = VOC_FILE.fullmatch(path.name)
        yield from _voc_rows(path, match[1] or match[2], names) if match else _yolo_rows(path, names, classes)


def _voc_rows(path: Path, label: str, names: Names) -> Iterator[Row]:
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
        yield names.image(words[0], line_of(path, line)), names.label(label), box, score


def _yolo_rows(path: Path, names: Names, named: tuple[str, ...] | None) -> Iterator[Row]:
    """Rows of shares of the image upright, as boxes in pixels of the image as the truth's are; numbers of classes are
    those of the folder's own `classes.txt`, without one the truth's."""
    n = names.image(path.stem, line_of(path, 1))
    entry, classes = names.truth.images[n], list(names.truth.classes if named is None else named)
    width, height = (entry.width, entry.height) if entry.width and entry.height else yolo.image_size(entry.path)
    if (turn := turn_of(entry)) != 1:
        width, height = height, width
    for line, text in enumerate(text_of(path).splitlines(), 1):
        if text.strip():
            label, (cx, cy, w, h), score = yolo.row(path, line, text, classes, scored=True)
            x, y, w, h = (cx - w / 2) * width, (cy - h / 2) * height, w * width, h * height
            if turn != 1:
                x, y, x2, y2 = lying((x, y, x + w, y + h), width, height, turn)
                w, h = x2 - x, y2 - y
            yield n, names.label(label), (x, y, w, h), score
