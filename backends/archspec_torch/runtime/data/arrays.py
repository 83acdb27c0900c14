"""Data whose images lie in arrays: digits, idx, CIFAR, numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from archspec.errors import SpecError, fail
from archspec.run.sections import HoldOut
from archspec_torch.runtime.data.examples import InMemory, Place, Report, Where
from archspec_torch.runtime.data.splits import SPLITS, split_up
from archspec_torch.runtime.data.targets import Target
from archspec_torch.runtime.images import Frame

MAX_BYTES = 8 << 30
Pair = tuple[NDArray[numpy.uint8], Tensor]
"""Images (n, h, w) or (n, h, w, 3) and labels (n,), or (n, classes) of 0 and 1."""


@dataclass(frozen=True)
class Arrays:
    """Images and labels of the training files and, where there are any, the test files."""

    files: Mapping[str, Pair]
    parts: Mapping[str, Tensor]
    """Positions of each split in the training files; `test` is in them where there are no test files."""
    classes: tuple[str, ...]
    name: str
    target: Target = Target.CLASS

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: len(self.labels_of(name)) for name in SPLITS if name in self.parts or name in self.files}

    def labels_of(self, split: str) -> Tensor:
        return self.files["train"][1][self.parts[split]] if split in self.parts else self.files[split][1]

    def names_of(self, split: str) -> list[str]:
        """Hashes of the pixels; of an image that is there several times, with its number among them."""
        names = self._names
        if split in self.parts:
            return [names["train"][i] for i in self.parts[split].tolist()]
        return names[split]

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        """Of the examples of each file."""
        seen: Counter[str] = Counter()
        found: dict[str, list[str]] = {}
        for file, (images, _) in self.files.items():
            found[file] = []
            for image in images:
                name = blake2b(image.tobytes(), digest_size=8, key=repr(image.shape).encode()).hexdigest()
                seen[name] += 1
                found[file].append(name if seen[name] == 1 else f"{name}-{seen[name]}")
        return found

    def regrouped(self, parts: Mapping[str, Sequence[Place]]) -> Arrays:
        """What lies in another file than the split's other examples, as an image moved to the test file, is in none."""
        files, positions = dict(self.files), {}
        for split, places in parts.items():
            if split in self.parts or split not in self.files:
                kept = [int(self.parts[now][i]) for now, i in places if now in self.parts]
                positions[split] = torch.tensor(kept, dtype=torch.int64)
            elif len(kept := [i for now, i in places if now == split]) < len(self.files[split][1]):
                images, labels = self.files[split]
                files[split] = images[kept], labels[kept]
        return replace(self, files=files, parts=positions)

    def load(self, split: str, frame: Frame, report: Report) -> InMemory:
        images = self.files["train"][0][self.parts[split].numpy()] if split in self.parts else self.files[split][0]
        return InMemory(frame.place_all(images), self.labels_of(split))


def arrays_of(
    files: Mapping[str, Pair],
    section: HoldOut,
    names: Sequence[str],
    name: str,
    where: Where,
    labelled: Mapping[str, str],
    target: Target = Target.CLASS,
) -> Arrays:
    """The data of those files, split. `labelled`: the key of each file's labels in the run file.

    Raises SpecError E622 for labels beyond the names, E620, E626 and E629 of the split.
    """
    for split, (_, labels) in files.items():
        top = labels.shape[1] - 1 if target is Target.TAGS else int(labels.max())
        if top >= len(names):
            raise _beyond(split, top, len(names), where, labelled[split])
    parts = split_up(files["train"][1], section, where, given=[name for name in files if name != "train"])
    return Arrays(files, parts, tuple(names), name, target)


def no_file(path: Path) -> str:
    """Why nothing can be read at a path that is no file."""
    if path.is_dir():
        return f"{path} is a folder, not a file"
    if path.exists():
        return f"{path} is no file, but a device or a pipe"
    return f"{path} is a link that leads to no file" if path.is_symlink() else f"there is no file {path}"


def _beyond(split: str, top: int, classes: int, where: Where, key: str) -> SpecError:
    message = f"{split} labels go up to {top}; there are {classes} classes, 0 … {classes - 1}"
    return fail("E622", message, where(key))
