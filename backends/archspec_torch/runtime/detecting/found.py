"""What was found in pictures, and how long that took."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archspec.errors import Diagnostic
from archspec_torch.boxes.detections import named_frame
from archspec_torch.boxes.names import Names

Box = tuple[float, float, float, float]
NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Thing:
    """One object: its class, by name and number, how sure that is (0 … 1; where windows were merged, the sum of what
    each is), and x1, y1, x2, y2 in pixels of the picture as it stands upright, from 0."""

    label: str
    number: int
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class Detected:
    """A picture, or a frame of a video or an animation (from 0), with its objects, the surest first; or the problem
    with its file. `seconds`: its share of reading it and of the network."""

    image: str
    frame: int | None
    width: int = 0
    height: int = 0
    objects: tuple[Thing, ...] = ()
    seconds: float = 0.0
    problem: Diagnostic | None = None

    @property
    def name(self) -> str:
        """What files of detections call it."""
        if self.frame is None:
            return self.image
        return named_frame(self.image, self.frame)

    def to_json(self) -> dict[str, Any]:
        """image, frame, width, height, objects: [{class, score, box}], error: what is wrong with the file, or null."""
        return {
            "image": self.image,
            "frame": self.frame,
            "width": self.width,
            "height": self.height,
            "objects": [
                {"class": one.label, "score": round(one.score, 6), "box": [round(v, 3) for v in one.box]}
                for one in self.objects
            ],
            "error": self.problem.message if self.problem else None,
        }

    @property
    def shown_name(self) -> str:
        return self.image if self.frame is None else f"{self.image} #{self.frame}"

    def __str__(self) -> str:
        """`photo.jpg  cat ×2 (0.98), dog ×1 (0.61)`: how many of each class, and the surest of them."""
        if self.problem:
            return self.problem.message
        return f"{self.shown_name}  {self.summary()}"

    def summary(self) -> str:
        counts, best = Counter(one.label for one in self.objects), dict[str, float]()
        for one in self.objects:
            best.setdefault(one.label, one.score)
        return ", ".join(f"{label} ×{n} ({best[label]:.2f})" for label, n in counts.items()) or NOTHING


@dataclass
class Times:
    """Seconds for so many pictures, part by part. Of several batches the first is left out: it waits for what is done
    once."""

    images: int = 0
    reading: float = 0.0
    network: float = 0.0
    decoding: float = 0.0
    drawing: float = 0.0
    first: Times | None = None
    """The first batch."""

    def add(self, images: int, reading: float, network: float, decoding: float, drawing: float) -> None:
        """A batch."""
        if self.first is None:
            self.first = Times(images, reading, network, decoding, drawing)
            return
        self.images += images
        self.reading += reading
        self.network += network
        self.decoding += decoding
        self.drawing += drawing

    @property
    def steady(self) -> Times:
        """What is told: all batches but the first, where there are others."""
        return self if self.images or self.first is None else self.first

    def parts(self) -> dict[str, float]:
        """Milliseconds of an image by what they went to."""
        of = self.steady
        each = {"reading": of.reading, "network": of.network, "decoding": of.decoding, "drawing": of.drawing}
        return {name: 1000 * seconds / max(of.images, 1) for name, seconds in each.items()}

    def to_json(self) -> dict[str, Any]:
        """images that were timed; ms of each part an image; images a second: of all, and of network and decoding."""
        ms = self.parts()
        answering = ms["network"] + ms["decoding"]
        return {
            "images": self.steady.images,
            "milliseconds": {name: round(value, 3) for name, value in ms.items()},
            "images_per_second": {
                "all": round(_rate(sum(ms.values())), 4),
                "network_and_decoding": round(_rate(answering), 4),
            },
        }

    def __str__(self) -> str:
        ms = self.parts()
        answering = ms["network"] + ms["decoding"]
        words = {"decoding": "decoding and suppression"}
        parts = [f"{words.get(name, name)} {value:.1f} ms" for name, value in ms.items() if value or name != "drawing"]
        whole, alone = (_rate(sum(ms.values())), _rate(answering))
        rates = f"{_shown(whole)} images a second, {_shown(alone)} by network and decoding alone"
        which = "" if self.images else " (the first batch, which is slower than others)"
        return f"an image: {', '.join(parts)}: {rates}{which}"


def _rate(milliseconds: float) -> float:
    return 1000 / milliseconds if milliseconds else 0.0


def _shown(rate: float) -> str:
    return f"{rate:,.1f}" if rate >= 1 else f"{rate:.2g}"


@dataclass
class Detections:
    """What `detect` has found: a `Detected` a picture in their order, the network's classes, times, and what was
    written."""

    classes: tuple[str, ...]
    device: str
    images: list[Detected] = field(default_factory=list)
    times: Times = field(default_factory=Times)
    written: list[Path] = field(default_factory=list)
    """Files of detections; pictures with boxes lie beside them."""
    truth: Names | None = None
    """Annotations whose numbers of images and classes COCO's results have."""
    notes: tuple[str, ...] = ()
    """What a person should know of how the network answers."""

    def to_json(self) -> dict[str, Any]:
        """classes, device, images (see `Detected.to_json`), times (see `Times.to_json`)."""
        return {
            "classes": list(self.classes),
            "device": self.device,
            "images": [one.to_json() for one in self.images],
            "times": self.times.to_json(),
        }

    def text(self, kind: str) -> str:
        """As json, coco or csv, the formats that are one file."""
        from archspec_torch.runtime.detecting import formats

        return formats.text(kind, self)

    def __str__(self) -> str:
        good = [one for one in self.images if one.problem is None]
        left = len(self.images) - len(good)
        count = sum(len(one.objects) for one in good)
        told = [f"{len(good):,} image{'s' * (len(good) != 1)}"]
        if left:
            told.append(f"{left:,} left out")
        told += [f"{count:,} object{'s' * (count != 1)}", self.device]
        return ", ".join(told) + (f"\n{self.times}" if good else "")
