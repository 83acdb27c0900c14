"""`archspec data check` of annotated boxes: what is wrong with them, each with its file and line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspec.errors import Diagnostic, Span, did_you_mean
from archspec_torch.boxes import formats
from archspec_torch.boxes.annotated import ImageEntry, Object
from archspec_torch.boxes.coco import plain
from archspec_torch.boxes.images import Places, is_there
from archspec_torch.boxes.turned import as_stored, sizes_of

SIZES = 5
"""Sizes of images that are told before the rest is counted."""


@dataclass(frozen=True)
class BoxInventory:
    """Objects of each class, images and those without objects, sizes; what is doubtful."""

    name: str
    format: str
    images: int
    empty: int
    counts: dict[str, int]
    sizes: dict[tuple[int, int], int]
    warnings: tuple[Diagnostic, ...]

    def to_json(self) -> dict[str, Any]:
        """name, format, images, empty, counts: class → objects, sizes: [{width, height, images}], warnings."""
        sizes = [{"width": w, "height": h, "images": n} for (w, h), n in self.sizes.items()]
        warnings = [one.to_json() for one in self.warnings]
        head = {"name": self.name, "format": self.format, "images": self.images, "empty": self.empty}
        return {**head, "counts": self.counts, "sizes": sizes, "warnings": warnings}

    def __str__(self) -> str:
        total = sum(self.counts.values())
        lines = [
            f"{self.name} ({self.format}): {self.images:,} images, {self.empty:,} without objects; {total:,} objects"
        ]
        wide = max((len(name) for name in self.counts), default=0)
        lines += [f"{name:<{wide}}  {count:>8,}" for name, count in self.counts.items()]
        most = sorted(self.sizes.items(), key=lambda item: -item[1])
        told = ", ".join(f"{w}×{h} ({n:,})" for (w, h), n in most[:SIZES])
        more = f", … and {len(most) - SIZES} more" if len(most) > SIZES else ""
        lines.append(f"sizes (width × height): {told}{more}")
        kinds = Counter(one.code for one in self.warnings)
        lines.append("warnings: " + (", ".join(f"{n} {code}" for code, n in sorted(kinds.items())) or "none"))
        return "\n".join(lines)


def check_boxes(
    path: str | Path,
    classes: Collection[str] = (),
    split: str | None = None,
    images: Sequence[str | Path] = (),
) -> BoxInventory:
    """Looks at every annotation and opens every image, in the folders `images` where there are some.

    Warnings: W650 for annotations that cannot be used, W651 for boxes outside their image, W652 for boxes without
    area, W653 for
    boxes that stand twice, W654 for classes other than `classes`, W655 for images missing, damaged or of another size,
    W658 for images that are annotated as they are stored and shown turned.
    Raises SpecError E640 where nothing can be read, E641 where there are no annotations.
    """
    told: list[Diagnostic] = []
    data, places = formats.read_with_images(path, images, told.append, split)
    sizes: Counter[tuple[int, int]] = Counter()
    gone = [entry for entry in data.images if not is_there(entry.path)]
    if gone:
        told += _absent(gone, len(data.images), places)
    for entry in data.images:
        size, trouble = _image(entry)
        told += trouble
        if size != (0, 0):
            sizes[size] += 1
        told += [warning for _, warning in wrong_objects(entry, size, data.least, classes)]
    counts = dict.fromkeys(data.classes, 0)
    for entry in data.images:
        for one in entry.objects:
            counts[one.label] += 1
    empty = sum(not entry.objects for entry in data.images)
    told.sort(key=lambda one: (one.span.file, one.span.line, one.span.column) if one.span else ("", 0, 0))
    kind = formats.format_of(Path(path))
    return BoxInventory(str(path), kind, len(data.images), empty, counts, dict(sizes), tuple(told))


def _absent(gone: Sequence[ImageEntry], of: int, places: Places) -> list[Diagnostic]:
    """Images that are not there: each (W655), or, where none is there, all at once with where was looked."""
    if 1 < len(gone) == of:
        message = f"none of the {of:,} images is there: the first is {gone[0].path}"
        return [_warning("W655", message, gone[0].span, places.hint())]
    hints = [places.hint(), *[None] * (len(gone) - 1)]
    told = zip(gone, hints, strict=True)
    return [_warning("W655", f"the image {one.path} is not there", one.span, hint) for one, hint in told]


def _image(entry: ImageEntry) -> tuple[tuple[int, int], list[Diagnostic]]:
    """The size of the image that an entry's boxes are of, decoded whole to see that it can be; as annotated where it
    cannot."""
    from PIL import Image

    annotated = (entry.width, entry.height)
    if not is_there(entry.path):
        return annotated, []  # told by `_absent`
    try:
        with Image.open(entry.path) as image:
            image.load()
        stored, size, _ = sizes_of(entry.path)
    except Exception as error:  # Pillow raises what its formats' readers do
        message = f"the image {entry.path} is damaged ({type(error).__name__}: {error})"
        return annotated, [_warning("W655", message, entry.span)]
    if as_stored(entry, stored, size):
        return annotated, [told_as_stored(entry, size)]
    if all(annotated) and size != annotated:
        message = f"the image {entry.path} is {size[0]}×{size[1]}, annotated as {entry.width}×{entry.height}"
        return size, [_warning("W655", message, entry.span)]
    return size, []


def told_as_stored(entry: ImageEntry, size: tuple[int, int]) -> Diagnostic:
    """That an image is annotated as it is stored, and shown otherwise (W658); `size`: that of the image upright."""
    message = (
        f"the image {entry.path} is annotated as it is stored, {entry.width}×{entry.height}: its EXIF turns it to "
        f"{size[0]}×{size[1]}"
    )
    return _warning("W658", message, entry.span, "its boxes are turned with it; other programs may not do so")


def wrong_objects(
    entry: ImageEntry, size: tuple[int, int], least: int, classes: Collection[str] = ()
) -> Iterator[tuple[int, Diagnostic]]:
    """The objects of an image that are wrong, by their positions there: W651 where `size` is known, W652, W653, W654
    where there are `classes`."""
    seen: dict[tuple[str, tuple[float, ...]], Object] = {}
    for n, one in enumerate(entry.objects):
        x1, y1, x2, y2 = one.box
        width, height = one.extent
        box = " ".join(str(plain(round(v, 2))) for v in one.box)
        if width <= least or height <= least:
            how = f"the box of '{one.label}' is {width:g}×{height:g} pixels: no area ({box})"
            yield n, _warning("W652", how, one.span)
        if all(size) and (x1 < -0.01 or y1 < -0.01 or x2 > size[0] + 0.01 or y2 > size[1] + 0.01):
            how = f"the box of '{one.label}' ({box}) is not within its image of {size[0]}×{size[1]}"
            yield n, _warning("W651", how, one.span)
        first = seen.setdefault((one.label, one.box), one)
        if first is not one:
            place = f"line {first.span.line}" + (f", column {first.column}" if first.column > 1 else "")
            yield n, _warning("W653", f"the box of '{one.label}' ({box}) stands twice: first in {place}", one.span)
        if classes and one.label not in classes:
            hint = did_you_mean(one.label, list(classes), "classes")
            yield n, _warning("W654", f"'{one.label}' is none of the classes", one.span, hint)


def _warning(code: str, message: str, span: Span, hint: str | None = None) -> Diagnostic:
    return Diagnostic(code, message, span, hint, severity="warning")
