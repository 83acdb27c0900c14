"""What detections may call the images and classes of annotations: by number or by name."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from archspec.errors import Span, SpecError, did_you_mean, fail
from archspec_torch.boxes.annotated import Annotated
from archspec_torch.boxes.reading import folded, shown

TOLD = 3
"""Images of one name that a message tells."""


@dataclass(slots=True)
class _Alike:
    """Positions, rising, of the images whose paths end alike; parted by the next folder before when first asked for."""

    images: list[int]
    folders: dict[str, _Alike] | None = None


class Names:
    """The images and classes of a truth, found by COCO's numbers and by name."""

    def __init__(self, truth: Annotated):
        self.truth = truth
        self.image_ids = {entry.id: n for n, entry in enumerate(truth.images)}
        self.class_ids = {number: n for n, number in enumerate(truth.ids)}
        self.class_names = {name: n for n, name in enumerate(truth.classes)}
        self._files: dict[str, _Alike] = {}
        for n, entry in enumerate(truth.images):
            for name in {entry.path.name, entry.path.stem}:
                if (alike := self._files.get(name)) is None:
                    alike = self._files[name] = _Alike([])
                alike.images.append(n)
        self._found: dict[str, Sequence[int]] = {}

    def named(self, value: Any) -> Sequence[int]:
        """Positions of the images of that name: of several those whose folders fit best, none of none.

        `value`: a path, a name of a file, or that without its suffix.
        """
        if not isinstance(value, str):
            return ()
        if (found := self._found.get(value)) is None:
            found = self._found[value] = self._fitting(PurePosixPath(folded(value.strip())).parts)
        return found

    def _fitting(self, parts: Sequence[str]) -> Sequence[int]:
        best = self._files.get(parts[-1]) if parts else None
        if best is None:
            return ()
        for depth, folder in enumerate(reversed(parts[:-1]), 1):
            if len(best.images) == 1:
                break
            if best.folders is None:
                best.folders = self._parted(best.images, depth)
            if (deeper := best.folders.get(folder)) is None:
                break
            best = deeper
        return best.images

    def _parted(self, images: Sequence[int], depth: int) -> dict[str, _Alike]:
        """Images by the folder that stands so many before the end of their paths."""
        parted: dict[str, _Alike] = {}
        for n in images:
            parts = self.truth.images[n].path.parts
            if len(parts) > depth:
                folder = parts[-1 - depth]
                if (alike := parted.get(folder)) is None:
                    alike = parted[folder] = _Alike([])
                alike.images.append(n)
        return parted

    def find(self, value: Any) -> Sequence[int]:
        """Positions of the images that are meant by a name, by COCO's number, or by this as a text."""
        if isinstance(value, int) and not isinstance(value, bool):
            return (self.image_ids[value],) if value in self.image_ids else ()
        found = self.named(value)
        if not found and isinstance(value, str) and (number := _number(value.strip())) is not None:
            found = self.find(number)
        return found

    def of_both(self, name: Any, number: Any) -> Sequence[int]:
        """Positions of the images of a name; of several the one that a number beside it says."""
        found = self.named(name)
        if len(found) > 1:
            for n in self.find(number):
                at = bisect_left(found, n)
                if at < len(found) and found[at] == n:
                    return (n,)
        return found

    def image(self, value: Any, span: Span) -> int:
        """The position of the one image that is meant. Raises SpecError E642."""
        found = self.find(value)
        if len(found) != 1:
            raise self.none(value, span)
        return found[0]

    def none(self, value: Any, span: Span | None) -> SpecError:
        """An image that is none of the truth's, or may be several of them (E642), to be raised."""
        if found := self.find(value):
            told = ", ".join(str(self.truth.images[n].path) for n in found[:TOLD])
            more = f", … and {len(found) - TOLD} more" if len(found) > TOLD else ""
            message = f"a detection is on image {shown(value)}, which {len(found)} images of the truth are called"
            return fail("E642", message, span, f"name its folder too: {told}{more}")
        known = [str(n) for n in self.image_ids] if isinstance(value, int) else list(self._files)
        message = f"a detection is on image {shown(value)}, which is none of the truth's {len(self.truth.images):,}"
        return fail("E642", message, span, did_you_mean(str(value)[:80], known[:5000], "images of the truth"))

    def label(self, name: str) -> int:
        """Position of a class by its name; −1 where the truth has none of it.

        A number as a text is a name as any other: who names no classes counts them from 0, and COCO from 1.
        """
        return self.class_names.get(name, -1)

    def category(self, value: int | str) -> int:
        """Position of a class by COCO's number, also as a text, or by its name; −1 where the truth has none of it."""
        if isinstance(value, str):
            number = None if value in self.class_names else _number(value)
            if number is None:
                return self.label(value)
            value = number
        return self.class_ids.get(value, -1)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def line_of(path: Path, line: int) -> Span:
    """The beginning of a line."""
    return Span(str(path), line, 1)
