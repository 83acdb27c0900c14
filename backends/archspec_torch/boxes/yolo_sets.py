"""Where the images of a YOLO data set lie, which sets they are in, and what its classes are called.

That is in a `data.yaml`, as Ultralytics has it (docs.ultralytics.com/datasets/detect): `path`, `train`, `val`, `test`,
each a folder, a .txt of paths or a list of those, and `names`. Without one it is `images/`, whose folders `train`,
`val` and `test` are sets, and `classes.txt`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.events import CollectionEndEvent, CollectionStartEvent

from archspec.errors import SpecError
from archspec_torch.boxes.annotated import Told, left_out, wrong
from archspec_torch.boxes.reading import DEEPEST, folded, text_of

SUFFIXES = (".yaml", ".yml")
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".mpo", ".avif")
SETS = ("train", "val", "test")
ALSO = {"validation": "val", "valid": "val"}
"""What else a set is called."""
LONGEST = 2_000_000
"""Bytes of a `data.yaml` that is read: its reader keeps a record of every value."""
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Place:
    """A folder of images, a .txt of paths, or an image; and where that was written."""

    path: Path
    line: int
    column: int


@dataclass(frozen=True)
class Description:
    """What a data set says of itself. `file`: the `data.yaml`, or the folder that has none."""

    file: Path
    root: Path
    sets: dict[str, tuple[Place, ...]] = field(default_factory=dict)
    names: tuple[str, ...] | None = None
    points: bool = False
    """Whether points stand behind each box."""


def described(path: Path) -> Path | None:
    """The `data.yaml` at a path, or in the folder that it is; None where there is none.

    A folder may have it under another name, where one file alone names sets and classes. Raises SpecError E640 for a
    folder's `data.yaml` that is no YAML.
    """
    if not path.is_dir():
        return path if path.suffix.lower() in SUFFIXES and _describes(path) else None
    for suffix in SUFFIXES:
        if (file := path / f"data{suffix}").is_file():
            return file if {"names", "nc"} & set(_entries(file)) else None
    found = [file for file in sorted(path.iterdir()) if file.suffix.lower() in SUFFIXES and _describes(file)]
    return found[0] if len(found) == 1 else None


def _describes(file: Path) -> bool:
    """Whether a YAML file names sets of images and classes, as no run file does."""
    try:
        keys = set(_entries(file))
    except SpecError:
        return False
    return bool(keys & {"names", "nc"}) and bool(keys & {"path", *SETS, *ALSO}) and "model" not in keys


def description(path: Path) -> Description:
    """What the data set at a path says of itself. Raises SpecError E640."""
    file = described(path)
    if file is None:
        return Description(path, path, _folders(path), listed_names(path))
    entries = _entries(file)
    written = _text(file, entries["path"]) if "path" in entries and not _empty(entries["path"]) else ""
    roots = [root for root in (file.parent / folded(written), Path(folded(written))) if written and root.is_dir()]
    root = [*roots, file.parent][0]
    sets: dict[str, tuple[Place, ...]] = {}
    for key in (*SETS, *ALSO):
        node = entries.get(key)
        if node is None or _empty(node) or (name := ALSO.get(key, key)) in sets:
            continue
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        sets[name] = tuple(_place(file, root, part) for part in parts)
    if "train" in sets and [p.path for p in sets.get("val", ())] == [p.path for p in sets["train"]]:
        del sets["val"]  # as who has no other set writes it, since Ultralytics needs one
    return Description(file, root, sets, _names(file, entries), "kpt_shape" in entries)


def _folders(folder: Path) -> dict[str, tuple[Place, ...]]:
    """The sets that folders in `images/` are."""
    found: dict[str, tuple[Place, ...]] = {}
    for name in (*SETS, *ALSO):
        if (at := folder / "images" / name).is_dir() and ALSO.get(name, name) not in found:
            found[ALSO.get(name, name)] = (Place(at, 1, 1),)
    return found


def _entries(file: Path) -> dict[str, Any]:
    """The values of the document's keys, as nodes that know their places; nothing in them is made or run."""
    text = text_of(file)
    if len(text) > LONGEST:
        raise wrong(file, 1, f"the file is longer than {LONGEST:,} characters")
    try:
        node = _document(file, text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise wrong(file, at[0], f"not YAML: {error.problem}", column=at[1]) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise wrong(file, 1, f"not YAML: {' '.join(str(error).split())[:100]}") from None
    if not isinstance(node, yaml.MappingNode):
        raise wrong(file, 1, "the document has no keys: it is to have `names`, `train` and `val`")
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _wrong(file, key, "a key is no text")
        if key.value in found:
            raise _wrong(file, key, f"the key '{key.value:.40}' stands twice")
        found[key.value] = value
    return found


def _document(file: Path, text: str) -> Any:
    """The document's node. libyaml makes nodes by a recursion whose end is that of the process, not an exception: how
    deep they are is looked at before, by its events."""
    deep = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, CollectionStartEvent):
            deep += 1
            if deep > DEEPEST:
                raise _wrong(file, event, f"lists and keys are nested more than {DEEPEST} deep")
        elif isinstance(event, CollectionEndEvent):
            deep -= 1
    return yaml.compose(text, Loader=_LOADER)


def _wrong(file: Path, node: Any, message: str, hint: str | None = None) -> SpecError:
    mark = node.start_mark
    return wrong(file, mark.line + 1, message, hint, mark.column + 1)


def _empty(node: Any) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in ("", "~", "null")


def _text(file: Path, node: Any) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value.strip() or "\0" in node.value:
        raise _wrong(file, node, "this is no path: a folder of images, or a .txt of paths")
    return str(node.value).strip()


def _place(file: Path, root: Path, node: Any) -> Place:
    """Where a path of `data.yaml` leads: from its root; as its exporters have it, `../` before one in that root is left
    out; else from the file's own folder."""
    written = folded(_text(file, node))
    tried = [root / written, *([root / written[3:]] if written.startswith("../") else []), file.parent / written]
    mark = node.start_mark
    return Place(next((path for path in tried if path.exists()), tried[0]), mark.line + 1, mark.column + 1)


def _names(file: Path, entries: dict[str, Any]) -> tuple[str, ...] | None:
    """The classes: a list, or a mapping from their numbers; else `nc` numbers."""
    count, node = entries.get("nc"), entries.get("names")
    number: int | None = None
    if count is not None and not _empty(count):
        said = count.value if isinstance(count, yaml.ScalarNode) else ""
        if not (said.isascii() and said.isdecimal() and 0 < int(said[:7]) < 1_000_000):
            raise _wrong(file, count, "`nc` is no number of classes")
        number = int(said)
    if node is None or _empty(node):
        return None if number is None else tuple(map(str, range(number)))
    if isinstance(node, yaml.MappingNode):
        pairs = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
        values = [pairs.get(str(n)) for n in range(len(node.value))]
        if None in values:
            message = f"class {values.index(None)} has no name: {len(values)} names go from 0 to {len(values) - 1}"
            raise _wrong(file, node, message)
    elif isinstance(node, yaml.SequenceNode):
        values = node.value
    else:
        raise _wrong(file, node, "`names` is neither a list nor a mapping from numbers to names")
    found: list[str] = []
    for value in values:
        if not isinstance(value, yaml.ScalarNode) or not value.value.strip():
            raise _wrong(file, value, "the name of a class is a text")
        if value.value.strip() in found:
            raise _wrong(file, value, f"the class '{value.value.strip():.60}' stands twice")
        found.append(value.value.strip())
    if number is not None and number != len(found):
        raise _wrong(file, count, f"`nc` is {number}, and {len(found)} classes have names")
    return tuple(found)


def listed_names(folder: Path) -> tuple[str, ...] | None:
    """Those of `classes.txt`, a name a line."""
    file = next((p for p in (folder / "classes.txt", folder / "labels" / "classes.txt") if p.is_file()), None)
    if file is None:
        return None
    names = [line.strip() for line in text_of(file).splitlines() if line.strip()]
    if len(set(names)) < len(names):
        raise wrong(file, 1, "a class stands twice")
    return tuple(names)


def images_of(of: Description, part: Place, told: Told | None) -> Iterator[tuple[Path, str, int]]:
    """The images of a part of a set in the order of their paths, each with the file and line that names it.

    Raises SpecError E640, or tells it (W650): what is not there, labels of no image.
    """
    if part.path.is_dir():
        inside = (p for p in _files(part.path) if p.suffix.lower() in IMAGES)
        found = sorted(path for path in inside if not path.name.startswith("."))
        yield from ((path, str(label_of(path)), 1) for path in found)
        yield from _without_image(part.path, {label_of(path) for path in found}, told)
    elif part.path.suffix.lower() == ".txt" and part.path.is_file():
        for line, text in enumerate(text_of(part.path).splitlines(), 1):
            if name := folded(text.strip()):
                with left_out(told):
                    tried = [base / name for base in (part.path.parent, of.root, Path())]
                    at = next((path for path in tried if path.is_file()), None)
                    if at is None:
                        raise wrong(part.path, line, f"there is no image '{name:.200}'", f"looked for at {tried[0]}")
                    yield at, str(part.path), line
    elif part.path.suffix.lower() in IMAGES and part.path.is_file():
        yield part.path, str(of.file), part.line
    else:
        with left_out(told):
            message = f"there is no folder of images and no .txt of paths at {part.path}"
            raise wrong(of.file, part.line, message, column=part.column)


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder, those of folders that are linked there too: sets often share their images so. What is
    there under a name of its own goes by that; what is there by links alone, by the first."""
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        linked: list[Path] = []
        for start in waiting:
            for at, folders, files in os.walk(start):
                told = os.stat(at)
                if (told.st_dev, told.st_ino) in seen:
                    folders.clear()
                    continue
                seen.add((told.st_dev, told.st_ino))
                yield from (Path(at, name) for name in files)
                linked += [Path(at, name) for name in sorted(folders) if os.path.islink(os.path.join(at, name))]
        around = folder.resolve()
        waiting = [path for path in linked if not around.is_relative_to(path.resolve())]


def _without_image(folder: Path, known: set[Path], told: Told | None) -> Iterator[tuple[Path, str, int]]:
    """Tells of labels below a folder's that no image has; yields nothing."""
    labels = label_of(folder / "image.jpg").parent
    if labels == folder or not labels.is_dir():
        return
    for file in sorted(_files(labels)):
        if file.suffix == ".txt" and file not in known and file.stem != "classes":
            with left_out(told):
                raise wrong(file, 1, f"there is no image '{file.stem}' in {folder}", "its size is needed")
    yield from ()


def label_of(image: Path) -> Path:
    """The file with an image's boxes: in the last folder `images` of its path's place `labels`, or beside it."""
    parts = list(image.parts)
    for at in range(len(parts) - 2, -1, -1):
        if parts[at] == "images":
            parts[at] = "labels"
            break
    return Path(*parts).with_suffix(".txt")
