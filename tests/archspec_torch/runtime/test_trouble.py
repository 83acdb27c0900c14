"""The checks while training: planted troubles are told or stop the run, and sound ones are let alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from archspec.errors import SpecError
from archspec_torch.runtime import train
from archspec_torch.runtime.dead import dead_units
from archspec_torch.runtime.trouble import swings


def run(lr: float, kind: str = "adam", **more: Any) -> dict[str, Any]:
    return {"model": "lenet5", "train": {"optimizer": {"kind": kind, "lr": lr}, "device": "cpu", **more}}


def test_a_loss_that_rises_stops_the_run_and_its_weights_stay_finite(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        train(run(3.0, epochs=2, watch="stop"), tmp_path / "run", quiet=True)
    told = caught.value.diagnostics[0]
    assert told.code == "E690" and "the loss has risen to" in told.message
    assert all(torch.isfinite(w).all() for w in load_file(tmp_path / "run" / "last.safetensors").values())


@pytest.mark.parametrize(("watch", "count"), [("warn", 1), ("off", 0)])
def test_a_loss_that_rises_is_told_once(
    watch: str, count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(run(3.0, epochs=2, watch=watch), tmp_path / "run")
    assert capsys.readouterr().err.count("W640") == count


def test_a_loss_that_creeps_stops_after_four_epochs(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        train(run(1e-7, "sgd", epochs=9, watch="stop"), tmp_path / "run", quiet=True)
    assert "the loss hardly moves: after 4 epochs" in caught.value.diagnostics[0].message
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 4


def test_watching_changes_no_figure(tmp_path: Path) -> None:
    found = []
    for watch in ("off", "stop"):
        train(run(3e-3, epochs=2, watch=watch), tmp_path / watch, quiet=True)
        lines = (tmp_path / watch / "metrics.jsonl").read_text().splitlines()
        found.append([{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines])
    assert found[0] == found[1]


def test_dead_units_are_those_whose_output_is_never_above_0() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, -1.0], [0.0, 1.0]]))
        model[0].bias.copy_(torch.tensor([0.0, 0.0, -3.0]))
        with dead_units(model) as dead:
            model(torch.tensor([[1.0, 1.0]]))
            assert dead() == {"1": (2, 3)}
            model(torch.tensor([[1.0, 4.0]]))
        model(torch.tensor([[-9.0, 0.0]]))
    assert dead() == {"1": (1, 3)}


@pytest.mark.parametrize(
    ("losses", "found"),
    [
        ([2.3, 1.0, 2.2, 0.9, 2.4, 1.0], True),
        ([2.3, 1.5, 1.0, 0.8, 0.6, 0.5], False),
        ([2.30, 2.31, 2.30, 2.32, 2.30, 2.31], False),
        ([2.3, 0.5, 2.3], False),
    ],
)
def test_swinging_is_rising_and_falling_by_much(losses: list[float], found: bool) -> None:
    assert swings(losses) is found
