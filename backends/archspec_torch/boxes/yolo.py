"""YOLO text: to an image in a folder `images` a file in `labels`, with a row an object: class number, centre, width,
height, in shares of the image as it stands upright.

Sets and names of classes are Ultralytics': see `yolo_sets`. Rows of polygons (class, x1, y1, x2, y2, x3, y3 …) are the
boxes around them. `difficult` and crowds have no place in this format and are lost, as is what of a box lies outside
its image. The sizes of the images are read off their headers.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from archspec.errors import SpecError, did_you_mean, fail
from archspec.files import write_text
from archspec_torch.boxes.annotated import Annotated, ImageEntry, Object, Told, left_out, wrong
from archspec_torch.boxes.reading import from_text, shown, text_of
from archspec_torch.boxes.turned import upright_size
from archspec_torch.boxes.yolo_sets import SETS, Description, Place, description, images_of, label_of


def read(path: Path, told: Told | None = None, split: str | None = None) -> Annotated:
    """The data set of a folder or a `data.yaml`, or one set of it.

    Raises SpecError E640: a row that is none, an image whose size cannot be read; E641 for a set that there is not.
    """
    of = description(path)
    if split is not None and split not in of.sets:
        hint = (
            did_you_mean(split, list(of.sets), "sets") if of.sets else "a data.yaml names sets, or folders in images/"
        )
        raise fail("E641", f"'{path}' has no set '{split}'", hint=hint)
    whole = not of.sets or (split is None and not of.file.is_file())
    parts = {"": (Place(of.root / "images", 1, 1),)} if whole else of.sets
    names = list(of.names) if of.names is not None else None
    places: dict[Path, int] = {}
    found: list[ImageEntry] = []
    sets: dict[str, tuple[int, ...]] = {}
    unread: Counter[str] = Counter()
    for name in parts if split is None else [split]:
        mine: list[int] = []
        for part in parts[name]:
            for image, file, line in images_of(of, part, told):
                if image not in places:
                    with left_out(told):
                        found.append(_entry(image, f"{file}:{line}", len(found) + 1, of, names, told, unread))
                        places[image] = len(found) - 1
                if image in places:
                    mine.append(places[image])
        if name:
            sets[name] = tuple(dict.fromkeys(mine))
    if whole:
        sets = {name: tuple(places[p] for p in places if _below(p, at)) for name, at in of.sets.items()}
    most = max((int(one.label) for image in found for one in image.objects), default=-1) if names is None else 0
    classes = tuple(names) if names is not None else tuple(map(str, range(most + 1)))
    return Annotated(tuple(found), classes, tuple(range(1, len(classes) + 1)), sets=sets, unread=unread)


def _below(path: Path, places: tuple[Place, ...]) -> bool:
    return any(path.is_relative_to(place.path) for place in places)


def _entry(
    image: Path,
    source: str,
    number: int,
    of: Description,
    names: list[str] | None,
    told: Told | None,
    unread: Counter[str],
) -> ImageEntry:
    label = label_of(image)
    width, height = image_size(image)
    objects = []
    if label.is_file():
        for line, text in enumerate(text_of(label).splitlines(), 1):
            if text.strip():
                with left_out(told):
                    name, (cx, cy, w, h), _ = row(label, line, text, names, points=of.points)
                    x, y = (cx - w / 2) * width, (cy - h / 2) * height
                    box = (x, y, x + w * width, y + h * height)
                    objects.append(Object(name, box, False, False, f"{label}:{line}"))
                    if len(text.split()) > 5:
                        unread["points" if of.points else "outlines"] += 1
    return ImageEntry(image, width, height, tuple(objects), number, source)


def row(
    path: Path, line: int, text: str, names: list[str] | None, scored: bool = False, points: bool = False
) -> tuple[str, tuple[float, float, float, float], float]:
    """Class, (centre x, y, width, height) in shares, and the score: 1 where rows have none.

    `points`: what stands behind a box is left. Else a row of three corners or more is a polygon.
    """
    words = text.split()
    polygon = not (scored or points) and len(words) >= 7 and len(words) % 2
    if len(words) != 5 + scored and not polygon and not (points and len(words) > 5):
        wanted = "class, centre x, centre y, width, height" + (", score" if scored else "; or class and corners")
        raise wrong(path, line, f"a row of {len(words)} values, not {5 + scored}", f"a row is {wanted}")

    def no(said: object) -> SpecError:
        return wrong(path, line, f"{shown(said)} is not a number")

    numbers = [from_text(word, no) for word in (words[1:] if polygon or scored else words[1:5])]
    if polygon:
        (x1, x2), (y1, y2) = ((min(side), max(side)) for side in (numbers[::2], numbers[1::2]))
        numbers = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
    cx, cy, w, h, score = numbers if scored else [*numbers, 1.0]
    if w < 0 or h < 0:
        raise wrong(path, line, f"the box has a negative size: {w:g} × {h:g}")
    if not words[0].isascii() or not words[0].isdecimal() or len(words[0]) > 6:
        raise wrong(path, line, f"{shown(words[0])} is not the number of a class")
    number = int(words[0])
    if names is not None and number >= len(names):
        raise wrong(path, line, f"there is no class {number}: {len(names)} have names, counted from 0")
    return (names[number] if names is not None else str(number)), (cx, cy, w, h), score


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of the image as it stands upright, by the header. Raises SpecError E640."""
    try:
        return upright_size(path)
    except Exception as error:  # Pillow raises what its formats' readers do
        raise wrong(path, 1, f"is no readable image ({type(error).__name__})") from None


def write(data: Annotated, folder: Path) -> None:
    """`labels/`, `data.yaml` with the names of the classes and the sets, each a list of images, which Ultralytics
    reads; and `classes.txt`, which programs that annotate do. Boxes are of images upright, whose sizes are known, and
    cut to them; those wholly outside are left out."""
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    number = {name: n for n, name in enumerate(data.classes)}
    for entry in data.images:
        width, height = entry.width, entry.height
        lines = []
        for one in entry.objects:
            if entry.misses(one.box):
                continue
            x1, x2 = (min(max(v / width, 0.0), 1.0) for v in one.box[::2])
            y1, y2 = (min(max(v / height, 0.0), 1.0) for v in one.box[1::2])
            shares = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
            lines.append(" ".join([str(number[one.label]), *(f"{v:.10g}" for v in shares)]) + "\n")
        write_text(folder / "labels" / f"{entry.path.stem}.txt", "".join(lines))
    sets = data.sets_with_train()
    for name, places in sets.items():
        images = (data.images[n].path.name for n in places)
        write_text(folder / f"{name}.txt", "".join(f"./images/{image}\n" for image in images))
    train = "train.txt" if "train" in sets else "images"
    rest = [f"{name}: {name}.txt\n" for name in SETS[1:] if name in sets]
    if "val" not in sets:
        rest.insert(0, f"val: {train}  # there is no other set, and Ultralytics needs one\n")
    if not sets and (held := [name for name, places in data.sets.items() if places]):
        rest.insert(0, f"# no image is left for `train`: all are in {' or '.join(held)}, which is not written\n")
    if data.classes:
        names = "".join(f"  {n}: {json.dumps(name, ensure_ascii=False)}\n" for n, name in enumerate(data.classes))
        write_text(folder / "data.yaml", f"train: {train}\n{''.join(rest)}names:\n{names}")
    write_text(folder / "classes.txt", "".join(f"{name}\n" for name in data.classes))
