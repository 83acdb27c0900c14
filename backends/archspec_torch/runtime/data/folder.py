"""`folder`: a folder for each class, in one folder or in `train`, `val` and `test`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from archspec.errors import Diagnostic, Span, SpecError, did_you_mean, fail
from archspec.run.sections import Folder
from archspec_torch.runtime.data.examples import (
    Examples,
    InMemory,
    OnDisk,
    Report,
    Where,
    channel_products,
    value_counts,
)
from archspec_torch.runtime.data.splits import SPLITS, stratified
from archspec_torch.runtime.images import SUFFIXES, Frame, ImageProblem, large_images_allowed

MEMORY = 1 << 30
"""Bytes of decoded images up to which `in_memory: auto` keeps a split in memory."""


@dataclass(frozen=True)
class FolderSource:
    """Paths and class numbers of each split."""

    parts: Mapping[str, tuple[tuple[Path, ...], Tensor]]
    classes: tuple[str, ...]
    name: str
    in_memory: bool | str
    span: Span | None

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: len(self.parts[name][0]) for name in SPLITS if name in self.parts}

    def labels_of(self, split: str) -> Tensor:
        return self.parts[split][1]

    def load(self, split: str, frame: Frame, report: Report) -> Examples:
        """The split's images. Every file is decoded once here: damaged ones are reported (W620) and left out.

        Raises SpecError E625 where none is left.
        """
        paths, labels = self.parts[split]
        size = len(paths) * frame.channels * frame.height * frame.width
        keep = size <= MEMORY if self.in_memory == "auto" else bool(self.in_memory)
        images = torch.empty(len(paths) if keep else 0, frame.channels, frame.height, frame.width, dtype=torch.uint8)
        counts = torch.zeros(frame.channels, 256, dtype=torch.int64)

        products = torch.zeros(frame.channels, frame.channels, dtype=torch.int64)

        def decode(i: int) -> tuple[Tensor, Tensor] | str:
            try:
                image = frame.read(paths[i])
            except ImageProblem as problem:
                return str(problem)
            if keep:
                images[i] = image
                return image[:0], image[:0]
            return torch.stack([value_counts(channel) for channel in image]), channel_products(image)

        good = []
        with large_images_allowed(), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for i, found in enumerate(pool.map(decode, range(len(paths)))):
                if isinstance(found, str):
                    report(Diagnostic("W620", f"{paths[i]} {found}: left out", severity="warning"))
                    continue
                good.append(i)
                if not keep:
                    counts += found[0]
                    products += found[1]
        if not good:
            raise fail("E625", f"none of the {len(paths)} files of '{split}' is a readable image", self.span)
        kept = torch.tensor(good)
        if keep:
            return InMemory(images if len(good) == len(paths) else images[kept], labels[kept])
        return OnDisk(tuple(paths[i] for i in good), labels[kept], frame, counts, products)


def open_folder(section: Folder, where: Where) -> FolderSource:
    """The folder's splits and classes.

    Raises SpecError: E620 for a missing folder or one without classes, E623 for classes without images or
    held-out classes that training does not have, E626 for an empty split.
    """
    root, span = Path(section.root), where("root")
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "is not there"
        raise fail("E620", f"the folder {root} {what}", span)
    inside = _folders(root)
    if "train" not in inside:
        classes, paths, labels = _classes(root, span)
        shares = {"val": section.split.val, "test": section.split.test}
        parts = stratified(labels, shares, section.split.seed, where("split"))
        found = {name: (tuple(paths[i] for i in part), labels[part]) for name, part in parts.items()}
        return FolderSource(found, classes, root.name, section.in_memory, span)
    other = [name for name in inside if name not in SPLITS]
    if other:
        message = f"{root} holds 'train' and also '{other[0]}'; beside train there may be val and test"
        raise fail("E620", message, span, did_you_mean(other[0], SPLITS, "splits"))
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
    if "val" not in found:
        parts = stratified(labels, {"val": section.split.val}, section.split.seed, where("split"))
        found |= {name: (tuple(paths[i] for i in part), labels[part]) for name, part in parts.items()}
    return FolderSource(found, classes, root.name, section.in_memory, span)


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
