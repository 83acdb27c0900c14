"""YOLO text: `images/`, and in `labels/` a file an image with a row an object: class number, centre, width, height,
in shares of the image.

The names of the classes stand in `classes.txt`, a name a line; without it they are the numbers. `difficult` and
crowds have no place in this format and are lost. The sizes of the images are read off their headers.
"""

from __future__ import annotations

from pathlib import Path

from archspec.files import write_text
from archspec_torch.boxes.annotated import Annotated, ImageEntry, Object, Told, left_out, wrong
from archspec_torch.boxes.reading import from_text, shown, text_of

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def read(folder: Path, told: Told | None = None) -> Annotated:
    """The data set of a folder. Raises SpecError E640: a row that is none, an image whose size cannot be read."""
    images_in = folder / "images"
    pictures = {p.stem: p for p in sorted(images_in.glob("*")) if p.suffix.lower() in IMAGES}
    labels = {p.stem: p for p in sorted((folder / "labels").glob("*.txt")) if p.stem != "classes"}
    names_file = next((p for p in (folder / "classes.txt", folder / "labels" / "classes.txt") if p.is_file()), None)
    names = [line.strip() for line in text_of(names_file).splitlines() if line.strip()] if names_file else None
    if names_file and names is not None and len(set(names)) < len(names):
        raise wrong(names_file, 1, "a class stands twice")
    found: list[ImageEntry] = []
    for stem in sorted({*pictures, *labels}):
        with left_out(told):
            label = labels.get(stem, folder / "labels" / f"{stem}.txt")
            if stem not in pictures:
                raise wrong(label, 1, f"there is no image '{stem}' in {images_in}", "its size is needed")
            width, height = image_size(pictures[stem])
            objects = _objects(label, width, height, names, told) if stem in labels else ()
            found.append(ImageEntry(pictures[stem], width, height, objects, len(found) + 1, f"{label}:1"))
    most = max((int(one.label) for image in found for one in image.objects), default=-1) if names is None else 0
    classes = tuple(names) if names is not None else tuple(map(str, range(most + 1)))
    return Annotated(tuple(found), classes, tuple(range(1, len(classes) + 1)))


def _objects(path: Path, width: int, height: int, names: list[str] | None, told: Told | None) -> tuple[Object, ...]:
    found = []
    for line, text in enumerate(text_of(path).splitlines(), 1):
        if not text.strip():
            continue
        with left_out(told):
            label, (cx, cy, w, h), _ = row(path, line, text, names)
            x, y = (cx - w / 2) * width, (cy - h / 2) * height
            box = (x, y, x + w * width, y + h * height)
            found.append(Object(label, box, False, False, f"{path}:{line}"))
    return tuple(found)


def row(
    path: Path, line: int, text: str, names: list[str] | None, scored: bool = False
) -> tuple[str, tuple[float, float, float, float], float]:
    """Class, (centre x, y, width, height) in shares, and the score: 1 where rows have none."""
    words = text.split()
    if len(words) != 5 + scored:
        wanted = "class, centre x, centre y, width, height" + (", score" if scored else "")
        raise wrong(path, line, f"a row of {len(words)} values, not {5 + scored}", f"a row is {wanted}")
    cx, cy, w, h, score = (
        from_text(word, lambda said: wrong(path, line, f"{shown(said)} is not a number"))
        for word in (*words[1:], *(() if scored else ("1",)))
    )
    if w < 0 or h < 0:
        raise wrong(path, line, f"the box has a negative size: {w:g} × {h:g}")
    if not words[0].isascii() or not words[0].isdecimal() or len(words[0]) > 6:
        raise wrong(path, line, f"{shown(words[0])} is not the number of a class")
    number = int(words[0])
    if names is not None and number >= len(names):
        raise wrong(path, line, f"there is no class {number}: classes.txt names {len(names)}, counted from 0")
    return (names[number] if names is not None else str(number)), (cx, cy, w, h), score


def image_size(path: Path) -> tuple[int, int]:
    """Width and height by the header. Raises SpecError E640."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except Exception as error:  # Pillow raises what its formats' readers do
        raise wrong(path, 1, f"is no readable image ({type(error).__name__})") from None


def write(data: Annotated, folder: Path) -> None:
    """`labels/` and `classes.txt`. Raises SpecError E640 where the size of an image is not known and cannot be read."""
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    number = {name: n for n, name in enumerate(data.classes)}
    for entry in data.images:
        width, height = (entry.width, entry.height) if entry.width and entry.height else image_size(entry.path)
        lines = []
        for one in entry.objects:
            x1, y1, x2, y2 = one.box
            shares = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
            lines.append(" ".join([str(number[one.label]), *(f"{v:.10g}" for v in shares)]) + "\n")
        write_text(folder / "labels" / f"{entry.path.stem}.txt", "".join(lines))
    write_text(folder / "classes.txt", "".join(f"{name}\n" for name in data.classes))
