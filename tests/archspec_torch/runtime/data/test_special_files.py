"""Data of arrays whose files are folders, pipes, devices, loops of links, or empty: one clear message, at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.runtime.data import open_source

Make = Callable[[Path], object]


def looped(path: Path) -> None:
    path.with_name(f"{path.name}-back").symlink_to(path)
    path.symlink_to(path.with_name(f"{path.name}-back"))


PLACES: dict[str, tuple[Make, str]] = {
    "a folder": (Path.mkdir, "is a folder, not a file"),
    "a pipe": (os.mkfifo, "is no file, but a device or a pipe"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "is no file, but a device or a pipe"),
    "a loop of links": (looped, "is a link that leads to no file"),
    "a link to nothing": (lambda path: path.symlink_to("none"), "is a link that leads to no file"),
    "nothing": (lambda path: None, ""),
    "empty": (Path.touch, ""),
}
USUAL = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
CIFAR = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin", "batches.meta.txt"]


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """What would wait for a pipe for ever fails."""
    former = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it hangs"))
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, former)


def idx(folder: Path, make: Make) -> tuple[Path, dict[str, Any]]:
    (folder / USUAL[1]).write_bytes(bytes.fromhex("00000801 00000002 0001"))
    make(folder / USUAL[0])
    return folder / USUAL[0], {"kind": "idx", "root": str(folder)}


def idx_by_name(folder: Path, make: Make) -> tuple[Path, dict[str, Any]]:
    path, _ = idx(folder, make)
    return path, {"kind": "idx", "train_images": str(path), "train_labels": str(folder / USUAL[1])}


def npz(folder: Path, make: Make) -> tuple[Path, dict[str, Any]]:
    make(folder / "all.npz")
    return folder / "all.npz", {"kind": "numpy", "file": str(folder / "all.npz")}


def npy(folder: Path, make: Make) -> tuple[Path, dict[str, Any]]:
    numpy.save(folder / "labels.npy", numpy.arange(2))
    make(folder / "images.npy")
    section = {"kind": "numpy", "images": str(folder / "images.npy"), "labels": str(folder / "labels.npy")}
    return folder / "images.npy", section


def cifar(folder: Path, make: Make) -> tuple[Path, dict[str, Any]]:
    for name in CIFAR:
        (folder / name).write_bytes(b"cat\ndog\n" if name.endswith("txt") else bytes(3073))
    (folder / "data_batch_3.bin").unlink()
    make(folder / "data_batch_3.bin")
    return folder / "data_batch_3.bin", {"kind": "cifar", "root": str(folder)}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("data", [idx, idx_by_name, npz, npy, cifar])
def test_what_is_no_file_is_told_at_once(
    data: Callable[[Path, Make], tuple[Path, dict[str, Any]]], place: str, tmp_path: Path
) -> None:
    make, told = PLACES[place]
    path, section = data(tmp_path, make)
    run = load_run({"model": "lenet5", "data": section})
    with pytest.raises(SpecError) as caught:
        open_source(run.run.data, lambda *keys: run.span("data", *keys))
    (found,) = caught.value.diagnostics
    assert found.code in (("E621", "E630", "E632") if place == "empty" else ("E620",))
    assert told in found.message and path.name in found.message
