"""What annotation files say, whatever their format; and how their mistakes are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from archspec.errors import Diagnostic, Span, SpecError, fail

Box = tuple[float, float, float, float]
Told = Callable[[Diagnostic], None]
"""Takes what is wrong with an annotation that is then left out; without one, the first mistake is raised."""


@dataclass(frozen=True, slots=True)
class Object:
    """One annotated object. `box` in pixels from 0, half open; `source` is 'file:line', where `column` is in the line.

    `area` is COCO's, of the object's outline, where the file gives it. `size` is width and height as the file has
    them, where it
    has them: x2 − x1 may round otherwise.
    """

    label: str
    box: Box
    difficult: bool
    crowd: bool
    source: str
    area: float | None = None
    size: tuple[float, float] | None = None
    column: int = 1

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height in pixels."""
        x1, y1, x2, y2 = self.box
        return self.size or (x2 - x1, y2 - y1)

    @property
    def span(self) -> Span:
        return _span(self.source, self.column)


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """An annotated image, with objects or without. Width and height are 0 where the file does not tell them.

    `id` is COCO's number of the image; in other formats its place, from 1. `source` and `column` are where it was
    annotated.
    """

    path: Path
    width: int
    height: int
    objects: tuple[Object, ...]
    id: int
    source: str
    column: int = 1

    @property
    def span(self) -> Span:
        return _span(self.source, self.column)

    def misses(self, box: Box) -> bool:
        """Whether a box is wholly outside the image, whose size is known."""
        x1, y1, x2, y2 = box
        return x1 >= self.width or y1 >= self.height or x2 <= 0 or y2 <= 0


def _span(source: str, column: int) -> Span:
    file, _, line = source.rpartition(":")
    return Span(file, int(line), column)


@dataclass(frozen=True, slots=True)
class Annotated:
    """The images of a data set, and the names of its classes. `ids` are COCO's numbers of the classes; elsewhere 1,
    2, …

    `least` is the width of a box that has no area: 1 in VOC's files, where a box from a pixel to the same pixel holds
    it, else 0. `sets`: which images are in each set, by their positions, where the data says so. `unread`: what of
    annotations is not kept here, and of how many.
    """

    images: tuple[ImageEntry, ...]
    classes: tuple[str, ...]
    ids: tuple[int, ...]
    least: int = 0
    sets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    unread: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert len(self.ids) == len(self.classes)

    def sets_with_train(self) -> dict[str, tuple[int, ...]]:
        """The sets with a `train`, which Ultralytics needs: unwritten, that is what is in no other; with nothing left
        for it there are no sets, since what is measured on is not to be trained on."""
        sets = {name: places for name, places in self.sets.items() if places}
        if not sets or "train" in sets:
            return sets
        held = set[int]().union(*sets.values())
        left = tuple(n for n in range(len(self.images)) if n not in held)
        return {"train": left, **sets} if left else {}


def wrong(file: Path, line: int, message: str, hint: str | None = None, column: int = 1) -> SpecError:
    """A mistake in an annotation file (E640), to be raised."""
    return fail("E640", message, Span(str(file), line, column), hint)


@contextmanager
def left_out(told: Told | None) -> Iterator[None]:
    """What is wrong with one annotation or file is told (W650), and the block left; without `told` it is raised."""
    try:
        yield
    except SpecError as error:
        if told is None:
            raise
        for one in error.diagnostics:
            told(replace(one, code="W650", message=f"{one.message}: left out", severity="warning"))
