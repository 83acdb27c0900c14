"""The doctor's checks of localisers, networks of points and MultiBox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from archspec.run import load_run
from archspec_torch.runtime.doctor import Finding, boxes, fits, places, start
from archspec_torch.runtime.doctor.subject import Subject, subject_of
from archspec_torch.runtime.train import prepare

SPEC = """
archspec: 1
name: tiny
task: {task}
input: [1, 24, 24]
vars: {{classes: 10, points: 4}}
layers:
  - conv: {{out: 12, kernel: 3, stride: 2, padding: 1, bias: false}}
  - batch_norm
  - relu
  - flatten
  - linear: 32
  - relu: {{}}
"""
ENDS = {
    "points": "  - linear: 2 * $points\n",
    "localise": "    name: hidden\n  - linear: $classes\n    name: scores\n  - linear: 4\n    from: hidden\n"
    "    name: boxes\noutputs: [scores, boxes]\n",
    "detect": "detect:\n  heads:\n    - layers:\n        - branches: [{layers: [linear: 2], name: class}, "
    "{layers: [linear: 8], name: box}]\n          join: none\n      name: objects\n  decode: {multibox: {boxes: 2}}\n",
}
DIGITS = {"kind": "scattered_digits", "train": 60, "val": 30, "test": 4, "objects": [1, 1], "scale": [0.4, 0.6]}
CARDS = {"kind": "digit_cards", "train": 60, "val": 30, "test": 4, "scale": [0.6, 0.9]}


def subject(folder: Path, end: str, data: dict[str, Any], **plan: Any) -> Subject:
    torch.set_num_threads(1)
    task = {"points": "regress"}.get(end, end)
    (folder / "tiny.yaml").write_text(SPEC.format(task=task) + ENDS[end])
    run = {"model": {"spec": str(folder / "tiny.yaml")}, "data": data, "train": {"device": "cpu", "batch": 8, **plan}}
    torch.manual_seed(0)
    return subject_of(prepare(load_run(run)))


def only(findings: Iterator[Finding]) -> Finding:
    (found,) = findings
    return found


def moved(made: Subject, how: Any) -> Subject:
    """The same with other points to train on."""
    train = made.job.train
    labels = train.labels.clone()
    labels[..., :2] = how(labels[..., :2])
    inner = replace(train.examples, labels=labels)  # type: ignore[attr-defined]
    return Subject(replace(made.job, train=replace(train, examples=inner)), made.network)  # type: ignore[type-var]


def test_sound_runs_have_no_fault(tmp_path: Path) -> None:
    for end, data in (("points", CARDS), ("localise", DIGITS)):
        made = subject(tmp_path, end, data)
        assert only(places.ranges(made)).verdict == "ok"
        assert only(start.first_loss(made)).verdict == "ok"
    size = only(boxes.sizes(made))
    assert size.check == "object sizes" and size.verdict == "ok"


def test_points_out_of_range_are_told(tmp_path: Path) -> None:
    made = subject(tmp_path, "points", CARDS)
    parts = only(places.ranges(moved(made, lambda xy: xy / 24)))
    assert parts.verdict == "fault" and "between 0 and 1" in parts.text
    far = only(places.ranges(moved(made, lambda xy: xy + 24)))
    assert far.verdict == "fault" and far.figures["outside"] == 1.0
    still = only(places.ranges(moved(made, lambda xy: 0 * xy + 12)))
    assert still.verdict == "doubt" and "hardly moves" in still.advice


def test_the_first_loss_is_held_against_that_of_no_answer_and_of_the_mean_place(tmp_path: Path) -> None:
    """Smooth L1 with beta 0.1, worked out with torch's."""
    made = subject(tmp_path, "points", CARDS)
    found = only(start.first_loss(made))
    wanted = made.train[1][..., :2] / 24
    for name, told in (("expected", torch.zeros_like(wanted)), ("mean", wanted.mean(0).expand_as(wanted))):
        loss = torch.nn.functional.smooth_l1_loss(told, wanted, beta=0.1, reduction="none").sum(2).mean()
        assert found.figures[name] == pytest.approx(float(loss), rel=1e-5)
    loud = subject(tmp_path, "points", CARDS, init={"kind": "normal", "std": 1.0})
    assert only(start.first_loss(loud)).verdict == "fault"


def test_a_short_fit_beats_the_mean_place_and_not_where_places_are_of_other_images(tmp_path: Path, root: Path) -> None:
    model = {"spec": str(root / "examples" / "card_corners_net.yaml"), "input": [1, 24, 24]}
    run = {"model": model, "data": {**CARDS, "train": 400}, "train": {"device": "cpu", "batch": 16}}
    torch.manual_seed(0)
    made = subject_of(prepare(load_run(run)))
    good = only(fits.generalises(made))
    assert good.verdict == "ok" and good.figures["val"] < good.figures["mean"]
    order = torch.randperm(400, generator=torch.Generator().manual_seed(0))
    assert only(fits.generalises(moved(made, lambda xy: xy[order]))).verdict == "doubt"


def test_a_few_images_are_learned_by_heart_boxes_and_all(tmp_path: Path) -> None:
    found = only(fits.overfit(subject(tmp_path, "localise", DIGITS)))
    assert found.verdict == "ok" and found.figures["localised"] == 1.0


def test_several_objects_and_none_are_doubted_of_a_localiser_and_too_many_of_multibox(tmp_path: Path) -> None:
    several = only(places.ranges(subject(tmp_path, "localise", {**DIGITS, "objects": [2, 3], "scale": [0.3, 0.4]})))
    assert several.verdict == "doubt" and several.figures["several"] == 1.0
    empty = only(places.ranges(subject(tmp_path, "localise", {**DIGITS, "objects": [0, 1]})))
    assert empty.verdict == "doubt" and "none" in empty.text
    one = {"one_class": "digit", "scale": [0.3, 0.4]}
    room = only(places.ranges(subject(tmp_path, "detect", {**DIGITS, **one, "objects": [1, 2]})))
    assert room.verdict == "ok" and room.figures["most"] == 2
    crowd = only(places.ranges(subject(tmp_path, "detect", {**DIGITS, **one, "objects": [3, 3]})))
    assert crowd.verdict == "fault" and crowd.figures["over"] == 1.0
