"""Detections as files: whatever is written `archspec evaluate-boxes --detections` reads."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import Literal, get_args

from archspec.errors import fail
from archspec.files import make_folder, write_text
from archspec_torch.boxes.coco import plain
from archspec_torch.runtime.detecting.found import Detected, Detections, Thing

Format = Literal["json", "coco", "voc", "yolo", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
FOLDERS = ("voc", "yolo")
FILES = {"json": "detections.json", "coco": "coco.json", "csv": "detections.csv"}
CLASSES = "classes"
"""The file of YOLO's names of classes, without its suffix."""
PIXEL, SCORE = 3, 6
"""Digits behind the point."""


def check(kind: str, files: Sequence[PurePath], classes: Sequence[str]) -> None:
    """Whether a format can tell these files and classes apart. Raises SpecError E738.

    VOC's rows and YOLO's files call an image by its name without folder and suffix, and VOC's files are called as
    classes are.
    """
    if kind not in FOLDERS:
        return
    name = "VOC" if kind == "voc" else "YOLO"
    twice = [stem for stem, count in Counter(file.stem for file in files).items() if count > 1]
    if twice:
        message = f"{name}'s files call an image by its name alone, and two are called '{twice[0]}'"
        raise fail("E738", message, hint="--format coco, csv or json tells them apart")
    if kind == "yolo" and any(file.stem == CLASSES for file in files):
        message = f"YOLO's names of classes are in {CLASSES}.txt, which an image called '{CLASSES}' would have too"
        raise fail("E738", message, hint="--format coco, csv, voc or json takes it")
    if kind == "voc":
        for stem in (file.stem for file in files):
            if len(stem.split()) != 1:
                message = f"VOC's rows are parted by spaces, and '{stem}' has one in its name"
                raise fail("E738", message, hint="--format coco, csv, yolo or json takes it")
        for label in classes:
            if "/" in label or "\\" in label or "\0" in label:
                message = f"VOC's files are called as classes are, and '{label}' is no name of a file"
                raise fail("E738", message, hint="--format coco, csv, yolo or json takes it")


def text(kind: str, found: Detections) -> str:
    """One of the formats that are a single file."""
    if kind == "json":
        return json.dumps(found.to_json(), indent=2, ensure_ascii=False) + "\n"
    good = [one for one in found.images if one.problem is None]
    return _coco(good) if kind == "coco" else _csv(good)


def write(kind: str, found: Detections, out: Path) -> Path:
    """The file or the folder of that format, in a folder; returns its path. Raises SpecError E505."""
    path = out / FILES.get(kind, kind)
    if kind in FILES:
        write_text(path, text(kind, found))
        return path
    make_folder(path)
    good = [one for one in found.images if one.problem is None]
    if kind == "voc":
        for label in found.classes:
            write_text(path / f"comp4_det_test_{label}.txt", "".join(_voc(good, label)))
        return path
    for one in good:
        write_text(path / f"{PurePath(one.name).stem}.txt", "".join(_yolo(one)))
    write_text(path / f"{CLASSES}.txt", "".join(f"{label}\n" for label in found.classes))
    return path


def _coco(found: Sequence[Detected]) -> str:
    """COCO's results, with images and classes by name: a network does not know the numbers that annotations give
    them."""
    rows = [
        {
            "image_id": one.name,
            "category_id": thing.label,
            "bbox": [_round(x1), _round(y1), _round(x2 - x1), _round(y2 - y1)],
            "score": round(thing.score, SCORE),
        }
        for one in found
        for thing in one.objects
        for x1, y1, x2, y2 in [thing.box]
    ]
    return "[" + ",".join("\n" + json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"


def _csv(found: Sequence[Detected]) -> str:
    """image, label, score, x1, y1, x2, y2: pixels from 0, half open."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("image", "label", "score", "x1", "y1", "x2", "y2"))
    for one in found:
        for thing in one.objects:
            writer.writerow((one.name, thing.label, round(thing.score, SCORE), *map(_round, thing.box)))
    return out.getvalue()


def _voc(found: Sequence[Detected], label: str) -> Iterator[str]:
    """Rows of a class: image, score, xmin, ymin, xmax, ymax; pixels from 1, the last ones included."""
    for one in found:
        for thing in one.objects:
            if thing.label == label:
                x1, y1, x2, y2 = thing.box
                box = " ".join(str(_round(v)) for v in (x1 + 1, y1 + 1, x2, y2))
                yield f"{PurePath(one.name).stem} {thing.score:.{SCORE}f} {box}\n"


def _yolo(one: Detected) -> Iterator[str]:
    """Rows of an image: class, centre and size in shares of it, score."""
    for thing in one.objects:
        shares = " ".join(f"{v:.8g}" for v in _shares(thing, one))
        yield f"{thing.number} {shares} {thing.score:.{SCORE}f}\n"


def _shares(thing: Thing, one: Detected) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = thing.box
    across, down = one.width, one.height
    return (x1 + x2) / 2 / across, (y1 + y2) / 2 / down, (x2 - x1) / across, (y2 - y1) / down


def _round(value: float) -> float | int:
    return plain(round(value, PIXEL))
