"""Boxes and points drawn on pictures: one colour a class, or a point, told apart by colour-blind eyes too, and labels
that can be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

COLORS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#ffffff")
"""Of classes 0, 1, …, from the first again behind the last. Okabe and Ito, Color universal design, 2008; white for its
black, which outlines all of them."""
OUTLINE = (0, 0, 0)
LEAST, MOST = 11, 40
"""Pixels of a label's letters, on small pictures and on large ones."""
NAMED, SMALL = 12, 15
"""Points that are named at most, and sides of a picture in letters from which on they are."""
DASH = 4
"""Length of a dash and of a gap, in widths of the line."""
Rectangle = tuple[float, float, float, float]


@cache
def font_of(size: int) -> ImageFont.FreeTypeFont:
    """A font of that size in pixels; it has letters of most alphabets."""
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)


def color_of(label: int) -> str:
    """The colour of a class, as '#rrggbb'."""
    return COLORS[label % len(COLORS)]


def draw_boxes(
    image: Image.Image,
    boxes: Tensor | Sequence[Sequence[float]],
    labels: Tensor | Sequence[int],
    scores: Tensor | Sequence[float] | None,
    names: Sequence[str],
    ignored: Tensor | Sequence[bool] = (),
    size: int | None = None,
) -> Image.Image:
    """A copy of the picture, in RGB, with its boxes (n, 4), x1 y1 x2 y2 in its pixels.

    `labels` (n,) are numbers of `names`; `scores` (n,) stand behind them in per cent, sums above 1 as they are. Boxes
    that are `ignored` are dashed. `size`: of the letters in pixels; unsaid, as fits the picture, and 0 for no labels.
    What lies on top has the best score, or is smallest; labels are moved apart where there is room, and never leave the
    picture. Boxes of numbers that are none are not drawn.
    """
    page = image.convert("RGB")
    if page is image:
        page = image.copy()
    rows, numbers = _plain(boxes), [int(label) for label in _plain(labels)]
    rates = None if scores is None else _plain(scores)
    faint = [bool(mark) for mark in _plain(ignored)] or [False] * len(rows)
    letters = max(LEAST, min(MOST, round(max(page.size) / 40))) if size is None else size
    width = max(1, round(max(page.size) / 300))
    draw = ImageDraw.Draw(page)
    there = [i for i, row in enumerate(rows) if all(math.isfinite(v) for v in row)]
    order = sorted(there, key=lambda i: rates[i] if rates is not None else -_area(rows[i]))
    for i in order:
        _rectangle(draw, page.size, rows[i], color_of(numbers[i]), width, faint[i])
    taken: list[Rectangle] = []
    for i in reversed(order) if letters else ():
        text = names[numbers[i]]
        if rates is not None:
            text += f" {100 * rates[i]:.0f} %" if rates[i] <= 1 else f" {rates[i]:.1f}"
        _label(draw, page.size, rows[i], text, color_of(numbers[i]), font_of(letters), taken)
    return page


def draw_points(
    image: Image.Image,
    points: Tensor | Sequence[Sequence[float]],
    names: Sequence[str],
    sides: Sequence[int] | None = None,
    size: int | None = None,
) -> Image.Image:
    """A copy of the picture, in RGB, with its points (K, 2), x y in its pixels: discs, the first on top.

    `names` (K,) stand beside them in letters of `size` pixels: unsaid, as fits the picture, and none where there are
    more than 12 or the picture is small; 0 for none. Points outside the picture, or nowhere, are not drawn.
    `sides` (K,): the number of the point that each changes places with in a mirrored image, its own where there is
    none. Both have one colour, and the second is a ring.
    """
    page = image.convert("RGB")
    if page is image:
        page = image.copy()
    radius = max(1, round(max(page.size) / 60))  # whole, as the middle is: Pillow cuts fractions off
    pairs = range(len(names)) if sides is None else sides
    there = [
        (i, x, y)
        for i, (x, y) in enumerate(_plain(points))
        if 0 <= x <= page.width and 0 <= y <= page.height  # what is no number is not
    ]
    letters = size if size is not None else max(LEAST, min(MOST, round(max(page.size) / 40)))
    if size is None and (len(names) > NAMED or max(page.size) < SMALL * LEAST):
        letters = 0
    draw = ImageDraw.Draw(page)
    for i, x, y in reversed(there):
        middle = (round(x - 0.5), round(y - 0.5))  # Pillow counts from the middle of the first pixel
        draw.ellipse(_around(*middle, radius), fill=color_of(min(i, pairs[i])), outline=OUTLINE)
        if pairs[i] < i:
            draw.ellipse(_around(*middle, radius / 2), fill=OUTLINE)
    taken: list[Rectangle] = [_around(x, y, radius) for _, x, y in there]
    for (i, _, _), around in zip(there, tuple(taken), strict=True) if letters else ():
        _label(draw, page.size, around, names[i], color_of(min(i, pairs[i])), font_of(letters), taken)
    return page


def _around(x: float, y: float, radius: float) -> Rectangle:
    return (x - radius, y - radius, x + radius, y + radius)


def _plain(values: Tensor | Sequence) -> list:  # type: ignore[type-arg]
    return values.tolist() if isinstance(values, Tensor) else list(values)


def _area(box: Sequence[float]) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _rectangle(
    draw: ImageDraw.ImageDraw, page: tuple[int, int], box: Sequence[float], color: str, width: int, dashed: bool
) -> None:
    """The outline of a box, its inner edge on the box's, between two dark lines that part it from any picture.

    A box is half open: its last pixel is that before x2 and y2. What would lie outside the picture lies at its edge.
    """
    if box[2] < 0 or box[3] < 0 or box[0] > page[0] or box[1] > page[1]:
        return
    x1, y1 = (max(width, round(v)) for v in box[:2])
    x2, y2 = (round(min(side - width, v)) - 1 for v, side in zip(box[2:], page, strict=True))
    x2, y2 = max(x1, x2), max(y1, y2)
    if not dashed:
        draw.rectangle((x1 - width - 1, y1 - width - 1, x2 + width + 1, y2 + width + 1), outline=OUTLINE)
    for away in range(1, width + 1):
        edge = (x1 - away, y1 - away, x2 + away, y2 + away)
        if dashed:
            _dashes(draw, edge, color, DASH * width)
        else:
            draw.rectangle(edge, outline=color)
    if not dashed and x2 - x1 > 4 * width and y2 - y1 > 4 * width:
        draw.rectangle((x1, y1, x2, y2), outline=OUTLINE)


def _dashes(draw: ImageDraw.ImageDraw, edge: tuple[int, int, int, int], color: str, length: int) -> None:
    x1, y1, x2, y2 = edge
    for start in range(x1, x2 + 1, length):
        ink = color if (start - x1) // length % 2 == 0 else OUTLINE
        end = min(start + length - 1, x2)
        draw.line((start, y1, end, y1), ink)
        draw.line((start, y2, end, y2), ink)
    for start in range(y1, y2 + 1, length):
        ink = color if (start - y1) // length % 2 == 0 else OUTLINE
        end = min(start + length - 1, y2)
        draw.line((x1, start, x1, end), ink)
        draw.line((x2, start, x2, end), ink)


def _label(
    draw: ImageDraw.ImageDraw,
    page: tuple[int, int],
    box: Sequence[float],
    text: str,
    color: str,
    font: ImageFont.FreeTypeFont,
    taken: list[Rectangle],
) -> None:
    """The text on its class's colour, at the first place about the box that covers least of other labels."""
    pad = max(2, round(font.size / 6))
    wide, high = font.getlength(text) + 2 * pad, font.size + 2 * pad
    x1, y1, x2, y2 = box
    places = [(x1, y1 - high), (x1, y2), (x2 - wide, y1 - high), (x2 - wide, y2), (x1, y1), (x2 - wide, y2 - high)]
    found: list[tuple[float, int, Rectangle]] = []
    for rank, (left, top) in enumerate(places):
        left, top = max(0.0, min(left, page[0] - wide)), max(0.0, min(top, page[1] - high))
        place = (left, top, left + wide, top + high)
        found.append((sum(_shared(place, other) for other in taken), rank, place))
    place = min(found)[2]
    taken.append(place)
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    ink = (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 110 else (255, 255, 255)
    draw.rectangle(place, fill=color, outline=OUTLINE)
    draw.text((place[0] + pad, place[1] + high / 2), text, ink, font, anchor="lm")


def _shared(one: Rectangle, other: Rectangle) -> float:
    """The area that two rectangles have in common."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, across) * max(0.0, down)
