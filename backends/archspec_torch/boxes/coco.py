"""COCO JSON: images, categories and annotations with `bbox` [x, y, width, height] in pixels (Lin et al. 2014,
cocodataset.org)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archspec.files import write_text
from archspec_torch.boxes.annotated import Annotated, ImageEntry, Object, Told, left_out, wrong
from archspec_torch.boxes.reading import Document, Fields, folded, uncollected

PARTS = ("images", "categories", "annotations")
UNREAD = {"segmentation": "outlines (`segmentation`)", "keypoints": "points (`keypoints`)"}
"""Keys of annotations that hold more than a box."""


def read(path: Path, told: Told | None = None) -> Annotated:
    """The data set of a file. Boxes stay as they are: x, y is the corner in pixels from 0. Raises SpecError E640."""
    with uncollected():
        document = Document(path)
        members = document.members()
        for part in PARTS:
            if part not in members:
                raise wrong(path, 1, f"there is no list '{part}'", "COCO's files have " + ", ".join(PARTS))
        classes = _categories(document, members["categories"], told)
        objects: dict[int, list[Object]] = {}
        entries: dict[int, tuple[Fields, int, int]] = {}
        for record, at in members["images"]:
            with left_out(told):
                image = Fields(record, document, at, "an image")
                number = image.whole("id")
                if number in entries:
                    raise image.wrong(f"the image id {number} stands twice", "id")
                image.text("file_name")
                size = [image.whole(key, 0) if key in image.record else 0 for key in ("width", "height")]
                entries[number] = (image, size[0], size[1])
                objects[number] = []
        seen: set[int] = set()
        if told is None:  # the block that leaves one out would be entered for each
            for record, at in members["annotations"]:
                _annotation(Fields(record, document, at, "an annotation"), classes, objects, seen)
        else:
            for record, at in members["annotations"]:
                with left_out(told):
                    _annotation(Fields(record, document, at, "an annotation"), classes, objects, seen)
        images = []
        for n, (image, w, h) in entries.items():
            line, column = document.place(image.at)
            file = path.parent / folded(image.text("file_name"))
            images.append(ImageEntry(file, w, h, tuple(objects[n]), n, f"{path}:{line}", column))
    records = [record for record, _ in members["annotations"] if isinstance(record, dict)]
    unread = {name: sum(bool(record.get(key)) for record in records) for key, name in UNREAD.items()}
    return Annotated(
        tuple(images), tuple(classes.values()), tuple(classes), unread={name: n for name, n in unread.items() if n}
    )


def _categories(document: Document, items: Sequence[tuple[Any, int]], told: Told | None) -> dict[int, str]:
    found: dict[int, str] = {}
    for record, at in items:
        with left_out(told):
            one = Fields(record, document, at, "a category")
            number, name = one.whole("id"), one.text("name")
            if number in found or name in found.values():
                raise one.wrong(f"the category {number} '{name}' stands twice")
            found[number] = name
    return found


def _annotation(one: Fields, classes: dict[int, str], objects: dict[int, list[Object]], seen: set[int]) -> None:
    image, category = one.whole("image_id"), one.whole("category_id")
    if image not in objects:
        raise one.wrong(f"an annotation is of image {image}, which is not among the images", "image_id")
    if category not in classes:
        raise one.wrong(f"an annotation is of class {category}, which is not among the categories", "category_id")
    if "id" in one.record:
        number = one.whole("id")
        if number in seen:
            raise one.wrong(f"the annotation id {number} stands twice", "id")
        seen.add(number)
    x, y, w, h = one.xywh("bbox")
    given = one.record.get("area")
    if given is not None and (isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1e14):
        raise one.no("area", given, "an area in pixels")
    line, column = one.document.place(one.at)
    objects[image].append(
        Object(
            classes[category],
            (x, y, x + w, y + h),
            one.flag("difficult"),
            one.flag("iscrowd"),
            f"{one.document.path}:{line}",
            None if given is None else float(given),
            (w, h),
            column,
        )
    )


def write(data: Annotated, path: Path) -> None:
    """The data set as one file, an annotation a line; images are named relative to its folder. `difficult` is kept as
    a key."""
    number = dict(zip(data.classes, data.ids, strict=True))
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for entry in data.images:
        name = Path(os.path.relpath(entry.path, path.parent)).as_posix()
        size = {"width": entry.width, "height": entry.height} if entry.width and entry.height else {}
        images.append({"id": entry.id, "file_name": name, **size})
        for one in entry.objects:
            w, h = one.extent
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": entry.id,
                    "category_id": number[one.label],
                    "bbox": [plain(v) for v in (*one.box[:2], w, h)],
                    "area": plain(w * h if one.area is None else one.area),
                    "iscrowd": int(one.crowd),
                    **({"difficult": 1} if one.difficult else {}),
                }
            )
    categories = [{"id": n, "name": name} for name, n in number.items()]
    parts: dict[str, list[dict[str, Any]]] = {"images": images, "categories": categories, "annotations": annotations}
    lists = [
        f'"{name}": [' + ",".join("\n" + json.dumps(item, ensure_ascii=False) for item in items) + "\n]"
        for name, items in parts.items()
    ]
    write_text(path, "{\n" + ",\n".join(lists) + "\n}\n")


def plain(value: float) -> float | int:
    """A whole number without its point."""
    return int(value) if float(value).is_integer() else value
