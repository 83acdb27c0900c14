"""What happens to an image before the network sees it, stored with the run: `preprocessing.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from archspec.errors import fail
from archspec.files import write_text
from archspec_torch.runtime.images import WHITE, Frame, background_color

Color = Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=3, max_length=3)]
Positive = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Frame, mean and standard deviation a channel (of values 0 … 1), and the names of the classes."""

    frame: Frame
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]

    def write(self, path: Path) -> None:
        frame = {name: getattr(self.frame, name) for name in ("channels", "height", "width", "fit")}
        color = self.frame.background
        frame["transparent"] = {WHITE: "white", (0, 0, 0): "black"}.get(color, list(color))
        numbers = {"mean": list(self.mean), "std": list(self.std)}
        stored = Stored.model_validate({**frame, **numbers, "classes": list(self.classes)})
        write_text(path, stored.model_dump_json(indent=2) + "\n")


class Stored(BaseModel):
    """The file's shape."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    channels: Literal[1, 3]
    height: Positive
    width: Positive
    fit: Literal["stretch", "crop", "letterbox", "center"]
    interpolation: Literal["bilinear"] = "bilinear"
    transparent: Literal["white", "black"] | Color = "white"
    mean: list[float]
    std: list[Annotated[float, Field(gt=0)]]
    classes: Annotated[list[str], Field(min_length=1)]


def read_preprocessing(path: Path) -> Preprocessing:
    """The file of a run directory. Raises SpecError E607 where it is missing or damaged."""
    try:
        stored = Stored.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (
        OSError,
        ValueError,
    ) as error:  # a ValidationError is a ValueError, and so is broken JSON or UTF-8
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            reason = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        else:
            reason = str(error)
        raise fail("E607", f"{path} cannot be used: {reason}") from error
    if not len(stored.mean) == len(stored.std) == stored.channels:
        numbers = f"{len(stored.mean)} means and {len(stored.std)} deviations for {stored.channels} channels"
        raise fail("E607", f"{path} cannot be used: {numbers}")
    frame = Frame(stored.channels, stored.height, stored.width, stored.fit, background_color(stored.transparent))
    return Preprocessing(frame, tuple(stored.mean), tuple(stored.std), tuple(stored.classes))


def statistics(histogram: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, of values scaled to 0 … 1.

    histogram: int64 (channels, 256). Exact sums of whole numbers, so the same on every machine. A channel
    that never changes has deviation 0; 1 is taken, since nothing can be divided by 0.
    """
    means, deviations = [], []
    for counts in histogram.tolist():
        n = sum(counts)
        first = sum(value * count for value, count in enumerate(counts))
        second = sum(value * value * count for value, count in enumerate(counts))
        means.append(first / n / 255)
        variance = (n * second - first * first) / n / n
        deviations.append(variance**0.5 / 255 or 1.0)
    return tuple(means), tuple(deviations)


class Normalize:
    """uint8 images (n, c, h, w) as float32 of mean 0 and deviation 1 a channel."""

    def __init__(self, preprocessing: Preprocessing, device: torch.device):
        def row(numbers: tuple[float, ...]) -> Tensor:
            return torch.tensor([255 * x for x in numbers], dtype=torch.float32, device=device).view(1, -1, 1, 1)

        self.mean, self.std = row(preprocessing.mean), row(preprocessing.std)

    def __call__(self, images: Tensor) -> Tensor:
        return images.float().sub_(self.mean).div_(self.std)
