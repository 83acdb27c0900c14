"""Folders of images: splits, classes, files that cannot be read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from archspec.errors import Diagnostic, SpecError
from archspec.run import load_run
from archspec_torch.runtime.data import InMemory, OnDisk, Source, grouped, open_source
from archspec_torch.runtime.data.examples import Examples
from archspec_torch.runtime.images import Frame

FRAME = Frame(3, 6, 5)
CPU = torch.device("cpu")
RNG = numpy.random.default_rng(0)


def fill(folder: Path, number: int, suffix: str = "png") -> None:
    folder.mkdir(parents=True)
    for i in range(number):
        Image.fromarray(RNG.integers(0, 256, (7, 9, 3), dtype=numpy.uint8)).save(folder / f"{i:02}.{suffix}")


def opened(root: Path, **keys: object) -> Source:
    run = load_run({"model": "lenet5", "data": {"kind": "folder", "root": str(root), **keys}})
    return open_source(run.run.data, lambda *loc: run.span("data", *loc))


def message(root: Path, **keys: object) -> str:
    with pytest.raises(SpecError) as caught:
        opened(root, **keys)
    return str(caught.value)


def pairs(examples: Examples, workers: int = 0) -> list[tuple[bytes, int]]:
    groups = grouped(torch.arange(len(examples.labels)), 4)
    found = []
    for images, labels in examples.batches(groups, CPU, workers):
        found += [(image.numpy().tobytes(), int(label)) for image, label in zip(images, labels, strict=True)]
    return found


def test_one_folder_is_split(tmp_path: Path) -> None:
    for name in ("cat", "ant", "bee"):
        fill(tmp_path / name, 20)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    source = opened(tmp_path, split={"val": 0.2, "test": 0.1})
    assert source.classes == ("ant", "bee", "cat")
    assert source.sizes == {"train": 42, "val": 12, "test": 6}
    labels = source.load("val", FRAME, lambda _: None).labels
    assert Counter(labels.tolist()) == {0: 4, 1: 4, 2: 4}


def test_every_image_has_its_folder_s_label(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b")):
        folder = tmp_path / name / "deeper"
        folder.mkdir(parents=True)
        for i in range(6):
            Image.new("RGB", (5, 6), (100 * number + i, 0, 0)).save(folder / f"{i}.png")
    source = opened(tmp_path, split={"val": 0.34, "test": 0.0})
    for split in ("train", "val"):
        examples = source.load(split, FRAME, lambda _: None)
        assert isinstance(examples, InMemory)
        assert torch.equal(examples.images[:, 0, 0, 0] // 100, examples.labels.to(torch.uint8))


def test_splits_by_folder(tmp_path: Path) -> None:
    for split, number in (("train", 8), ("val", 3), ("test", 2)):
        for name in ("a", "b"):
            fill(tmp_path / split / name, number)
    assert opened(tmp_path).sizes == {"train": 16, "val": 6, "test": 4}


def test_validation_is_split_off_training_where_it_has_no_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        fill(tmp_path / "train" / name, 10)
    assert opened(tmp_path, split={"val": 0.2}).sizes == {"train": 16, "val": 4}


def test_a_held_out_split_may_lack_classes(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        fill(tmp_path / "train" / name, 4)
    fill(tmp_path / "val" / "c", 2)
    source = opened(tmp_path)
    assert source.load("val", FRAME, lambda _: None).labels.tolist() == [2, 2]


@pytest.mark.parametrize("in_memory", [True, False])
def test_unreadable_images_are_listed_and_left_out(tmp_path: Path, in_memory: bool) -> None:
    for name in ("a", "b"):
        fill(tmp_path / "train" / name, 5)
        fill(tmp_path / "val" / name, 2)
    (tmp_path / "train" / "a" / "02.png").write_bytes(b"no image at all")
    whole = (tmp_path / "train" / "b" / "03.png").read_bytes()
    (tmp_path / "train" / "b" / "03.png").write_bytes(whole[: len(whole) // 2])
    found: list[Diagnostic] = []
    examples = opened(tmp_path, in_memory=in_memory).load("train", FRAME, found.append)
    assert [(d.code, d.severity) for d in found] == [("W620", "warning")] * 2
    assert "02.png is not an image of a known format: left out" in found[0].message
    assert "03.png is damaged" in found[1].message
    assert examples.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    for name in ("a", "b"):
        fill(tmp_path / "train" / name, 2)
        fill(tmp_path / "val" / name, 1)
        (tmp_path / "val" / name / "00.png").write_bytes(b"")
    with pytest.raises(SpecError, match="E625") as caught:
        opened(tmp_path).load("val", FRAME, lambda _: None)
    assert "none of the 2 files of 'val' is a readable image" in str(caught.value)


@pytest.mark.parametrize("workers", [0, 2])
def test_images_on_disk_are_those_in_memory(tmp_path: Path, workers: int) -> None:
    for name in ("a", "b"):
        fill(tmp_path / "train" / name, 5)
        fill(tmp_path / "val" / name, 1)
    kept = opened(tmp_path, in_memory=True).load("train", FRAME, lambda _: None)
    read = opened(tmp_path, in_memory=False).load("train", FRAME, lambda _: None)
    assert isinstance(kept, InMemory) and isinstance(read, OnDisk)
    assert torch.equal(kept.histogram(), read.histogram())
    assert pairs(kept) == pairs(read, workers)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_vanishes_is_named(tmp_path: Path, workers: int) -> None:
    for name in ("a", "b"):
        fill(tmp_path / "train" / name, 2)
        fill(tmp_path / "val" / name, 1)
    examples = opened(tmp_path, in_memory=False).load("train", FRAME, lambda _: None)
    gone = tmp_path / "train" / "b" / "00.png"
    gone.unlink()
    with pytest.raises(SpecError, match="E624") as caught:
        pairs(examples, workers)
    assert str(caught.value) == f"error E624: {gone} is not there; it could be read before"


def test_wrong_folders_are_told(tmp_path: Path) -> None:
    assert f"the folder {tmp_path / 'none'} is not there" in message(tmp_path / "none")
    (tmp_path / "file").write_text("")
    assert "is a file, not a folder" in message(tmp_path / "file")
    assert "holds 0 folders; a folder for each class is needed, 2 at least" in message(tmp_path)
    fill(tmp_path / "train" / "a", 3)
    (tmp_path / "train" / "b").mkdir()
    (tmp_path / "train" / "c").mkdir()
    found = message(tmp_path)
    assert found.count("E623") == 2 and f"{tmp_path / 'train' / 'b'} holds no image" in found
    fill(tmp_path / "train" / "b" / "x", 3)
    fill(tmp_path / "train" / "c" / "x", 3)
    fill(tmp_path / "val" / "aa", 1)
    assert "has the class 'aa', which" in message(tmp_path)
    (tmp_path / "vall").mkdir()
    assert "'vall'; beside train there may be val and test" in message(tmp_path)


def test_a_last_group_of_one_joins_the_one_before() -> None:
    assert [len(group) for group in grouped(torch.arange(9), 4)] == [4, 5]
    assert [len(group) for group in grouped(torch.arange(10), 4)] == [4, 4, 2]
    assert [len(group) for group in grouped(torch.arange(1), 4)] == [1]


@pytest.mark.parametrize(("keys", "what"), [({"folds": 4}, "no fold can be"), ({"val_list": "list.txt"}, "its own")])
def test_a_folder_val_is_not_thrown_away(tmp_path: Path, keys: dict[str, object], what: str) -> None:
    for name in ("a", "b"):
        fill(tmp_path / "train" / name, 8)
        fill(tmp_path / "val" / name, 3)
    (tmp_path / "list.txt").write_text("a/00.png\nb/00.png\n")
    if "val_list" in keys:
        keys = {"val_list": str(tmp_path / "list.txt")}
    found = message(tmp_path, split=keys)
    assert "E629" in found and "a split 'val' of its own" in found and what in found
    for name in ("a", "b"):
        for image in (tmp_path / "val" / name).iterdir():
            image.unlink()
        (tmp_path / "val" / name).rmdir()
    (tmp_path / "val").rmdir()
    sizes = {"train": 12, "val": 4} if "folds" in keys else {"train": 14, "val": 2}
    assert opened(tmp_path, split=keys).sizes == sizes  # nor is a test split drawn beside `train`


def test_a_list_of_test_images_stands_beside_train_and_not_beside_test(tmp_path: Path) -> None:
    for name in ("a", "b"):
        fill(tmp_path / "train" / name, 8)
        fill(tmp_path / "val" / name, 3)
    (tmp_path / "list.txt").write_text("a/00.png\nb/00.png\n")
    keys = {"test_list": str(tmp_path / "list.txt")}
    assert opened(tmp_path, split=keys).sizes == {"train": 14, "val": 6, "test": 2}
    fill(tmp_path / "test" / "a", 1)
    assert "E629" in (found := message(tmp_path, split=keys)) and "a split 'test' of its own" in found
