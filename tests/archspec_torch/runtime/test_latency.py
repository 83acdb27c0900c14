"""Networks of runs are timed, and the curves of several runs are drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import archspec
from archspec.errors import SpecError
from archspec_torch.runtime import train


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    run = {"model": "mlp", "train": {"epochs": 1, "batch": 256, "device": "cpu"}}
    return [train(run, folder / name, [f"train.seed={i}"], quiet=True).dir for i, name in enumerate("ab")]


def test_each_run_has_a_latency(runs: list[Path]) -> None:
    found = archspec.compare(runs, latency_ms=1e6, device="cpu")
    assert all((run.figures["latency_ms"] or 0) > 0 for run in found.runs)
    assert found.chosen is found.best


def test_curves_of_several_runs_are_one_picture(runs: list[Path], tmp_path: Path) -> None:
    found = archspec.compare(runs)
    assert Image.open(found.plot(tmp_path / "curves.png")).size[0] == 1600
    assert "<svg" in found.plot(tmp_path / "curves.svg").read_text(encoding="utf-8")
    with pytest.raises(SpecError, match="E682"):
        found.plot(tmp_path / "curves.gif")
