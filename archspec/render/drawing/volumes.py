"""Tensors as boxes in perspective, from left to right, as the LeNet and AlexNet papers draw them.

Upright edges are the height of the image, slanted ones its width, level ones its channels: `C@H×W` above. A signal has
a length alone, upright; the depth of a solid is written and not drawn. Lengths follow roots, so that the largest and
the smallest are seen together. What happens in between stands below.
Sources: LeCun et al. 1998, figure 2; Krizhevsky et al. 2012, figure 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from archspec.analysis.summary import Summary
from archspec.render.drawing.metrics import text_width
from archspec.render.drawing.page import legend, page
from archspec.render.drawing.paint import Paint
from archspec.render.drawing.scene import Point, Polygon, Scene, along, arrowhead
from archspec.render.palette import Tint, blend
from archspec.render.picture import Box, Panel
from archspec.render.units import numbered

HIGH, THICK, LONG = 120.0, 46.0, 110.0
"""The largest image, the most channels, and the most features."""
SLANT = (0.34, 0.26)
"""What an edge that leads away adds to the right and upwards, in lengths of it."""
GAP = 16.0
FLAT = 5.0
"""How far a signal leads away, which has a length and no width."""
WRITTEN = {
    1: "C@L: channels, length",
    2: "C@H×W: channels, height, width",
    3: "C@D×H×W: channels, depth (not drawn), height, width",
}
"""What stands above volumes, by their spatial axes."""
MOST_VOLUMES = 40
"""As many as a page shows so that they can be read."""
MOST_BARS = 3
"""Equal layers in a row that are drawn one by one."""
UNCHANGED = ("norm", "activation", "regularize")
"""Operations whose result is drawn with the tensor that they take."""
LABEL, WORDS = 8.5, 8.0
JOINS = {"add": "sum", "subtract": "difference", "concat": "concat", "multiply": "product"}
"""What the joins are called that are elsewhere drawn as signs."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A tensor as a box: its front is `thick` × `high`, and it leads `away`."""

    label: str
    thick: float
    high: float
    away: float
    tint: Tint
    lines: tuple[str, ...]
    """What made it."""
    kernel: float = 0.0
    """The window that the next operation slides over it, as a share of the image."""

    @property
    def width(self) -> float:
        return self.thick + self.away * SLANT[0]


def volumes_page(main: Panel, summary: Summary, paint: Paint) -> Scene:
    """The page of a network as volumes: of the tensors on its main path."""
    volumes = _volumes(main, paint)
    scene = _row(volumes, paint)
    example = f"; at {numbered(summary.graph.example)}" if summary.graph.sizes else ""
    ranks = sorted({arrow.tensor.rank for arrow in main.spine} & WRITTEN.keys())
    notes = [("", "; ".join([*(WRITTEN[rank] for rank in ranks), f"edges follow roots{example}"]))]
    straight = {key for arrow in main.spine for key in (arrow.source, arrow.target)}
    if any(box.key not in straight for box in main.boxes) or any(a not in main.spine for a in main.arrows):
        notes.append(("", "the main path; branches and skips are not drawn"))
    return page(summary, [scene], legend([], notes, paint, scene.width), paint.theme)


def _volumes(main: Panel, paint: Paint) -> list[Volume]:
    boxes = {box.key: box for box in main.boxes}
    tensors = [(arrow.tensor, boxes[arrow.source]) for arrow in main.spine]
    largest = max((max(tensor.spatial) for tensor, _ in tensors if tensor.rank), default=1)
    most = max((tensor.channels for tensor, _ in tensors if tensor.rank), default=1)
    features = max((tensor.channels for tensor, _ in tensors if not tensor.rank), default=1)
    found: list[Volume] = []
    for i, (tensor, maker) in enumerate(tensors):
        following = boxes[main.spine[i].target]
        if maker.nodes and all(node.op.word == "flatten" for node in maker.nodes):
            continue
        window = min(_window(following) / max(tensor.spatial, default=1), 1.0)
        again = found and maker.category in UNCHANGED and i and tensor == tensors[i - 1][0]
        if again and (not paint.tint or _tint(maker, paint) == found[-1].tint):  # the same volume once more
            found[-1] = replace(found[-1], lines=(*found[-1].lines, *_words(maker))[:3], kernel=window)
            continue
        regions = f"{tensor.regions} × " if tensor.regions > 1 else ""
        tint, lines = _tint(maker, paint), _words(maker)
        if not tensor.rank:
            high = 14 + LONG * (tensor.channels / features) ** 0.5
            several = 1 < maker.count <= MOST_BARS
            lines = _words(replace(maker, count=1)) if several else lines
            bar = Volume(f"{regions}{tensor.channels}", 5.0, high, 7.0, tint, _noted(lines, maker, paint))
            found += [bar] * (maker.count if several else 1)
            continue
        sides = [10 + HIGH * (size / largest) ** 0.7 for size in tensor.spatial]
        thick = max(2.5, THICK * (tensor.channels / most) ** 0.5)
        label = f"{regions}{tensor.channels}@{'×'.join(map(str, tensor.spatial))}"
        high, away = (sides[-2], sides[-1]) if tensor.rank > 1 else (sides[0], FLAT)
        found.append(Volume(label, thick, high, away, tint, _noted(lines, maker, paint), window))
    return found


def _tint(maker: Box, paint: Paint) -> Tint:
    """The colours of a volume: those of what made it."""
    if not paint.tint:
        return paint.theme.tints[maker.category]
    look = paint.look(maker)
    return Tint(look.fill, look.line, "")


def _noted(lines: tuple[str, ...], maker: Box, paint: Paint) -> tuple[str, ...]:
    """What made a volume, and why it has its colour."""
    return (*lines, *filter(None, [paint.look(maker).note]))


def _window(box: Box) -> int:
    """The larger side of the kernel of a box's first layer with one, or 0."""
    for node in box.nodes:
        kernel: object = getattr(node.op, "kernel", None)
        if isinstance(kernel, int):
            return kernel
        if isinstance(kernel, tuple | list) and kernel and isinstance(kernel[0], int):
            return max(int(k) for k in kernel if isinstance(k, int))
    return 0


def _words(box: Box) -> tuple[str, ...]:
    """What an operation is called, in short lines: the channels that it makes stand above already."""
    if not box.nodes:
        return ()
    if box.kind == "block":
        return (box.heading, *((f"×{box.count}",) if box.count > 1 else ()))
    first, *others = box.title.split(", ")
    steps = [part for part in others if not part.isdigit()]
    head = JOINS.get(box.join, first)
    if head.startswith("FC "):
        head = "FC"
    head += f", {', '.join(steps)}" if steps else ""
    head += f" ×{box.count}" if box.count > 1 else ""
    return tuple(line for line in (head, *box.detail.split(" · ")) if line and line != "BN")[:3]


def _row(volumes: Sequence[Volume], paint: Paint) -> Scene:
    """Volumes beside one another, each around the same level, with room for the words over and under them."""
    centers: list[float] = []
    for i, volume in enumerate(volumes):
        if not i:
            centers.append(max(volume.width, text_width(volume.label, LABEL)) / 2)
            continue
        before = volumes[i - 1]
        words = max((text_width(line, WORDS) for line in volume.lines), default=0.0)
        boxes = (before.width + volume.width) / 2 + GAP
        labels = (text_width(before.label, LABEL) + text_width(volume.label, LABEL)) / 2 + 8
        centers.append(centers[-1] + max(boxes, labels, words + 8))
    tallest = max(v.high + v.away * SLANT[1] for v in volumes)
    middle = 16 + tallest / 2
    scene = Scene()
    for i, volume in enumerate(volumes):
        _box(scene, volume, centers[i], middle, paint)
        top = middle - (volume.high + volume.away * SLANT[1]) / 2
        scene.text(centers[i], top - 5, volume.label, LABEL, paint.theme.text)
        scene.cover(centers[i] + max(volume.width, text_width(volume.label, LABEL)) / 2 + 2, 0)
        if i:
            _between(scene, volumes[i - 1], volume, centers[i - 1], centers[i], middle, paint)
            x = (centers[i - 1] + centers[i]) / 2
            for n, line in enumerate(volume.lines):
                scene.text(x, middle + tallest / 2 + 16 + n * 10, line, WORDS, paint.theme.faint)
    most = max((len(volume.lines) for volume in volumes), default=0)
    scene.cover(0, middle + tallest / 2 + 12 + 10 * max(most, 3))
    return scene


def _corner(volume: Volume, center: float, middle: float) -> Point:
    """The lower left corner of the front."""
    return center - volume.width / 2, middle + (volume.high + volume.away * SLANT[1]) / 2


def _box(scene: Scene, volume: Volume, center: float, middle: float, paint: Paint) -> None:
    x, y = _corner(volume, center, middle)
    dx, dy = volume.away * SLANT[0], -volume.away * SLANT[1]
    tint = volume.tint
    w, h = volume.thick, volume.high
    front = ((x, y), (x + w, y), (x + w, y - h), (x, y - h))
    top = ((x, y - h), (x + w, y - h), (x + w + dx, y - h + dy), (x + dx, y - h + dy))
    side = ((x + w, y), (x + w + dx, y + dy), (x + w + dx, y - h + dy), (x + w, y - h))
    light, dark = blend(tint.fill, paint.theme.background, 0.45), blend(tint.fill, tint.line, 0.16)
    for points, fill in ((front, tint.fill), (top, light), (side, dark)):
        scene.add(Polygon(points, tint.line, fill, 0.8))


def _between(scene: Scene, before: Volume, after: Volume, x0: float, x1: float, middle: float, paint: Paint) -> None:
    """The window on the face of one volume and the lines that lead from it to the next, or an arrow."""
    left, low = _corner(before, x0, middle)
    target = (x1 - after.width / 2, middle + after.away * SLANT[1] / 2)
    dx, dy = before.away * SLANT[0], -before.away * SLANT[1]
    face = left + before.thick
    color = paint.theme.text
    if not 0 < before.kernel < 1:
        start = (face + dx + 1.5, target[1]) if before.away > 10 else (face + dx + 1.5, middle)
        end = (target[0] - 1.5, target[1])
        scene.add(along([start, end], 0, paint.theme.arrow, 0.9), arrowhead(start, end, paint.theme.arrow, 4.5))
        return
    part = max(before.kernel, 4 / before.high)
    a = (1 - part) / 2  # in the middle of the face

    def on_face(u: float, v: float) -> Point:
        return face + dx * u, low + dy * u - before.high * v

    square = (on_face(a, a), on_face(a + part, a), on_face(a + part, a + part), on_face(a, a + part))
    scene.add(Polygon(square, color, "", 0.7))
    for corner in (square[1], square[2]):
        scene.add(along([corner, target], 0, paint.theme.faint, 0.6))
