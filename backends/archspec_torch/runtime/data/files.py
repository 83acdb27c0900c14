"""Images in files, each with its label: what a folder or a table names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from archspec.errors import Diagnostic, Span, fail
from archspec_torch.runtime.data.examples import (
    Examples,
    InMemory,
    OnDisk,
    Place,
    Report,
    channel_products,
    value_counts,
)
from archspec_torch.runtime.data.splits import SPLITS
from archspec_torch.runtime.data.targets import Target
from archspec_torch.runtime.images import Frame, ImageProblem, Placement, large_images_allowed

MEMORY = 1 << 30
"""Bytes of decoded images up to which `in_memory: auto` keeps a split in memory."""
SHOWN = 10
"""Damaged files that an error names."""
LEFT_OUT = ("W620", "W626", "W650", "W651", "W652", "W653", "W655")
"""Warnings that `strict` lets no run begin with: files that cannot be read, and what is wrong with boxes and points."""


@dataclass(frozen=True)
class Files:
    """Paths and labels of each split."""

    parts: Mapping[str, tuple[tuple[Path, ...], Tensor]]
    classes: tuple[str, ...]
    name: str
    in_memory: bool | str
    span: Span | None
    root: Path
    """What the names of files begin behind."""
    target: Target = Target.CLASS

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: len(self.parts[name][0]) for name in SPLITS if name in self.parts}

    def labels_of(self, split: str) -> Tensor:
        return self.parts[split][1]

    def names_of(self, split: str) -> list[str]:
        """Paths below the root; whole ones of files elsewhere."""
        return [
            (path.relative_to(self.root) if path.is_relative_to(self.root) else path).as_posix()
            for path in self.parts[split][0]
        ]

    def regrouped(self, parts: Mapping[str, Sequence[Place]]) -> Files:
        return replace(self, parts={split: self._picked(places) for split, places in parts.items()})

    def _picked(self, places: Sequence[Place]) -> tuple[tuple[Path, ...], Tensor]:
        labels = self.parts["train"][1]
        found = [self.parts[split][1][i] for split, i in places]
        return (
            tuple(self.parts[split][0][i] for split, i in places),
            torch.stack(found) if found else labels[:0],
        )

    def load(self, split: str, frame: Frame, report: Report) -> Examples:
        """The split's images. Every file is decoded once here: damaged ones are reported (W620) and left out.

        Raises SpecError E625 where none is left.
        """
        paths, labels = self.parts[split]
        found = decode(paths, frame, self.in_memory, report)
        if not found.good:
            raise fail("E625", f"none of the {len(paths)} files of '{split}' is a readable image", self.span)
        return found.examples(paths, labels[torch.tensor(found.good)], frame)

    def files_of(self, split: str) -> tuple[Path, ...]:
        """The image files of a split."""
        return self.parts[split][0]


@dataclass(frozen=True)
class Decoded:
    """What is left of image files when all were decoded once."""

    good: list[int]
    """Positions of those that could be read."""
    images: Tensor | None
    """uint8 (n, c, h, w) of these, where they are kept in memory."""
    counts: Tensor
    products: Tensor
    placements: list[Placement]
    """How these lie in the frame."""

    def examples(self, paths: Sequence[Path], labels: Tensor, frame: Frame) -> InMemory | OnDisk:
        """`paths`: of all files; `labels`: of those that could be read."""
        if self.images is not None:
            return InMemory(self.images, labels)
        return OnDisk(tuple(paths[i] for i in self.good), labels, frame, self.counts, self.products)


def decode(paths: Sequence[Path], frame: Frame, in_memory: bool | str, report: Report) -> Decoded:
    """Every file decoded once: damaged ones are reported (W620) and left out."""
    size = len(paths) * frame.channels * frame.height * frame.width
    keep = size <= MEMORY if in_memory == "auto" else bool(in_memory)
    images = torch.empty(len(paths) if keep else 0, frame.channels, frame.height, frame.width, dtype=torch.uint8)
    counts = torch.zeros(frame.channels, 256, dtype=torch.int64)
    products = torch.zeros(frame.channels, frame.channels, dtype=torch.int64)

    def one(i: int) -> tuple[Tensor, Tensor, Placement] | str:
        try:
            image, placement = frame.read_placed(paths[i])
        except ImageProblem as problem:
            return str(problem)
        if keep:
            images[i] = image
            return image[:0], image[:0], placement
        return torch.stack([value_counts(channel) for channel in image]), channel_products(image), placement

    good: list[int] = []
    placements: list[Placement] = []
    with large_images_allowed(), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for i, found in enumerate(pool.map(one, range(len(paths)))):
            if isinstance(found, str):
                report(Diagnostic("W620", f"{paths[i]} {found}: left out", severity="warning"))
                continue
            good.append(i)
            placements.append(found[2])
            if not keep:
                counts += found[0]
                products += found[1]
    if keep and len(good) < len(paths):
        images = images[torch.tensor(good, dtype=torch.int64)]
    return Decoded(good, images if keep else None, counts, products, placements)


def refuse_damaged(warnings: Sequence[Diagnostic], span: Span) -> None:
    """Raises SpecError E633 for the files and boxes that would be left out, the first of them named."""
    found = [w for w in warnings if w.code in LEFT_OUT]
    told = [w.message.removesuffix(": left out").removesuffix(": not seen") for w in found]
    damaged = [text + (f" ({w.span})" if w.span else "") for text, w in zip(told, found, strict=True)]
    if damaged:
        more = [f"… and {len(damaged) - SHOWN} more"] if len(damaged) > SHOWN else []
        what = "; ".join([*damaged[:SHOWN], *more])
        kind = "file" if all(w.code == "W620" for w in found) else "thing"
        count = f"{len(damaged)} {kind}s of the data" if len(damaged) > 1 else f"one {kind} of the data"
        hint = "repair or remove them; without strict they are left out"
        raise fail("E633", f"{count} cannot be used: {what}", span, hint)
