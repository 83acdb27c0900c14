"""What images show, by the weights of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from archspec.errors import Diagnostic, fail
from archspec_torch.runtime.device import choose_device
from archspec_torch.runtime.images import Frame, ImageProblem, large_images_allowed
from archspec_torch.runtime.preprocess import Normalize
from archspec_torch.runtime.rundir import open_run
from archspec_torch.runtime.tasks import Classify, task_of

AT_ONCE = 16
NONE = "no class reaches the threshold"


@dataclass(frozen=True)
class Prediction:
    """An image's most probable classes with their probabilities, best first; or the problem with its file."""

    image: str
    classes: tuple[tuple[str, float], ...] = ()
    problem: Diagnostic | None = None

    def to_json(self) -> dict[str, Any]:
        """image, classes: [{class, probability}], error: what is wrong with the file, or null."""
        return {
            "image": self.image,
            "classes": [{"class": name, "probability": p} for name, p in self.classes],
            "error": self.problem.message if self.problem else None,
        }

    def __str__(self) -> str:
        if self.problem:
            return self.problem.message
        return f"{self.image}  " + ("  ".join(f"{name} {100 * p:.1f} %" for name, p in self.classes) or NONE)


def predict(
    rundir: str | Path,
    images: Sequence[str | Path | Image.Image],
    top: int = 5,
    device: str = "auto",
    weights: str = "best",
    threshold: float | None = None,
) -> list[Prediction]:
    """The `top` classes of each image, in their order; where images have any number of classes, those whose
    probability reaches the threshold (the run's, unless it is told). Colour, grey, palette, transparent, 16-bit, CMYK
    and rotated (EXIF) images come to the network's input as in training.

    An image that cannot be used does not stop the others: its prediction has a `problem` (E624) and no
    classes. Raises SpecError E606 to E608, E701, E708 for the run directory, E687 for a threshold where there is none.
    """
    trained = open_run(rundir)
    chosen = choose_device(device)
    task = task_of(trained.graph, trained.preprocessing.classes, trained.run.run.train.loss, threshold=threshold)
    if not isinstance(task, Classify):
        hint = f"archspec detect {rundir} IMAGES finds them and draws their boxes"
        raise fail("E614", f"'{trained.graph.name}' finds objects in boxes, and predict tells classes", hint=hint)
    model, _ = trained.model(weights, chosen)
    normalize = Normalize(trained.preprocessing, chosen)
    found: list[Prediction] = []
    for start in range(0, len(images), AT_ONCE):
        part = images[start : start + AT_ONCE]
        read = [_read(trained.preprocessing.frame, image) for image in part]
        good = [image for image in read if isinstance(image, Tensor)]
        decoded: Iterator[tuple[tuple[str, float], ...]] = iter(())
        if good:
            with torch.inference_mode():
                scores = task.scores(model(normalize(torch.stack(good).to(chosen))))
            decoded = iter(task.decode(scores.cpu(), top))
        for image, result in zip(part, read, strict=True):
            name = "image" if isinstance(image, Image.Image) else str(image)
            if isinstance(result, Tensor):
                found.append(Prediction(name, next(decoded)))
            else:
                found.append(Prediction(name, problem=Diagnostic("E624", f"{name} {result}")))
    return found


def _read(frame: Frame, image: str | Path | Image.Image) -> Tensor | str:
    """The image as the network takes it, uint8 (c, h, w), or what is wrong with it."""
    try:
        if isinstance(image, Image.Image):
            return frame.place(image)
        with large_images_allowed():
            return frame.read(Path(image))
    except ImageProblem as problem:
        return str(problem)
