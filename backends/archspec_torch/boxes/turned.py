"""Images that their EXIF says are turned: which way round their boxes are meant, and these boxes on the image upright.

Viewers, training and detection show such an image upright. Annotations may be of the image as it is stored: where they
give its width and height, those tell it; else they are of the image upright.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PIL import ExifTags, Image

from archspec_torch.boxes.annotated import Box, ImageEntry

ASIDE = (5, 6, 7, 8)
"""EXIF's orientations that exchange width and height."""


Sizes = tuple[tuple[int, int], tuple[int, int], int]
"""Width and height as stored and upright, and EXIF's number of how the image is turned, from 1, not at all, to 8."""


def sizes_of(path: Path) -> Sizes:
    """Those of a file, by its header. Raises what Pillow does."""
    with Image.open(path) as image:
        return sizes(image)


def sizes(image: Image.Image) -> Sizes:
    """Those of an image that is not decoded yet. Raises what Pillow does."""
    found = image.getexif().get(ExifTags.Base.Orientation, 1)
    turn = found if isinstance(found, int) and 1 <= found <= 8 else 1
    upright = image.size[::-1] if turn in ASIDE and image.format != "TIFF" else image.size
    return upright[::-1] if turn in ASIDE else upright, upright, turn  # a TIFF tells its size upright


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of an image as viewers show it."""
    return sizes_of(path)[1]


def stands(entry: ImageEntry) -> ImageEntry:
    """The entry with its boxes on the image upright, where its size is that of the image as stored alone.

    As it is where the image cannot be read, or is of neither size.
    """
    turn = turn_of(entry)
    return turned(entry, turn) if turn != 1 else entry


def turn_of(entry: ImageEntry) -> int:
    """EXIF's orientation of the image, one that exchanges width and height, where the entry's size is that of the image
    as stored alone; else 1: also where the image cannot be read, or is of neither size."""
    if not (entry.width and entry.height):
        return 1
    try:
        stored, upright, turn = sizes_of(entry.path)
    except Exception:  # Pillow raises what its formats' readers do; that the image is damaged is told elsewhere
        return 1
    return turn if as_stored(entry, stored, upright) else 1


def as_stored(entry: ImageEntry, stored: tuple[int, int], upright: tuple[int, int]) -> bool:
    """Whether an entry is of the image as it is stored, which is not how it stands upright."""
    return (entry.width, entry.height) == stored != upright


def turned(entry: ImageEntry, turn: int) -> ImageEntry:
    """The entry of the stored image as one of the image upright; `turn` exchanges width and height."""
    width, height = entry.width, entry.height
    objects = tuple(
        replace(one, box=_turned(one.box, width, height, turn), size=one.size and (one.size[1], one.size[0]))
        for one in entry.objects
    )
    return replace(entry, width=height, height=width, objects=objects)


def _turned(box: Box, width: int, height: int, turn: int) -> Box:
    """A box of a stored image of width×height on the image upright (TIFF 6.0 and EXIF, tag Orientation)."""
    x1, y1, x2, y2 = box
    left, right = (height - y2, height - y1) if turn in (6, 7) else (y1, y2)
    top, bottom = (width - x2, width - x1) if turn in (7, 8) else (x1, x2)
    return left, top, right, bottom


def lying(box: Box, width: int, height: int, turn: int) -> Box:
    """A box of an image of width×height upright on the image as it is stored: what `turned` does, undone."""
    return _turned(box, width, height, {6: 8, 8: 6}.get(turn, turn))
