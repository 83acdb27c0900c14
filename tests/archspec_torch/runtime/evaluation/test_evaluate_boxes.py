"""Detectors measured from their run directories: alone, over views, together, as files and as a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from archspec.cli import main
from archspec.errors import SpecError
from archspec_torch.runtime import diagnose, evaluate, train
from archspec_torch.runtime.evaluation.boxes.together import fused, voted


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    torch.set_num_threads(1)
    made = []
    for seed in (0, 1):
        described = {
            "model": {"spec": "small_yolo", "input": [1, 64, 64]},
            "data": {"kind": "scattered_digits", "train": 32, "val": 8, "test": 8},
            "train": {"epochs": 1, "batch": 8, "device": "cpu", "seed": seed},
        }
        made.append(train(described, tmp_path_factory.mktemp("runs") / str(seed), quiet=True).dir)
    return made


def test_views_and_networks_are_fused_or_voted_on(runs: list[Path]) -> None:
    alone = [evaluate(run, device="cpu") for run in runs]
    kept = [one.answers.kept for one in alone if one.answers]
    for how, together in (("average", fused), ("vote", voted)):
        found = evaluate(runs, device="cpu", ensemble=how)
        assert found.answers is not None
        assert torch.equal(found.answers.kept, together(kept))
        assert [one.figures for one in found.members] == [one.metrics.brief() for one in alone]
    for tta in ("mirror", "multi_scale"):
        views = evaluate(runs[0], device="cpu", tta=tta)
        assert views.answers is not None
        assert views.answers.kept.shape == kept[0].shape
        assert not torch.equal(views.answers.kept, kept[0])


def test_parts_of_an_image_are_no_views_for_a_detector(runs: list[Path]) -> None:
    with pytest.raises(SpecError, match="ten_crop") as raised:
        evaluate(runs[0], device="cpu", tta="ten_crop")
    assert raised.value.diagnostics[0].code == "E673"


def test_bias_and_variance_are_told_by_missed_objects_and_wrong_detections(runs: list[Path]) -> None:
    found = diagnose(runs[0], device="cpu")
    assert set(found.errors) == {"train", "val", "test"}
    assert found.errors["val"] == evaluate(runs[0], "val", device="cpu").metrics.errors


def test_all_of_it_as_files(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(runs[0]), "--device", "cpu", "--out", str(tmp_path / "out"), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "out" / "evaluation.json").read_text())
    names = {"confusion.csv", "per_class.csv", "predictions.csv", "evaluation.json", "pr_curves.png", "confusion.png"}
    assert names <= {path.name for path in (tmp_path / "out").iterdir()}
    assert not (tmp_path / "out" / "reliability.png").exists()
    page = (runs[0] / "report.html").read_text(encoding="utf-8")
    assert all(f'"{name}"' in page for name in ("VOC_AP50", "curves", "gallery"))


def test_the_least_score_of_mistakes_is_what_is_asked_for(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """All detections with a score of 0 or more are right, wrong, or count neither way; with 1 there are none."""
    found = {}
    for score in ("0", "1"):
        options = ["--device", "cpu", "--score", score, "--format", "json"]
        assert main(["evaluate", str(runs[0]), *options]) == 0
        found[score] = json.loads(capsys.readouterr().out)
    every = evaluate(runs[0], device="cpu", score=0.0)
    assert every.answers is not None
    detections = int((every.answers.kept[..., 5] >= 0).sum())
    wrong = ("class", "place", "both", "duplicate", "background")
    assert 0 < sum(found["0"]["errors"][kind] for kind in ("right", *wrong)) <= detections
    assert [found["1"]["errors"][kind] for kind in ("right", *wrong)] == [0] * 6
    assert found["1"]["errors"]["missed"] == sum(found["1"]["sizes"].values())
    assert found["0"]["map50"] == found["1"]["map50"] and found["0"]["costs"] == found["1"]["costs"]
    assert main(["evaluate", str(runs[0]), "--device", "cpu", "--score", "0.5"]) == 0
    told = capsys.readouterr().out
    assert "a score of 0.5 or more" in told and "points of mAP@0.5 that each kind costs" in told


@pytest.mark.parametrize("score", [-0.1, 1.5, float("nan")])
def test_a_least_score_is_from_0_to_1(runs: list[Path], score: float) -> None:
    with pytest.raises(SpecError, match=r"the least score is a number from 0 to 1") as raised:
        evaluate(runs[0], device="cpu", score=score)
    assert raised.value.diagnostics[0].code == "E687"
