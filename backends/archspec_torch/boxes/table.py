"""CSV: a row an object, `image,width,height,label,x1,y1,x2,y2,difficult,crowd,area`; pixels from 0, half open.

Columns width, height, difficult, crowd and area may lack. A row whose label is empty is an image without objects.
Images are named relative to the file's folder.
"""

from __future__ import annotations

import csv
import difflib
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from archspec.files import write_text
from archspec_torch.boxes.annotated import Annotated, ImageEntry, Object, Told, left_out, wrong
from archspec_torch.boxes.coco import plain
from archspec_torch.boxes.reading import folded, from_text, shown, text_of

COLUMNS = ("image", "width", "height", "label", "x1", "y1", "x2", "y2", "difficult", "crowd", "area")
NEEDED = ("image", "label", "x1", "y1", "x2", "y2")
SIDES = ("x1", "y1", "x2", "y2")
ALIKE = 0.85
"""Share of letters from which on a column is another one's name misspelt: `dificult`, and not `weight` for height."""


def read(path: Path, told: Told | None = None) -> Annotated:
    """The data set of a file. Raises SpecError E640."""
    found: dict[str, tuple[int, int, list[Object], int]] = {}
    for row, line in rows(path, NEEDED, COLUMNS):
        with left_out(told):
            name = row["image"].strip()
            if not name or "\0" in name:
                raise wrong(path, line, "a row names no image")
            width, height = (int(number(path, line, row, key, 0.0)) for key in ("width", "height"))
            entry = found.setdefault(name, (max(width, 0), max(height, 0), [], line))
            if label := row["label"].strip():
                entry[2].append(_object(path, line, row, label))
    images = [
        ImageEntry(path.parent / folded(name), w, h, tuple(objects), n, f"{path}:{line}")
        for n, (name, (w, h, objects, line)) in enumerate(found.items(), 1)
    ]
    classes = tuple(sorted({one.label for image in images for one in image.objects}))
    return Annotated(tuple(images), classes, tuple(range(1, len(classes) + 1)))


def _object(path: Path, line: int, row: dict[str, str], label: str) -> Object:
    flags = [number(path, line, row, key, 0.0) for key in ("difficult", "crowd")]
    area = number(path, line, row, "area", -1.0, most=1e14)
    return Object(
        label, corners(path, line, row), bool(flags[0]), bool(flags[1]), f"{path}:{line}", area if area >= 0 else None
    )


def corners(path: Path, line: int, row: dict[str, str]) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 of a row."""
    x1, y1, x2, y2 = (number(path, line, row, side) for side in SIDES)
    if x2 < x1 or y2 < y1:
        said = " ".join(str(plain(v)) for v in (x1, y1, x2, y2))
        raise wrong(path, line, f"the box {said} ends before it begins", "its corners are x1 ≤ x2, y1 ≤ y2")
    return x1, y1, x2, y2


def number(
    path: Path, line: int, row: dict[str, str], key: str, default: float | None = None, most: float | None = None
) -> float:
    """The number in a column of a row; the default where it is empty or there is no such column."""
    text = row.get(key, "").strip()
    if not text and default is not None:
        return default
    if most is not None:
        try:
            if 0 <= float(text) <= most:
                return float(text)
        except ValueError:
            pass
    return from_text(text, lambda _: wrong(path, line, f"'{key}' is {shown(text)}, not a number"))


def rows(path: Path, needed: Sequence[str], known: Sequence[str] = ()) -> Iterator[tuple[dict[str, str], int]]:
    """The rows below the head as dicts, each with its line.

    Raises SpecError E640 where a needed column lacks, or one is called nearly as a `known` one that is not there:
    columns of other names are read over.
    """
    reader = csv.reader(io.StringIO(text_of(path), newline=""), strict=True)
    head: list[str] | None = None
    try:
        for values in reader:
            if not values:
                continue
            if head is None:
                head = [value.strip() for value in values]
                if lacking := [name for name in needed if name not in head]:
                    hint = "the first line names the columns: " + ",".join(needed)
                    raise wrong(path, 1, f"there is no column '{lacking[0]}'", hint)
                for name in (name for name in head if name not in known):
                    free = [one for one in known if one not in head]
                    if meant := difflib.get_close_matches(name.lower(), free, 1, ALIKE):
                        raise wrong(path, 1, f"a column '{name}' is not read", f"did you mean '{meant[0]}'?")
                continue
            if len(values) != len(head):
                raise wrong(path, reader.line_num, f"a row of {len(values)} values under {len(head)} columns")
            yield dict(zip(head, values, strict=True)), reader.line_num
    except csv.Error as error:
        raise wrong(path, reader.line_num, f"not CSV: {error}") from None
    if head is None:
        raise wrong(path, 1, "the file is empty", "the first line names the columns: " + ",".join(needed))


def write(data: Annotated, path: Path) -> None:
    """The data set as one file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in data.images:
        name = Path(os.path.relpath(entry.path, path.parent)).as_posix()
        head = (name, entry.width or "", entry.height or "")
        for one in entry.objects:
            area = "" if one.area is None else plain(one.area)
            box = [plain(v) for v in one.box]
            writer.writerow([*head, one.label, *box, int(one.difficult), int(one.crowd), area])
        if not entry.objects:
            writer.writerow([*head, *[""] * (len(COLUMNS) - 3)])
    write_text(path, out.getvalue())
