"""Weights of a run with one byte changed: refused, with the checkpoint that is whole named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from archspec.errors import SpecError
from archspec_torch.runtime import evaluate, predict, train

SPEC = "archspec: 1\nname: tiny\ninput: [1, 8, 8]\nvars: {classes: 10}\nlayers: [flatten, linear: $classes]\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("runs")
    (folder / "tiny.yaml").write_text(SPEC)
    plan = {"epochs": 2, "batch": 64, "device": "cpu", "schedule": {"kind": "cosine", "cycles": 2, "snapshots": True}}
    return train({"model": str(folder / "tiny.yaml"), "train": plan}, folder / "run", quiet=True, report=False).dir


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.unlink()  # a checkpoint may be the same file by another name
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["best", "last", "snapshots/cycle-01.safetensors"])
def test_damaged_weights_are_refused(run: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    damaged(copy / (name if "/" in name else f"{name}.safetensors"))
    with pytest.raises(SpecError, match=r"E701.* is damaged") as caught:
        evaluate(copy, weights=name, device="cpu")
    (whole,) = copy.glob("checkpoints/*-epoch-0002")
    assert str(whole / "weights.safetensors") in str(caught.value.diagnostics[0].hint)
    assert evaluate(copy, weights=str(whole / "weights.safetensors"), device="cpu").epoch == 2
    if name != "last":
        return
    with pytest.raises(SpecError, match=r"E701.* is damaged"):
        predict(copy, [], weights=name, device="cpu")


def test_weights_copied_out_of_a_run_are_read(run: Path, tmp_path: Path) -> None:
    shutil.copy(run / "best.safetensors", tmp_path / "mine.safetensors")
    inside, outside = (evaluate(run, weights=one, device="cpu") for one in ("best", str(tmp_path / "mine.safetensors")))
    assert inside.metrics == outside.metrics
    damaged(tmp_path / "mine.safetensors")
    with pytest.raises(SpecError, match=r"E701.* is damaged"):
        evaluate(run, weights=str(tmp_path / "mine.safetensors"), device="cpu")


def test_weights_of_a_run_in_torch_s_own_format_are_told_as_such(run: Path, tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, tmp_path / "mine.pt")
    with pytest.raises(SpecError, match=r"E701.*mine.pt' is a file of torch, and the weights of a run are safetensors"):
        evaluate(run, weights=str(tmp_path / "mine.pt"), device="cpu")
