"""Annotated boxes as data of a run: sets, splits, what is wrong and left out, targets in the frame."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archspec.cli import main
from archspec.errors import Diagnostic, Span, SpecError
from archspec.run import load_run
from archspec_torch.boxes import formats
from archspec_torch.runtime.data import Boxed, open_source
from archspec_torch.runtime.data.boxed import BoxedFiles
from archspec_torch.runtime.data.files import refuse_damaged
from archspec_torch.runtime.images import Frame
from archspec_torch.runtime.kept import as_trained, keep_split

HEAD = "image,width,height,label,x1,y1,x2,y2,difficult,crowd"
FRAME = Frame(3, 24, 32)


def opened(root: Path, **keys: object) -> BoxedFiles:
    run = load_run({"model": "lenet5", "data": {"kind": "boxes", "root": str(root), **keys}})
    found = open_source(run.run.data, lambda *loc: run.span("data", *loc))
    assert isinstance(found, BoxedFiles)
    return found


def table(folder: Path, rows: Sequence[str], images: Sequence[str] = "abcdef", name: str = "all.csv") -> Path:
    for n, image in enumerate(images):
        Image.new("RGB", (64, 48), (30 * n, 99, 255 - 30 * n)).save(folder / f"{image}.png")
    (folder / name).write_text("\n".join([HEAD, *rows]) + "\n")
    return folder / name


def row(image: str, label: str, *box: float, size: str = "64,48", marks: str = "0,0") -> str:
    return f"{image}.png,{size},{label},{','.join(map(str, box))},{marks}"


ROWS = [
    row("a", "dog", 8, 4, 40, 44),
    row("a", "cat", 0, 0, 64, 48, marks="1,0"),
    row("b", "cat", 1, 2, 3, 40),
    "c.png,64,48,,,,,,,",
    row("d", "dog", 10, 10, 20, 20),
    row("d", "dog", 30, 10, 44, 20, marks="0,1"),
    row("e", "cat", 5, 5, 9, 9),
    row("f", "dog", 2, 2, 60, 40),
]


def loaded(source: BoxedFiles, split: str = "train", frame: Frame = FRAME) -> tuple[Boxed, list[Diagnostic]]:
    told: list[Diagnostic] = []
    return source.load(split, frame, told.append), told


def objects(rows: torch.Tensor) -> list[list[float]]:
    assert (rows[rows[:, 4] < 0][:, [0, 1, 2, 3, 5]] == 0).all()
    return rows[rows[:, 4] >= 0].tolist()


def test_targets_are_in_pixels_of_the_frame_and_entries_in_those_of_the_file(tmp_path: Path) -> None:
    source = opened(table(tmp_path, ROWS), split={"val": 0.2, "test": 0.2})
    assert source.classes == ("cat", "dog")
    assert source.sizes == {"train": 4, "val": 1, "test": 1}
    seen = {}
    for split in source.sizes:
        part, told = loaded(source, split)
        assert not told
        raw = source.labels_of(split)
        assert part.labels.dtype == torch.float32 and len(part.labels) == len(part.entries) == len(part.placements)
        for i, entry in enumerate(part.entries):
            seen[entry.path.name] = objects(part.labels[i])
            half = torch.tensor([0.5, 0.5, 0.5, 0.5, 1, 1])
            assert objects(part.labels[i]) == [(torch.tensor(one) * half).tolist() for one in objects(raw[i])]
            assert [list(one.box) for one in entry.objects] == [one[:4] for one in objects(raw[i])]
            back = part.placements[i].to_image(part.labels[i][: len(entry.objects), :4])
            assert torch.equal(back, raw[i][: len(entry.objects), :4])
    assert seen == {
        "a.png": [[4, 2, 20, 22, 1, 0], [0, 0, 32, 24, 0, 1]],  # difficult
        "b.png": [[0.5, 1, 1.5, 20, 0, 0]],
        "c.png": [],
        "d.png": [[5, 5, 10, 10, 1, 0], [15, 5, 22, 10, 1, 1]],  # a crowd
        "e.png": [[2.5, 2.5, 4.5, 4.5, 0, 0]],
        "f.png": [[1, 1, 30, 20, 1, 0]],
    }


@pytest.mark.parametrize("in_memory", [True, False])
def test_in_memory_and_on_disk_are_the_same(tmp_path: Path, in_memory: bool) -> None:
    part, _ = loaded(opened(table(tmp_path, ROWS), in_memory=in_memory, split={"val": 0.2, "test": 0.2}))
    groups = [torch.tensor([2, 0]), torch.tensor([1])]
    device = torch.device("cpu")
    batches = list(part.to(device).batches(groups, device, 0))
    for group, (images, labels) in zip(groups, batches, strict=True):
        assert torch.equal(labels, part.labels[group])
        for image, i in zip(images, group.tolist(), strict=True):
            with Image.open(part.entries[i].path) as file:
                assert image[:, 3, 3].tolist() == list(file.getpixel((6, 6)))
            assert torch.equal(image, part.image(i))
    every = np.stack([part.image(i).numpy() for i in range(len(part.entries))]).transpose(1, 0, 2, 3).reshape(3, -1)
    assert part.histogram().tolist() == [np.bincount(channel, minlength=256).tolist() for channel in every]
    assert part.products().tolist() == (every.astype(np.int64) @ every.astype(np.int64).T).tolist()


@pytest.mark.parametrize(
    "fit, expected",
    [
        # 64×48 in 32×32: letterbox scales by 1/2 and adds 4 rows above; crop scales by 2/3 and cuts 8 columns a side
        ("letterbox", [[4, 6, 20, 26, 0], [0, 4, 2, 28, 0]]),
        ("center", [[4, 6, 20, 26, 0], [0, 4, 2, 28, 0]]),
        ("stretch", [[4, 2 * 4 / 3, 20, 22 * 4 / 3, 0], [0, 0, 2, 32, 0]]),
        ("crop", [[0, 4 * 2 / 3, 32 * 2 / 3, 44 * 2 / 3, 0], [0, 0, 0, 32, 1]]),  # the second lies in what is cut
    ],
)
def test_boxes_go_where_their_image_goes(tmp_path: Path, fit: str, expected: list[list[float]]) -> None:
    table(tmp_path, [row("b", "dog", 8, 4, 40, 44)], name="val.csv")
    rows = [row("a", "dog", 8, 4, 40, 44), row("a", "dog", 0, 0, 4, 48)]
    source = opened(table(tmp_path, rows), val="val.csv", fit=fit)
    part, _ = loaded(source, frame=Frame(3, 32, 32, fit))
    found = part.labels[0]
    assert torch.allclose(found[:, [0, 1, 2, 3, 5]], torch.tensor(expected, dtype=torch.float32), atol=1e-5)
    assert len(part.entries[0].objects) == 2


def test_what_is_wrong_is_told_in_its_place_and_left_out_or_cut(tmp_path: Path) -> None:
    rows = [
        *ROWS,
        row("a", "dog", 7, 7, 7, 20),  # 10: no area
        row("a", "dog", 8, 4, 40, 44),  # 11: twice
        row("b", "dog", -4, 10, 70, 20),  # 12: beyond two sides
        row("b", "dog", 64, 10, 90, 20),  # 13: beyond altogether
        row("b", "dog", 9, 9, 5, 20),  # 14: ends before it begins
        row("g", "cat", 1, 1, 5, 5),  # 15: there is no such image
        row("h", "cat", 1, 1, 5, 5, size="30,30"),  # 16: another size
    ]
    file = table(tmp_path, rows, "abcdefh")
    (tmp_path / "f.png").write_bytes((tmp_path / "f.png").read_bytes()[:60])
    source = opened(file, split={"val": 0.13, "test": 0})
    told: list[Diagnostic] = []
    entries = {}
    for split in source.sizes:
        part = source.load(split, FRAME, told.append)
        entries |= {entry.path.stem: entry for entry in part.entries}
    assert sorted(entries) == list("abcdeh")
    assert [one.box for one in entries["b"].objects] == [(1, 2, 3, 40), (0, 10, 64, 20)]
    assert len(entries["a"].objects) == 2 and (entries["h"].width, entries["h"].height) == (64, 48)
    lines = {(w.code, w.span.line if w.span else 0, w.message.rpartition(": ")[2]) for w in told}
    assert lines == {
        ("W652", 10, "left out"),
        ("W653", 11, "left out"),
        ("W651", 12, "cut"),
        ("W651", 13, "left out"),
        ("W650", 14, "left out"),
        ("W620", 0, "left out"),
        ("W655", 16, f"the image {tmp_path / 'h.png'} is 64×48, annotated as 30×30"),
    }
    assert sum(w.code == "W620" for w in told) == 2  # one damaged, one missing
    with pytest.raises(SpecError, match="8 things of the data cannot be used"):
        refuse_damaged(told, Span("run.yaml", 1, 1))


def test_sets_of_voc_and_what_is_drawn_of_them(tmp_path: Path) -> None:
    formats.convert(table(tmp_path, ROWS), tmp_path / "voc", "voc")
    lists = tmp_path / "voc" / "ImageSets" / "Main"
    (lists / "trainval.txt").write_text("a\nb\nc\nd\n")
    (lists / "test.txt").write_text("d\ne\n")
    (lists / "val.txt").write_text("a\n")
    source = opened(tmp_path / "voc", train="trainval", test="test", split={"val": 0.3})
    assert source.sizes == {"train": 2, "val": 1, "test": 2}
    assert [path.name for path in source.files_of("test")] == ["d.png", "e.png"]
    part, told = loaded(source)
    assert [w.code for w in told] == ["W630"] and "d.png" in told[0].message  # it was in both lists
    assert {entry.path.name for entry in part.entries} < {"a.png", "b.png", "c.png"}
    source = opened(tmp_path / "voc", val="val", test="test")
    assert [path.name for path in source.files_of("train")] == ["b.png", "c.png", "f.png"]  # all others
    assert source.sizes == {"train": 3, "val": 1, "test": 2}


def test_sets_in_files_of_their_own_images_elsewhere_and_classes_in_an_order(tmp_path: Path) -> None:
    file = table(tmp_path, ROWS)
    table(tmp_path, [row("e", "cat", 5, 5, 9, 9), row("f", "bird", 2, 2, 60, 40)], name="held.csv")
    formats.convert(file, tmp_path / "all.json", "coco")
    formats.convert(tmp_path / "held.csv", tmp_path / "held.json", "coco")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    for name in "abcdef":
        (tmp_path / f"{name}.png").rename(tmp_path / ("one" if name in "abc" else "two") / f"{name}.png")
    source = opened(tmp_path, train="all.json", val="held.json", images=["one", "two"])
    assert source.classes == ("cat", "dog", "bird")
    assert source.sizes == {"train": 4, "val": 2}
    assert not loaded(source, "val")[1]
    only = opened(tmp_path / "all.json", val="held.json", images=["one", "two"], classes=["dog", "cat"])
    assert [objects(rows) for rows in only.labels_of("val")] == [[[5, 5, 9, 9, 1, 0]], []]  # no bird


def test_numbers_of_yolo_get_names(tmp_path: Path) -> None:
    formats.convert(table(tmp_path, ROWS), tmp_path / "yolo", "yolo")
    for name in ("classes.txt", "data.yaml"):
        (tmp_path / "yolo" / name).unlink()
    source = opened(tmp_path / "yolo", split={"val": 0.2, "test": 0.2})
    assert source.classes == ("0", "1")
    source = opened(tmp_path / "yolo", classes=["puss", "hound", "mouse"], split={"val": 0.2, "test": 0.2})
    assert source.classes == ("puss", "hound", "mouse")
    found = {one.label for split in source.sizes for entry in loaded(source, split)[0].entries for one in entry.objects}
    assert found == {"puss", "hound"}


@pytest.mark.parametrize(
    "keys, code, said",
    [
        ({"test": "tests.csv"}, "E647", "there is no set 'tests.csv'"),
        ({"train": "all.csv", "val": "all.csv"}, "E647", "all images of 'train'"),
        ({"test": "empty.csv"}, "E647", "hold no image"),
        ({"classes": ["cat", "dogs"]}, "E648", "'dogs'"),
        ({"classes": ["horse"]}, "E648", "there are: cat, dog"),
        ({"classes": ["cat", "cat"]}, "E603", "twice"),
        ({"split": {"val": 0.01}}, "E626", "leaves 'val' empty"),
        ({"test": "damaged.json"}, "E640", "damaged.json"),
        ({"test": "a.png"}, "E641", "no file of annotations"),
        ({"split": {"val_list": "list.txt"}}, "E629", "has no example 'z.png'"),
    ],
)
def test_mistakes_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, object], code: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = table(tmp_path, ROWS)
    (tmp_path / "empty.csv").write_text(HEAD + "\n")
    (tmp_path / "damaged.json").write_text("{")
    (tmp_path / "list.txt").write_text("a.png\nz.png\n")
    with pytest.raises(SpecError) as caught:
        opened(file, **keys)
    assert caught.value.diagnostics[0].code == code
    assert said in str(caught.value) and caught.value.diagnostics[0].span is not None


def test_split_is_kept_and_changes_of_boxes_are_noticed(tmp_path: Path) -> None:
    file = table(tmp_path, ROWS)
    before = opened(file, split={"val": 0.2, "test": 0.2})
    keep_split(tmp_path, before)
    assert as_trained(before, tmp_path, None) == (before, [])
    table(tmp_path, [*ROWS[:-1], row("f", "dog", 2, 2, 61, 40), row("g", "cat", 1, 1, 30, 30)], "abcdefg")
    now, (told,) = as_trained(opened(file, split={"val": 0.4, "test": 0.2}), tmp_path, None)
    for split in before.sizes:
        assert set(before.names_of(split)) <= set(now.names_of(split))
    assert told.code == "W657" and "1 has another label" in told.message and "1 came since" in told.message


def test_data_check_counts_objects_of_bccd(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts of XML elements with grep: the whole set has 4,888 objects, two of them without area."""
    bccd = data_dir / "bccd"
    if not bccd.is_dir():
        pytest.skip(f"no {bccd}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.yaml").write_text(
        f"model: {{spec: mlp, input: [1, 12, 16]}}\ndata: {{kind: boxes, root: {bccd}, train: trainval, test: test}}\n"
    )
    assert main(["data", "check", "run.yaml", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    counts = {name: sum(splits.values()) for name, splits in found["counts"].items()}
    assert counts == {"Platelets": 361, "RBC": 4153, "WBC": 372}
    assert sum(found["boxes"]["images"].values()) == 364 and found["boxes"]["images"]["test"] == 72
    assert err.count("W652") == 2 and "BloodImage_00338.xml:163" in err
    told = found["boxes"]["objects"]["WBC"]
    assert told["small"] + told["medium"] + told["large"] == 372


def test_a_folder_that_is_not_there_is_named_and_not_its_set(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"there is no '.*missing'"):
        opened(tmp_path / "missing", train="trainval")


def ultralytics(root: Path, sets: dict[str, str], text: str) -> Path:
    for stem, split in sets.items():
        for folder in ("images", "labels"):
            (root / folder / split).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48), (20 * len(sets), ord(stem), 5)).save(root / "images" / split / f"{stem}.png")
        (root / "labels" / split / f"{stem}.txt").write_text(f"{ord(stem) % 2} 0.5 0.5 0.25 0.5\n")
    (root / "data.yaml").write_text(text + "names: [cat, dog]\n")
    return root


@pytest.mark.parametrize(("at", "name"), [(".", "data"), ("data.yaml", "data"), ("../data", "data")])
def test_a_folder_called_data_keeps_its_name(at: str, name: str, tmp_path: Path) -> None:
    """Of a `data.yaml` the folder that it lies in is the name."""
    sets = dict.fromkeys("abcdefgh", "train")
    root = ultralytics(tmp_path / "photos" / "data", sets, "train: images/train\n")
    assert opened(root / at).name == name


@pytest.mark.parametrize("at", [".", "data.yaml"])
def test_the_sets_of_a_yolo_data_set_are_taken(at: str, tmp_path: Path) -> None:
    sets = {"a": "train", "b": "train", "c": "train", "d": "train", "e": "val", "f": "test"}
    root = ultralytics(tmp_path / "pets", sets, "train: images/train\nval: images/val\ntest: images/test\n")
    source = opened(root / at)
    assert source.sizes == {"train": 4, "val": 1, "test": 1} and source.name == "pets"
    assert source.classes == ("cat", "dog") and source.names_of("val") == ["images/val/e.png"]
    part, told = loaded(source, "val")
    assert not told and objects(part.labels[0]) == [[12, 6, 20, 18, 1, 0]]  # 24 … 40 of 64 and 12 … 36 of 48, halved
    assert opened(root / at, train="val", val="test", test="train").sizes == {"train": 1, "val": 1, "test": 4}


@pytest.mark.parametrize("name", ["VOC.yaml", "data.yaml"])
@pytest.mark.parametrize("text", ["train: train\nval: val\nnames: [cat, dog]\n", "- 1\n- 2\n"])
def test_the_sets_of_a_yaml_among_voc_s_files_are_not_voc_s(name: str, text: str, tmp_path: Path) -> None:
    formats.convert(table(tmp_path, ROWS), tmp_path / "voc", "voc")
    (tmp_path / "voc" / name).write_text(text)
    (tmp_path / "voc/labels").mkdir()
    assert opened(tmp_path / "voc", split={"val": 0.2, "test": 0.2}).sizes == {"train": 4, "val": 1, "test": 1}
    (tmp_path / "voc/ImageSets/Main/mine.txt").write_text("a\nb\n")
    assert opened(tmp_path / "voc", test="mine", split={"val": 0.25}).sizes == {"train": 3, "val": 1, "test": 2}


def test_what_is_converted_without_a_set_to_train_on_is_trained_on(tmp_path: Path) -> None:
    """VOC's archives of test images have no other list."""
    formats.convert(table(tmp_path, ROWS), tmp_path / "voc", "voc")
    (tmp_path / "voc/ImageSets/Main/test.txt").write_text("".join(f"{stem}\n" for stem in "abcdef"))
    formats.convert(tmp_path / "voc", tmp_path / "all", "yolo")
    assert opened(tmp_path / "all", split={"val": 0.2, "test": 0.2}).sizes == {"train": 4, "val": 1, "test": 1}
    (tmp_path / "voc/ImageSets/Main/test.txt").write_text("b\nd\n")
    formats.convert(tmp_path / "voc", tmp_path / "some", "yolo")
    source = opened(tmp_path / "some", split={"val": 0.3})
    stems = {split: {path.stem for path in source.files_of(split)} for split in source.sizes}
    assert stems["test"] == {"b", "d"} and stems["train"] | stems["val"] == set("acef")


@pytest.mark.parametrize("text", ["val: images/val\n", "val: images/val\ntest: images/val\n"])
def test_a_data_yaml_that_names_no_train_is_told(text: str, tmp_path: Path) -> None:
    root = ultralytics(tmp_path, dict.fromkeys("abcd", "val"), text)
    with pytest.raises(SpecError, match=r"E647: .* names no set `train`, and all its images are in 'val'") as caught:
        opened(root)
    assert caught.value.diagnostics[0].span is not None


def test_sets_that_a_yolo_data_set_lacks_are_drawn(tmp_path: Path) -> None:
    sets = dict.fromkeys("abcdefgh", "train")
    root = ultralytics(tmp_path / "one", sets, "train: images/train\nval: images/train\n")
    assert opened(root, split={"val": 0.25, "test": 0.25}).sizes == {"train": 4, "val": 2, "test": 2}
    root = ultralytics(tmp_path / "two", {**sets, "h": "test"}, "train: images/train\ntest: images/test\n")
    assert opened(root, split={"val": 0.3}).sizes == {"train": 5, "val": 2, "test": 1}
    with pytest.raises(SpecError, match=r"E647: there is no set 'tests'(.|\n)*'test'"):
        opened(root, test="tests")
