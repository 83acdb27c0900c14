"""What a run's data holds: examples of each class and split, damaged files, sizes, the same image in two splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch

from archspec.errors import Diagnostic, Span
from archspec.run import load_run
from archspec_torch.runtime.data import Examples, Source, digest_of
from archspec_torch.runtime.data.files import Files
from archspec_torch.runtime.images import ImageProblem, large_images_allowed, size_of
from archspec_torch.runtime.labels import lacking
from archspec_torch.runtime.sheet import opened

SHOWN = 5
"""Sizes, and pairs of duplicates, that are told before the rest is counted."""


@dataclass(frozen=True)
class Inventory:
    """Examples that can be read, by class and split; images by width and height, where they are files; what is
    doubtful."""

    name: str
    counts: Mapping[str, Mapping[str, int]]
    """Class name to split to examples."""
    sizes: Mapping[tuple[int, int], int]
    warnings: tuple[Diagnostic, ...]

    def to_json(self) -> dict[str, Any]:
        """name, counts: class → split → examples, sizes: [{width, height, images}], warnings."""
        sizes = [{"width": w, "height": h, "images": n} for (w, h), n in self.sizes.items()]
        warnings = [w.to_json() for w in self.warnings]
        return {"name": self.name, "counts": self.counts, "sizes": sizes, "warnings": warnings}

    def __str__(self) -> str:
        splits = list(next(iter(self.counts.values())))
        totals = {split: sum(row[split] for row in self.counts.values()) for split in splits}
        rows = {**self.counts, "labels in all": totals}
        wide = max(len(name) for name in rows)
        widths = [max(len(split), *(len(f"{row[split]:,}") for row in rows.values())) for split in splits]
        head = " ".join([" " * wide, *(f" {s:>{w}}" for s, w in zip(splits, widths, strict=True))])
        lines = [self.name, head]
        for name, row in rows.items():
            lines.append(
                " ".join([f"{name:{wide}}", *(f" {row[s]:>{w},}" for s, w in zip(splits, widths, strict=True))])
            )
        if self.sizes:
            most = sorted(self.sizes.items(), key=lambda item: -item[1])
            told = ", ".join(f"{w}×{h} ({n:,})" for (w, h), n in most[:SHOWN])
            more = f", … and {len(most) - SHOWN} more" if len(most) > SHOWN else ""
            lines.append(f"sizes (width × height): {told}{more}")
        return "\n".join(lines)


def check_data(run: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> Inventory:
    """Reads all data of a run and says what is in it. Warnings: W620 for damaged files, W621 for classes that a split
    lacks, W630 for images in two splits. Raises SpecError of the run and its data."""
    loaded = load_run(run, overrides)
    frame, source = opened(loaded)
    warnings: list[Diagnostic] = []
    loaded_splits = {split: source.load(split, frame, warnings.append) for split in source.sizes}
    counts: dict[str, dict[str, int]] = {name: {} for name in source.classes}
    for split in source.sizes:
        labels = loaded_splits[split].labels
        numbers = labels.sum(0).long() if labels.ndim == 2 else torch.bincount(labels, minlength=len(source.classes))
        for name, number in zip(source.classes, numbers.tolist(), strict=True):
            counts[name][split] = number
    warnings += lacking(source, loaded.span("data"))
    warnings += _duplicates(source, loaded_splits, loaded.span("data"))
    return Inventory(source.name, counts, _sizes(source), tuple(warnings))


def _sizes(source: Source) -> dict[tuple[int, int], int]:
    """Images by width and height, from their headers alone; those that have none are left out."""
    found: Counter[tuple[int, int]] = Counter()
    if isinstance(source, Files):
        with large_images_allowed():
            for path in (path for paths, _ in source.parts.values() for path in paths):
                with suppress(ImageProblem):  # told as W620
                    found[size_of(path)] += 1
    return dict(found)


def _hashes(source: Source, split: str, examples: Examples) -> Iterator[tuple[bytes, str]]:
    """A hash and a name for each image: of a file's bytes, or of its values."""
    if isinstance(source, Files):
        for path in source.parts[split][0]:
            if path.is_file():
                yield blake2b(path.read_bytes(), digest_size=16).digest(), str(path)
        return
    for i in range(len(examples.labels)):
        yield digest_of(examples.image(i)), f"{split} {i}"


def _duplicates(source: Source, splits: Mapping[str, Examples], span: Span) -> Iterator[Diagnostic]:
    """A warning (W630) for each two splits that have images in common, naming some."""
    first: dict[bytes, tuple[str, str]] = {}
    pairs: dict[tuple[str, str], list[str]] = {}
    for split, examples in splits.items():
        for key, name in _hashes(source, split, examples):
            other, known = first.setdefault(key, (split, name))
            if other != split:
                pairs.setdefault((other, split), []).append(f"{known} = {name}")
    for (one, two), found in pairs.items():
        more = f", … and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        what = f"{len(found):,} images of '{two}' are" if len(found) > 1 else f"one image of '{two}' is"
        message = f"{what} in '{one}' too: {', '.join(found[:SHOWN])}{more}"
        hint = "what was trained on says nothing about new images: leave them out of one"
        yield Diagnostic("W630", message, span, hint, severity="warning")
