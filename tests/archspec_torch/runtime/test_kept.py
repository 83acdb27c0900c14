"""A run's split outlives changes of its data: no image that was trained on is measured as a test image."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from archspec.errors import SpecError
from archspec_torch.runtime import evaluate, train

SPEC = "archspec: 1\nname: tiny\ninput: [1, 8, 8]\nvars: {classes: 2}\nlayers: [flatten, linear: $classes]\n"
PLAN = {"epochs": 1, "batch": 16, "device": "cpu"}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def photos(root: Path, n: int = 40) -> Path:
    """Images whose class is their brightness, no two alike."""
    draws = numpy.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 128)):
        (root / name).mkdir(parents=True)
        for i in range(n):
            Image.fromarray(draws.integers(low, low + 128, (8, 8), numpy.uint8)).save(root / name / f"{i:02}.png")
    return root


def trained(folder: Path, data: dict[str, object]) -> Path:
    (folder / "tiny.yaml").write_text(SPEC)
    return train({"model": str(folder / "tiny.yaml"), "data": data, "train": PLAN}, folder / "run", quiet=True).dir


def told(directory: Path, *overrides: str, split: str = "test") -> tuple[int, list[str]]:
    found = evaluate(directory, split=split, device="cpu", overrides=overrides)
    return found.n, [f"{w.code} {w.message}" for w in found.warnings]


def kept(directory: Path, split: str) -> list[str]:
    return list(json.loads((directory / "split.json").read_text())[split]["names"])


def probabilities(directory: Path, out: Path) -> list[str]:
    evaluate(directory, split="test", device="cpu").write(out)
    with (out / "predictions.csv").open() as file:
        return [row["probability"] for row in csv.DictReader(file)]


def test_a_deleted_file_moves_no_other(tmp_path: Path) -> None:
    """Of 80 images 12 are tested on. One of those trained on goes: drawn anew, the test would be of others."""
    root = photos(tmp_path / "photos")
    run = trained(tmp_path, {"kind": "folder", "root": str(root)})
    assert [len(kept(run, split)) for split in ("train", "val", "test")] == [56, 12, 12]
    before = probabilities(run, tmp_path / "before")
    (root / kept(run, "train")[0]).unlink()
    assert probabilities(run, tmp_path / "after") == before
    n, warnings = told(run)
    assert n == 12 and len(warnings) == 1
    assert warnings[0].startswith(
        "W657 the data is not what the run was trained on: train had 56 images, 1 is not there any more; "
    )


def test_what_is_tested_on_may_go_too(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos")
    run = trained(tmp_path, {"kind": "folder", "root": str(root)})
    names = kept(run, "test")
    for name in names[:2]:
        (root / name).unlink()
    n, warnings = told(run)
    assert n == 10 and "test had 12 images, 2 are not there any more" in warnings[0]
    for name in names[2:]:
        (root / name).unlink()
    with pytest.raises(SpecError, match=r"E625.*nothing is left of the run's split 'test', which had 12"):
        told(run)


def test_moved_data_is_the_same_data(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos")
    run = trained(tmp_path, {"kind": "folder", "root": str(root)})
    shutil.move(root, tmp_path / "elsewhere")
    assert told(run, f"data.root={tmp_path / 'elsewhere'}") == (12, [])


def test_another_seed_moves_nothing(tmp_path: Path) -> None:
    run = trained(tmp_path, {"kind": "folder", "root": str(photos(tmp_path / "photos"))})
    n, warnings = told(run, "data.split.seed=9")
    assert n == 12 and "would be in another split now, and stay where they were" in warnings[0]
    with pytest.raises(SpecError, match=r"E627"):
        told(run, "data.split.train_dev=0.2", split="train_dev")


def test_new_images_beside_those_of_a_test_folder_are_measured(tmp_path: Path) -> None:
    photos(tmp_path / "photos" / "train")
    photos(tmp_path / "photos" / "test", n=5)
    run = trained(tmp_path, {"kind": "folder", "root": str(tmp_path / "photos")})
    for i in range(3):
        Image.new("L", (8, 8), i).save(tmp_path / "photos" / "test" / "dark" / f"new{i}.png")
    assert told(run) == (13, ["W657 the data is not what the run was trained on: test had 10 images, 3 came since"])


def test_labels_that_changed_are_counted(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos")
    rows = [f"{path.relative_to(root).as_posix()},{path.parent.name}" for path in sorted(root.rglob("*.png"))]
    table = root / "table.csv"
    table.write_text("\n".join(["path,label", *rows]) + "\n")
    run = trained(tmp_path, {"kind": "csv", "file": str(table)})
    assert told(run) == (12, [])
    table.write_text("\n".join(["path,label", *rows]).replace("dark/03.png,dark", "dark/03.png,light") + "\n")
    assert "1 of them have other labels" not in told(run)[1][0] and "1 has another label" in told(run)[1][0]


def test_rows_of_arrays_are_known_by_their_pixels(tmp_path: Path) -> None:
    """One image is there twice: both are known."""
    draws = numpy.random.default_rng(0)
    images, labels = draws.integers(0, 256, (80, 8, 8), numpy.uint8), numpy.arange(80) % 2
    images[78] = images[40]
    file = tmp_path / "all.npz"
    numpy.savez(file, images=images, labels=labels)
    run = trained(tmp_path, {"kind": "numpy", "file": str(file)})
    assert told(run) == (12, [])
    names = [name for split in ("train", "val", "test") for name in kept(run, split)]
    assert len(set(names)) == 80 and sum("-2" in name for name in names) == 1
    before = probabilities(run, tmp_path / "before")
    lost = kept(run, "train")[0]
    position = next(i for i in range(80) if named(images[i]) == lost)
    left = [i for i in range(80) if i != position]
    numpy.savez(file, images=images[left], labels=labels[left])
    assert probabilities(run, tmp_path / "after") == before
    assert "train had 56 images, 1 is not there any more" in told(run)[1][0]


def named(image: numpy.ndarray) -> str:
    from hashlib import blake2b

    return blake2b(image.tobytes(), digest_size=8, key=b"(8, 8)").hexdigest()


@pytest.mark.parametrize("text", ["", "{", '{"test": {"names": ["a"], "labels": []}}', '{"test": 1}'])
def test_a_damaged_list_is_refused(tmp_path: Path, text: str) -> None:
    run = trained(tmp_path, {"kind": "folder", "root": str(photos(tmp_path / "photos"))})
    (run / "split.json").write_text(text)
    with pytest.raises(SpecError, match=r"E607.*split.json cannot be used"):
        told(run)


def test_going_on_with_other_data_is_advised_to_bring_them_back(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos")
    run = trained(tmp_path, {"kind": "folder", "root": str(root)})
    (root / kept(run, "train")[0]).unlink()
    with pytest.raises(SpecError, match="E652") as caught:
        train(run / "run.yaml", run, quiet=True, resume=True)
    assert "bring back the data of then" in str(caught.value.diagnostics[0].hint)
