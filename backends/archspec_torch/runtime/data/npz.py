"""`numpy`: images and labels in .npz or .npy files, read without unpickling."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from archspec.errors import Span, SpecError, fail
from archspec.run.sections import Numpy
from archspec_torch.runtime.data.arrays import MAX_BYTES, Arrays, Pair, arrays_of, no_file
from archspec_torch.runtime.data.examples import Where
from archspec_torch.runtime.data.targets import Target

ROLES = ("images", "labels", "test_images", "test_labels")
OTHER = {"images": "x_train", "labels": "y_train", "test_images": "x_test", "test_labels": "y_test"}
"""What Keras calls them."""


def open_numpy(section: Numpy, where: Where) -> Arrays:
    """The arrays of the section's file or files.

    Raises SpecError: E620 for files that are not there, E632 for what is no array of images or labels, E622 for
    images and labels of different number or class, E626 and E629 of the split.
    """
    arrays, places = _from_one(section, where) if section.file else _from_several(section, where)
    files = {"train": _pair(arrays, "images", "labels", places)}
    if "test_images" in arrays:
        files["test"] = _pair(arrays, "test_images", "test_labels", places)
    labels = files["train"][1]
    target = Target.TAGS if labels.ndim == 2 else Target.CLASS
    classes = labels.shape[1] if target is Target.TAGS else int(labels.max()) + 1
    names = section.names or [str(n) for n in range(classes)]
    labelled = dict.fromkeys(files, "names" if section.names else "file")
    path = Path(section.file or section.images or "")
    return arrays_of(files, section.split, names, path.name, where, labelled, target)


def _from_one(section: Numpy, where: Where) -> tuple[dict[str, NDArray[Any]], dict[str, Span]]:
    path, span = Path(str(section.file)), where("file")
    if not path.is_file():
        raise fail("E620", no_file(path), span)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > MAX_BYTES:
            raise fail("E632", f"{path} unpacks to {size:,} bytes; the limit is {MAX_BYTES:,}", span)
        with numpy.load(path, allow_pickle=False) as found:
            there = list(found.files)
            chosen = {role: next((n for n in (role, OTHER[role]) if n in there), None) for role in ROLES}
            arrays = {role: found[name] for role, name in chosen.items() if name is not None}
    except SpecError:
        raise
    except Exception as error:  # damaged archives raise nearly anything
        raise fail("E632", f"{path} cannot be read: {_reason(error)}", span) from error
    lacking = [role for role in ("images", "labels") if role not in arrays]
    if ("test_images" in arrays) != ("test_labels" in arrays):
        lacking += [role for role in ("test_images", "test_labels") if role not in arrays]
    if lacking:
        held = ", ".join(there) or "nothing"
        hint = "arrays are called images, labels, test_images, test_labels; or x_train, y_train, x_test, y_test"
        raise fail("E632", f"{path} has no array '{lacking[0]}'; it holds {held}", span, hint)
    return arrays, dict.fromkeys(ROLES, span)


def _from_several(section: Numpy, where: Where) -> tuple[dict[str, NDArray[Any]], dict[str, Span]]:
    arrays = {}
    for role in ROLES:
        written = getattr(section, role)
        if written is None:
            continue
        if not Path(written).is_file():
            raise fail("E620", no_file(Path(written)), where(role))
        try:
            found = numpy.load(written, mmap_mode="r", allow_pickle=False)
            if not isinstance(found, numpy.ndarray):
                raise ValueError("it is an archive of arrays: give it as `file`")
            if found.nbytes > MAX_BYTES:
                raise ValueError(f"it has {found.nbytes:,} bytes; the limit is {MAX_BYTES:,}")
            arrays[role] = numpy.array(found)
        except Exception as error:
            raise fail("E632", f"{written} cannot be read: {_reason(error)}", where(role)) from error
    return arrays, {role: where(role) for role in ROLES}


def _reason(error: Exception) -> str:
    if isinstance(error, EOFError | zipfile.BadZipFile) and "not a zip" not in str(error):
        return "it is empty, cut off or damaged"
    if "allow_pickle" in str(error):
        return "it holds Python objects, and only arrays of numbers are read"
    return " ".join(str(error).split())[:160] or type(error).__name__


def _pair(arrays: Mapping[str, NDArray[Any]], images: str, labels: str, places: Mapping[str, Span]) -> Pair:
    pixels, numbers = _images(arrays[images], images, places[images]), _labels(arrays[labels], labels, places[labels])
    if len(pixels) != len(numbers):
        raise fail("E622", f"there are {len(pixels):,} {images} and {len(numbers):,} {labels}", places[labels])
    return pixels, numbers


def _images(found: NDArray[Any], role: str, span: Span) -> NDArray[numpy.uint8]:
    """Images (n, h, w) or (n, h, w, 3)."""
    shown = "×".join(map(str, found.shape)) or "a single value"
    if found.dtype != numpy.uint8:
        hint = "write them as (255 * images).round().astype('uint8') where they are of 0 … 1"
        raise fail("E632", f"{role} are {found.dtype}; images are unsigned bytes (uint8) of 0 … 255", span, hint)
    if found.ndim == 4 and found.shape[3] not in (1, 3) and found.shape[1] in (1, 3):
        found = found.transpose(0, 2, 3, 1)
    if found.ndim not in (3, 4) or (found.ndim == 4 and found.shape[3] not in (1, 3)) or 0 in found.shape:
        raise fail("E632", f"{role} are {shown}; images are n×h×w, n×h×w×1 or 3, or n×1 or 3×h×w", span)
    return numpy.ascontiguousarray(found[..., 0] if found.ndim == 4 and found.shape[3] == 1 else found)


def _labels(found: NDArray[Any], role: str, span: Span) -> Tensor:
    """int64 (n,), or float32 (n, classes)."""
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    shown = "×".join(map(str, found.shape)) or "a single value"
    if found.dtype.kind not in "uib" or found.ndim not in (1, 2) or 0 in found.shape:
        message = f"{role} are {found.dtype} of {shown}; labels are whole numbers, n, or 0 and 1, n×classes"
        raise fail("E632", message, span)
    if found.min() < 0 or (found.ndim == 2 and found.max() > 1) or found.max() >= 1 << 31:
        raise fail("E632", f"{role} go from {found.min()} to {found.max()}", span, "classes are numbered from 0")
    return torch.from_numpy(found.astype(numpy.float32 if found.ndim == 2 else numpy.int64))
