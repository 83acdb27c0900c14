"""What images show, by the weights of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from archspec.errors import Diagnostic, fail
from archspec_torch.detection.coding import clipped
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
from archspec_torch.runtime.preprocess import Normalize, Preprocessing
from archspec_torch.runtime.rundir import open_run
from archspec_torch.runtime.tasks import Classify, Detect, Localise, Points, Task, task_of

AT_ONCE = 16
NONE = "no class reaches the threshold"


@dataclass(frozen=True)
class Prediction:
    """An image's most probable classes with their probabilities, best first; or the problem with its file. Of a
    localiser the one class that it tells, if any, and its box, x1, y1, x2, y2 in pixels of the image; of points x and y
    of each, and how probable it is that there is anything to see."""

    image: str
    classes: tuple[tuple[str, float], ...] = ()
    problem: Diagnostic | None = None
    box: tuple[float, ...] | None = None
    points: Mapping[str, tuple[float, float]] | None = None
    seen: float | None = None

    def to_json(self) -> dict[str, Any]:
        """image, classes: [{class, probability}], error: what is wrong with the file, or null; of a localiser box, of
        points {name: [x, y]} and seen in place of classes."""
        found: dict[str, Any] = {"image": self.image}
        if self.points is not None:
            found |= {"points": {name: list(place) for name, place in self.points.items()}, "seen": self.seen}
        else:
            found["classes"] = [{"class": name, "probability": p} for name, p in self.classes]
        if self.box is not None:
            found["box"] = list(self.box)
        return found | {"error": self.problem.message if self.problem else None}

    def __str__(self) -> str:
        if self.problem:
            return self.problem.message
        if self.points is not None:
            places = "  ".join(f"{name} ({x:.1f}, {y:.1f})" for name, (x, y) in self.points.items())
            return f"{self.image}  {places}" + (f"  {100 * self.seen:.1f} %" if self.seen is not None else "")
        told = "  ".join(f"{name} {100 * p:.1f} %" for name, p in self.classes) or NONE
        return f"{self.image}  {told}" + (f"  ({', '.join(f'{v:.1f}' for v in self.box)})" if self.box else "")


def predict(
    rundir: str | Path,
    images: Sequence[str | Path | Image.Image],
    top: int = 5,
    device: str = "auto",
    weights: str = "best",
    threshold: float | None = None,
    out: str | Path | None = None,
) -> list[Prediction]:
    """The `top` classes of each image, in their order; where images have any number of classes, those whose
    probability reaches the threshold (the run's, unless it is told). Colour, grey, palette, transparent, 16-bit, CMYK
    and rotated (EXIF) images come to the network's input as in training.

    `out`: a new folder for the pictures with the box or the points that a localiser, or a network of points, tells.

    An image that cannot be used does not stop the others: its prediction has a `problem` (E624) and no
    classes. Raises SpecError E606 to E608, E701, E708 for the run directory, E687 for a threshold where there is none,
    E693 for pictures of a network that tells no places, E738 and E505 for a folder that cannot be written to.
    """
    trained = open_run(rundir)
    chosen = choose_device(device)
    task = task_of(trained.graph, trained.preprocessing.classes, trained.run.run.train.loss, threshold=threshold)
    if isinstance(task, Detect):
        hint = f"archspec detect {rundir} IMAGES finds them and draws their boxes"
        raise fail("E614", f"'{trained.graph.name}' finds objects in boxes, and predict tells classes", hint=hint)
    if out is not None:
        if not isinstance(task, Localise | Points):
            message = f"'{trained.graph.name}' tells classes of whole images: there is nothing to draw"
            raise fail("E693", message, hint="leave out -o; localisers and networks of points tell where things are")
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
            told = _told(task, scores.cpu().float(), [placement for _, placement in good], top)
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
    """Pictures of the images with what is told to be where, in a folder, under the names of their files."""
    taken: set[PurePath] = set()
    for number, (one, image) in enumerate(zip(found, images, strict=True)):
        if one.problem is not None:
            continue
        with large_images_allowed():
            whole = upright(image) if isinstance(image, Image.Image) else open_image(Path(image))
        name = PurePath(f"image-{number}.png" if isinstance(image, Image.Image) else Path(image).name)
        page = eight_bit(whole, how.frame.background)
        if one.points is not None:
            page = draw_points(page, list(one.points.values()), list(one.points))
        elif one.box is not None:
            ((label, probability),) = one.classes
            page = draw_boxes(page, [one.box], [how.classes.index(label)], [probability], how.classes)
        save(page, out / written_place(free_place(name, taken)))


def _told(task: Task, scores: Tensor, placements: Sequence[Placement], top: int) -> Iterator[Prediction]:
    """What a batch shows, images without names; places in pixels of the images."""
    if isinstance(task, Localise):
        for row, placement in zip(scores[:, 0], placements, strict=True):
            if row[5] < 0:
                yield Prediction("")
                continue
            box = tuple(clipped(placement.to_image(row[:4]), (placement.height, placement.width)).tolist())
            yield Prediction("", ((task.classes[int(row[5])], float(row[4])),), box=box)
    elif isinstance(task, Points):
        for rows, placement in zip(scores, placements, strict=True):
            places = placement.to_image(rows[:, :2]).tolist()
            points = {name: (x, y) for name, (x, y) in zip(task.classes, places, strict=True)}
            yield Prediction("", points=points, seen=float(rows[0, 2]))
    else:
        assert isinstance(task, Classify)
        yield from (Prediction("", classes) for classes in task.decode(scores, top))


def _read(frame: Frame, image: str | Path | Image.Image) -> tuple[Tensor, Placement] | str:
    """The image as the network takes it, uint8 (c, h, w), and how it lies there; or what is wrong with it."""
    try:
        if isinstance(image, Image.Image):
            return frame.place(image), frame.placement(*upright(image).size)
        with large_images_allowed():
            return frame.read_placed(Path(image))
    except ImageProblem as problem:
        return str(problem)
