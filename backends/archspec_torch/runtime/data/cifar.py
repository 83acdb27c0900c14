"""`cifar`: CIFAR-10 and CIFAR-100, in their files for Python or their binary ones.

Format: https://www.cs.toronto.edu/~kriz/cifar.html: an image is 3,072 bytes, 1,024 a channel, row after row. A binary
file has one label before each image (CIFAR-100: coarse, then fine); a pickled one a dictionary of all.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from numpy.typing import NDArray

from archspec.errors import Span, SpecError, fail
from archspec.run.sections import Cifar
from archspec_torch.runtime.data.arrays import Arrays, Pair, arrays_of, no_file
from archspec_torch.runtime.data.examples import Where

PIXELS = 3 * 32 * 32
MAX_FILE = 1 << 30
TEN = [f"data_batch_{i}" for i in range(1, 6)]


@dataclass(frozen=True)
class Layout:
    """The files of one edition, and the folder that its archive unpacks to."""

    name: str
    folder: str
    train: tuple[str, ...]
    test: str
    names: Mapping[str, tuple[str, str]]
    """For `fine` and `coarse` labels: the file with the classes' names, and its key where it is pickled."""
    labels: Mapping[str, str]
    """The key of the labels in a pickled file."""

    @property
    def binary(self) -> bool:
        return self.test.endswith(".bin")

    @property
    def hundred(self) -> bool:
        return len(self.names) == 2


_TEN_KEYS = {"fine": "labels"}
_HUNDRED_KEYS = {"fine": "fine_labels", "coarse": "coarse_labels"}
_META = {"fine": ("meta", "fine_label_names"), "coarse": ("meta", "coarse_label_names")}
_TEXTS = {"fine": ("fine_label_names.txt", ""), "coarse": ("coarse_label_names.txt", "")}
LAYOUTS = (
    Layout(
        "CIFAR-10",
        "cifar-10-batches-py",
        tuple(TEN),
        "test_batch",
        {"fine": ("batches.meta", "label_names")},
        _TEN_KEYS,
    ),
    Layout(
        "CIFAR-10",
        "cifar-10-batches-bin",
        tuple(f"{name}.bin" for name in TEN),
        "test_batch.bin",
        {"fine": ("batches.meta.txt", "")},
        _TEN_KEYS,
    ),
    Layout("CIFAR-100", "cifar-100-python", ("train",), "test", _META, _HUNDRED_KEYS),
    Layout("CIFAR-100", "cifar-100-binary", ("train.bin",), "test.bin", _TEXTS, _HUNDRED_KEYS),
)


def open_cifar(section: Cifar, where: Where) -> Arrays:
    """The data of the first edition that is in `root`, or in the folder there that its archive unpacks to.

    Raises SpecError: E620 where none is there or a file of it is missing, E630 for a file that is no such file,
    E622 for labels beyond the classes, E626 and E629 of the split.
    """
    root, span = Path(section.root), where("root")
    layout, folder = _find(root, span)
    if section.labels not in layout.names:
        raise fail("E630", f"{layout.name} has no coarse labels", where("labels"), "CIFAR-100 has them")
    wanted = (*layout.train, layout.test, layout.names[section.labels][0])
    lacking = [name for name in wanted if not (folder / name).is_file()]
    other = next((folder / name for name in lacking if os.path.lexists(folder / name)), None)
    if other is not None:
        raise fail("E620", no_file(other), span)
    if lacking:
        raise fail("E620", f"{folder} lacks {', '.join(lacking)} of {layout.name}", span)
    names = _names(folder, layout, section.labels, span)
    parts = [_pair(folder / name, layout, section.labels, len(names), span) for name in layout.train]
    train = numpy.concatenate([part[0] for part in parts]), torch.cat([part[1] for part in parts])
    test = _pair(folder / layout.test, layout, section.labels, len(names), span)
    labelled = {"train": "root", "test": "root"}
    return arrays_of({"train": train, "test": test}, section.split, names, layout.name, where, labelled)


def _find(root: Path, span: Span) -> tuple[Layout, Path]:
    if not root.is_dir():
        raise fail("E620", f"there is no folder {root}", span)
    for layout in LAYOUTS:
        for folder in (root, root / layout.folder):
            if any((folder / name).is_file() for name in (*layout.train, layout.test)):
                return layout, folder
    wanted = ", ".join(f"{layout.train[0]} ({layout.name})" for layout in LAYOUTS)
    raise fail("E620", f"{root} holds no CIFAR files", span, f"looked for {wanted}, there and in the archives' folders")


def _names(folder: Path, layout: Layout, labels: str, span: Span) -> list[str]:
    file, key = layout.names[labels]
    if layout.binary:
        text = (folder / file).read_bytes().decode("utf-8", errors="replace")
        names = [line.strip() for line in text.splitlines() if line.strip()]
    else:
        names = _unpickled(folder / file, span).get(key, [])
        names = [n.decode("latin1") if isinstance(n, bytes) else n for n in names] if isinstance(names, list) else []
    if len(names) < 2 or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise fail("E630", f"{folder / file}: names no classes", span)
    return names


def _pair(path: Path, layout: Layout, labels: str, classes: int, span: Span) -> Pair:
    numbers, pixels = (_binary if layout.binary else _pickled)(path, layout, labels, span)
    if numbers.max() >= classes or numbers.min() < 0:
        worst = numbers.max() if numbers.max() >= classes else numbers.min()
        row = int((numbers == worst).argmax())
        raise fail("E630", f"{path}: image {row} has the label {worst}; there are {classes} classes", span)
    images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return numpy.ascontiguousarray(images), torch.from_numpy(numbers.astype(numpy.int64))


def _binary(path: Path, layout: Layout, labels: str, span: Span) -> tuple[NDArray[Any], NDArray[numpy.uint8]]:
    ahead = 2 if layout.hundred else 1
    size = _size(path, span)
    if size == 0 or size % (PIXELS + ahead):
        message = f"{path}: {size:,} bytes are no whole number of images of {ahead} + {PIXELS:,} bytes"
        raise fail("E630", message, span, "it was cut off, or is another edition's")
    rows = numpy.fromfile(path, numpy.uint8).reshape(-1, PIXELS + ahead)
    return rows[:, 0 if labels == "coarse" or ahead == 1 else 1], rows[:, ahead:]


def _pickled(path: Path, layout: Layout, labels: str, span: Span) -> tuple[NDArray[Any], NDArray[numpy.uint8]]:
    found = _unpickled(path, span)
    key = layout.labels[labels]
    pixels, numbers = found.get("data"), found.get(key)
    if not isinstance(pixels, numpy.ndarray) or pixels.ndim != 2 or pixels.shape[1] != PIXELS or not len(pixels):
        shown = "×".join(map(str, pixels.shape)) if isinstance(pixels, numpy.ndarray) else type(pixels).__name__
        raise fail("E630", f"{path}: 'data' is {shown}; images are bytes, n×{PIXELS}", span)
    if not isinstance(numbers, list) or not all(type(n) is int and abs(n) < 1 << 31 for n in numbers):
        raise fail("E630", f"{path}: '{key}' is no list of whole numbers", span)
    if len(numbers) != len(pixels):
        raise fail("E630", f"{path}: {len(pixels):,} images and {len(numbers):,} labels", span)
    return numpy.array(numbers), pixels


def _size(path: Path, span: Span) -> int:
    size = path.stat().st_size
    if size > MAX_FILE:
        raise fail("E630", f"{path}: {size:,} bytes; a CIFAR file has at most {MAX_FILE:,}", span)
    return size


def _unpickled(path: Path, span: Span) -> dict[str, Any]:
    """The dictionary in a pickled file, its arrays of bytes too. Nothing in the file is run. Raises SpecError E630."""
    _size(path, span)
    try:
        with path.open("rb") as file:
            found = _reader(file).load()
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}, not a dictionary")
        plain = {k.decode("latin1") if isinstance(k, bytes) else str(k): v for k, v in found.items()}
        return {key: value.array() if hasattr(value, "array") else value for key, value in plain.items()}
    except SpecError:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise fail("E630", f"{path}: is no file of CIFAR for Python: {reason}", span) from error


def _reader(file: Any) -> pickle.Unpickler:
    """Reads a pickle of dictionaries, lists, text, numbers and arrays of bytes; any other name in it is refused.

    numpy's own constructors are not called either: what they would be given is kept, and looked at afterwards.
    The classes are made anew for each file, since a pickle may write attributes into what it is given.
    """

    class Kind:
        def __init__(self, code: Any = None, *_: Any):
            self.code = code

        def __setstate__(self, state: Any) -> None:
            pass

    class Array:
        state: Any = None

        def __setstate__(self, state: Any) -> None:
            self.state = state

        def array(self) -> NDArray[numpy.uint8]:
            _, shape, kind, fortran, data = self.state
            if not isinstance(kind, Kind) or kind.code not in ("u1", "|u1", b"u1"):
                raise ValueError(f"an array of {getattr(kind, 'code', kind)!r}; images are bytes, u1")
            if not isinstance(data, str | bytes | bytearray):
                raise ValueError(f"an array whose content is {type(data).__name__}, not bytes")
            raw = data.encode("latin1") if isinstance(data, str) else data
            return numpy.frombuffer(raw, numpy.uint8).reshape(shape, order="F" if fortran else "C")

    def rebuilt(*_: Any) -> Array:
        return Array()

    def from_bytes(data: Any, kind: Any, shape: Any, order: Any) -> Array:
        found = Array()
        found.state = (1, shape, kind, order == "F", data)
        return found

    def encoded(text: Any, encoding: Any = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise ValueError("text in an encoding that is not latin1")
        return text.encode("latin1")

    known: dict[tuple[str, str], Any] = {("_codecs", "encode"): encoded}
    for package in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray"):
        known |= {(package, "ndarray"): Array, (package, "dtype"): Kind, (package, "_reconstruct"): rebuilt}

    known |= {(f"numpy.{core}.numeric", "_frombuffer"): from_bytes for core in ("core", "_core")}

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) not in known:
                raise ValueError(f"it names {module}.{name}; only arrays, lists, text and numbers are read")
            return known[module, name]

    return Reader(file, encoding="latin1")
