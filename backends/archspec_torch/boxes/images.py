"""Where the images of annotations lie: where they say, in folders that are named, or where data sets have them.

COCO's own layout is `annotations/instances_train2017.json` beside `train2017/`, and its `file_name`s name no folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from archspec.errors import fail
from archspec.files import straight
from archspec_torch.boxes.annotated import Annotated, ImageEntry


@dataclass(frozen=True)
class Places:
    """Folders in which the images of annotations are looked for; `named`: by whoever asks, so that no other counts."""

    folders: tuple[Path, ...]
    named: bool
    said: str
    """Which they are."""

    def hint(self) -> str:
        """Where was looked, and what would help."""
        if self.named:
            return f"looked for in {self.said}, as --images says"
        return f"looked for where annotations say, and in {self.said}; --images DIR names their folder"


def named_places(folders: Sequence[str | Path]) -> Places:
    """Folders that a user names. Raises SpecError E641 where there is none."""
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise fail("E641", f"there is no folder '{folder}' of images")
    return Places(tuple(map(Path, folders)), True, ", ".join(map(str, folders)))


def usual_places(path: Path) -> Places:
    """Where data sets have their images: beside annotations at `path`, and where their folder is called `annotations`
    beside that, in `train2017` and `images/train2017` of `instances_train2017.json`, in `images`, or in none."""
    folder = path if path.is_dir() else path.parent
    bases = [*([folder / ".."] if folder.resolve().name.lower() == "annotations" else []), folder]
    own = "" if path.is_dir() else path.stem.rpartition("_")[2].strip(".")
    below = [*([own, f"images/{own}"] if own else []), "images"]
    said = f"{' and '.join(str(straight(base)) for base in bases)}, there or in {', '.join(below)}"
    return Places(tuple(dict.fromkeys(base / name for base in bases for name in (*below, ""))), False, said)


def is_there(path: Path) -> bool:
    """Whether there is a file; annotations may say what no file can be called."""
    try:
        return path.is_file()
    except OSError:
        return False


def located(entries: Iterable[ImageEntry], folder: Path, places: Places) -> tuple[ImageEntry, ...]:
    """The entries with the paths of their images: the first of the places that has the file, under its path below
    `folder` or its name alone. Where none has it an entry stays as it is, or is in the last place that was named."""
    there = [place for place in places.folders if places.named or place.is_dir()]
    found = []
    for entry in entries:
        if places.named or not is_there(entry.path):
            below = entry.path.relative_to(folder) if entry.path.is_relative_to(folder) else Path(entry.path.name)
            tried = [place / name for place in there for name in dict.fromkeys((below, Path(entry.path.name)))]
            other = tried[-1] if places.named else entry.path
            entry = replace(entry, path=next((path for path in tried if is_there(path)), other))
        found.append(entry)
    return tuple(found)


def with_images(data: Annotated, path: Path, folders: Sequence[str | Path] = ()) -> tuple[Annotated, Places]:
    """The data with its images where they lie: in the folders, or, with none named, where it says or in the usual
    places; and where was looked. Raises SpecError E641 for a folder that is not there."""
    places = named_places(folders) if folders else usual_places(path)
    places = replace(places, folders=tuple(dict.fromkeys(map(straight, places.folders))))
    folder = path if path.is_dir() else path.parent
    return replace(data, images=located(data.images, folder, places)), places
