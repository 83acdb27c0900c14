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
from archspec_torch.boxes.names import Names
from archspec_torch.runtime.detecting import videos
from archspec_torch.runtime.detecting.found import Detected, Detections, Thing
from archspec_torch.runtime.detecting.pictures import Source
from archspec_torch.runtime.images import ImageProblem, frame_count

Format = Literal["json", "coco", "voc", "yolo", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
FOLDERS = ("voc", "yolo")
FILES = {"json": "detections.json", "coco": "coco.json", "csv": "detections.csv"}
CLASSES = "classes"
"""The file of YOLO's names of classes, without its suffix."""
SHOWN = 5
"""Classes or images that a message names."""
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


def check_truth(kind: str | None, sources: Sequence[Source], truth: Names, classes: Sequence[str]) -> None:
    """Whether annotations have the images and classes that COCO's results are to have their numbers of.

    Some of the images are enough: what is found on others is told by `left_out`. Frames of a video are known only when
    it is read. Raises SpecError E738; E642 where no image is one of the annotations'.
    """
    if kind != "coco":
        raise fail("E738", "--truth gives COCO's results their numbers", hint="it goes with --format coco")
    strange = [source for source in sources if source.image is None and not _several(source.file)]
    strange = [source for source in strange if len(truth.find(source.name)) != 1]
    if strange and len(strange) == len(sources):
        raise truth.none(strange[0].name, None)
    if not any(truth.label(label) >= 0 for label in classes):
        hint = f"the annotations have {_some(truth.truth.classes)}"
        if list(classes) == [str(n) for n in range(len(classes))]:
            hint += "; --classes names those of a spec"
        raise fail("E738", f"no class of the network is one of the annotations': {_some(classes)}", hint=hint)


def left_out(found: Detections) -> tuple[str, ...]:
    """What COCO's results do not have, since the truth has no number for it, to be told."""
    images, classes = _numbers(found)
    strange, lacking = Counter[str](), Counter[str]()
    for one, number in zip(found.images, images, strict=True):
        for thing in one.objects:
            if number is None:
                strange[one.name] += 1
            elif thing.label not in classes:
                lacking[thing.label] += 1
    total = sum(len(one.objects) for one in found.images)
    told = [
        (strange, "on images that are none of the truth's, or may be several of them"),
        (lacking, "of classes that the truth does not have"),
    ]
    return tuple(
        f"{sum(counts.values()):,} of {total:,} detections are {what} ({_some(list(counts))}): left out"
        for counts, what in told
        if counts
    )


def _some(names: Sequence[str]) -> str:
    more = f", … and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _several(file: Path) -> bool:
    """Whether a file holds frames, or nothing that can be read, which is told later."""
    if file.suffix.lower() in videos.SUFFIXES:
        return True
    try:
        return frame_count(file) > 1
    except ImageProblem:
        return True


def text(kind: str, found: Detections) -> str:
    """One of the formats that are a single file."""
    if kind == "json":
        return json.dumps(found.to_json(), indent=2, ensure_ascii=False) + "\n"
    return _coco(found) if kind == "coco" else _csv([one for one in found.images if one.problem is None])


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


def _coco(found: Detections) -> str:
    """COCO's results, with the numbers that pycocotools takes, and beside them the names that they stand for."""
    images, classes = _numbers(found)
    rows = [
        {
            "image_id": number,
            "file_name": one.name,
            "category_id": classes[thing.label],
            "category_name": thing.label,
            "bbox": [_round(x1), _round(y1), _round(x2 - x1), _round(y2 - y1)],
            "score": round(thing.score, SCORE),
        }
        for one, number in zip(found.images, images, strict=True)
        if number is not None and one.problem is None
        for thing in one.objects
        if thing.label in classes
        for x1, y1, x2, y2 in [thing.box]
    ]
    return "[" + ",".join("\n" + json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"


def _numbers(found: Detections) -> tuple[list[int | None], dict[str, int]]:
    """COCO's number of each image and of each class: the truth's, where there is one, of what it has.

    Else classes are numbered from 1, and images by their names where all are different numbers, as COCO's are, or from
    1 too, as `archspec data convert --to coco` does.
    """
    if (truth := found.truth) is not None:
        places = [truth.find(one.name) for one in found.images]
        images = [truth.truth.images[at[0]].id if len(at) == 1 else None for at in places]
        labels = {label: truth.label(label) for label in found.classes}
        return images, {label: truth.truth.ids[n] for label, n in labels.items() if n >= 0}
    stems = [PurePath(one.name).stem for one in found.images]
    if all(stem.isascii() and stem.isdecimal() and len(stem) < 19 for stem in stems):
        numbers = [int(stem) for stem in stems]
        if len(set(numbers)) == len(numbers):
            return list(numbers), {label: n for n, label in enumerate(found.classes, 1)}
    return list(range(1, len(stems) + 1)), {label: n for n, label in enumerate(found.classes, 1)}


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
