"""Detectors through the runner: trained on annotated boxes, stopped and gone on with, measured, shared by processes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from archspec.errors import SpecError
from archspec_torch.runtime import evaluate, predict, train
from archspec_torch.runtime.rundir import open_run

SPEC = """
archspec: 1
name: tiny
task: detect
input: [3, 64, 64]
vars: {classes: 2}
layers:
  - conv: {out: 8, kernel: 3, stride: 2, padding: 1, bias: false}
  - batch_norm
  - relu
  - conv: {out: 16, kernel: 3, stride: 4, padding: 1}
  - relu
detect:
  anchors: {kind: grid, boxes: [[12, 12], [24, 24]], unit: pixel}
  heads:
    - layers: [conv: (5 + $classes) * 2]
      name: cells
  decode: yolo
  nms: {score: 0.01, iou: 0.5, keep: 20}
"""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def run(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "tiny.yaml").write_text(SPEC)
    return {
        "model": str(tmp_path / "tiny.yaml"),
        "data": {"kind": "boxes", "root": str(squares(tmp_path / "squares")), "split": {"val": 0.25, "test": 0.25}},
        "augment": ["mirror", "scale_jitter", {"mosaic": 0.5}],
        "train": {"epochs": 3, "batch": 4, "optimizer": {"kind": "adam", "lr": 3e-3}, "ema": 0.9, "device": "cpu"},
    }


def squares(folder: Path, count: int = 24) -> Path:
    """Bright and dark squares on grey images of several sizes, annotated in a table of VOC's columns."""
    folder.mkdir()
    drawn = numpy.random.default_rng(0)
    rows = ["image,x1,y1,x2,y2,label"]
    for i in range(count):
        width, height = (int(v) for v in drawn.integers(60, 100, 2))
        pixels = numpy.full((height, width, 3), 128, numpy.uint8)
        for _ in range(int(drawn.integers(1, 4))):
            side = int(drawn.integers(10, 28))
            x, y = (int(drawn.integers(0, most - side)) for most in (width, height))
            kind = int(drawn.integers(0, 2))
            pixels[y : y + side, x : x + side] = 250 if kind else 10
            rows.append(f"{i}.png,{x},{y},{x + side},{y + side},{('dark', 'bright')[kind]}")
        Image.fromarray(pixels).save(folder / f"{i}.png")
    (folder / "boxes.csv").write_text("\n".join(rows) + "\n")
    return folder / "boxes.csv"


def told(path: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def in_two_parts(run: Mapping[str, Any], out: Path) -> Any:
    """The run, stopped behind its second epoch and gone on with."""

    class Stopped(Exception):
        pass

    def stop(record: Mapping[str, float]) -> None:
        if record["epoch"] == 2:
            raise Stopped

    with pytest.raises(Stopped):
        train(run, out, quiet=True, on_epoch=stop, report=False)
    return train(run, out, quiet=True, resume=True, report=False)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_detector_that_was_stopped_ends_as_any_other(run: Mapping[str, Any], tmp_path: Path, workers: int) -> None:
    run = {**run, "train": {**run["train"], "workers": workers}, "data": {**run["data"], "in_memory": not workers}}
    whole = train(run, tmp_path / "whole", quiet=True, report=False)
    parts = in_two_parts(run, tmp_path / "parts")
    assert told(parts.dir) == told(whole.dir)
    for name in ("last.safetensors", "best.safetensors"):
        ours, theirs = load_file(parts.dir / name), load_file(whole.dir / name)
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_what_a_run_of_a_detector_leaves(run: Mapping[str, Any], tmp_path: Path) -> None:
    found = train({**run, "augment": []}, tmp_path / "out", ["train.epochs=60", "train.optimizer.lr=1e-2"], quiet=True)
    assert open_run(found.dir).run.run.train.loss.kind == "yolo"  # type: ignore[union-attr]
    first, last = told(found.dir)[0], told(found.dir)[-1]
    assert last["train_loss"] < 0.5 * first["train_loss"]
    assert {"val_map50", "val_map"} < last.keys() and "val_accuracy" not in last
    assert found.test is not None
    again = evaluate(found.dir, device="cpu")
    assert again.metrics.brief() == found.test.metrics.brief()
    assert evaluate(found.dir, split="train", weights="last", device="cpu").metrics.brief()["map50"] > 0.5
    assert "mAP@0.5" in (found.dir / "report.html").read_text()
    with pytest.raises(SpecError, match=r"E614.*predict tells classes"):
        predict(found.dir, [tmp_path / "squares" / "0.png"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data={kind: digits}", r"E61[04].*"),
        ("train.loss=cross_entropy", r"E614.*trained with the loss 'yolo', not with 'cross_entropy'"),
        (
            "train.best=val_accuracy",
            r"E603.*not measured with loss: yolo; val_map50, val_map and val_loss",
        ),
        ("model.set={vars.classes: 5}", r"E610.*tells 5 classes apart, and the data has 2"),
        ("model=lenet5", r"E668.*objects in boxes"),
    ],
)
def test_what_does_not_go_together(run: Mapping[str, Any], tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        train(run, tmp_path / "out", [override, "augment=[]"], quiet=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("augment", [[], ["mirror", {"mosaic": 0.5}]])
def test_canvases_made_anew_are_those_of_a_run_that_never_stopped(
    run: Mapping[str, Any], tmp_path: Path, augment: list[Any]
) -> None:
    data = {"kind": "scattered_digits", "train": 12, "val": 4, "test": 4, "objects": [1, 2], "scale": [0.3, 0.5]}
    run = {**run, "data": data, "augment": augment}
    spec = tmp_path / "tiny.yaml"
    spec.write_text(SPEC.replace("classes: 2", "classes: 10"))
    whole = train(run, tmp_path / "whole", quiet=True, report=False)
    parts = in_two_parts(run, tmp_path / "parts")
    assert told(parts.dir) == told(whole.dir)
    ours, theirs = (load_file(one.dir / "last.safetensors") for one in (parts, whole))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)
