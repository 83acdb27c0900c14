"""What a run's data holds: examples of each class and split, damaged files, sizes, the same image in two splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from statistics import median
from typing import Any

from archspec.errors import Diagnostic, Span
from archspec.run import load_run
from archspec_torch.runtime.data import Boxed, Examples, Source, digest_of
from archspec_torch.runtime.data.boxed import BoxedFiles
from archspec_torch.runtime.data.files import Files
from archspec_torch.runtime.images import ImageProblem, large_images_allowed, upright_size
from archspec_torch.runtime.labels import lacking, mirrored
from archspec_torch.runtime.sheet import opened

SHOWN = 5
"""Sizes, and pairs of duplicates, that are told before the rest is counted."""
SMALL, BIG = 32, 96
"""Sides in pixels of the squares that part small, medium and large objects."""


@dataclass(frozen=True)
class Inventory:
    """Examples that can be read, by class and split, objects where these are in boxes; images by width and height,
    where they are files; what is doubtful."""

    name: str
    counts: Mapping[str, Mapping[str, int]]
    """Class name to split to examples."""
    sizes: Mapping[tuple[int, int], int]
    warnings: tuple[Diagnostic, ...]
    boxes: Boxes | None = None

    def to_json(self) -> dict[str, Any]:
        """name, counts: class → split → examples, sizes: [{width, height, images}], warnings; of objects in boxes
        boxes too: images, empty and ignored by split, objects: class → median width and height, and how many are
        small, medium and large."""
        sizes = [{"width": w, "height": h, "images": n} for (w, h), n in self.sizes.items()]
        warnings = [w.to_json() for w in self.warnings]
        found = {"name": self.name, "counts": self.counts, "sizes": sizes, "warnings": warnings}
        return found if self.boxes is None else {**found, "boxes": self.boxes.to_json()}

    def __str__(self) -> str:
        splits = list(next(iter(self.counts.values())))
        totals = {split: sum(row[split] for row in self.counts.values()) for split in splits}
        rows = {**self.counts, "objects in all" if self.boxes else "labels in all": totals}
        if self.boxes:
            rows |= {"of those ignored": self.boxes.ignored, "images": self.boxes.images}
            rows |= {"without objects": self.boxes.empty}
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
        return "\n".join([*lines, *(str(self.boxes).splitlines() if self.boxes else ())])


@dataclass(frozen=True)
class Boxes:
    """Of objects in boxes: images of each split, those without objects, objects neither right nor wrong; sizes."""

    images: Mapping[str, int]
    empty: Mapping[str, int]
    ignored: Mapping[str, int]
    objects: Mapping[str, BoxSizes]
    """By class, over all splits, in pixels of the files."""

    def to_json(self) -> dict[str, Any]:
        objects = {name: asdict(found) for name, found in self.objects.items()}
        return {"images": self.images, "empty": self.empty, "ignored": self.ignored, "objects": objects}

    def __str__(self) -> str:
        wide = max(map(len, self.objects))
        head = f"{'':{wide}}  {'median width × height':>22}  {'small':>8}  {'medium':>8}  {'large':>8}"
        lines = [f"objects by area in pixels of the files (small below {SMALL}², large from {BIG}² on)", head]
        for name, one in self.objects.items():
            size = f"{one.width:g} × {one.height:g}"
            lines.append(f"{name:{wide}}  {size:>22}  {one.small:>8,}  {one.medium:>8,}  {one.large:>8,}")
        return "\n".join(lines)


@dataclass(frozen=True)
class BoxSizes:
    """Median width and height of the boxes of a class, and how many have which area (Lin et al. 2014)."""

    width: float
    height: float
    small: int
    medium: int
    large: int


def check_data(run: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> Inventory:
    """Reads all data of a run and says what is in it. Warnings: W620 for damaged files, W621 for classes that a split
    lacks, W630 for images in two splits, W626 for points outside their images, W659 for points that a mirrored image
    should have on their other sides. Raises SpecError of the run and its data."""
    loaded = load_run(run, overrides)
    frame, source = opened(loaded)
    warnings: list[Diagnostic] = []
    loaded_splits = {split: source.load(split, frame, warnings.append) for split in source.sizes}
    counts: dict[str, dict[str, int]] = {name: {} for name in source.classes}
    for split in source.sizes:
        numbers = source.target.totals(loaded_splits[split].labels, len(source.classes)).tolist()
        for name, number in zip(source.classes, numbers, strict=True):
            counts[name][split] = number
    warnings += [*mirrored(loaded, source)[0], *lacking(source, loaded.span("data"))]
    warnings += _duplicates(source, loaded_splits, loaded.span("data"))
    boxed = {split: part for split, part in loaded_splits.items() if isinstance(part, Boxed)}
    boxes = _boxes(boxed, source.classes) if boxed else None
    return Inventory(source.name, counts, _sizes(source), tuple(warnings), boxes)


def _boxes(splits: Mapping[str, Boxed], classes: Sequence[str]) -> Boxes:
    objects = {split: [one for entry in part.entries for one in entry.objects] for split, part in splits.items()}
    extents: dict[str, list[tuple[float, float]]] = {name: [] for name in classes}
    for found in objects.values():
        for one in found:
            extents[one.label].append(one.extent)
    return Boxes(
        images={split: len(part.entries) for split, part in splits.items()},
        empty={split: sum(not entry.objects for entry in part.entries) for split, part in splits.items()},
        ignored={split: sum(one.difficult or one.crowd for one in found) for split, found in objects.items()},
        objects={name: _box_sizes(found) for name, found in extents.items()},
    )


def _box_sizes(extents: Sequence[tuple[float, float]]) -> BoxSizes:
    areas = [width * height for width, height in extents]
    small, large = sum(area < SMALL**2 for area in areas), sum(area >= BIG**2 for area in areas)
    width, height = (median(one[side] for one in extents) if extents else 0.0 for side in (0, 1))
    return BoxSizes(width, height, small, len(areas) - small - large, large)


def _sizes(source: Source) -> dict[tuple[int, int], int]:
    """Images by width and height, from their headers alone; those that have none are left out."""
    found: Counter[tuple[int, int]] = Counter()
    if isinstance(source, Files | BoxedFiles):
        with large_images_allowed():
            for path in (path for split in source.sizes for path in source.files_of(split)):
                with suppress(ImageProblem):  # told as W620
                    found[upright_size(path)] += 1
    return dict(found)


def _hashes(source: Source, split: str, examples: Examples) -> Iterator[tuple[bytes, str]]:
    """A hash and a name for each image: of a file's bytes, or of its values."""
    if isinstance(source, Files | BoxedFiles):
        for path in source.files_of(split):
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
                pairs.setdefault((other, split), []).append(name if name == known else f"{known} = {name}")
    for (one, two), found in pairs.items():
        more = f", … and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        what = f"{len(found):,} images of '{two}' are" if len(found) > 1 else f"one image of '{two}' is"
        message = f"{what} in '{one}' too: {', '.join(found[:SHOWN])}{more}"
        hint = "what was trained on says nothing about new images: leave them out of one"
        yield Diagnostic("W630", message, span, hint, severity="warning")
