"""CIFAR's files against torchvision's own reader; damaged and hostile ones refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torchvision.datasets import CIFAR10, CIFAR100

from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.runtime.data import Source, open_source
from archspec_torch.runtime.images import Frame

FRAME = Frame(3, 32, 32)
NAMES = [f"class {i}" for i in range(10)]
TEN = "cifar-10-batches-py"


def opened(root: Path, **keys: object) -> Source:
    run = load_run({"model": "lenet5", "data": {"kind": "cifar", "root": str(root), **keys}})
    return open_source(run.run.data, lambda *loc: run.span("data", *loc))


def images(seed: int, n: int = 20) -> numpy.ndarray:
    return numpy.random.default_rng(seed).integers(0, 256, (n, 3072), dtype=numpy.uint8)


def write(path: Path, content: object, protocol: int = 2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=protocol))


def ten(root: Path, protocol: int = 2) -> None:
    folder = root / TEN
    for i, name in enumerate([*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]):
        labels = [(i + k) % 10 for k in range(20)]
        write(folder / name, {"data": images(i), "labels": labels, "filenames": ["a.png"] * 20}, protocol)
    write(folder / "batches.meta", {"label_names": NAMES, "num_vis": 3072}, protocol)


class Unchecked10(CIFAR10):
    train_list = [[f"data_batch_{k}", None] for k in range(1, 6)]
    test_list = [["test_batch", None]]
    meta = {"filename": "batches.meta", "key": "label_names", "md5": None}


class Unchecked100(CIFAR100):
    train_list = [["train", None]]
    test_list = [["test", None]]
    meta = {"filename": "meta", "key": "fine_label_names", "md5": None}


def pairs(source: Source, *splits: str) -> list[tuple[bytes, int]]:
    found = []
    for split in splits:
        part = source.load(split, FRAME, lambda _: None)
        found += [(part.image(i).numpy().tobytes(), int(part.labels[i])) for i in range(len(part.labels))]
    return sorted(found)


def theirs(dataset: Any) -> list[tuple[bytes, int]]:
    return sorted(
        (numpy.ascontiguousarray(image.transpose(2, 0, 1)).tobytes(), label)
        for image, label in zip(dataset.data, dataset.targets, strict=True)
    )


@pytest.mark.parametrize("protocol", [2, 5])
def test_cifar10_is_what_torchvision_reads(protocol: int, tmp_path: Path) -> None:
    ten(tmp_path, protocol)
    source = opened(tmp_path)
    assert source.classes == tuple(NAMES) == tuple(Unchecked10(tmp_path).classes)
    assert source.sizes == {"train": 90, "val": 10, "test": 20}
    assert pairs(source, "train", "val") == theirs(Unchecked10(tmp_path, train=True))
    assert pairs(source, "test") == theirs(Unchecked10(tmp_path, train=False))
    assert pairs(opened(tmp_path / TEN), "test") == pairs(source, "test")


def test_cifar100_is_what_torchvision_reads(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-100-python"
    for i, name in enumerate(("train", "test")):
        fine = [k % 100 for k in range(200)]
        content = {"data": images(i, 200), "fine_labels": fine, "coarse_labels": [k % 20 for k in fine]}
        write(folder / name, content)
    names = {"fine_label_names": [f"f{i}" for i in range(100)], "coarse_label_names": [f"c{i}" for i in range(20)]}
    write(folder / "meta", names)
    source = opened(tmp_path)
    assert pairs(source, "test") == theirs(Unchecked100(tmp_path, train=False))
    coarse = opened(tmp_path, labels="coarse")
    assert len(source.classes) == 100 and coarse.classes == tuple(names["coarse_label_names"])
    assert torch.equal(coarse.labels_of("test"), source.labels_of("test") % 20)


def test_the_binary_files_hold_the_same(tmp_path: Path) -> None:
    ten(tmp_path / "a")
    folder = tmp_path / "b" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for path in (tmp_path / "a" / TEN).glob("*_batch*"):
        content = pickle.loads(path.read_bytes())
        rows = numpy.concatenate([numpy.array(content["labels"], numpy.uint8)[:, None], content["data"]], axis=1)
        rows.tofile(folder / f"{path.name}.bin")
    (folder / "batches.meta.txt").write_text("\n".join([*NAMES, ""]))
    pickled, binary = opened(tmp_path / "a"), opened(tmp_path / "b")
    assert binary.classes == pickled.classes
    for split in ("train", "val", "test"):
        assert pairs(binary, split) == pairs(pickled, split)


class Counted:
    """An array that says its bytes by their number."""

    def __reduce__(self) -> Any:
        rebuild, args, _ = images(0).__reduce__()
        return rebuild, args, (1, (20, 3072), numpy.dtype(numpy.uint8), False, 20 * 3072)


class Evil:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("owned"),)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (Evil(), "only arrays, lists, text and numbers are read"),
        ({"data": images(0), "labels": [Evil()]}, "only arrays, lists, text and numbers are read"),
        ({"data": numpy.array([print], dtype=object), "labels": [0]}, "only arrays, lists, text and numbers are read"),
        ({"data": images(0).astype(numpy.float32), "labels": [0] * 20}, "an array of 'f4'; images are bytes, u1"),
        ({"data": Counted(), "labels": [0] * 20}, "an array whose content is int, not bytes"),
        ({"data": images(0)[:, :3000], "labels": [0] * 20}, "'data' is 20×3000; images are bytes, n×3072"),
        ({"data": images(0), "labels": [0] * 19}, "20 images and 19 labels"),
        ({"data": images(0), "labels": [0] * 19 + [10]}, "image 19 has the label 10; there are 10 classes"),
        ({"data": images(0), "labels": ["0"] * 20}, "'labels' is no list of whole numbers"),
        ([1, 2], "it holds a list, not a dictionary"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_pickles_are_refused_and_never_run(
    content: object, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ten(tmp_path)
    write(tmp_path / TEN / "data_batch_3", content)
    with pytest.raises(SpecError, match="E630") as caught:
        opened(tmp_path)
    assert told in str(caught.value) and "data_batch_3" in str(caught.value)
    assert not (tmp_path / "owned").exists()


def test_what_is_cut_off_or_missing_is_told(tmp_path: Path) -> None:
    ten(tmp_path)
    path = tmp_path / TEN / "data_batch_2"
    whole = path.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(SpecError, match="E630"):
            opened(tmp_path)
    path.unlink()
    with pytest.raises(SpecError, match="lacks data_batch_2 of CIFAR-10"):
        opened(tmp_path)
    with pytest.raises(SpecError, match="holds no CIFAR files"):
        opened(Path(__file__).parent)
    binary = tmp_path / "cifar-10-batches-bin"
    binary.mkdir()
    for name in [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]:
        (binary / f"{name}.bin").write_bytes(bytes(3072))
    (binary / "batches.meta.txt").write_text("\n".join(NAMES))
    with pytest.raises(SpecError, match="3,072 bytes are no whole number of images of 1 \\+ 3,072 bytes"):
        opened(binary)
