"""What a network says of one image, as data and as a line of text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archspec.errors import Diagnostic

if TYPE_CHECKING:
    from archspec_torch.runtime.score_map import ScoreMap

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
    windows: ScoreMap | None = None
    """Of a network slid over the image: what each window tells. `classes` are then those of the windows that tell them
    with most probability."""

    def to_json(self) -> dict[str, Any]:
        """image, classes: [{class, probability}], error: what is wrong with the file, or null; of a localiser box, of
        points {name: [x, y]} and seen in place of classes; of a network slid over it windows (`ScoreMap.to_json`) and
        beside each class the box of its best one."""
        found: dict[str, Any] = {"image": self.image}
        if self.points is not None:
            found |= {"points": {name: list(place) for name, place in self.points.items()}, "seen": self.seen}
        else:
            found["classes"] = [{"class": name, "probability": p} for name, p in self.classes]
        if self.windows is not None:
            for one, box in zip(found["classes"], self.windows.best, strict=True):
                one["box"] = list(box)
            found["windows"] = self.windows.to_json()
        if self.box is not None:
            found["box"] = list(self.box)
        return found | {"error": self.problem.message if self.problem else None}

    def __str__(self) -> str:
        if self.problem:
            return self.problem.message
        if self.points is not None:
            places = "  ".join(f"{name} ({x:.1f}, {y:.1f})" for name, (x, y) in self.points.items())
            return f"{self.image}  {places}" + (f"  {100 * self.seen:.1f} %" if self.seen is not None else "")
        if self.windows is not None:
            rows = [
                (f"{100 * p:.1f} %", name, box) for (name, p), box in zip(self.classes, self.windows.best, strict=True)
            ]
            width = max((len(name) for _, name, _ in rows), default=0)
            lines = [f"{p:>9}  {name:{width}}  ({', '.join(f'{v:.0f}' for v in box)})" for p, name, box in rows]
            head = f"{self.image}  {self.windows.rows}×{self.windows.columns} windows"
            return "\n".join([head, *(lines or [f"  {NONE}"])])
        told = "  ".join(f"{name} {100 * p:.1f} %" for name, p in self.classes) or NONE
        return f"{self.image}  {told}" + (f"  ({', '.join(f'{v:.1f}' for v in self.box)})" if self.box else "")
