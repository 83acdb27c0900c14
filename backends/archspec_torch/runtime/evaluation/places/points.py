"""Figures of points: the share of them that is told near enough (PCK), of all and of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from archspec_torch.boxes.printed import short
from archspec_torch.detection import regress
from archspec_torch.detection.regress import THRESHOLDS
from archspec_torch.runtime.evaluation.figures import MISTAKES, Errors, Figures, Gallery, Words, csv_text, percent
from archspec_torch.runtime.evaluation.text import LINES, NAME, WORST

if TYPE_CHECKING:
    from archspec_torch.runtime.data import Pointed

KEYS = ("pck05", "pck10", "pck20")
TRUE, TOLD = "#009e73", "#d55e00"
SHOWN = 320
PRESENT = 0.5
"""The least probability that counts as there being anything."""


@dataclass(frozen=True)
class FarOff:
    """A point told far from where it is: `off` in parts of the image's length, places in pixels of the frame."""

    example: int
    image: str
    """What the image is called."""
    point: str
    off: float
    place: tuple[float, ...]
    said: tuple[float, ...]

    @property
    def told(self) -> str:
        return f"{short(Path(self.image).name, 24)}\n{short(self.point, 24)} off by {self.off:.2f}"

    def to_json(self) -> dict[str, Any]:
        """example, file, point, off, place, said."""
        named = {"file" if key == "image" else key: value for key, value in asdict(self).items()}
        return {**named, "place": list(self.place), "said": list(self.said)}


@dataclass(frozen=True)
class OfPoint:
    """A point: in how many images it is seen, in how many of them told within each threshold, mean error."""

    name: str
    n: int
    within: tuple[int, ...]
    error: float

    @property
    def shares(self) -> tuple[float | None, ...]:
        return tuple(count / self.n if self.n else None for count in self.within)


@dataclass(frozen=True)
class Presence:
    """Whether an image shows anything at all: images that do and do not, and of both those where that was told."""

    there: int
    found: int
    nothing: int
    empty: int

    def __str__(self) -> str:
        right, n = self.found + self.empty, self.there + self.nothing
        each = f"{self.found:,} of {self.there:,} with points, of {self.empty:,} of {self.nothing:,} without"
        return f"{percent(right / max(n, 1))}  (told of {each})"

    def to_json(self) -> dict[str, Any]:
        """accuracy, there, found, nothing, empty."""
        return {"accuracy": (self.found + self.empty) / max(self.there + self.nothing, 1), **asdict(self)}


@dataclass(frozen=True)
class PointFigures(Figures):
    """All figures of points on `n` images. `confusion`: a row a point, a column the point that is nearest to where it
    was told to be."""

    words = Words("points", "point", "nearest to what was told")
    gallery = Gallery(row=2.1, legend="green: where the point is; orange: where it was told to be")

    n: int
    points: tuple[OfPoint, ...]
    missed: tuple[int, ...]
    """Of each image how many points are told further off than a tenth of the length."""
    shown: tuple[int, ...]
    """Of each image how many points are seen."""
    confusion: tuple[tuple[int, ...], ...]
    mistakes: tuple[FarOff, ...]
    yardstick: tuple[str, ...] = ()
    """The two points whose distance errors are parts of, where it is not the extent of all."""
    unmeasured: int = 0
    """Images with points that do not show both of these."""
    presence: Presence | None = None
    """Of networks that tell whether there is anything."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.points)

    @property
    def seen(self) -> int:
        return sum(one.n for one in self.points)

    @property
    def errors(self) -> Errors:
        """Points further off than a tenth of the length; the standard error is that of images."""
        return Errors.of_each(self.missed, self.shown)

    @property
    def worst(self) -> Sequence[FarOff]:
        return self.mistakes

    @property
    def error(self) -> float:
        return sum(one.n * one.error for one in self.points) / max(self.seen, 1)

    def brief(self) -> dict[str, float]:
        shares = [sum(one.within[i] for one in self.points) / max(self.seen, 1) for i in range(len(THRESHOLDS))]
        told = dict(zip(KEYS, shares, strict=True))
        return {key: told[key] for key in ("pck10", "pck05", "pck20")}

    def headline(self) -> list[tuple[str, str]]:
        told = self.brief()
        rows = [(f"PCK@{t:g}", percent(told[key])) for t, key in zip(THRESHOLDS, KEYS, strict=True)]
        rows = [("points", f"{self.seen:,} seen"), *rows, ("error", f"{self.error:.4f} of the length, on average")]
        if self.yardstick:
            rows.append(("length", f"from {self.yardstick[0]} to {self.yardstick[1]}"))
        if self.unmeasured:
            rows.append(("not measured", f"{self.unmeasured:,} of {self.n:,} images: they do not show both of these"))
        if self.presence is not None:
            rows.append(("anything there", str(self.presence)))
        return rows

    def tables(self, width: int) -> list[str]:
        listed = self.points
        if len(listed) > LINES:
            listed = tuple(sorted(listed, key=lambda one: one.within[1] / one.n if one.n else 2.0)[:LINES])
        wide = max(len("by point") - 2, *(len(short(one.name, NAME)) for one in listed))
        lines = [f"{'by point':{wide + 2}}  PCK@0.05   PCK@0.1   PCK@0.2    error  images"]
        for one in listed:
            cells = "".join(f"  {'–' if share is None else percent(share):>8}" for share in one.shares)
            lines.append(f"  {short(one.name, NAME):{wide}}{cells}  {one.error:>7.4f}  {one.n:>6,}")
        if len(listed) < len(self.points):
            lines.append(f"  … the lowest PCK@0.1 of {len(self.points):,} points; --format csv has all")
        worst = [f"  {one.image}: {one.point} off by {one.off:.2f}" for one in self.mistakes[:WORST]]
        return ["\n".join(lines), "\n".join(["furthest off", *worst]) if worst else ""]

    def picture(self, mistake: Any, image: Image.Image) -> Image.Image:
        """The image with the point, and a line to where it was told to be."""
        times = max(1, SHOWN // max(image.size))
        page = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST).convert("RGB")
        pen, r = ImageDraw.Draw(page), 5
        places = [tuple(times * v for v in place) for place in (mistake.place, mistake.said)]
        pen.line([*places[0], *places[1]], fill=TOLD, width=2)
        for (x, y), color in zip(places, (TRUE, TOLD), strict=True):
            pen.ellipse((x - r, y - r, x + r, y + r), fill=color, outline="black")
        return page

    def to_json(self) -> dict[str, Any]:
        """task, n, pck10, pck05, pck20, error, per_point (by name), confusion, mistakes; between and unmeasured where
        two points are the length, present of networks that tell whether there is anything."""
        each = {
            one.name: {"n": one.n, **dict(zip(KEYS, one.shares, strict=True)), "error": one.error}
            for one in self.points
        }
        head = {"task": self.words.task, "n": self.n, **self.brief(), "error": self.error}
        if self.yardstick:
            head |= {"between": list(self.yardstick), "unmeasured": self.unmeasured}
        if self.presence is not None:
            head["present"] = self.presence.to_json()
        head["per_point"] = each
        told = [one.to_json() for one in self.mistakes]
        return {**head, "confusion": [list(row) for row in self.confusion], "mistakes": told}

    def to_csv(self) -> str:
        """A line a point, then all: point, n, pck05, pck10, pck20, error."""
        rows: list[list[Any]] = [["point", "n", *KEYS, "error"]]
        rows += [[one.name, one.n, *one.shares, one.error] for one in self.points]
        told = self.brief()
        return csv_text([*rows, ["all", self.seen, *(told[key] for key in KEYS), self.error]])


def point_figures(
    told: Tensor, examples: Pointed, names: Sequence[str], between: Sequence[int] = (), tells_nothing: bool = False
) -> PointFigures:
    """The figures of points told (n, K, 3) in pixels of the frame, measured in those of the image files.

    `between`: numbers of the two points that are the length; `tells_nothing`: whether the third number of a point is
    the probability that there is anything."""
    told, wanted = told.cpu(), examples.labels.cpu()
    inside, there = _in_files(told, examples), _in_files(wanted, examples)
    sides = there.new_tensor([max(one.width, one.height) for one in examples.placements])
    length = regress.lengths(there, sides, between)
    off = regress.errors(inside, there, length)
    seen = ~off.isnan()
    every = []
    for k, name in enumerate(names):
        mine = off[seen[:, k], k]
        within = tuple(int((mine <= threshold).sum()) for threshold in THRESHOLDS)
        every.append(OfPoint(name, len(mine), within, float(mine.mean()) if len(mine) else 0.0))
    apart = (inside[:, :, None, :2] - there[:, None, :, :2]).norm(dim=3).masked_fill(~seen[:, None, :], torch.inf)
    nearest = apart.argmin(2)  # (n, K)
    k = len(names)
    rows = torch.arange(k).expand_as(nearest)[seen]
    matrix = torch.bincount(rows * k + nearest[seen], minlength=k * k).view(k, k)
    order = off.nan_to_num(-1).flatten().argsort(descending=True, stable=True)[:MISTAKES].tolist()
    far = [divmod(place, k) for place in order]
    mistakes = tuple(
        FarOff(
            i,
            examples.name(i),
            names[p],
            float(off[i, p]),
            tuple(wanted[i, p, :2].tolist()),
            tuple(told[i, p, :2].tolist()),
        )
        for i, p in far
        if float(off[i, p].nan_to_num(-1)) > THRESHOLDS[1]
    )
    return PointFigures(
        n=len(told),
        points=tuple(every),
        missed=tuple((seen & (off > THRESHOLDS[1])).sum(1).tolist()),
        shown=tuple(seen.sum(1).tolist()),
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        mistakes=mistakes,
        yardstick=tuple(names[k] for k in between),
        unmeasured=int(((there[..., 2] > 0).any(1) & length.isnan()).sum()),
        presence=_presence(there, told) if tells_nothing else None,
    )


def _presence(there: Tensor, told: Tensor) -> Presence:
    shown, said = (there[..., 2] > 0).any(1), told[:, 0, 2] >= PRESENT
    counts = (shown.sum(), (shown & said).sum(), (~shown).sum(), (~shown & ~said).sum())
    return Presence(*(int(count) for count in counts))


def listed(told: Tensor, examples: Pointed, names: Sequence[str]) -> list[list[Any]]:
    """A row an image below the names of the columns: x and y of each point, in pixels of its file."""
    rows: list[list[Any]] = [["example", "image", *(f"{axis} {name}" for name in names for axis in "xy")]]
    for i, points in enumerate(_in_files(told.cpu(), examples)[..., :2].flatten(1).tolist()):
        rows.append([i, examples.name(i), *(round(v, 3) for v in points)])
    return rows


def _in_files(points: Tensor, examples: Pointed) -> Tensor:
    """Points (n, K, 3) of the frame in pixels of the files."""
    moved = [one.to_image(points[i, :, :2]) for i, one in enumerate(examples.placements)]
    return torch.cat((torch.stack(moved), points[..., 2:]), 2)
