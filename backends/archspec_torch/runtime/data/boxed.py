"""`boxes`: annotated images in VOC's, COCO's, YOLO's format or a table, as a network's targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from archspec.errors import Diagnostic, Span, SpecError, did_you_mean, fail
from archspec.files import straight
from archspec.nearest import nearest
from archspec.run.sections import Boxes
from archspec_torch.boxes import Annotated, ImageEntry, formats
from archspec_torch.boxes.annotated import Object
from archspec_torch.boxes.checking import told_as_stored, wrong_objects
from archspec_torch.boxes.images import Places, located, usual_places
from archspec_torch.boxes.turned import stands
from archspec_torch.boxes.yolo_sets import SETS, SUFFIXES
from archspec_torch.detection.truth import rows_of
from archspec_torch.runtime.data.examples import Place, Report, Where
from archspec_torch.runtime.data.files import decode
from archspec_torch.runtime.data.framed import Framed
from archspec_torch.runtime.data.splits import SPLITS, split_up
from archspec_torch.runtime.data.targets import Target
from archspec_torch.runtime.images import Frame, Placement

Key = tuple[str, int]
"""An annotated image by the place of its annotation, which a whole file may be that has no line breaks, and its id."""
SHOWN = 10
"""Images in two sets, and classes, that a message names."""


@dataclass(frozen=True)
class Boxed(Framed):
    """Examples whose targets are objects in boxes: labels (n, M, 6), see `rows_of`."""

    entries: tuple[ImageEntry, ...]
    """The images in their files' own pixels, with the same objects in the same order, cut to the image."""


@dataclass(frozen=True)
class BoxedFiles:
    """The annotated images of each split."""

    parts: Mapping[str, tuple[ImageEntry, ...]]
    """Objects without area, those that stand twice and those of other classes are not among theirs."""
    classes: tuple[str, ...]
    name: str
    in_memory: bool | str
    span: Span
    root: Path
    """The folder that names of files begin behind."""
    told: Mapping[str, tuple[Diagnostic, ...]]
    """What was left out of the annotations of each split as they were read (W630, W650)."""
    wrong: Mapping[Key, tuple[Diagnostic, ...]]
    """What was left out of each image (W652, W653)."""
    target: Target = Target.BOXES

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: len(self.parts[name]) for name in SPLITS if name in self.parts}

    @cached_property
    def _labels(self) -> dict[str, Tensor]:
        return {split: _rows(entries, self.classes) for split, entries in self.parts.items()}

    def labels_of(self, split: str) -> Tensor:
        """float32 (n, M, 6), in pixels of the image files."""
        return self._labels[split]

    def files_of(self, split: str) -> tuple[Path, ...]:
        """The image files of a split."""
        return tuple(entry.path for entry in self.parts[split])

    def names_of(self, split: str) -> list[str]:
        """Paths below the root; whole ones of files elsewhere; one that is there again with its number."""
        return self._names[split]

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        seen: Counter[str] = Counter()
        found: dict[str, list[str]] = {split: [] for split in self.sizes}
        for split, names in found.items():
            for entry in self.parts[split]:
                name = _named(entry, self.root)
                seen[name] += 1
                names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
        return found

    def regrouped(self, parts: Mapping[str, Sequence[Place]]) -> BoxedFiles:
        picked = {split: tuple(self.parts[now][i] for now, i in places) for split, places in parts.items()}
        return replace(self, parts=picked)

    def load(self, split: str, frame: Frame, report: Report) -> Boxed:
        """The split's images in the frame, and their boxes.

        Reported are damaged and missing images (W620), which are left out; what was left out of the annotations
        (W650, W652, W653); boxes that leave their image (W651), which are cut, or left out where nothing is in it; and
        images of another size than annotated (W655), whose boxes are taken as pixels of the file. Objects that `fit:
        crop` cuts off whole are marked as ignored. Raises SpecError E625 where no image is left.
        """
        for warning in self.told.get(split, ()):
            report(warning)
        entries = self.parts[split]
        for entry in entries:
            for warning in self.wrong.get(_key(entry), ()):
                report(warning)
        found = decode([entry.path for entry in entries], frame, self.in_memory, report)
        if not found.good:
            raise fail("E625", f"none of the {len(entries)} images of '{split}' can be read", self.span)
        pairs = zip((entries[i] for i in found.good), found.placements, strict=True)
        whole = tuple(_within(entry, placement, report) for entry, placement in pairs)
        labels = _placed(_rows(whole, self.classes), found.placements, frame)
        return Boxed(found.examples(self.files_of(split), labels, frame), tuple(found.placements), whole)


def open_boxes(section: Boxes, where: Where) -> BoxedFiles:
    """The annotations of each set, and what is drawn from those of `train`.

    Raises SpecError: E640 for annotations that cannot be read at all, E641 where there are none, E647 for a set that
    there is not or that is empty, E648 for classes that there are not, E626 and E629 of the split.
    """
    root = Path(section.root)
    folder = root if root.is_dir() else root.parent
    sets: dict[str, Annotated] = {}
    told: dict[str, tuple[Diagnostic, ...]] = {}
    own = _own_sets(root, where)
    for split in SETS:
        written = getattr(section, split)
        if written is not None or split == "train" or split in own:
            sets[split], told[split] = _read(root, folder, split, written, where, own, section.images)
    entries = {split: data.images for split, data in sets.items()}
    if repeated := _apart(entries, where("root")):
        told["train"] = (*told["train"], repeated)
    if not entries["train"]:
        raise _none_to_train(section, own, where)
    classes, names = _classes(sets, section, where)
    if section.one_class is not None:
        classes, names = (section.one_class,), dict.fromkeys(names, section.one_class)
    wrong: dict[Key, tuple[Diagnostic, ...]] = {}
    parts = {}
    for split, data in sets.items():
        parts[split] = tuple(_right(entry, data.least, names, wrong) for entry in entries[split])
    pool = parts["train"]
    drawn = section.split.model_copy(update={"test": 0.0}) if len(sets) > 1 or section.train else section.split
    listed = [_named(entry, folder) for entry in pool]
    given = [split for split in sets if split != "train"]
    held = Target.BOXES.counts(_rows(pool, classes), len(classes)).clamp(max=1)
    shares = split_up(held, drawn, where, listed, given)
    parts |= {split: tuple(pool[i] for i in part.tolist()) for split, part in shares.items()}
    described = root.stem == "data" and root.suffix.lower() in SUFFIXES
    name = root.parent.name if described and root.parent.name else root.stem
    return BoxedFiles(parts, classes, name, section.in_memory, where("root"), folder, told, wrong)


def _own_sets(root: Path, where: Where) -> tuple[str, ...]:
    """The sets that a YOLO data set brings. Raises SpecError E640 to E641."""
    try:
        return formats.sets_of(root)
    except SpecError as error:
        raise SpecError(d if d.span else replace(d, span=where("root")) for d in error.diagnostics) from error


def _read(
    root: Path,
    folder: Path,
    split: str,
    written: str | None,
    where: Where,
    own: Sequence[str],
    images: str | list[str] | None,
) -> tuple[Annotated, tuple[Diagnostic, ...]]:
    """The annotations of a set with their images where they lie, and what is left out of them."""
    at, name, span = root, None, where("root") if written is None else where(split)
    if written in own or (written is None and split in own):
        name = written or split
    elif written is not None:
        lists = folder / "ImageSets" / "Main"
        at = folder / written
        if (lists / f"{written}.txt").is_file():
            at, name = root, written
        elif not root.exists():
            raise fail("E647", f"there is no '{root}'", where("root"))
        elif not at.exists():
            known = [*own, *(path.stem for path in sorted(lists.glob("*.txt")))]
            hint = did_you_mean(written, known, "sets") if known else None
            raise fail("E647", f"there is no set '{written}': neither {at} nor a list in {lists}", span, hint)
    told: list[Diagnostic] = []
    try:
        data = formats.read(at, told.append, name)
    except SpecError as error:
        raise SpecError(d if d.span else replace(d, span=span) for d in error.diagnostics) from error
    if not data.images:
        hint = f"{told[0].message} ({told[0].span})" if told else None
        raise fail("E647", f"the annotations of '{split}' in {at} hold no image", span, hint)
    if images is None:  # names of files in `folder` are below it, in lists of splits too
        below, places = (at if at.is_dir() else at.parent), usual_places(at)
        shorter = ((one, straight(one)) for one in places.folders)
        found = tuple(short if short.is_relative_to(folder) else one for one, short in shorter)
        places = replace(places, folders=found)
    else:
        named = [images] if isinstance(images, str) else images
        below, places = folder, Places(tuple(folder / one for one in named), True, ", ".join(named))
    return replace(data, images=located(data.images, below, places)), tuple(told)


def _apart(entries: dict[str, tuple[ImageEntry, ...]], span: Span) -> Diagnostic | None:
    """Takes the images of `val` and `test` out of `train`, and tells how many they were (W630)."""
    held = {entry.path for split, found in entries.items() if split != "train" for entry in found}
    twice = [entry.path for entry in entries["train"] if entry.path in held]
    entries["train"] = tuple(entry for entry in entries["train"] if entry.path not in held)
    if not twice:
        return None
    more = f", … and {len(twice) - SHOWN} more" if len(twice) > SHOWN else ""
    names = ", ".join(path.name for path in twice[:SHOWN])
    what = f"{len(twice):,} images of 'train' are" if len(twice) > 1 else "one image of 'train' is"
    message = f"{what} in 'val' or 'test' too, and left out of it: {names}{more}"
    return Diagnostic("W630", message, span, severity="warning")


def _none_to_train(section: Boxes, own: Sequence[str], where: Where) -> SpecError:
    """All images are of `val` or `test` (E647): because of what is written, or since the data set has no other."""
    if section.train is not None or "train" in own or not own:
        return fail("E647", "all images of 'train' are in 'val' or 'test' too", where("train"))
    message = f"'{section.root}' names no set `train`, and all its images are in {' or '.join(map(repr, own))}"
    return fail("E647", message, where("root"), "`train: …` in a data.yaml names its folder or list of images")


def _classes(sets: Mapping[str, Annotated], section: Boxes, where: Where) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """The classes in the order of their numbers, and of each class of the annotations that is kept its name there."""
    there = list(dict.fromkeys(name for data in sets.values() for name in data.classes))
    if not there:
        raise fail("E648", "the annotations hold no object", where("root"))
    if section.classes is None:
        if len({data.classes for data in sets.values()}) > 1 and any(data.least for data in sets.values()):
            there.sort()  # VOC's classes are those that occur, by the alphabet
        return tuple(there), {name: name for name in there}
    wanted = section.classes
    if all(name.isdecimal() for name in there) and not set(wanted) & set(there):
        if (most := max(map(int, there))) >= len(wanted):
            message = f"objects are of classes up to {most}, counted from 0, and {len(wanted)} are named"
            raise fail("E648", message, where("classes"))
        return tuple(wanted), {name: wanted[int(name)] for name in there}
    left = [name for name in there if name not in wanted]
    for name in wanted:
        if name not in there and nearest(name, left):
            raise fail("E648", f"no object is of the class '{name}'", where("classes"), did_you_mean(name, left))
    if not set(wanted) & set(there):
        message = f"no object is of a class that is written; there are: {', '.join(there[:SHOWN])}"
        raise fail("E648", message, where("classes"))
    return tuple(wanted), {name: name for name in wanted}


def _right(
    entry: ImageEntry, least: int, names: Mapping[str, str], wrong: dict[Key, tuple[Diagnostic, ...]]
) -> ImageEntry:
    """The image with the objects of its classes that have an area and stand once; what is left out goes to `wrong`."""
    kept = tuple(one for one in entry.objects if one.label in names)
    entry = replace(entry, objects=kept)
    found = list(wrong_objects(entry, (0, 0), least))
    if found:
        wrong[_key(entry)] = tuple(replace(d, message=f"{d.message}: left out") for _, d in found)
    out = {n for n, _ in found}
    renamed = (replace(one, label=names[one.label]) for n, one in enumerate(kept) if n not in out)
    return replace(entry, objects=tuple(renamed))


def _within(entry: ImageEntry, placement: Placement, report: Report) -> ImageEntry:
    """The image, upright, with its true size and boxes cut to it; those beyond it are left out."""
    width, height = placement.width, placement.height
    if entry.width and entry.height and (entry.width, entry.height) != (width, height):
        written, entry = entry, stands(entry)
        if entry is not written:
            report(told_as_stored(written, (width, height)))
    if entry.width and entry.height and (entry.width, entry.height) != (width, height):
        how = f"the image {entry.path} is {width}×{height}, annotated as {entry.width}×{entry.height}"
        hint = "boxes are taken as pixels of the file"
        report(Diagnostic("W655", how, entry.span, hint, severity="warning"))
    outside = dict(wrong_objects(entry, (width, height), -1))
    objects: list[Object] = []
    for n, one in enumerate(entry.objects):
        x1, y1, x2, y2 = one.box
        box = (max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2))
        there = box[0] < box[2] and box[1] < box[3]
        if n in outside:
            report(replace(outside[n], message=f"{outside[n].message}: {'cut' if there else 'left out'}"))
        if there:
            objects.append(one if box == one.box else replace(one, box=box, size=None))
    return replace(entry, width=width, height=height, objects=tuple(objects))


def _rows(entries: Sequence[ImageEntry], classes: Sequence[str]) -> Tensor:
    """float32 (n, M, 6), M the most objects of an image and 1 at least, in pixels of the files."""
    numbers = {name: n for n, name in enumerate(classes)}
    most = max((len(entry.objects) for entry in entries), default=0)
    rows = torch.empty(len(entries), max(1, most), 6)
    for row, entry in zip(rows, entries, strict=True):
        boxes = torch.tensor([one.box for one in entry.objects]).reshape(-1, 4)
        labels = torch.tensor([numbers[one.label] for one in entry.objects], dtype=torch.int64)
        ignored = torch.tensor([one.difficult or one.crowd for one in entry.objects], dtype=torch.bool)
        row[:] = rows_of(boxes, labels, ignored, len(row))
    return rows


def _placed(rows: Tensor, placements: Sequence[Placement], frame: Frame) -> Tensor:
    """Rows (n, M, 6) in pixels of the frame, cut to it; those of which nothing is in it are ignored."""
    sides = torch.tensor([frame.width, frame.height] * 2)
    for row, placement in zip(rows, placements, strict=True):
        there = row[:, 4] >= 0
        boxes = placement.to_frame(row[there, :4]).clamp(min=torch.zeros(4), max=sides)
        row[there, :4] = boxes
        gone = (boxes[:, 2:] <= boxes[:, :2]).any(1)
        row[there, 5] = row[there, 5].maximum(gone.float())
    return rows


def _named(entry: ImageEntry, root: Path) -> str:
    """What lists and split.json call an image."""
    return (entry.path.relative_to(root) if entry.path.is_relative_to(root) else entry.path).as_posix()


def _key(entry: ImageEntry) -> Key:
    return entry.source, entry.id
