"""The doctor's checks of a run of objects in boxes; those of whole images do not apply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from archspec.run import load_run
from archspec_torch.runtime.doctor import Finding, boxes, fits, start
from archspec_torch.runtime.doctor import data as data_checks
from archspec_torch.runtime.doctor.subject import BOXED, Subject, subject_of
from archspec_torch.runtime.train import prepare

SPEC = """
archspec: 1
name: tiny
task: detect
input: [1, 32, 32]
vars: {classes: 10, anchors: [[10, 12], [12, 18]]}
layers:
  - conv: {out: 16, kernel: 3, stride: 2, padding: 1, bias: false}
  - batch_norm
  - relu
  - conv: {out: 48, kernel: 3, stride: 2, padding: 1, bias: false}
  - batch_norm
  - relu
detect:
  anchors: {kind: grid, boxes: $anchors, unit: pixel}
  heads:
    - layers: [conv: (5 + $classes) * 2]
      name: cells
  decode: yolo
  nms: {score: 0.01, iou: 0.5, keep: 10}
"""
DATA = {"kind": "scattered_digits", "train": 40, "val": 8, "test": 8, "objects": [1, 2], "scale": [0.35, 0.6]}
Made = Callable[..., Subject]


@pytest.fixture
def subject(tmp_path: Path) -> Made:
    torch.set_num_threads(1)
    (tmp_path / "tiny.yaml").write_text(SPEC)

    def make(data: dict[str, Any] | None = None, variables: dict[str, Any] | None = None, **plan: Any) -> Subject:
        model = {"spec": str(tmp_path / "tiny.yaml"), "set": {"vars": variables or {}}}
        run = {"model": model, "data": {**DATA, **(data or {})}, "train": {"device": "cpu", "batch": 8, **plan}}
        torch.manual_seed(0)
        return subject_of(prepare(load_run(run)))

    return make


def only(findings: Iterator[Finding]) -> Finding:
    (found,) = findings
    return found


def test_a_sound_detector_has_no_fault_and_what_is_for_classes_of_images_does_not_apply(subject: Made) -> None:
    made = subject()
    assert len(made.train[0]) == BOXED
    for check in (data_checks.neighbours, fits.generalises):
        assert list(check(made)) == []
    for check in (
        data_checks.labels,
        data_checks.inputs,
        data_checks.leak,
        boxes.sizes,
        start.plan,
        start.scores,
        start.first_loss,
        start.regularisation,
        start.weights,
        start.units,
        start.gradients,
        fits.own_steps,
    ):
        assert {one.verdict for one in check(made)} <= {"ok", "doubt"}, check


def test_four_images_are_learned_by_heart_and_not_where_nothing_can_be(subject: Made) -> None:
    found = only(fits.overfit(subject()))
    assert found.verdict == "ok" and found.text.startswith("4 images") and found.figures["map50"] >= 0.9
    still = subject(init={"kind": "constant", "value": 0})
    assert only(start.gradients(still)).verdict == "fault"


def test_objects_are_counted_and_anchors_measured_as_by_hand(subject: Made) -> None:
    made = subject()
    labels = made.job.train.labels
    counts = [int((labels[..., 4] == n).sum()) for n in range(10)]
    assert only(data_checks.labels(made)).figures == {"counts": counts, "without": 0}
    sides = torch.cat([rows[rows[:, 4] >= 0] for rows in labels])[:, :4]
    sides = sides[:, 2:] - sides[:, :2]
    size, anchors = boxes.sizes(made)
    assert [size.figures["width"], size.figures["height"]] == np.quantile(
        sides.numpy(), 0.5, axis=0, method="inverted_cdf"
    ).tolist()
    about = [torch.cat([-half, half], 1) for half in (sides / 2, torch.tensor([[5.0, 6], [6, 9]]))]
    best = box_iou(*about).max(1).values
    assert anchors.figures["mean"] == pytest.approx(float(best.mean())) and anchors.verdict == "ok"


def test_anchors_and_sizes_that_cannot_be_meant_are_doubted(subject: Made) -> None:
    far = subject(variables={"anchors": [[2, 2], [3, 3]]})
    assert [one.verdict for one in boxes.sizes(far)] == ["ok", "fault"]
    rows = far.job.train.labels
    rows[..., :4] /= 6
    assert next(boxes.sizes(far)).verdict == "doubt"


def test_classes_without_objects_and_data_without_any_are_told() -> None:
    rows = torch.zeros(3, 2, 6)
    rows[..., 4] = torch.tensor([[0, 0], [0, -1], [-1, -1]])
    found = only(boxes.objects(rows, ("cat", "dog")))
    assert found.verdict == "doubt" and "none of 'dog'" in found.text and found.figures["counts"] == [3, 0]
    rows[..., 4] = -1
    assert only(boxes.objects(rows, ("cat",))).verdict == "fault"


def test_maps_that_are_not_finite_are_a_fault(subject: Made) -> None:
    made = subject()
    with torch.no_grad():
        next(made.network.parameters()).fill_(float("nan"))
    assert only(start.scores(made)).verdict == "fault"
