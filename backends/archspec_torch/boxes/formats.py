"""Which format annotations are in, by what lies at a path; reading and converting them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from archspec.errors import fail
from archspec.files import building
from archspec_torch.boxes import coco, table, voc, yolo
from archspec_torch.boxes.annotated import Annotated, ImageEntry, Told
from archspec_torch.boxes.images import Places, is_there, with_images
from archspec_torch.boxes.lost import Format as Format
from archspec_torch.boxes.lost import lost
from archspec_torch.boxes.turned import stands
from archspec_torch.boxes.yolo_sets import described, description

FORMATS: tuple[Format, ...] = get_args(Format)
LAYOUT = "a folder with Annotations/ (VOC), labels/ or data.yaml (YOLO), a .json file (COCO), or a .csv file"


def format_of(path: Path) -> Format:
    """The format of what lies there. Raises SpecError E641: nothing, or no annotations."""
    if path.is_dir():
        if _is_voc(path):
            return "voc"
        if (path / "labels").is_dir() or described(path):
            return "yolo"
        files = sorted((*path.glob("*.json"), *path.glob("annotations/*.json")))
        hint = f"COCO's are named by their file, as {files[0]}" if files else f"annotations are {LAYOUT}"
        raise fail("E641", f"the folder '{path}' holds no annotations", hint=hint)
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


def read_with_images(
    path: str | Path, folders: Sequence[str | Path] = (), told: Told | None = None, split: str | None = None
) -> tuple[Annotated, Places]:
    """The same, with the images where they lie: in the folders, or where annotations say, or where data sets have them;
    and where was looked. Raises SpecError E641 for a folder that is not there, or folders of YOLO's images."""
    path = Path(path)
    if folders and format_of(path) == "yolo":
        hint = "its data.yaml says where they are, or they are in images/"
        raise fail(
            "E641", f"the labels of '{path}' (YOLO) are found from its images: --images is for others", hint=hint
        )
    return with_images(read(path, told, split), path, folders)


def convert(
    source: str | Path,
    to: str | Path,
    kind: Format,
    split: str | None = None,
    images: Sequence[str | Path] = (),
    annotations_only: bool = False,
    told: Told | None = None,
) -> Annotated:
    """Write annotations in another format. For the formats that are folders the images are copied beside them, unless
    `annotations_only`, and the sets of a folder are kept in it. `images`: folders of the images. Sizes that are not
    annotated are those of the images. What the format has no place for is told (W660).

    The file or folder is there whole or not at all. Raises SpecError of reading; E644 where the target is there
    already, or two images would share a name; E740 where images lack that are to be copied, or whose size is not known.
    """
    target, (data, places) = Path(to), read_with_images(source, images, split=split)
    if (target.is_dir() and any(target.iterdir())) or (target.exists() and not target.is_dir()):
        raise fail("E644", f"'{target}' is there already", hint="name a new file or folder, or remove it")
    origin = format_of(Path(source))
    if split is None and origin == "voc":
        data = voc.with_sets(data, Path(source))
    data = _sized(data, places, kind, annotations_only)
    if kind in ("coco", "csv"):
        suffix = ".json" if kind == "coco" else ".csv"
        if target.is_dir() or target.suffix.lower() != suffix:
            raise fail("E644", f"'{target}' is no name of a {suffix} file", hint=f"as {target.with_suffix(suffix)}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise fail("E644", f"cannot make '{target.parent}': {error.strerror or error}") from None
        (coco if kind == "coco" else table).write(data, target)
    else:
        _write_folder(data, target, kind, annotations_only)
    if told is not None:
        for one in lost(data, kind, origin == "coco"):
            told(one)
    return data


def _write_folder(data: Annotated, target: Path, kind: Format, annotations_only: bool) -> None:
    twice = [stem for stem, number in Counter(entry.path.stem for entry in data.images).items() if number > 1]
    if twice:
        raise fail("E644", f"two images are called '{twice[0]}': their files in '{target}' would be one")
    if target.exists() and (target.samefile(Path.cwd()) or target.is_mount()):
        raise fail("E644", f"'{target}' cannot be replaced by a folder", hint="name a new folder in it")
    with building(target, "E644") as folder:
        at = folder / ("JPEGImages" if kind == "voc" else "images")
        at.mkdir()
        if not annotations_only:
            for entry in data.images:
                shutil.copyfile(entry.path, at / entry.path.name)
        (voc if kind == "voc" else yolo).write(data, folder)


def _sized(data: Annotated, places: Places, kind: Format, annotations_only: bool) -> Annotated:
    """The data with sizes that are not annotated as they are of the images; of YOLO with its boxes on images upright.

    Raises SpecError E740 where images are not there: for a folder any, else those whose size is to be read.
    """
    gone = [entry for entry in data.images if not is_there(entry.path)]
    copied, asked = (kind in ("voc", "yolo") and not annotations_only), len(data.images)
    unsized = [entry for entry in gone if not has_size(entry)] if kind == "yolo" or not annotations_only else []
    if lacking := gone if copied else unsized:
        what = f"{len(lacking):,} of {asked:,} images " + ("is" if len(lacking) == 1 else "are")
        need = "" if copied else ", and of no known size"
        hint = places.hint()
        if not annotations_only and (kind != "yolo" or all(map(has_size, gone))):
            hint += "; --annotations-only writes the annotations alone"
        raise fail("E740", f"{what} not there{need}: the first is {lacking[0].path}", lacking[0].span, hint)
    found = map(with_size, data.images)
    return replace(data, images=tuple(map(stands, found) if kind == "yolo" else found))


def has_size(entry: ImageEntry) -> bool:
    """Whether width and height are annotated."""
    return bool(entry.width and entry.height)


def with_size(entry: ImageEntry) -> ImageEntry:
    """The entry with the size of its image, upright, where none is annotated and the image is there. Raises SpecError
    E640 for one that cannot be read."""
    if has_size(entry) or not is_there(entry.path):
        return entry
    width, height = yolo.image_size(entry.path)
    return replace(entry, width=width, height=height)
