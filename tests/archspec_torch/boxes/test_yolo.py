"""YOLO data sets as Ultralytics has them: data.yaml, sets, labels beside images; read, checked, written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

from archspec.cli import main
from archspec.errors import Diagnostic, SpecError
from archspec_torch.boxes import Annotated, formats
from archspec_torch.boxes.checking import check_boxes
from archspec_torch.boxes.clusters import anchors

ROW = {"a": "0 0.5 0.5 0.5 0.5", "b": "1 0.25 0.25 0.5 0.5", "c": "", "d": "0 0.75 0.5 0.1 0.2", "e": "1 0.5 0.5 1 1"}
WHERE = {"a": "train", "b": "train", "c": "train", "d": "val", "e": "test"}
NAMES = "names:\n  0: cat\n  1: big dog\n"


def put(image: Path, label: Path, row: str, size: tuple[int, int] = (40, 20)) -> None:
    image.parent.mkdir(parents=True, exist_ok=True)
    label.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (sum(image.stem.encode()) % 256, 9, 9)).save(image)
    if row:
        label.write_text(row + "\n")


def nested(root: Path, text: str = "train: images/train\nval: images/val\ntest: images/test\n" + NAMES) -> Path:
    """images/train/a.png with labels/train/a.txt; the second image in a folder of its own."""
    for name, row in ROW.items():
        below = f"{WHERE[name]}/more/{name}" if name == "b" else f"{WHERE[name]}/{name}"
        put(root / "images" / f"{below}.png", root / "labels" / f"{below}.txt", row)
    (root / "data.yaml").write_text(text)
    return root


def exported(root: Path) -> Path:
    """train/images with train/labels, and paths that begin with ../, as Roboflow writes them."""
    for name, row in ROW.items():
        folder = root / {"train": "train", "val": "valid", "test": "test"}[WHERE[name]]
        put(folder / "images" / f"{name}.png", folder / "labels" / f"{name}.txt", row)
    (root / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['cat', 'big dog']\n\n"
        "roboflow:\n  workspace: none\n  version: 3\n"
    )
    return root


def listed(root: Path) -> Path:
    """Sets as lists of paths, and one as two folders; `path` leads elsewhere; labels beside images without `images`."""
    data = root / "elsewhere" / "set"
    for name, row in ROW.items():
        at = data / ("images/one" if name in "ade" else "images/two") / f"{name}.png"
        put(at, data / at.relative_to(data).as_posix().replace("images", "labels").replace(".png", ".txt"), row)
    (data / "train.txt").write_text("./images/one/a.png\nimages/two/b.png\n\n" + f"{data}/images/two/c.png\n")
    (data / "val.txt").write_text("./images/one/d.png\n")
    (root / "mine.yaml").write_text(
        "# comment\npath: elsewhere/set  # root\ntrain: train.txt\nval: [val.txt]\ntest: images/one/e.png\n" + NAMES
    )
    return root / "mine.yaml"


def beside(root: Path) -> Path:
    for name, row in ROW.items():
        put(root / WHERE[name] / f"{name}.png", root / WHERE[name] / f"{name}.txt", row)
    (root / "data.yml").write_text("train: train\nvalidation: val\ntest: test\nnc: 2\n" + NAMES)
    return root


LAYOUTS = {"nested": nested, "exported": exported, "listed": listed, "beside": beside}
# shares of an image of 40×20 as x1, y1, x2, y2 in pixels
BOXES = {
    "a": [("cat", (10, 5, 30, 15))],
    "b": [("big dog", (0, 0, 20, 10))],
    "c": [],
    "d": [("cat", (28, 8, 32, 12))],
    "e": [("big dog", (0, 0, 40, 20))],
}


def whole(data: Annotated) -> dict[str, set[str]]:
    """Checks that the data set has all boxes in their images; its sets, which are checked too."""
    found = {
        e.path.stem: [(o.label, tuple(pytest.approx(v, abs=1e-9) for v in o.box)) for o in e.objects]
        for e in data.images
    }
    assert found == BOXES
    sets = {name: {data.images[n].path.stem for n in places} for name, places in data.sets.items()}
    assert sets == {"train": {"a", "b", "c"}, "val": {"d"}, "test": {"e"}}
    return sets


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_images_sets_and_boxes(layout: str, tmp_path: Path) -> None:
    at = LAYOUTS[layout](tmp_path)
    data = formats.read(at)
    assert data.classes == ("cat", "big dog")
    sets = whole(data)
    for name, stems in sets.items():
        assert {entry.path.stem for entry in formats.read(at, split=name).images} == stems
    assert formats.read(at).images[0].path.is_file()
    assert anchors(at, 1, split="val").sizes[0] == pytest.approx([4, 4])
    with pytest.raises(SpecError, match=r"E641: .*has no set 'vall'(.|\n)*val"):
        formats.read(at, split="vall")


def test_a_file_as_ultralytics_ships_it(tmp_path: Path) -> None:
    """Its coco8.yaml: a root that is not there, a set without a value, names of numbers, a script."""
    text = """# Ultralytics YOLO
path: ../datasets/coco8 # dataset root dir
train: images/train # train images (relative to 'path') 4 images
val: images/val # val images
test: # test images (optional)

# Classes
names:
  0: no
  1: 10

# Download script/URL (optional)
download: |
  from ultralytics.utils.downloads import download
  download([yaml["path"]])
"""
    data = formats.read(nested(tmp_path, text))
    assert data.classes == ("no", "10") and {name: len(at) for name, at in data.sets.items()} == {"train": 3, "val": 1}


def test_folders_in_images_are_sets_without_a_data_yaml(tmp_path: Path) -> None:
    root = nested(tmp_path)
    (root / "data.yaml").unlink()
    (root / "classes.txt").write_text("cat\nbig dog\n")
    data = formats.read(root)
    assert {data.images[n].path.stem for n in data.sets["train"]} == {"a", "b", "c"} and len(data.images) == 5
    assert [entry.path.stem for entry in formats.read(root, split="test").images] == ["e"]


def test_polygons_and_points_behind_boxes_are_their_boxes(tmp_path: Path) -> None:
    root = nested(tmp_path)
    (root / "labels/train/a.txt").write_text("0 0.1 0.5 0.3 0.2 0.25 0.9\n1 0.5 0.5 0.2 0.2\n")
    boxes = [one.box for one in formats.read(root, split="train").images[0].objects]
    assert boxes == [pytest.approx((4, 4, 12, 18)), pytest.approx((16, 8, 24, 12))]
    text = (root / "data.yaml").read_text()
    (root / "data.yaml").write_text(text + "kpt_shape: [1, 2]\n")
    (root / "labels/train/a.txt").write_text("0 0.5 0.5 0.2 0.2 0.9 0.9\n")
    assert formats.read(root, split="train").images[0].objects[0].box == pytest.approx((16, 8, 24, 12))


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("train: images/train\nval: images/vall\n" + NAMES, 2, 6, "no folder of images and no .txt of paths"),
        ("train: images/train\nval: images/val\nnc: 3\n" + NAMES, 3, 5, "`nc` is 3, and 2 classes have names"),
        ("train: images/train\nnames: {0: cat, 2: dog}\n", 2, 8, "class 1 has no name"),
        ("train: images/train\nnames: [cat, dog, cat]\n", 2, 19, "'cat' stands twice"),
        ("train: images/train\nnames: cat\n", 2, 8, "neither a list nor a mapping"),
        ("train: {a: b}\n" + NAMES, 1, 8, "this is no path"),
        ("train: images/train\nnc: -1\n", 2, 5, "`nc` is no number of classes"),
    ],
)
def test_mistakes_of_a_data_yaml_are_told_in_their_place(
    text: str, line: int, column: int, said: str, tmp_path: Path
) -> None:
    root = nested(tmp_path, text)
    with pytest.raises(SpecError) as caught:
        formats.read(root)
    (one,) = caught.value.diagnostics
    assert one.code == "E640" and said in one.message and one.span is not None
    assert (one.span.file, one.span.line, one.span.column) == (str(root / "data.yaml"), line, column)


def test_what_is_wrong_in_a_set_is_listed_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = nested(tmp_path, "train: images/train\nval: [images/val, images/gone]\ntest: test.txt\n" + NAMES)
    (root / "labels/train/z.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (root / "labels/train/a.txt").write_text("0 0.5 0.5 0.5 0.5\n7 0.5 0.5 0.1 0.1\n0 0.5 0.5\n0 nan 0.5 0.1 0.1\n")
    (root / "test.txt").write_text("./images/test/e.png\n./images/test/lost.png\n")
    found = check_boxes(root)
    told = {(Path(w.span.file).name, w.span.line, w.code) for w in found.warnings if w.span}
    assert told == {
        ("data.yaml", 2, "W650"),
        ("z.txt", 1, "W650"),
        ("a.txt", 2, "W650"),
        ("a.txt", 3, "W650"),
        ("a.txt", 4, "W650"),
        ("test.txt", 2, "W650"),
    }
    assert found.images == 5 and found.counts == {"cat": 2, "big dog": 2}
    assert main(["data", "check", str(root / "data.yaml"), "--split", "val"]) == 0
    assert "1 images" in capsys.readouterr().out


@pytest.mark.parametrize("source", ["nested", "voc"])
def test_what_is_written_is_what_ultralytics_reads(source: str, tmp_path: Path) -> None:
    """Its rules, followed by hand: `path` is the file's folder; a .txt holds paths, ./ its folder; `/images/` becomes
    `/labels/`; `train` and `val` are there; rows are class and four shares from 0 to 1."""
    at = nested(tmp_path / "source")
    if source == "voc":
        formats.convert(at, tmp_path / "voc", "voc")
        at = tmp_path / "voc"
        assert (at / "ImageSets/Main/train.txt").read_text() == "a\nc\nb\n"
    made = tmp_path / "made"
    formats.convert(at, made, "yolo")
    told = yaml.safe_load((made / "data.yaml").read_text())
    assert set(told) == {"train", "val", "test", "names"} and sorted(told["names"].values()) == ["big dog", "cat"]
    stems = {}
    for name in ("train", "val", "test"):
        lines = (made / told[name]).read_text().split()
        images = [Path(line.replace("./", f"{made}/", 1)) for line in lines]
        stems[name] = sorted(image.stem for image in images)
        for image in images:
            assert image.is_file()
            rows = Path(str(image).replace("/images/", "/labels/")).with_suffix(".txt").read_text().splitlines()
            shares = [[float(word) for word in row.split()] for row in rows]
            assert all(len(row) == 5 and 0 <= min(row[1:]) <= max(row[1:]) <= 1 for row in shares)
            boxes = [
                (told["names"][int(n)], tuple(round(v, 6) for v in (x * 40 - w * 20, y * 20 - h * 10, w * 40, h * 20)))
                for n, x, y, w, h in shares
            ]
            assert boxes == [(label, (x1, y1, x2 - x1, y2 - y1)) for label, (x1, y1, x2, y2) in BOXES[image.stem]]
    assert stems == {"train": ["a", "b", "c"], "val": ["d"], "test": ["e"]}
    again = formats.read(made)
    assert {name: len(places) for name, places in again.sets.items()} == {"train": 3, "val": 1, "test": 1}


def test_without_sets_the_images_are_both_and_read_as_one(tmp_path: Path) -> None:
    root = nested(tmp_path / "source")
    formats.convert(root, tmp_path / "all.csv", "csv")
    (tmp_path / "all.csv").write_text(
        (tmp_path / "all.csv").read_text() + "source/images/val/d.png,40,20,cat,-8,4,20,30,0,0,\n"
    )
    formats.convert(tmp_path / "all.csv", tmp_path / "made", "yolo")
    told = yaml.safe_load((tmp_path / "made/data.yaml").read_text())
    assert (told["train"], told["val"]) == ("images", "images")
    assert list(formats.read(tmp_path / "made").sets) == ["train"]
    # −8 … 20 of 40 and 4 … 30 of 20, cut to the image: Ultralytics leaves out an image with a share beyond 1
    row = (tmp_path / "made/labels/d.txt").read_text().splitlines()[1].split()
    assert [float(word) for word in row[1:]] == pytest.approx([0.25, 0.6, 0.5, 0.8])


def boxed(folder: Path, rows: str) -> Path:
    """A table of an image of 40×20 pixels."""
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (40, 20)).save(folder / "a.png")
    (folder / "all.csv").write_text("image,width,height,label,x1,y1,x2,y2\n" + rows)
    return folder / "all.csv"


def test_boxes_wholly_outside_their_image_are_not_written(tmp_path: Path) -> None:
    outside = ("-10,2,-1,8", "-4,2,0,8", "40,2,50,8", "2,-9,8,-1", "2,20,8,22", "50,50,60,60")
    rows = "".join(f"a.png,40,20,cat,{box}\n" for box in (*outside, "-4,5,4,15", "10,4,10,8"))
    told: list[Diagnostic] = []
    formats.convert(boxed(tmp_path / "source", rows), tmp_path / "made", "yolo", told=told.append)
    assert [one.message for one in told] == [
        "YOLO keeps no boxes outside their images: 6 are left out",
        "YOLO keeps no boxes beyond their images: 1 is cut to them",
    ]
    written = [row.split() for row in (tmp_path / "made/labels/a.txt").read_text().splitlines()]
    # what is cut is 0 … 4 of 40 and 5 … 15 of 20; a box without area in its image is kept, and told by check
    shares = [pytest.approx([0, 0.05, 0.5, 0.1, 0.5]), pytest.approx([0, 0.25, 0.3, 0, 0.2])]
    assert [[float(word) for word in row] for row in written] == shares


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        ({"val": "ab", "test": "c"}, {"train": "de", "val": "ab", "test": "c"}),
        ({"test": "bcd"}, {"train": "ae", "val": "ae", "test": "bcd"}),
        ({"val": "e"}, {"train": "abcd", "val": "e"}),
        ({"train": "ab", "test": "c"}, {"train": "ab", "val": "ab", "test": "c"}),
        ({"test": "abcde"}, {"train": "abcde", "val": "abcde"}),
        ({"val": "ab", "test": "cde"}, {"train": "abcde", "val": "abcde"}),
    ],
)
def test_no_image_of_val_or_test_is_trained_on(sets: dict[str, str], told: dict[str, str], tmp_path: Path) -> None:
    """By Ultralytics' rules: a folder is all images in it, a .txt those that it names."""
    voc = tmp_path / "voc"
    formats.convert(nested(tmp_path / "source"), voc, "voc")
    for file in (voc / "ImageSets/Main").iterdir():
        file.unlink()
    for name, stems in sets.items():
        (voc / f"ImageSets/Main/{name}.txt").write_text("".join(f"{stem}\n" for stem in stems))
    made, lost = tmp_path / "made", list[Diagnostic]()
    formats.convert(voc, made, "yolo", told=lost.append)
    text = (made / "data.yaml").read_text()
    found = {}
    for name, at in yaml.safe_load(text).items():
        if name != "names":
            places = (made / at).iterdir() if (made / at).is_dir() else map(Path, (made / at).read_text().split())
            found[name] = "".join(sorted(place.stem for place in places))
    assert found == told
    assert ("no image is left for `train`" in text) == (sorted("".join(sets.values())) == sorted(ROW))
    said = ["YOLO keeps no sets that leave nothing for `train`: 2 are left out: val (2), test (3)"]
    assert [one.message for one in lost] == (said if sets == {"val": "ab", "test": "cde"} else [])


HOSTILE = ["names: [a, a", "names: *x", "\t", "- 1\n- 2", "a: &a [*a]\n? [b]\n: c", "[" * 5000, "\0", "nc: a\nnc: b"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_data_yaml_gets_one_clear_message(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = nested(tmp_path, text)
    with pytest.raises(SpecError) as caught:
        formats.read(root)
    (one,) = caught.value.diagnostics
    assert one.code == "E640" and one.span is not None and one.span.file == str(root / "data.yaml")
    assert main(["data", "check", str(root)]) == 1 == main(["data", "check", str(root / "data.yaml")])
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("opened", ["[", "- ", "{a: "])
def test_a_data_yaml_nested_without_end_ends_no_process(opened: str, tmp_path: Path) -> None:
    # In a process of its own: the failure this guards against is a crash of the interpreter.
    nested(tmp_path, opened * 300_000)
    script = (
        "import sys\nfrom archspec.cli import main\nfrom archspec_torch.boxes import formats\n"
        "at = sys.argv[1]\nprint(formats.is_annotations(f'{at}/data.yaml'))\n"
        "print(main(['data', 'check', at]), main(['data', 'check', f'{at}/data.yaml']))\n"
    )
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-500:]
    assert run.stdout.split() == ["False", "1", "1"] and "Traceback" not in run.stderr
    column = 50 * len(opened) + 1
    assert f"data.yaml:1:{column}: error E640: lists and keys are nested more than 50 deep" in run.stderr


def test_fifty_levels_are_read(tmp_path: Path) -> None:
    root = nested(tmp_path, "train: images/train\n" + NAMES + "more: " + "[" * 49 + "]" * 49 + "\n")
    assert formats.read(root).classes == ("cat", "big dog")
    root = nested(tmp_path, "train: images/train\n" + NAMES + "more: " + "[" * 50 + "]" * 50 + "\n")
    with pytest.raises(SpecError, match=r"data\.yaml:5:56: .*more than 50 deep"):
        formats.read(root)


def linked(root: Path) -> Path:
    """`nested` without a data.yaml, whose images lie elsewhere, each set of them behind a link."""
    nested(root)
    (root / "data.yaml").unlink()
    (root / "classes.txt").write_text("cat\nbig dog\n")
    for split in ("train", "val", "test"):
        (root / f"images/{split}").rename(root / f"far-{split}")
        os.symlink(f"../far-{split}", root / f"images/{split}")
    return root


def test_images_behind_links_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = linked(tmp_path)
    data = formats.read(root)
    whole(data)
    assert main(["data", "check", str(root)]) == 0
    assert "5 images" in capsys.readouterr().out
    (root / "labels/train").rename(root / "labels-train")
    os.symlink("../labels-train", root / "labels/train")
    (root / "labels-train/z.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (told,) = check_boxes(root).warnings
    assert told.code == "W650" and "'z'" in told.message


def test_links_in_circles_and_to_what_is_there_add_nothing(tmp_path: Path) -> None:
    root = nested(tmp_path / "set")
    (root / "data.yaml").unlink()
    stems = [entry.path for entry in formats.read(root).images]
    os.symlink("train", root / "images/again")  # before the folder itself by its name
    os.symlink("..", root / "images/train/up")
    os.symlink("../..", root / "images/val/root")
    os.symlink("nowhere", root / "images/lost")
    assert [entry.path for entry in formats.read(root).images] == stems
    assert not check_boxes(root).warnings


def test_a_tag_makes_no_object_and_names_alone_name_the_classes(tmp_path: Path) -> None:
    root = nested(tmp_path, "names: [!!python/object/apply:os.getcwd [], b]\n")
    with pytest.raises(SpecError, match=r"data\.yaml:1:9: .*the name of a class is a text"):
        formats.read(root)
    (root / "data.yaml").write_text("names: [cat, big dog]\n")
    assert formats.read(root).classes == ("cat", "big dog") and len(formats.read(root).images) == 5
