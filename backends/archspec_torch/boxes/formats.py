"""Which format annotations are in, by what lies at a path; reading and converting them."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from archspec.errors import fail
from archspec.files import building
from archspec_torch.boxes import coco, table, voc, yolo
from archspec_torch.boxes.annotated import Annotated, Told
from archspec_torch.boxes.yolo_sets import described, description

Format = Literal["voc", "coco", "yolo", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
LAYOUT = "a folder with Annotations/ (VOC), labels/ or data.yaml (YOLO), a .json file (COCO), or a .csv file"


def format_of(path: Path) -> Format:
    """The format of what lies there. Raises SpecError E641: nothing, or no annotations."""
    if path.is_dir():
        if _is_voc(path):
            return "voc"
        if (path / "labels").is_dir() or described(path):
            return "yolo"
        raise fail("E641", f"the folder '{path}' holds no annotations", hint=f"annotations are {LAYOUT}")
    if not path.exists():
        raise fail("E641", f"there is nothing at '{path}'", hint=f"annotations are {LAYOUT}")
    if path.suffix.lower() in (".json", ".csv"):
        return "coco" if path.suffix.lower() == ".json" else "csv"
    if described(path):
        return "yolo"
    raise fail("E641", f"'{path}' is no file of annotations", hint=f"annotations are {LAYOUT}")


def _is_voc(folder: Path) -> bool:
    return folder.is_dir() and ((folder / "Annotations").is_dir() or next(folder.glob("*.xml"), None) is not None)


def is_annotations(path: str | Path) -> bool:
    """Whether a path is a folder or a file of annotations, rather than a run file."""
    path = Path(path)
    return path.is_dir() or path.suffix.lower() in (".json", ".csv") or described(path) is not None


def sets_of(path: Path) -> tuple[str, ...]:
    """The sets that a YOLO data set has of its own; none of what is no such. Raises SpecError E640."""
    if _is_voc(path):  # whatever else lies there: Ultralytics has a VOC.yaml
        return ()
    return tuple(description(path).sets) if (path / "labels").is_dir() or described(path) else ()


def read(path: str | Path, told: Told | None = None, split: str | None = None) -> Annotated:
    """The annotations at a path, with images in the order of their files; `split` is one of VOC's or YOLO's sets.

    What is wrong is raised (E640), or told as W650 and left out where `told` is given.
    """
    path = Path(path)
    kind = format_of(path)
    if split is not None and kind not in ("voc", "yolo"):
        raise fail("E641", f"'{path}' has no image sets: --split is for VOC's and YOLO's folders")
    if kind in ("voc", "yolo"):
        data = (voc if kind == "voc" else yolo).read(path, told, split)
    else:
        data = (coco if kind == "coco" else table).read(path, told)
    if not data.images and told is None:
        raise fail("E641", f"'{path}' holds no images", hint=f"annotations are {LAYOUT}")
    return data


def convert(source: str | Path, to: str | Path, kind: Format, split: str | None = None) -> Annotated:
    """Write annotations in another format. For the formats that are folders the images are copied beside them, and the
    sets of a folder are kept in it.

    The file or folder is there whole or not at all. Raises SpecError of reading; E644 where the target is there
    already, or two images would share a name.
    """
    target, data = Path(to), read(source, split=split)
    if (target.is_dir() and any(target.iterdir())) or (target.exists() and not target.is_dir()):
        raise fail("E644", f"'{target}' is there already", hint="name a new file or folder, or remove it")
    if kind in ("coco", "csv"):
        suffix = ".json" if kind == "coco" else ".csv"
        if target.is_dir() or target.suffix.lower() != suffix:
            raise fail("E644", f"'{target}' is no name of a {suffix} file", hint=f"as {target.with_suffix(suffix)}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise fail("E644", f"cannot make '{target.parent}': {error.strerror or error}") from None
        (coco if kind == "coco" else table).write(data, target)
        return data
    twice = [stem for stem, number in Counter(entry.path.stem for entry in data.images).items() if number > 1]
    if twice:
        raise fail("E644", f"two images are called '{twice[0]}': their files in '{target}' would be one")
    if target.exists() and (target.samefile(Path.cwd()) or target.is_mount()):
        raise fail("E644", f"'{target}' cannot be replaced by a folder", hint="name a new folder in it")
    if split is None and format_of(Path(source)) == "voc":
        data = voc.with_sets(data, Path(source))
    with building(target, "E644") as folder:
        images = folder / ("JPEGImages" if kind == "voc" else "images")
        images.mkdir()
        moved = []
        for entry in data.images:
            if entry.path.is_file():
                shutil.copyfile(entry.path, images / entry.path.name)
            moved.append(replace(entry, path=images / entry.path.name) if entry.path.is_file() else entry)
        (voc if kind == "voc" else yolo).write(replace(data, images=tuple(moved)), folder)
    return data
