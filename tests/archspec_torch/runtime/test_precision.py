"""Number formats, memory layouts and their choice by a timed trial, against torch's own autocast and loops."""

from __future__ import annotations

import os
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from archspec import load
from archspec.errors import SpecError
from archspec.run import load_run
from archspec_torch.compiler import compile as compile_network
from archspec_torch.runtime import evaluate, precision, train
from archspec_torch.runtime.data import InMemory
from archspec_torch.runtime.images import Frame
from archspec_torch.runtime.loop import State, fresh_state, train_epoch
from archspec_torch.runtime.precision import Numerics, trial
from archspec_torch.runtime.preprocess import Normalize, Preprocessing
from archspec_torch.runtime.snapshot import restore, take
from archspec_torch.runtime.stop import Stop
from archspec_torch.runtime.tasks.classify import Classify, ClassTally

CPU = torch.device("cpu")
SPEC = """archspec: 1
name: small
input: [1, 8, 8]
layers: [conv: {out: 6, kernel: 3}, batch_norm, relu, flatten, dropout: 0.3, linear: 10]
"""


@pytest.fixture
def run(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "small.yaml").write_text(SPEC)
    plan = {"epochs": 2, "batch": 128, "device": "cpu", "optimizer": {"kind": "sgd", "lr": 0.1}}
    return {"name": "small", "model": str(tmp_path / "small.yaml"), "train": plan}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))


def plan_of(**keys: Any) -> Any:
    return load_run({"model": "mlp", "train": keys}).run.train


def test_bf16_is_torchs_autocast_and_answers_in_float32() -> None:
    model, images = network(), torch.randn(4, 1, 8, 8)
    found = Numerics(torch.bfloat16).forward(model, images)
    with torch.autocast("cpu", torch.bfloat16):
        expected = model(images)
    assert found.dtype == torch.float32 and expected.dtype == torch.bfloat16
    assert torch.equal(found, expected.float()) and not torch.equal(found, model(images))


def test_channels_last_changes_the_layout_and_not_the_answers() -> None:
    model, images = network(), torch.randn(4, 1, 8, 8)
    expected = model(images)
    state = fresh_state(model, plan_of(memory_format="channels_last"))
    seen: list[torch.Tensor] = []
    state.model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    torch.testing.assert_close(Numerics(None, True).forward(state.model, images.repeat(1, 1, 1, 1)), expected)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


def test_a_trial_leaves_the_network_as_it_is() -> None:
    model, images, labels = network(), torch.randn(8, 1, 8, 8), torch.arange(8)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    chosen, told = trial(
        plan_of(precision="auto", memory_format="auto"), model, images, labels, functional.cross_entropy
    )
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert chosen["precision"] in ("fp32", "bf16") and chosen["compile"] is False
    assert told.count(" ms") == 4


def test_a_trial_takes_the_fastest_and_passes_over_what_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {("fp32", "contiguous"): 3.0, ("bf16", "contiguous"): 1.0, ("bf16", "channels_last"): 2.0}

    def step_time(plan: Any, *_: Any) -> float:
        if (key := (plan.precision, plan.memory_format)) not in times:
            raise torch.OutOfMemoryError
        return times[key]

    monkeypatch.setattr(precision, "_step_time", step_time)
    plan = plan_of(precision="auto", memory_format="auto")
    chosen, told = trial(plan, network(), torch.zeros(1, 1, 8, 8), torch.zeros(1), functional.cross_entropy)
    assert chosen == {"precision": "bf16", "memory_format": "contiguous", "compile": False}
    assert told.endswith("; fp32 channels_last failed: OutOfMemoryError")


@pytest.mark.parametrize("compile_it", [False, "auto"])
def test_fp16_steps_with_a_scaler_are_timed(compile_it: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's scaler refuses a second step without an update."""
    monkeypatch.setattr(torch, "compile", lambda model, **_: model)
    plan = plan_of(precision="fp16", memory_format="auto", compile=compile_it)
    chosen, told = trial(plan, network(), torch.randn(8, 1, 8, 8), torch.arange(8), functional.cross_entropy)
    assert isinstance(precision.scaler_of(network(), plan), torch.amp.GradScaler)
    assert chosen["precision"] == "fp16" and "failed" not in told
    assert told.count(" ms") == 2 + (compile_it == "auto")


def test_a_trial_times_what_torch_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))  # its module, without a compiler
    batch, unsized = (torch.randn(8, 6), torch.arange(8)), nn.Linear(6, 10)
    chosen, told = trial(plan_of(compile="auto"), unsized, *batch, functional.cross_entropy)
    assert (chosen["precision"], chosen["memory_format"]) == ("fp32", "contiguous")
    assert told.count(" ms") == 2 and "contiguous compiled" in told and "failed" not in told


def test_a_trial_says_what_failed_and_falls_back_to_float32() -> None:
    def refusing(dtypes: tuple[torch.dtype, ...]) -> nn.Module:
        class Refusing(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = network()

            def forward(self, images: torch.Tensor) -> torch.Tensor:
                scores = self.inner(images)
                if scores.dtype in dtypes:
                    raise NotImplementedError(f"no kernel for {scores.dtype}\nand so on")
                return scores

        return Refusing()

    plan, batch = (
        plan_of(precision="auto", memory_format="auto", compile="auto"),
        (torch.ones(8, 1, 8, 8), torch.arange(8)),
    )
    chosen, told = trial(plan, refusing((torch.bfloat16, torch.float32)), *batch, functional.cross_entropy)
    assert chosen == {"precision": "fp32", "memory_format": "contiguous", "compile": False}
    assert told.startswith("fp32 contiguous untried, since no candidate took a step on cpu; fp32 contiguous failed: no")
    assert told.count("failed: no kernel for torch.") == 4 and "and so on" not in told
    chosen, told = trial(plan_of(precision="auto"), refusing((torch.bfloat16,)), *batch, functional.cross_entropy)
    assert chosen["precision"] == "fp32"
    assert told.count(" ms") == 1 and told.endswith("bf16 contiguous failed: no kernel for torch.bfloat16")


def test_a_mistake_in_a_trial_is_not_passed_over() -> None:
    def wrong(*_: Any) -> torch.Tensor:
        raise TypeError("no loss")

    with pytest.raises(TypeError, match="no loss"):
        trial(plan_of(precision="auto"), network(), torch.ones(8, 1, 8, 8), torch.arange(8), wrong)


def test_auto_is_the_run_of_its_choice_bit_for_bit(
    run: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"precision": "bf16", "memory_format": "channels_last"}
    monkeypatch.setattr(
        precision,
        "_step_time",
        lambda plan, model, *_: (_draw(), plan.precision + plan.memory_format)[1] != "bf16channels_last",
    )
    auto = ["train.precision=auto", "train.memory_format=auto"]
    train(run, tmp_path / "auto", auto, quiet=True)
    train(run, tmp_path / "hand", [f"train.{k}={v}" for k, v in wanted.items()], quiet=True)
    written = load_run(tmp_path / "auto" / "run.yaml").run.train
    assert {key: getattr(written, key) for key in wanted} == wanted and written.compile is False
    weights, expected = (load_file(tmp_path / name / "last.safetensors") for name in ("auto", "hand"))
    assert all(torch.equal(weights[name], value) for name, value in expected.items())
    monkeypatch.setattr(precision, "_step_time", lambda plan, *_: 1.0)  # would choose otherwise now
    train(run, tmp_path / "auto", [*auto, "train.epochs=3"], quiet=True, resume=True)
    assert load_run(tmp_path / "auto" / "run.yaml").run.train.precision == "bf16"


def _draw() -> None:
    torch.rand(3)


def test_a_stopped_run_in_bf16_ends_as_one_left_alone(
    run: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = ["train.precision=bf16", "train.memory_format=channels_last", "train.clip=0.5", "train.ema=0.9"]
    train(run, tmp_path / "whole", how, quiet=True)

    def end(record: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(run, tmp_path / "cut", how, quiet=True, on_epoch=end)
    train(run, tmp_path / "cut", how, quiet=True, resume=True)
    assert (tmp_path / "cut/last.safetensors").read_bytes() == (tmp_path / "whole/last.safetensors").read_bytes()


def test_the_scaler_is_in_the_checkpoint() -> None:
    def state(scale: float) -> State:
        found = fresh_state(network(), plan_of())
        found.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        found.scaler.scale(torch.ones(()))
        return found

    snapshot = take(state(128.0), CPU, {})
    fresh = state(2.0)
    restore(fresh, snapshot, CPU, ClassTally(10, CPU))
    assert fresh.scaler is not None and fresh.scaler.get_scale() == 128.0


def test_a_step_that_overflows_is_skipped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(batch=8, epochs=1, optimizer={"kind": "sgd", "lr": 0.1}, schedule="constant")
    state = fresh_state(network(), plan)
    state.scaler = torch.amp.GradScaler("cpu", init_scale=3e38)
    before = [p.detach().clone() for p in state.model.parameters()]
    classes = tuple("0123456789")
    data = InMemory(torch.randint(0, 256, (8, 1, 8, 8), dtype=torch.uint8), torch.arange(8))
    normalize = Normalize(Preprocessing(Frame(1, 8, 8), (0.5,), (0.01,), classes), CPU)
    train_epoch(state, Classify("main", {}, classes), data, normalize, plan, Stop(), CPU)
    assert state.carried["skipped_steps"] == 1
    assert all(torch.equal(p, old) for p, old in zip(state.model.parameters(), before, strict=True))
    assert state.scaler.get_scale() < 3e38
    state.finish_epoch()
    state.scaler = torch.amp.GradScaler("cpu", init_scale=2.0, growth_interval=1)
    monkeypatch.setattr(state.scaler, "get_scale", lambda: pytest.fail("it is read off the device"))
    train_epoch(state, Classify("main", {}, classes), data, normalize, plan, Stop(), CPU)
    assert state.carried["skipped_steps"] == 1
    assert not all(torch.equal(p, old) for p, old in zip(state.model.parameters(), before, strict=True))


def test_fp16_needs_cuda(run: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        train(run, tmp_path / "out", ["train.precision=fp16"], quiet=True)
    assert [d.code for d in caught.value.diagnostics] == ["E656"] and not (tmp_path / "out").exists()


def test_a_missing_compiler_is_told(run: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no C++ compiler was found\nmore")

    monkeypatch.setattr(torch, "compile", lacking)
    with pytest.raises(SpecError, match=r"does not work here: no C\+\+ compiler was found"):
        train(run, tmp_path / "out", ["train.compile=true"], quiet=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="no C++ compiler")
def test_a_compiled_run_from_end_to_end(run: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted and gone on with, it ends in the same bits; its weights are those of the network as it is named, and
    near those of a run that is not compiled."""
    from archspec_torch.runtime.progress import Silence

    run["train"] |= {"batch": 64, "compile": True, "optimizer": {"kind": "sgd", "lr": 0.05}}
    whole = train(run, tmp_path / "whole", quiet=True)
    assert len(whole.epochs) == 2 and 1257 % 64, "there is a smaller batch at the end, which is compiled for itself"

    torch.compiler.reset()
    steps: list[int] = []

    def step(progress: Silence) -> None:
        steps.append(1)
        if len(steps) == 27:  # in the second epoch, in which the resumed run compiles anew
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as context:
        context.setattr(Silence, "step", step)
        with pytest.raises(KeyboardInterrupt):
            train(run, tmp_path / "stopped", quiet=True)
    torch.compiler.reset()
    train(run, tmp_path / "stopped", quiet=True, resume=True)
    for name in ("last.safetensors", "best.safetensors", "test.json"):
        assert (tmp_path / "stopped" / name).read_bytes() == (whole.dir / name).read_bytes(), name

    names = compile_network(load(tmp_path / "small.yaml")).state_dict().keys()
    for path in whole.dir.rglob("*.safetensors"):
        found = load_file(path)
        assert not any("_orig_mod" in name for name in found), path
        assert path.name == "state.safetensors" or found.keys() == names, path
    assert "_orig_mod" not in (next((whole.dir / "checkpoints").iterdir()) / "state.json").read_text()

    assert whole.test is not None
    assert evaluate(whole.dir, device="cpu").to_json() == whole.test.to_json()
    (tmp_path / "small.yaml").write_text(SPEC.replace(" dropout: 0.3,", ""))  # which draws otherwise when compiled
    one = ["train.epochs=1"]
    fused, plain = (
        train(run, tmp_path / word, [*one, f"train.compile={word}"], quiet=True) for word in ("true", "false")
    )
    assert fused.epochs[0]["train_loss"] == pytest.approx(plain.epochs[0]["train_loss"], rel=1e-3)
    assert fused.epochs[0]["train_loss"] != plain.epochs[0]["train_loss"], "else it was not compiled"
