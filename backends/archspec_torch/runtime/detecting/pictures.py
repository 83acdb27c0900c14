"""What to look at: files, folders, patterns, videos; read one picture after another."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from PIL import Image

from archspec.errors import fail
from archspec_torch.runtime import images
from archspec_torch.runtime.detecting import videos
from archspec_torch.runtime.images import ImageProblem

KNOWN = images.SUFFIXES | videos.SUFFIXES
SEVERAL = frozenset((".gif", ".png", ".apng", ".webp", ".avif", ".tif", ".tiff"))
"""Ends of files that may hold several pictures: their header says whether."""
WRITTEN = (".jpg", ".jpeg", ".png")
"""Ends that pictures with boxes keep; others become .png."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or an image of a program's own; and where its picture goes in a folder."""

    file: Path
    place: PurePath
    image: Image.Image | None = None

    @property
    def name(self) -> str:
        """Its path; bytes in it that are not UTF-8 as `\\udcff`."""
        return str(self.file).encode(errors="backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that stands upright, perhaps smaller than its file's, whose width and height are told."""

    source: Source
    frame: int | None
    image: Image.Image
    width: int
    height: int

    @property
    def place(self) -> PurePath:
        """Where it goes in a folder with its boxes drawn: frames into one of their own."""
        if self.frame is not None:
            return self.source.place.with_suffix("") / f"{self.frame:06}.jpg"
        return written_place(self.source.place)

    def whole(self) -> Image.Image:
        """The image in the size of its file. Raises ImageProblem."""
        if self.image.size == (self.width, self.height):
            return self.image
        return images.open_image(self.source.file)


@dataclass(frozen=True, slots=True)
class Unread:
    """A file, or its frames from one on, that could not be read, and why."""

    source: Source
    frame: int | None
    why: str


def sources(given: Sequence[str | Path | Image.Image]) -> list[Source]:
    """The files that are meant, each once: those of folders, and of folders in them, whose names end as images' or
    videos' do, in the order of their names; those that match a pattern (`*`, `?`, `[…]`, `**`); and any other as
    it is named. Raises SpecError E737 for folders and patterns without any, E736 for a video that nothing reads."""
    found: list[Source] = []
    taken: set[PurePath] = set()
    seen: set[Path] = set()
    for number, one in enumerate(given):
        if isinstance(one, Image.Image):
            found.append(Source(Path(f"image-{number}"), free_place(PurePath(f"image-{number}.png"), taken), one))
            continue
        for file, place in _files(Path(one)):
            if file in seen:
                continue
            seen.add(file)
            if file.suffix.lower() in videos.SUFFIXES:
                videos.check_decoder(file)
            found.append(Source(file, free_place(place, taken)))
    if not found:
        raise fail("E737", "there are no images to look at", hint="name files, folders, or patterns as 'photos/*.jpg'")
    return found


def _files(path: Path) -> list[tuple[Path, PurePath]]:
    """Files and their places below what was named."""
    if path.is_dir():
        inside = [(file, PurePath(file.relative_to(path))) for file in _walked(path)]
        if not inside:
            hint = "files that end in .jpg, .png, .tif … are looked at; name others one by one"
            raise fail("E737", f"the folder '{path}' holds no images", hint=hint)
        return inside
    if not path.exists() and any(mark in str(path) for mark in "*?["):
        matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
        inside = [(file, PurePath(file.name)) for file in matches if file.is_file() and file.suffix.lower() in KNOWN]
        inside += [pair for folder in matches if folder.is_dir() and "**" not in str(path) for pair in _files(folder)]
        if not inside:
            raise fail("E737", f"no images match '{path}'", hint="the pattern is taken from the working directory on")
        return inside
    return [(path, PurePath(path.name))]


def _walked(folder: Path) -> Iterator[Path]:
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in KNOWN and not name.startswith("."):
                yield Path(at, name)


def written_place(place: PurePath) -> PurePath:
    """The place as a picture that is written has it: one of another kind becomes a .png."""
    return place if place.suffix.lower() in WRITTEN else place.with_name(f"{place.name}.png")


def free_place(place: PurePath, taken: set[PurePath]) -> PurePath:
    """The place, numbered where another file has it."""
    found, number = place, 1
    while found.with_suffix("") in taken:
        number += 1
        found = place.with_name(f"{place.stem}-{number}{place.suffix}")
    taken.add(found.with_suffix(""))
    return found


def pictures(listed: Sequence[Source], edge: int | None) -> Iterator[Picture | Unread]:
    """Every picture of every file. `edge`: the longest side that will be needed, None for all there is."""
    for source in listed:
        frame = None
        try:
            if source.image is not None:
                image = images.upright(source.image)
                yield Picture(source, None, image, *image.size)
            elif (frames := _frames(source.file)) is not None:
                frame = 0
                for image in frames:
                    yield Picture(source, frame, image, *image.size)
                    frame += 1
            else:
                image = images.open_image(source.file, edge)
                yield Picture(source, None, image, *images.upright_size(source.file))
        except ImageProblem as problem:
            yield Unread(source, frame or None, str(problem))


def _frames(file: Path) -> Iterator[Image.Image] | None:
    """The frames of a video or an animation; None for a file of one picture. Raises ImageProblem."""
    end = file.suffix.lower()
    if end in videos.SUFFIXES:
        if not file.is_file():
            raise ImageProblem("is a folder, not a video" if file.is_dir() else "is not there")
        return videos.video_frames(file)
    if end in SEVERAL and images.frame_count(file) > 1:
        return images.frames_of(file)
    return None
