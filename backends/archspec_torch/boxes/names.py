"""What detections may call the images and classes of annotations: by number or by name."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Any

from archspec.errors import Span, SpecError, did_you_mean, fail
from archspec_torch.boxes.annotated import Annotated
from archspec_torch.boxes.reading import folded, shown

TOLD = 3
"""Images of one name that a message tells."""


class Names:
    """The images and classes of a truth, found by COCO's numbers and by name."""

    def __init__(self, truth: Annotated):
        self.truth = truth
        self.image_ids = {entry.id: n for n, entry in enumerate(truth.images)}
        self.class_ids = {number: n for n, number in enumerate(truth.ids)}
        self.class_names = {name: n for n, name in enumerate(truth.classes)}
        self._files: dict[str, list[int]] = defaultdict(list)
        for n, entry in enumerate(truth.images):
            for name in {entry.path.name, entry.path.stem}:
                self._files[name].append(n)
        self._found: dict[str, list[int]] = {}

    def find(self, value: Any) -> list[int]:
        """Positions of the images that are meant: of several of one name those whose folders fit best, none of none.

        `value`: COCO's number; a path, a name of a file, or that without its suffix; the number as a text.
        """
        if isinstance(value, int) and not isinstance(value, bool):
            return [self.image_ids[value]] if value in self.image_ids else []
        if not isinstance(value, str):
            return []
        if (found := self._found.get(value)) is None:
            found = self._found[value] = self._named(folded(value.strip()))
        return found

    def _named(self, name: str) -> list[int]:
        parts = PurePosixPath(name).parts
        found = self._files.get(parts[-1] if parts else "", [])
        if len(found) > 1:
            alike = [_alike(parts[:-1], self.truth.images[n].path.parent.parts) for n in found]
            found = [n for n, folders in zip(found, alike, strict=True) if folders == max(alike)]
        if not found and name.isascii() and name.isdecimal() and len(name) < 20:
            found = self.find(int(name))
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
        """Position of a class by its name, or by its number as a text; −1 where the truth has none of it."""
        if name not in self.class_names and name.isascii() and name.isdecimal() and len(name) < 20:
            return self.class_ids.get(int(name), -1)
        return self.class_names.get(name, -1)


def _alike(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many folders two paths have in common, from their ends on."""
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count


def line_of(path: Path, line: int) -> Span:
    """The beginning of a line."""
    return Span(str(path), line, 1)
