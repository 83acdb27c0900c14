"""A contact sheet: what a network is shown of its data, augmented as in training, with the classes' names."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from archspec.errors import fail
from archspec.files import write_bytes
from archspec.run import RunFile, load_run
from archspec_torch.detection.sides import counterparts
from archspec_torch.runtime.augment import augmented, kind_of
from archspec_torch.runtime.data import Draws, Source, Target, open_source, pairs_of
from archspec_torch.runtime.drawn import draw_boxes, draw_points, font_of
from archspec_torch.runtime.images import Frame, background_color, frame_of
from archspec_torch.runtime.kept import no_split
from archspec_torch.runtime.network import image_input, load_network, placed_at

LARGE, BOXED, GAP, LINE, SIZE = 128, 320, 12, 18, 13
"""Pixels: an image's longer side where it is smaller, and with places in it, between two, a line of text, its
letters."""
JOINED = " + "
"""Between the classes of an image; on the sheet each has a line of its own."""
COUNTED = 4
"""Lines of classes whose objects are counted."""
INK, FAINT, PAPER = (30, 30, 30), (110, 110, 110), (255, 255, 255)


def show_data(
    run: str | Path | Mapping[str, Any],
    out: str | Path,
    split: str = "train",
    n: int = 36,
    epoch: int = 1,
    overrides: Sequence[str] = (),
) -> str:
    """Writes `n` examples of a split, drawn with the run's seed, as a picture. What is returned says so.

    Those of `train` are augmented as in that epoch (counted from 1), as one batch. Raises SpecError of the run and its
    data, E627 for a split it does not have, E505 where the picture cannot be written.
    """
    loaded = load_run(run, overrides)
    frame, source = opened(loaded)
    if split not in source.sizes:
        raise no_split(split, list(source.sizes), loaded)
    plan, section = loaded.run.train, loaded.run.augment if split == "train" else []
    examples = source.load(split, frame, lambda _: None)
    pairs = pairs_of(loaded.run.data)
    kind = kind_of(source.target, source.classes, pairs)
    found = augmented(examples, section, frame, source.classes, kind, loaded.spans("augment"))
    group = torch.randperm(len(examples.labels), generator=torch.Generator().manual_seed(plan.seed))[:n]
    draws = Draws(plan.seed, epoch - 1) if split == "train" else None
    ((images, labels),) = found.batches([group], torch.device("cpu"), 0, draws)
    places = labels if source.target in (Target.BOXES, Target.POINTS) else None
    sides = counterparts(source.classes, pairs) if source.target is Target.POINTS else None
    names = _captions(labels, source)
    how = ", ".join(entry.kind for entry in section)
    title = f"{source.name}: {len(group)} of {len(examples.labels):,} in {split}"
    title += f", epoch {epoch}: {how}" if how else ""
    buffer, path = io.BytesIO(), Path(out)
    page = sheet(images.round().clamp(0, 255).to(torch.uint8), names, title, places, source.classes, sides)
    page.save(buffer, _format(path))
    write_bytes(path, buffer.getvalue())
    return f"{len(group)} images of {split} in {path}"


def opened(run: RunFile) -> tuple[Frame, Source]:
    """The images that a run's network takes, and its data. Raises SpecError of the spec, E611, E62x, E63x."""
    data = run.run.data
    graph = load_network(run)
    with placed_at(run.span("model", "spec")):
        frame = frame_of(image_input(graph), data.fit, graph.name, background_color(data.background))
        return frame, open_source(data, lambda *keys: run.span("data", *keys))


def _captions(labels: Tensor, source: Source) -> list[str]:
    """What each image shows, by its label as it is after augmentation."""
    match source.target:
        case Target.CLASS | Target.TAGS:
            return [caption(label, source.classes) for label in labels]
        case Target.POINTS:
            return [seen(label, source.classes) for label in labels]
        case Target.BOXES:
            counts = source.target.counts(labels, len(source.classes))
            return [counted(row, source.classes) for row in counts.tolist()]


def caption(label: Tensor, classes: Sequence[str]) -> str:
    """The class of a label (), or those of its shares (classes,), the largest first: `cat 70 % + dog 30 %`."""
    if label.ndim == 0:
        return classes[int(label)]
    shares = sorted(((float(share), i) for i, share in enumerate(label) if share > 0.005), reverse=True)
    if all(share == 1 for share, _ in shares):
        return JOINED.join(classes[i] for _, i in shares) or "no class"
    return JOINED.join(f"{classes[i]} {100 * share:.0f} %" for share, i in shares)


def counted(counts: Sequence[int], classes: Sequence[str]) -> str:
    """How many there are of each class, most first: `RBC: 12 + WBC: 1`; of many the first."""
    found = sorted(((-n, i) for i, n in enumerate(counts) if n))
    told = [f"{classes[i]}: {-n}" for n, i in found[:COUNTED]]
    if len(found) > COUNTED:
        told[-1] = f"… and {-sum(n for n, _ in found[COUNTED - 1 :])} others"
    return JOINED.join(told) or "no object"


def seen(points: Tensor, names: Sequence[str]) -> str:
    """How many points (K, 3) are seen, and which are not: `2 of 3 points + without nose`; of many only how many."""
    there = (points[:, 2] > 0).tolist()
    lacking = [name for name, one in zip(names, there, strict=True) if not one]
    told = f"{sum(there)} of {len(there)} points"
    return told if not lacking or not any(there) else f"{told}{JOINED}without {', '.join(lacking)}"


def sheet(
    images: Tensor,
    names: Sequence[str],
    title: str,
    places: Tensor | None = None,
    classes: Sequence[str] = (),
    sides: Sequence[int] | None = None,
) -> Image.Image:
    """Images uint8 (n, c, h, w) in rows, each over its classes; small ones enlarged by a whole number, pixels kept.

    `places`: what is drawn into them: objects (n, M, 6) of `classes`; with `sides` points (n, K, 3) of these names, and
    the numbers of those that they change places with in mirrored images.
    """
    n, _, height, width = images.shape
    below = LINE * max(1 + name.count(JOINED) for name in names)
    factor = max(1, (LARGE if places is None else BOXED) // max(height, width))
    wide, high = factor * width, factor * height
    font = font_of(SIZE)
    cell = max(wide, 72)
    columns = min(n, max(1, math.ceil(math.sqrt(n * (high + below + GAP) / (cell + GAP)))))
    rows = math.ceil(n / columns)
    lines = _wrapped(title, font, columns * (cell + GAP) - GAP)
    top = GAP + LINE * len(lines) + GAP
    page = Image.new("RGB", (GAP + columns * (cell + GAP), top + rows * (high + below + GAP)), PAPER)
    draw = ImageDraw.Draw(page)
    for i, line in enumerate(lines):
        draw.text((GAP, GAP + i * LINE), line, INK, font)
    for i, (image, name) in enumerate(zip(images, names, strict=True)):
        left, upper = GAP + i % columns * (cell + GAP), top + i // columns * (high + below + GAP)
        array = image.permute(1, 2, 0).expand(-1, -1, 3).contiguous().numpy()
        picture = Image.fromarray(array).resize((wide, high), Image.Resampling.NEAREST)
        if places is not None and sides is not None:
            there = places[i, :, :2].masked_fill(places[i, :, 2:] == 0, torch.nan)
            picture = draw_points(picture, factor * there, classes, sides)
        elif places is not None:
            there = places[i][places[i][:, 4] >= 0]
            picture = draw_boxes(picture, factor * there[:, :4], there[:, 4], None, classes, there[:, 5])
        page.paste(picture, (left + (cell - wide) // 2, upper))
        for k, part in enumerate(name.split(JOINED)):
            draw.text((left, upper + high + 2 + k * LINE), _shortened(part, font, cell), FAINT, font)
    return page


def _shortened(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [_shortened(line, font, width) for line in lines]


def _format(path: Path) -> str:
    known = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
    if path.suffix.lower() not in known:
        raise fail(
            "E505", f"cannot write '{path}': a contact sheet is a picture", hint=f"names end in {', '.join(known)}"
        )
    return known[path.suffix.lower()]
