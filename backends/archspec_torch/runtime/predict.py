"""What images show, by the weights of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

import torch
from PIL import Image
from torch import Tensor

from archspec.errors import Diagnostic, fail
from archspec_torch.runtime.detecting.output import new_folder, save
from archspec_torch.runtime.detecting.pictures import free_place, written_place
from archspec_torch.runtime.device import choose_device
from archspec_torch.runtime.drawn import draw_boxes, draw_points
from archspec_torch.runtime.images import (
    Frame,
    ImageProblem,
    Placement,
    eight_bit,
    large_images_allowed,
    open_image,
    upright,
)
from archspec_torch.runtime.prediction import Prediction
from archspec_torch.runtime.preprocess import Normalize, Preprocessing
from archspec_torch.runtime.rundir import SPEC, Trained, open_run
from archspec_torch.runtime.score_map import score_map
from archspec_torch.runtime.sliding import Size, Sliding, slid
from archspec_torch.runtime.tasks import Localise, Points, Task, task_of

AT_ONCE = 16
SHOWN = 320
"""Pixels of the longer side of a picture, below which it is enlarged."""


def predict(
    rundir: str | Path,
    images: Sequence[str | Path | Image.Image],
    top: int = 5,
    device: str = "auto",
    weights: str = "best",
    threshold: float | None = None,
    dense: bool = False,
    input: Size | None = None,
    out: str | Path | None = None,
) -> list[Prediction]:
    """The `top` classes of each image, in their order; where images have any number of classes, those whose
    probability reaches the threshold (the run's, unless it is told). Colour, grey, palette, transparent, 16-bit, CMYK
    and rotated (EXIF) images come to the network's input as in training.

    With `dense` a classifier is slid over each image in its own size, or, brought to it, in that of `input`
    ("3x257x257"): the classes are those that any window tells, each with the window that tells it best, and `windows`
    what all do.

    `out`: a new folder for the pictures with the box or the points that a localiser, or a network of points, tells.

    An image that cannot be used does not stop the others: its prediction has a `problem` (E624) and no
    classes. Raises SpecError E606 to E608, E701, E708 for the run directory, E687 for a threshold where there is none,
    E176 for a network that cannot be slid, E614 for one that finds objects, E739 for an `input` without `dense`, E693
    for pictures of a network that tells no places, E738 and E505 for a folder that cannot be written to.
    """
    trained = open_run(rundir)
    chosen = choose_device(device)
    task = task_of(trained.graph, trained.preprocessing.classes, trained.run.run.train.loss, threshold=threshold)
    if not task.predicts:
        hint = f"archspec detect {rundir} IMAGES finds them and draws their boxes"
        raise fail("E614", f"'{trained.graph.name}' finds objects in boxes, and predict tells classes", hint=hint)
    if out is not None and not isinstance(task, Localise | Points):
        message = f"'{trained.graph.name}' tells classes of whole images: there is nothing to draw"
        raise fail("E693", message, hint="leave out -o; localisers and networks of points tell where things are")
    if dense:
        return _dense(trained, task, images, top, chosen, weights, input)
    if input is not None:
        raise fail("E739", "--input is for --dense: images come to the network in its own size")
    if out is not None:
        new_folder(Path(out))
    model, _ = trained.model(weights, chosen)
    normalize = Normalize(trained.preprocessing, chosen)
    found: list[Prediction] = []
    for start in range(0, len(images), AT_ONCE):
        part = images[start : start + AT_ONCE]
        read = [_read(trained.preprocessing.frame, image) for image in part]
        good = [one for one in read if not isinstance(one, str)]
        told: Iterator[Prediction] = iter(())
        if good:
            with torch.inference_mode():
                scores = task.scores(model(normalize(torch.stack([tensor for tensor, _ in good]).to(chosen))))
            told = task.predictions(scores.cpu().float(), [placement for _, placement in good], top)
        for image, result in zip(part, read, strict=True):
            name = "image" if isinstance(image, Image.Image) else str(image)
            if isinstance(result, str):
                found.append(Prediction(name, problem=Diagnostic("E624", f"{name} {result}")))
            else:
                found.append(replace(next(told), image=name))
    if out is not None:
        _draw(found, images, Path(out), trained.preprocessing)
    return found


def _draw(
    found: Sequence[Prediction], images: Sequence[str | Path | Image.Image], out: Path, how: Preprocessing
) -> None:
    """Pictures of the images with what is told to be where, in a folder, under the names of their files; small images
    are enlarged by a whole number."""
    taken: set[PurePath] = set()
    for number, (one, image) in enumerate(zip(found, images, strict=True)):
        if one.problem is not None:
            continue
        with large_images_allowed():
            whole = upright(image) if isinstance(image, Image.Image) else open_image(Path(image))
        name = PurePath(f"image-{number}.png" if isinstance(image, Image.Image) else Path(image).name)
        page = eight_bit(whole, how.frame.background)
        times = max(1, SHOWN // max(page.size))  # so that names have room
        page = page.resize((times * page.width, times * page.height), Image.Resampling.NEAREST)
        if one.points is not None:
            page = draw_points(page, [(times * x, times * y) for x, y in one.points.values()], list(one.points))
        elif one.box is not None:
            ((label, probability),) = one.classes
            box = [times * v for v in one.box]
            page = draw_boxes(page, [box], [how.classes.index(label)], [probability], how.classes)
        save(page, out / written_place(free_place(name, taken)))


def _dense(
    trained: Trained,
    task: Task,
    images: Sequence[str | Path | Image.Image],
    top: int,
    device: torch.device,
    weights: str,
    size: Size | None,
) -> list[Prediction]:
    """The same by the windows of a classifier that is slid over the images, one after another."""
    if isinstance(task, Localise):
        hint = f"archspec detect {trained.directory} IMAGES --dense places and merges what its windows tell"
        raise fail("E614", f"'{trained.graph.name}' tells where things are, and predict --dense which class", hint=hint)
    graph = slid(trained.graph, task, trained.directory / SPEC, (), size)
    model, _ = replace(trained, graph=graph).model(weights, device)
    sliding = Sliding(graph, task, model, trained.preprocessing, device)
    found = []
    for image in images:
        name = "image" if isinstance(image, Image.Image) else str(image)
        try:
            with large_images_allowed():
                whole = upright(image) if isinstance(image, Image.Image) else open_image(Path(image))
            frame = sliding.frame(*whole.size)
            classes, windows = score_map(sliding, frame.place(whole), frame.placement(*whole.size), top)
        except ImageProblem as problem:
            found.append(Prediction(name, problem=Diagnostic("E624", f"{name} {problem}")))
            continue
        found.append(Prediction(name, classes, windows=windows))
    return found


def _read(frame: Frame, image: str | Path | Image.Image) -> tuple[Tensor, Placement] | str:
    """The image as the network takes it, uint8 (c, h, w), and how it lies there; or what is wrong with it."""
    try:
        if isinstance(image, Image.Image):
            return frame.place(image), frame.placement(*upright(image).size)
        with large_images_allowed():
            return frame.read_placed(Path(image))
    except ImageProblem as problem:
        return str(problem)
