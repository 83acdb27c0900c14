"""The commands that train, as a user meets them: exit status, streams, files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

for package in ("torch", "torchvision", "sklearn", "matplotlib", "safetensors"):
    pytest.importorskip(package)
Image = pytest.importorskip("PIL.Image")

Run = Callable[..., "CompletedProcess[str]"]
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "digits.yaml"
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompletedProcess[str]]:
    """A run of one epoch, and how its command ended."""
    folder = tmp_path_factory.mktemp("trained")
    command = [sys.executable, "-m", "archspec", "train", EXAMPLE, "--set", "train.epochs=1", "--out", "run"]
    done = subprocess.run(command, cwd=folder, env=ONE_THREAD, capture_output=True, text=True, timeout=300)
    return folder / "run", done


def test_train_writes_a_run_directory(trained: tuple[Path, CompletedProcess[str]]) -> None:
    directory, done = trained
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    found = {path.name for path in directory.iterdir()}
    assert {"best.safetensors", "last.safetensors", "metrics.jsonl", "curves.png", "run.yaml", "spec.yaml"} <= found
    (line,) = (directory / "metrics.jsonl").read_text().splitlines()
    assert {"epoch", "train_loss", "val_loss", "val_accuracy"} <= set(json.loads(line))
    assert str(directory.name) in done.stdout


def test_a_used_directory_is_refused(trained: tuple[Path, CompletedProcess[str]], run_archspec: Run) -> None:
    directory, _ = trained
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    done = run_archspec("train", EXAMPLE, "--out", directory)
    assert done.returncode == 1
    assert str(directory) in done.stderr
    assert {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()} == before


def test_evaluate(trained: tuple[Path, CompletedProcess[str]], run_archspec: Run) -> None:
    directory, _ = trained
    told = run_archspec("evaluate", directory)
    assert told.returncode == 0, told.stderr
    assert "accuracy" in told.stdout
    found = json.loads(run_archspec("evaluate", directory, "--format", "json").stdout)
    assert (found["split"], found["n"]) == ("test", 270)
    last = json.loads((directory / "metrics.jsonl").read_text())
    held = json.loads(run_archspec("evaluate", directory, "--split", "val", "--format", "json").stdout)
    assert held["accuracy"] == pytest.approx(last["val_accuracy"])
    assert held["loss"] == pytest.approx(last["val_loss"], rel=1e-4)


def test_predict_images_of_every_kind(
    trained: tuple[Path, CompletedProcess[str]], run_archspec: Run, tmp_path: Path
) -> None:
    directory, _ = trained
    grey = Image.new("L", (40, 40))
    grey.paste(255, (18, 4, 23, 36))  # a one
    for mode in ("L", "RGB", "RGBA", "P", "1", "I;16"):
        image = grey.point(lambda v: v * 257, "I") if mode == "I;16" else grey
        image.convert(mode).save(tmp_path / f"{mode.replace(';', '')}.png")
    names = sorted(path.name for path in tmp_path.glob("*.png"))
    done = run_archspec("predict", directory, *names, "--top", 3, "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["image"] for one in found] == names
    assert all(len(one["classes"]) == 3 for one in found)
    assert len({one["classes"][0]["class"] for one in found if one["image"] != "RGBA.png"}) == 1
    told = run_archspec("predict", directory, "L.png").stdout
    assert told.startswith("L.png  ")
    assert told.count("%") == 5


def test_predict_names_bad_files_and_goes_on(
    trained: tuple[Path, CompletedProcess[str]], run_archspec: Run, tmp_path: Path
) -> None:
    directory, _ = trained
    Image.new("L", (8, 8)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no image")
    done = run_archspec("predict", directory, "bad.png", "good.png", "missing.png")
    assert done.returncode == 1
    assert "good.png  " in done.stdout
    assert "bad.png" in done.stderr
    assert "missing.png" in done.stderr
    assert "Traceback" not in done.stderr
