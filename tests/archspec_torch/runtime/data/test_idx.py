"""idx files: read as numpy would, and refused with numbers where they are wrong."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy
import pytest

from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.runtime.data import open_source
from archspec_torch.runtime.data.idx import read_idx
from archspec_torch.runtime.images import Frame

RNG = numpy.random.default_rng(0)


def idx(array: numpy.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


IMAGES = RNG.integers(0, 256, (60, 5, 4), dtype=numpy.uint8)
LABELS = (numpy.arange(60) % 3).astype(numpy.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Training files plain, test files gzipped."""
    for name, content in [
        ("train-images-idx3-ubyte", idx(IMAGES)),
        ("train-labels-idx1-ubyte", idx(LABELS)),
        ("t10k-images-idx3-ubyte.gz", gzip.compress(idx(IMAGES[:9]))),
        ("t10k-labels-idx1-ubyte.gz", gzip.compress(idx(LABELS[:9]))),
    ]:
        (tmp_path / name).write_bytes(content)
    return tmp_path


def opened(root: Path | None, **keys: object):  # type: ignore[no-untyped-def]
    data = {"kind": "idx", **({"root": str(root)} if root else {}), **keys}
    run = load_run({"model": "lenet5", "data": data})
    return open_source(run.run.data, lambda *loc: run.span("data", *loc))


def message(root: Path | None, **keys: object) -> str:
    with pytest.raises(SpecError) as caught:
        opened(root, **keys)
    return str(caught.value)


def test_usual_names_are_found(root: Path) -> None:
    source = opened(root, split={"val": 0.2})
    assert source.sizes == {"train": 48, "val": 12, "test": 9}
    assert source.classes == ("0", "1", "2")
    frame = Frame(1, 5, 4)
    test = source.load("test", frame, lambda _: None)
    assert (test.images[:, 0].numpy() == IMAGES[:9]).all()
    assert (test.labels.numpy() == LABELS[:9]).all()
    parts = [source.load(split, frame, lambda _: None).images[:, 0].numpy() for split in ("train", "val")]
    ours = sorted(image.tobytes() for part in parts for image in part)
    assert ours == sorted(image.tobytes() for image in IMAGES)


def test_files_by_name_and_classes_by_name(root: Path) -> None:
    source = opened(
        None,
        train_images=str(root / "train-images-idx3-ubyte"),
        train_labels=str(root / "train-labels-idx1-ubyte"),
        names=["coat", "bag", "boot"],
    )
    assert source.sizes == {"train": 54, "val": 6}
    assert source.classes == ("coat", "bag", "boot")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no idx file: it begins with nothing, not 00 00"),
        (b"\x89PNG----", "is no idx file: it begins with 89 50 4e 47"),
        (b"\0\0\x0d\x03" + bytes(12), "holds values of type 0x0d; images and labels are unsigned bytes, 0x08"),
        (idx(IMAGES[0]), "has 2 dimensions; images have 3 (number, height, width): magic number 0x00000803"),
        (idx(IMAGES)[:9], "ends within its header"),
        (idx(IMAGES)[:-7], "is cut off: 60×5×4 values are 1,200 bytes, and 1,193 are there"),
        (idx(IMAGES) + b"x", "has bytes left over behind the 1,200 that its header announces (60×5×4)"),
        (idx(IMAGES[:0]), "is empty: its header says 0×5×4"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "the limit is 8,589,934,592"),
        (gzip.compress(idx(IMAGES), mtime=0)[:-30], "the gzip archive is cut off"),
        (gzip.compress(idx(IMAGES), mtime=0)[:10] + b"\xff" * 40, "the gzip archive is damaged"),
    ],
)
def test_wrong_files_are_told_with_numbers(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(SpecError, match="E621") as caught:
        read_idx(path, 3)
    assert reason in str(caught.value) and str(path) in str(caught.value)


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx(IMAGES) + bytes(200 << 20)))
    with pytest.raises(SpecError, match="left over"):
        read_idx(path, 3)


def test_as_many_labels_as_images(root: Path) -> None:
    (root / "train-labels-idx1-ubyte").write_bytes(idx(LABELS[:-2]))
    found = message(root)
    assert "E622" in found
    assert "train-images-idx3-ubyte holds 60 images, train-labels-idx1-ubyte 58 labels" in found


def test_wrong_training_and_test_files_are_told_together(root: Path) -> None:
    (root / "train-labels-idx1-ubyte").write_bytes(idx(LABELS[:-2]))
    (root / "t10k-images-idx3-ubyte.gz").write_bytes(b"nonsense")
    found = message(root)
    assert "58 labels" in found and "is no idx file" in found


def test_labels_beyond_the_classes(root: Path) -> None:
    (root / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(LABELS[:9] + 1))
    assert "test labels go up to 3; there are 3 classes, 0 … 2" in message(root)
    assert "train labels go up to 2; there are 2 classes, 0 … 1" in message(root, names=["a", "b"])


def test_missing_files_and_folders(root: Path, tmp_path: Path) -> None:
    (root / "t10k-labels-idx1-ubyte.gz").unlink()
    assert "there are test_images but no test_labels" in message(root)
    (root / "train-labels-idx1-ubyte").unlink()
    assert f"{root} holds no train-labels-idx1-ubyte, gzipped or not" in message(root)
    assert f"there is no folder {root / 'none'}" in message(root / "none")
    assert f"there is no file {tmp_path / 'x'}" in message(root, test_labels=str(tmp_path / "x"))
    assert "idx data needs train_images, or a `root` that holds the files" in message(None)


def test_mnist_is_read_whole(data_dir: Path) -> None:
    root = data_dir / "mnist"
    if not root.is_dir():
        pytest.skip(f"no MNIST at {root}")
    source = opened(root)
    assert source.sizes == {"train": 54_000, "val": 6_000, "test": 10_000}
    test = read_idx(root / "t10k-images-idx3-ubyte.gz", 3)
    assert test.shape == (10_000, 28, 28)
    labels = read_idx(root / "t10k-labels-idx1-ubyte.gz", 1)
    assert numpy.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
