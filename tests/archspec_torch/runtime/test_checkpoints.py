"""Checkpoints: whole or passed over, and what is in them comes back as it was."""

from __future__ import annotations

import errno
import os
import random
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from archspec.errors import SpecError
from archspec_torch.runtime import checkpoints
from archspec_torch.runtime.checkpoints import Damage, Snapshot
from archspec_torch.runtime.ema import Average


def snapshot(step: int) -> Snapshot:
    torch.manual_seed(step)
    return Snapshot({"w": torch.rand(7, 3)}, {"m": torch.rand(5), "random": torch.arange(40)}, {"step": step})


def written(folder: Path, *steps: int) -> list[Path]:
    return [checkpoints.write(folder, checkpoints.name_of(step, None), snapshot(step), 0) for step in steps]


def test_a_checkpoint_comes_back_and_sha256sum_finds_it_whole(tmp_path: Path) -> None:
    (path,) = written(tmp_path / "checkpoints", 12)
    back = checkpoints.read(path)
    assert back.facts["step"] == 12
    assert torch.equal(back.weights["w"], snapshot(12).weights["w"])
    assert torch.equal(back.tensors["m"], snapshot(12).tensors["m"])
    assert sorted(file.name for file in path.iterdir()) == sorted((*checkpoints.FILES, checkpoints.SUMS))
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=path, check=True)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()}
    assert len(modes) == 1, "who may read one file may read all"


def test_fifty_cuts_and_fifty_flipped_bits_are_all_detected(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    older, newer = written(folder, 1, 2)
    files = sorted(newer.iterdir())
    chance = random.Random(0)
    for trial in range(100):
        file = files[trial % len(files)]
        whole = file.read_bytes()
        place = chance.randrange(len(whole))
        flipped = whole[:place] + bytes([whole[place] ^ 1 << chance.randrange(8)]) + whole[place + 1 :]
        file.write_bytes(whole[:place] if trial < 50 else flipped)
        found = checkpoints.newest(folder)
        assert found.path == older, (trial, file.name, place)
        assert [path for path, _ in found.damaged] == [newer]
        file.write_bytes(whole)
    assert checkpoints.newest(folder).path == newer


@pytest.mark.parametrize("name", [*checkpoints.FILES, checkpoints.SUMS])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (path,) = written(tmp_path, 1)
    (path / name).unlink()
    with pytest.raises(Damage, match=name):
        checkpoints.check(path)


def test_names_sort_as_the_run_went(tmp_path: Path) -> None:
    names = [(99, None), (100, None), (100, 3), (123456789, None)]
    for step, epoch in reversed(names):
        checkpoints.write(tmp_path, checkpoints.name_of(step, epoch), snapshot(step), 0)
    (tmp_path / "step-other").mkdir()
    (tmp_path / ".step-00000200.abcd").mkdir()
    assert checkpoints.newest(tmp_path).path == tmp_path / "step-123456789"
    checkpoints.prune(tmp_path, 2)
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"step-123456789", "step-00000100-epoch-0003", "step-other", ".step-00000200.abcd"}
    written(tmp_path, 300)
    assert not (tmp_path / ".step-00000200.abcd").exists(), "what a killed run was writing is removed"


@pytest.mark.parametrize("call", ["fsync", "mkdir", "rename"])
def test_a_full_disk_leaves_the_former_checkpoint(tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (former,) = written(tmp_path, 1)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as context:
        context.setattr(os, call, full)
        with pytest.raises(SpecError, match="E505") as caught:
            written(tmp_path, 2)
    assert "No space left on device" in str(caught.value) and "--resume" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [former.name]
    assert checkpoints.newest(tmp_path).path == former


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounting takes root")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (former,) = written(tmp_path, 1)
        large = Snapshot({"w": torch.zeros(100_000)}, {}, {})
        with pytest.raises(SpecError, match=r"E505.*space"):
            checkpoints.write(tmp_path, checkpoints.name_of(2, None), large, 0)
        assert checkpoints.newest(tmp_path).path == former
        assert len(list(tmp_path.iterdir())) == 1
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_another_format_is_told(tmp_path: Path) -> None:
    (path,) = written(tmp_path, 1)
    (path / "state.json").write_text('{"format": 99}')
    with pytest.raises(Damage, match="format 99"):
        checkpoints.read(path)


def test_published_weights_are_the_file_with_and_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = written(tmp_path / "checkpoints", 1)
    target = tmp_path / "last.safetensors"
    target.write_bytes(b"former")
    checkpoints.publish(path / "weights.safetensors", target)
    assert torch.equal(load_file(target)["w"], snapshot(1).weights["w"])

    def none(*_: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", none)
    checkpoints.publish(path / "weights.safetensors", tmp_path / "copy.safetensors")
    assert (tmp_path / "copy.safetensors").read_bytes() == target.read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {"checkpoints", "last.safetensors", "copy.safetensors"}


def test_the_moving_average_is_torch_s() -> None:
    """From step 9·d/(1 − d) on the decay is the constant one, and the average torch's own with buffers."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    ours = Average(model, 0.75)
    theirs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.75), use_buffers=True)
    theirs.update_parameters(model)  # its first update copies
    for step in range(26, 40):
        model(torch.rand(8, 4)).sum().backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.1 * torch.rand_like(parameter)
        ours.update(step)
        theirs.update_parameters(model)
    expected = theirs.module.state_dict()
    for name, tensor in ours.model.state_dict().items():
        if tensor.is_floating_point():
            assert torch.allclose(tensor, expected[name], rtol=1e-5), name
    assert ours.model[1].num_batches_tracked == 14


def test_the_moving_average_forgets_its_random_beginning() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 100.0)
    average = Average(model, 0.999)
    nn.init.constant_(model.weight, 1.0)
    average.update(0)
    assert float(average.model.weight) == pytest.approx(0.1 * 100 + 0.9 * 1)
