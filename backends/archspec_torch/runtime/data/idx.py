"""`idx`: images and labels in MNIST's file format, gzipped or not.

Format: http://yann.lecun.com/exdb/mnist: a magic number 0, 0, type, dimensions; each dimension's size as a
big-endian 32-bit number; then the values, last dimension fastest.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from archspec.errors import Diagnostic, Span, SpecError, fail
from archspec.run.sections import Idx
from archspec_torch.runtime.data.arrays import MAX_BYTES, Arrays, arrays_of, no_file
from archspec_torch.runtime.data.examples import Where

FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
UBYTE = 0x08
CHUNK = 16 << 20


def open_idx(section: Idx, where: Where) -> Arrays:
    """The four files of the section, or two without test files.

    Raises SpecError: E620 for files not named or not there, E621 for what is no whole idx file, E622 for
    images and labels of different number or class, E626 for an empty split.
    """
    paths = _paths(section, where)
    files: dict[str, tuple[NDArray[numpy.uint8], Tensor]] = {}
    problems: list[Diagnostic] = []
    for split in ("train", "test"):
        if f"{split}_images" in paths:
            try:
                files[split] = _pair(paths, split, where)
            except SpecError as error:
                problems += error.diagnostics
    if problems:
        raise SpecError(problems)
    labels = files["train"][1]
    highest = int(labels.max())
    names = section.names or [str(n) for n in range(highest + 1)]
    folder = paths["train_images"].parent
    labelled = {split: "names" if section.names else f"{split}_labels" for split in files}
    return arrays_of(files, section.split, names, f"idx files in {folder.name or folder}", where, labelled)


def _paths(section: Idx, where: Where) -> dict[str, Path]:
    """The files by role. Test files may be left out, both together."""
    found, problems = {}, []
    for role, usual in FILES.items():
        written = getattr(section, role)
        if written is not None:
            found[role] = Path(written)
            if not found[role].is_file():
                problems.append(Diagnostic("E620", no_file(Path(written)), where(role)))
        elif section.root is not None:
            names = [usual, usual.replace("-idx", ".idx")]
            there = [Path(section.root, n + end) for n in names for end in ("", ".gz")]
            path = next((path for path in there if path.is_file()), None)
            other = next((path for path in there if os.path.lexists(path)), None)
            if path is not None:
                found[role] = path
            elif other is not None:
                problems.append(Diagnostic("E620", no_file(other), where("root")))
    if section.root is not None and not Path(section.root).is_dir():
        problems.insert(0, Diagnostic("E620", f"there is no folder {section.root}", where("root")))
    else:
        for role in ("train_images", "train_labels"):
            if role not in found and not problems:
                looked = f"{section.root} holds no {FILES[role]}, gzipped or not" if section.root else ""
                message = looked or f"idx data needs {role}, or a `root` that holds the files"
                problems.append(Diagnostic("E620", message, where("root" if section.root else role)))
        if ("test_images" in found) != ("test_labels" in found) and not problems:
            have, lack = sorted(("test_images", "test_labels"), key=lambda role: role not in found)
            problems.append(Diagnostic("E620", f"there are {have} but no {lack}", where(have)))
    if problems:
        raise SpecError(problems)
    return found


def _pair(paths: Mapping[str, Path], split: str, where: Where) -> tuple[NDArray[numpy.uint8], Tensor]:
    images = read_idx(paths[f"{split}_images"], 3, where(f"{split}_images"))
    labels = read_idx(paths[f"{split}_labels"], 1, where(f"{split}_labels"))
    if len(images) != len(labels):
        message = (
            f"{paths[f'{split}_images'].name} holds {len(images):,} images, "
            f"{paths[f'{split}_labels'].name} {len(labels):,} labels"
        )
        raise fail("E622", message, where(f"{split}_labels"))
    return images, torch.from_numpy(labels.astype(numpy.int64))


def read_idx(path: Path, dimensions: int, span: Span | None = None) -> NDArray[numpy.uint8]:
    """The values of an idx file of unsigned bytes with that many dimensions, gzipped or not.

    Raises SpecError E621 with the numbers for another type or rank, an empty array, missing or left-over
    bytes, a damaged archive, or more than 8 GiB.
    """

    def wrong(message: str) -> SpecError:
        return fail("E621", f"{path}: {message}", span)

    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.open(raw) if packed else raw as file:
                return _values(file, dimensions, wrong)  # type: ignore[arg-type]
    except EOFError:
        raise wrong("the gzip archive is cut off") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise wrong(f"the gzip archive is damaged: {error}") from error
    except OSError as error:
        raise wrong(f"cannot be read: {error.strerror or error}") from error


def _values(file: IO[bytes], dimensions: int, wrong: Callable[[str], SpecError]) -> NDArray[numpy.uint8]:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0":
        raise wrong(f"is no idx file: it begins with {head.hex(' ') or 'nothing'}, not 00 00")
    if head[2] != UBYTE:
        raise wrong(f"holds values of type 0x{head[2]:02x}; images and labels are unsigned bytes, 0x08")
    if head[3] != dimensions:
        what = "images have 3 (number, height, width)" if dimensions == 3 else "labels have 1"
        raise wrong(f"has {head[3]} dimensions; {what}: magic number 0x0000080{dimensions}")
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise wrong("ends within its header")
    shape = [int.from_bytes(sizes[4 * i : 4 * i + 4], "big") for i in range(dimensions)]
    expected = math.prod(shape)
    shown = "×".join(str(n) for n in shape)
    if expected == 0:
        raise wrong(f"is empty: its header says {shown}")
    if expected > MAX_BYTES:
        raise wrong(f"says it holds {shown} bytes; the limit is {MAX_BYTES:,}")
    values = bytearray()
    while len(values) <= expected and (part := file.read(min(CHUNK, expected + 1 - len(values)))):
        values += part
    if len(values) < expected:
        raise wrong(f"is cut off: {shown} values are {expected:,} bytes, and {len(values):,} are there")
    if len(values) > expected:
        raise wrong(f"has bytes left over behind the {expected:,} that its header announces ({shown})")
    return numpy.frombuffer(values, numpy.uint8).reshape(shape)
