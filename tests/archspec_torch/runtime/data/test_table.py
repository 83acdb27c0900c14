"""Tables of paths and labels: read as Python's csv reads them, errors in their lines."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from archspec.errors import Diagnostic, SpecError
from archspec.run import load_run
from archspec_torch.runtime.data import Source, open_source
from archspec_torch.runtime.images import Frame

FRAME = Frame(3, 4, 4)


def opened(file: Path, **keys: object) -> Source:
    run = load_run({"model": "lenet5", "data": {"kind": "csv", "file": str(file), **keys}})
    return open_source(run.run.data, lambda *loc: run.span("data", *loc))


def table(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_real_images_by_their_table(data_dir: Path) -> None:
    file = data_dir / "cifar10-train100" / "train100.csv"
    root = file.parent / "train100"
    source = opened(file, root=str(root), path_column="file", split={"val": 0.2, "test": 0.2})
    with file.open() as lines:
        labels = {row["file"]: int(row["label"]) for row in csv.DictReader(lines)}
    assert source.classes == tuple("0123456789")
    assert source.sizes == {"train": 60, "val": 20, "test": 20}
    expected = {}
    for name, label in labels.items():
        with Image.open(root / name) as image:
            expected[image.convert("RGB").tobytes()] = label
    found = {}
    for split in source.sizes:
        part = source.load(split, Frame(3, 32, 32), lambda _: None)
        for i in range(len(part.labels)):
            found[part.image(i).permute(1, 2, 0).contiguous().numpy().tobytes()] = int(part.labels[i])
    assert found == expected


def test_a_column_says_the_split(tmp_path: Path) -> None:
    lines = ["path,label,part"] + [f"{i}.png,{'cat' if i % 2 else 'dog'},{p}" for i, p in enumerate(PARTS)]
    source = opened(table(tmp_path, "\n".join(lines)), split_column="part")
    assert source.sizes == {"train": 4, "train_dev": 2, "val": 2, "test": 2}
    assert source.classes == ("cat", "dog")
    assert source.labels_of("val").tolist() == [1, 0]


PARTS = ["train"] * 4 + ["validation", "dev", "test", "test", "train_dev", "train-dev"]


def test_several_labels(tmp_path: Path) -> None:
    lines = ["path,label", "a.png,red; round", "b.png,round", "c.png,", 'd.png,"red;red"', "e.png,round", "f.png,red"]
    for name in "abcdef":
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    lists = {}
    for split, name in (("val", "a.png"), ("test", "b.png")):
        (tmp_path / split).write_text(name)
        lists[f"{split}_list"] = str(tmp_path / split)
    source = opened(table(tmp_path, "\n".join(lines)), multi_label=True, split=lists)
    assert source.classes == ("red", "round")
    assert source.labels_of("val").tolist() == [[1, 1]] and source.labels_of("test").tolist() == [[0, 1]]
    assert source.labels_of("train").tolist() == [[0, 0], [1, 0], [0, 1], [1, 0]]
    assert source.load("train", FRAME, lambda _: None).labels.dtype == torch.float32


@pytest.mark.parametrize("file", ["/dev/zero", "/dev", "pipe"])
@pytest.mark.parametrize("key", ["file", "val_list"])
def test_what_is_no_file_is_not_read(tmp_path: Path, file: str, key: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    special = tmp_path / file
    with pytest.raises(SpecError, match=r"E620.* is no file, but a folder, a device or a pipe"):
        if key == "file":
            opened(special)
        else:
            opened(table(tmp_path, "path,label\na.png,a\nb.png,b\n"), split={key: str(special)})


def test_files_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    for i in range(9):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{i}.png")
    source = opened(table(tmp_path, "path,label\n" + "".join(f"{i}.png,{i % 2}\n" for i in range(10))))
    found: list[Diagnostic] = []
    read = sum(len(source.load(split, FRAME, found.append).labels) for split in source.sizes)
    assert read == 9
    assert [(d.code, d.message.rpartition("/")[2]) for d in found] == [("W620", "9.png is not there: left out")]


@pytest.mark.parametrize(
    ("text", "keys", "place", "told"),
    [
        ("path,label\na.png\n", {}, "table.csv:2:1", "1 values in a table of 2 columns"),
        ("path,label\na.png,x\n,y\n", {}, "table.csv:3:1", "there is no path"),
        ("path,label\na.png,x\na.png,y\n", {}, "table.csv:3:1", "'a.png' is in line 2 already"),
        ("path,label\na.png,x\n./a.png,y\n", {}, "table.csv:3:1", "'./a.png' is in line 2 already"),
        ("path,label\na.png,x\x0by\nb.png,z\u2028\nc.png\n", {}, "table.csv:4:1", "1 values in a table of 2"),
        ("path,label\na.png,\n", {}, "table.csv:2:1", "'a.png' has no label"),
        ("path,label,s\na.png,x,tset\n", {"split_column": "s"}, "table.csv:2:1", "there is no split 'tset'"),
        ("path,label\na.png,x\n", {"label_column": "lable"}, "run:", "has no column 'lable'"),
        ("path,label\na.png,x\n", {}, "run:", "has 1 class; two at least are needed"),
        ("path,label\n", {}, "run:", "has no line below its header"),
        ("", {}, "run:", "has no column 'path'"),
        ('path,label\n"a.png,x\n', {}, "table.csv:2", "unexpected end of data"),
        ("path,label\na.png,dgo\n", {"names": ["cat", "dog"]}, "table.csv:2:1", "'dgo' is none of the 2 classes"),
    ],
)
def test_what_is_wrong_is_placed(text: str, keys: dict[str, object], place: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        opened(table(tmp_path, text), **keys)
    assert told in str(caught.value) and place in str(caught.value)


@pytest.mark.parametrize("key", ["folds", "val_list", "test_list"])
def test_a_split_of_the_column_is_not_thrown_away(key: str, tmp_path: Path) -> None:
    parts = ["train"] * 8 + ["val"] * 2 + ["test"] * 2
    rows = [f"{i}.png,{i % 2},{part}" for i, part in enumerate(parts)]
    (tmp_path / "list").write_text("0.png\n1.png\n")
    split = {key: 4 if key == "folds" else str(tmp_path / "list")}
    file = table(tmp_path, "\n".join(["path,label,part", *rows]))
    with pytest.raises(SpecError, match="E629") as caught:
        opened(file, split_column="part", split=split)
    name = "test" if key == "test_list" else "val"
    assert f"a split '{name}' of its own" in str(caught.value)
    file = table(tmp_path, "\n".join(["path,label,part", *(row for row in rows if not row.endswith(name))]))
    held = 2  # of 8, a fourth or the two that are listed
    assert opened(file, split_column="part", split=split).sizes[name] == held


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_separators_of_unicode_end_no_line(separator: str, tmp_path: Path) -> None:
    """What Python's csv reads from the file itself; and a list of names."""
    names = [f"{i}{separator}x.png" for i in range(8)]
    file = table(tmp_path, "path,label\r\n" + "".join(f"{name},{i % 2}\r\n" for i, name in enumerate(names)))
    with file.open(newline="", encoding="utf-8") as lines:
        assert [row["path"] for row in csv.DictReader(lines)] == names
    (tmp_path / "list").write_text("\n".join(names[:2]), encoding="utf-8")
    source = opened(file, split={"val_list": str(tmp_path / "list"), "test": 0})
    assert source.sizes == {"train": 6, "val": 2}
