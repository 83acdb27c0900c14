"""What `archspec data check` counts, on folders filled by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from archspec.cli import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for split, number in (("train", 6), ("val", 2), ("test", 1)):
        for label, name in enumerate(("cat", "dog")):
            folder = Path("pics", split, name)
            folder.mkdir(parents=True)
            for i in range(number):
                size = (8, 8) if label else (9, 5)
                Image.new("L", size, 20 * i + label + {"train": 0, "val": 5, "test": 9}[split]).save(
                    folder / f"{i}.png"
                )
    (tmp_path / "run.yaml").write_text("model: mlp\ndata: {kind: folder, root: pics}\n")
    return tmp_path


def test_counts_sizes_damaged_files_and_duplicates(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(here / "pics/train/cat/3.png", here / "pics/test/cat/copy.png")
    (here / "pics/train/dog/0.png").write_bytes(b"no image")
    assert main(["data", "check", "run.yaml", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["counts"] == {
        "cat": {"train": 6, "val": 2, "test": 2},
        "dog": {"train": 5, "val": 2, "test": 1},
    }
    assert found["sizes"] == [{"width": 9, "height": 5, "images": 10}, {"width": 8, "height": 8, "images": 8}]
    assert sorted(w["code"] for w in found["warnings"]) == ["W620", "W630"]
    assert "cat/3.png = " in err and "copy.png" in err and "dog/0.png is not an image" in err


def test_sizes_are_of_formats_that_are_read_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A PCX by its content is no image here, whatever it is called: Pillow would tell its size."""
    Image.new("L", (77, 3)).save(here / "pics/train/dog/0.png", format="PCX")
    assert main(["data", "check", "run.yaml", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [w["code"] for w in found["warnings"]] == ["W620"]
    assert 77 not in {size["width"] for size in found["sizes"]}


def test_sound_data_is_told_without_warnings(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", "run.yaml"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split() for line in out.splitlines()[1:5]] == [
        ["train", "val", "test"],
        ["cat", "6", "2", "1"],
        ["dog", "6", "2", "1"],
        ["labels", "in", "all", "12", "4", "2"],
    ]


def test_equal_arrays_are_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy

    from archspec_torch.runtime.inventory import check_data

    images = numpy.arange(40, dtype=numpy.uint8)[:, None, None].repeat(8, 1).repeat(8, 2)
    labels = numpy.arange(40) % 2
    tests = numpy.stack([images[0], images[1] + 200])
    numpy.savez(tmp_path / "d.npz", images=images, labels=labels, test_images=tests, test_labels=labels[:2])
    run = {"model": "mlp", "data": {"kind": "numpy", "file": str(tmp_path / "d.npz")}}
    warnings = [w for w in check_data(run).warnings if w.code == "W630"]
    assert len(warnings) == 1 and "one image of 'test' is in" in warnings[0].message


def test_an_image_that_two_splits_name_is_named_once(tmp_path: Path) -> None:
    from archspec_torch.runtime.inventory import check_data

    for i in range(6):
        Image.new("L", (16, 16), 40 * i).save(tmp_path / f"{i}.png")
    for name, numbers in (("train", range(4)), ("held", (4, 5))):
        lines = [f"{i}.png,cat,1,1,{8 + i},9" for i in numbers]
        (tmp_path / f"{name}.csv").write_text("\n".join(["image,label,x1,y1,x2,y2", *lines]))
    sets = {"train": "train.csv", "val": "held.csv", "test": "held.csv"}
    run = {"model": "small_yolo", "data": {"kind": "boxes", "root": str(tmp_path), **sets}}
    (told,) = [w.message for w in check_data(run).warnings if w.code == "W630"]
    assert told == f"2 images of 'test' are in 'val' too: {tmp_path / '4.png'}, {tmp_path / '5.png'}"
