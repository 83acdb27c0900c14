"""What annotations lose in another format, told with how many are concerned (W660)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from archspec.errors import Diagnostic
from archspec_torch.boxes.annotated import Annotated, ImageEntry, Object

Format = Literal["voc", "coco", "yolo", "csv"]
NAMES: dict[Format, str] = {"voc": "VOC", "coco": "COCO", "yolo": "YOLO", "csv": "CSV"}
SHOWN = 5
"""Classes that a message names."""


def lost(data: Annotated, kind: Format, numbered: bool) -> Iterator[Diagnostic]:
    """A warning for each kind of thing in the data that files of a format do not hold as it is; `numbered`: the numbers
    of images and classes are those of a file."""
    to = NAMES[kind]
    objects = [(entry, one) for entry in data.images for one in entry.objects]
    if kind in ("voc", "yolo"):
        what = "as if difficult" if kind == "voc" else "as any object"
        yield from _told(sum(one.crowd for _, one in objects), f"{to} keeps no crowds", f"written {what}")
        areas = sum(one.area is not None and not _of_box(one) for _, one in objects)
        yield from _told(areas, f"{to} keeps no areas but those of boxes", "left out")
    if kind == "yolo":
        difficult = sum(one.difficult for _, one in objects)
        yield from _told(difficult, f"{to} keeps no difficult objects", "written as any object")
        outside = sum(entry.misses(one.box) for entry, one in objects)
        yield from _told(outside, f"{to} keeps no boxes outside their images", "left out")
        beyond = sum(_leaves(entry, one) and not entry.misses(one.box) for entry, one in objects)
        yield from _told(beyond, f"{to} keeps no boxes beyond their images", "cut to them")
    if kind == "voc":
        thin = sum(min(one.box[2] - one.box[0], one.box[3] - one.box[1]) < 1 - 1e-6 for _, one in objects)
        yield from _told(thin, f"{to} keeps no boxes below one pixel", "made as wide and high as that")
    if numbered and kind != "coco":
        images = sum(entry.id != n for n, entry in enumerate(data.images, 1))
        hint = "detections that go by those numbers are scored on the COCO file alone"
        yield from _told(images, f"{to} keeps no numbers of images", "left out", hint)
        classes = sum(number != n for n, number in enumerate(data.ids, 1))
        yield from _told(classes, f"{to} keeps no numbers of classes", "left out")
    if kind in ("voc", "csv"):
        with_objects = {one.label for _, one in objects}
        empty = [name for name in data.classes if name not in with_objects]
        names = ", ".join(empty[:SHOWN]) + (", …" if len(empty) > SHOWN else "")
        yield from _told(len(empty), f"{to} keeps no classes without objects", f"left out: {names}")
    if kind in ("coco", "csv") or (kind == "yolo" and not data.sets_with_train()):
        sets = ", ".join(f"{name} ({len(places):,})" for name, places in data.sets.items())
        hint = "--split NAME writes the images of one set"
        parts = any(len(places) < len(data.images) for places in data.sets.values())
        which = "no sets that leave nothing for `train`" if kind == "yolo" else "no sets"
        yield from _told(len(data.sets) if parts else 0, f"{to} keeps {which}", f"left out: {sets}", hint)
    for what, count in data.unread.items():
        yield from _told(count, f"{what} are not read", "left out")


def _told(count: int, why: str, becomes: str, hint: str | None = None) -> Iterator[Diagnostic]:
    if count:
        one = f"{count:,} {'is' if count == 1 else 'are'} {becomes}"
        yield Diagnostic("W660", f"{why}: {one}", None, hint, severity="warning")


def _of_box(one: Object) -> bool:
    width, height = one.extent
    return one.area is None or abs(one.area - width * height) <= 1e-6 * max(1.0, width * height)


def _leaves(entry: ImageEntry, one: Object) -> bool:
    """Whether a box is beyond its image by more than shares that are rounded in a file."""
    x1, y1, x2, y2 = one.box
    return x1 < -0.01 or y1 < -0.01 or x2 > entry.width + 0.01 or y2 > entry.height + 0.01
