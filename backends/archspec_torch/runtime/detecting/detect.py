"""Objects in pictures: found, drawn, written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from archspec.errors import Diagnostic, fail
from archspec_torch.boxes.formats import read as read_annotations
from archspec_torch.boxes.names import Names
from archspec_torch.runtime.detecting import formats
from archspec_torch.runtime.detecting.dense import open_dense
from archspec_torch.runtime.detecting.found import Box, Detected, Detections, Thing
from archspec_torch.runtime.detecting.network import Detector, Finder, Limits, Plain, open_detector
from archspec_torch.runtime.detecting.output import Output
from archspec_torch.runtime.detecting.pictures import Picture, Source, Unread, pictures, sources
from archspec_torch.runtime.detecting.tiles import cut, suppressed, tiles
from archspec_torch.runtime.device import device_label
from archspec_torch.runtime.images import ImageProblem, large_images_allowed

SCORE = 0.25
BATCH = 8
LEAST_TILE = 16
"""Pixels of a tile's side: of smaller ones an image has thousands, and none shows anything."""


@dataclass(frozen=True)
class Tiling:
    """Images in tiles of so many pixels, of which each shares a part with the next."""

    size: int
    overlap: float = 0.2


@dataclass
class _Seconds:
    reading: float = 0.0
    network: float = 0.0
    decoding: float = 0.0
    drawing: float = 0.0


def detect(
    target: str | Path,
    images: Sequence[str | Path | Image.Image],
    out: str | Path | None = None,
    *,
    weights: str = "best",
    device: str = "auto",
    score: float | None = SCORE,
    iou: float | None = None,
    keep: int | None = None,
    tile: int | None = None,
    overlap: float = 0.2,
    dense: bool = False,
    batch: int = BATCH,
    format: str | None = None,
    truth: str | Path | None = None,
    pictures: bool = True,
    told: Callable[[Detected], None] | None = None,
    warned: Callable[[Iterable[Diagnostic]], None] | None = None,
    **plain: Any,
) -> Detections:
    """The objects in images, by a run directory or by a spec with the `weights` of a file.

    `images`: files, folders, patterns, videos, images; `out`: a new folder for pictures with boxes drawn (unless
    `pictures` is false), and for detections in a `format`; `truth`: annotations whose numbers of images and classes
    COCO's results are to have. `score`, `iou`, `keep`: other values for the network's own
    suppression (None: as they are). `tile`: larger images are looked at in squares of that many pixels. `plain`: for a
    spec `map`, `mean`, `std`, `fit`, `classes`, `overrides`, `input`. `dense`: a classifier or a localiser is slid over
    the images, each in its own size or, with `input`, all in that; what its windows say is merged. `told` hears of each
    picture when it is done.

    A file that cannot be read does not stop the others: it has a `problem` (E624). Whatever ends the work, what was
    found until then is written. Raises SpecError of `open_detector`; E736, E737 of the images; E738 for an output that
    cannot be; E739 for values out of their range; with `dense` those of `open_dense`.
    """
    if batch < 1:
        raise fail("E739", f"--batch is 1 or more, not {batch}")
    tiling = _tiling(tile, overlap)
    if format in formats.FOLDERS and out is None:
        raise fail("E738", f"--format {format} is a folder of files", hint="-o DIR says where")
    listed = sources(images)
    limits = Limits(score, iou, keep)
    detector: Finder
    if dense:
        if tile is not None:
            raise fail("E739", "--tile cuts images, and --dense slides over them whole", hint="leave one of them out")
        detector, warnings = open_dense(target, weights, device, Plain(**plain), limits)
    else:
        detector, warnings = open_detector(target, weights, device, Plain(**plain), limits)
    if warned is not None and warnings:
        warned(warnings)
    if format is not None:
        formats.check(format, [source.file for source in listed], detector.preprocessing.classes)
    found = Detections(detector.preprocessing.classes, device_label(detector.device), notes=detector.notes)
    if truth is not None:
        found.truth = Names(read_annotations(truth))
        formats.check_truth(format, listed, found.truth, found.classes)
    folder = Path(out) if out is not None else None
    with large_images_allowed(), Output(folder, format, pictures, found) as output:
        for group in _looked_at(detector, listed, tiling, batch, found, output):
            for one in group:
                found.images.append(one)
                if told is not None:
                    told(one)
    if truth is not None:
        found.notes += formats.left_out(found)
    return found


def _tiling(size: int | None, overlap: float) -> Tiling | None:
    """Raises SpecError E739."""
    if size is None:
        return None
    if size < LEAST_TILE:
        raise fail("E739", f"--tile is a number of pixels, {LEAST_TILE} or more, not {size}")
    if not 0 <= overlap < 1:
        raise fail("E739", f"--overlap is a share of a tile, from 0 to below 1, not {overlap:g}")
    return Tiling(size, overlap)


def _looked_at(
    detector: Finder,
    listed: Sequence[Source],
    tiling: Tiling | None,
    batch: int,
    found: Detections,
    output: Output,
) -> Iterator[list[Detected]]:
    """The pictures in their order, as many at once as the network takes; of tiled ones each by itself."""
    whole = tiling is None and detector.one_size
    edge = None
    if whole:
        frame = detector.frame(1, 1)
        edge = max(frame.height, frame.width)
    reader = pictures(listed, edge)
    while True:
        seconds, begun = _Seconds(), time.perf_counter()
        group = list(islice(reader, batch if whole else 1))
        seconds.reading += time.perf_counter() - begun
        if not group:
            return
        if tiling is None:
            rows = _whole(detector, group, seconds)
        else:
            assert isinstance(detector, Detector)
            rows = _tiled(detector, group, tiling, batch, seconds)
        each = (seconds.reading + seconds.network + seconds.decoding) / len(group)
        told = []
        for picture, one in zip(group, rows, strict=True):
            if isinstance(one, Tensor):
                assert isinstance(picture, Picture)
                told.append(_drawn(detector, picture, one, each, output, seconds))
            else:
                told.append(one)
        good = sum(one.problem is None for one in told)
        if good:
            found.times.add(good, seconds.reading, seconds.network, seconds.decoding, seconds.drawing)
        yield told


def _whole(detector: Finder, group: Sequence[Picture | Unread], seconds: _Seconds) -> list[Tensor | Detected]:
    """Detections (m, 6) of each picture, in pixels of it; or what is wrong with it."""
    begun = time.perf_counter()
    placed = [_placed(detector, one) for one in group]
    seconds.reading += time.perf_counter() - begun
    answers = _answers(detector, [one for one in placed if isinstance(one, Tensor)], seconds)
    found: list[Tensor | Detected] = []
    for one, tensor in zip(group, placed, strict=True):
        if not isinstance(tensor, Tensor):
            found.append(tensor)
            continue
        assert isinstance(one, Picture)
        rows = next(answers)
        if isinstance(rows, str):
            found.append(_unread(Unread(one.source, one.frame, rows)))
            continue
        placement = detector.frame(one.width, one.height).placement(one.width, one.height)
        found.append(_in_image(rows, placement.to_image, (0, 0), one.width, one.height))
    return found


def _answers(detector: Finder, placed: Sequence[Tensor], seconds: _Seconds) -> Iterator[Tensor | str]:
    """Detections (keep, 6) of each image in pixels of its frame, or why there are none: images that do not fit into
    memory all at once are looked at in halves."""
    if not placed:
        return
    try:
        answer = detector(torch.stack(list(placed)))
    except ImageProblem as problem:
        why = str(problem)  # the problem itself holds what the network had made until then
    else:
        seconds.network += answer.network
        seconds.decoding += answer.decoding
        yield from answer.rows
        return
    if len(placed) == 1:
        yield why
        return
    half = len(placed) // 2
    yield from _answers(detector, placed[:half], seconds)
    yield from _answers(detector, placed[half:], seconds)


def _tiled(
    detector: Detector, group: Sequence[Picture | Unread], tiling: Tiling, batch: int, seconds: _Seconds
) -> list[Tensor | Detected]:
    """The same, tile by tile."""
    (one,) = group
    if isinstance(one, Unread):
        return [_unread(one)]
    frame, width, height = detector.preprocessing.frame, one.width, one.height
    all_rows, all_parts = [torch.zeros(0, 6)], [torch.zeros(0, dtype=torch.bool)]
    boxes = iter(tiles(width, height, tiling.size, tiling.overlap))
    while part := list(islice(boxes, batch)):
        begun = time.perf_counter()
        try:
            placed = [frame.place(one.image.crop(box)) for box in part]
        except ImageProblem as problem:
            return [_unread(_problem(one, problem))]
        seconds.reading += time.perf_counter() - begun
        answers = list(_answers(detector, placed, seconds))
        begun = time.perf_counter()
        for box, rows in zip(part, answers, strict=True):
            if isinstance(rows, str):
                return [_unread(Unread(one.source, one.frame, rows))]
            x1, y1, x2, y2 = box
            placement = frame.placement(x2 - x1, y2 - y1)
            mine = _in_image(rows, placement.to_image, (x1, y1), width, height)
            all_rows.append(mine)
            all_parts.append(cut(mine[:, :4], box, width, height))
        seconds.decoding += time.perf_counter() - begun
    begun = time.perf_counter()
    nms = detector.nms
    kept = suppressed(torch.cat(all_rows), torch.cat(all_parts), nms.iou, nms.per_class)
    seconds.decoding += time.perf_counter() - begun
    return [kept]


def _placed(detector: Finder, one: Picture | Unread) -> Tensor | Detected:
    if isinstance(one, Unread):
        return _unread(one)
    try:
        return detector.frame(one.width, one.height).place(one.image)
    except ImageProblem as problem:
        return _unread(_problem(one, problem))


def _problem(one: Picture, problem: ImageProblem) -> Unread:
    return Unread(one.source, one.frame, str(problem))


def _in_image(
    rows: Tensor, to_image: Callable[[Tensor], Tensor], corner: tuple[int, int], width: int, height: int
) -> Tensor:
    """Detections (keep, 6) of a frame in pixels of the image: those that are there, cut to it, none without area."""
    rows = rows[rows[:, 5] >= 0]
    boxes = to_image(rows[:, :4].double()) + torch.tensor(corner * 2, dtype=torch.float64)
    limits = torch.tensor([width, height, width, height], dtype=torch.float64)
    boxes = boxes.clamp(min=0).minimum(limits).float()
    whole = (boxes[:, 2:] > boxes[:, :2]).all(1)
    return torch.cat([boxes, rows[:, 4:]], dim=1)[whole]


def _drawn(
    detector: Finder, picture: Picture, rows: Tensor, each: float, output: Output, seconds: _Seconds
) -> Detected:
    """What was found in a picture; which is written with its boxes."""
    things, names = [], detector.preprocessing.classes
    for x1, y1, x2, y2, score, number in rows.tolist():
        box: Box = (x1, y1, x2, y2)
        label = names[int(number)] if number < len(names) else str(int(number))
        things.append(Thing(label, int(number), score, box))
    name = picture.source.name
    one = Detected(name, picture.frame, picture.width, picture.height, tuple(things), each)
    if output.draws:
        begun = time.perf_counter()
        try:
            output.draw(picture, picture.whole(), one, detector.preprocessing.frame.background)
        except ImageProblem as problem:
            return _unread(_problem(picture, problem))
        seconds.drawing += time.perf_counter() - begun
    return one


def _unread(one: Unread) -> Detected:
    name = one.source.name
    where = name if one.frame is None else f"{name}, frame {one.frame},"
    return Detected(name, one.frame, problem=Diagnostic("E624", f"{where} {one.why}"))
