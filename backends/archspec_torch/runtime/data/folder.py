"""`folder`: a folder for each class, in one folder or in `train`, `val` and `test`."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from archspec.errors import Diagnostic, Span, SpecError, did_you_mean, fail
from archspec.run.sections import Folder
from archspec_torch.runtime.data.examples import Where
from archspec_torch.runtime.data.files import Files
from archspec_torch.runtime.data.splits import split_up
from archspec_torch.runtime.images import SUFFIXES

GIVEN = ("train", "val", "test")


def open_folder(section: Folder, where: Where) -> Files:
    """The folder's splits and classes.

    Raises SpecError: E620 for a missing folder or one without classes, E623 for classes without images or
    held-out classes that training does not have, E626 for an empty split, E629 for lists, and folds
    beside a folder `val`.
    """
    root, span = Path(section.root), where("root")
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "is not there"
        raise fail("E620", f"the folder {root} {what}", span)
    inside = _folders(root)
    if "train" not in inside:
        classes, paths, labels = _classes(root, span)
        parts = split_up(labels, section.split, where, _names(paths, root))
        found = {name: (tuple(paths[i] for i in part), labels[part]) for name, part in parts.items()}
        return Files(found, classes, root.name, section.in_memory, span, root)
    other = [name for name in inside if name not in GIVEN]
    if other:
        message = f"{root} holds 'train' and also '{other[0]}'; beside train there may be val and test"
        raise fail("E620", message, span, did_you_mean(other[0], GIVEN, "splits"))
    classes, paths, labels = _classes(root / "train", span)
    found = {"train": (tuple(paths), labels)}
    for split in ("val", "test"):
        if split in inside:
            held, held_paths, numbers = _classes(root / split, span, least=1)
            unknown = [name for name in held if name not in classes]
            if unknown:
                message = f"{root / split} has the class '{unknown[0]}', which {root / 'train'} has not"
                raise fail("E623", message, span, did_you_mean(unknown[0], classes, "classes"))
            index = torch.tensor([classes.index(name) for name in held])
            found[split] = (tuple(held_paths), index[numbers])
    # Test images are those of the folder `test`, or of a list: none are drawn.
    undrawn = section.split.model_copy(update={"test": 0.0})
    parts = split_up(labels, undrawn, where, _names(paths, root / "train"), tuple(found))
    found |= {name: (tuple(paths[i] for i in part), labels[part]) for name, part in parts.items()}
    return Files(found, classes, root.name, section.in_memory, span, root)


def _names(paths: list[Path], root: Path) -> list[str]:
    """What lists call the files: `cats/1.png`."""
    return [path.relative_to(root).as_posix() for path in paths]


def _folders(root: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))


def _classes(root: Path, span: Span | None, least: int = 2) -> tuple[tuple[str, ...], list[Path], Tensor]:
    """Class names in order of the alphabet, files in order of their paths, class numbers (n,)."""
    names = _folders(root)
    if len(names) < least:
        message = f"{root} holds {len(names)} folders; a folder for each class is needed, {least} at least"
        raise fail("E620", message, span)
    files = [_images(root / name) for name in names]
    empty = [name for name, found in zip(names, files, strict=True) if not found]
    if empty:
        raise SpecError(
            Diagnostic("E623", f"the class folder {root / name} holds no image", span, "remove it or fill it")
            for name in empty
        )
    numbers = [number for number, found in enumerate(files) for _ in found]
    return tuple(names), [path for found in files for path in found], torch.tensor(numbers)


def _images(folder: Path) -> list[Path]:
    """The files under a folder that are images by their names, those in folders inside it too."""
    found = []
    for directory, folders, files in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(directory, name)
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
        ]
    return sorted(found)
