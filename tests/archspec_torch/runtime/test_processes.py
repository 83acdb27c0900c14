"""A run in several processes against the same in one, and how it ends: gloo on the CPU, forked or under torchrun."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from archspec import load
from archspec.cli import main
from archspec.run.sections import CrossEntropy
from archspec_torch.compiler import compile as compile_network
from archspec_torch.runtime import processes, train
from archspec_torch.runtime.layers import idle
from archspec_torch.runtime.losses import CrossEntropyLoss, FocalLoss
from archspec_torch.runtime.processes import World
from archspec_torch.runtime.tasks import task_of

SPEC = """archspec: 1
name: small
input: [1, 8, 8]
layers: [conv: {out: 6, kernel: 3}, relu, flatten, linear: 10]
"""
DRAWING = SPEC.replace("relu, flatten", "batch_norm, relu, flatten, dropout: 0.3")
SGD = {"kind": "sgd", "lr": 0.1, "momentum": 0.9}


@pytest.fixture
def run(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "small.yaml").write_text(SPEC)
    plan = {"epochs": 2, "batch": 64, "device": "cpu", "optimizer": SGD}
    return {"name": "small", "model": str(tmp_path / "small.yaml"), "train": plan}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A forked process has none of the threads of the one it is from, and would wait for them."""
    monkeypatch.setattr(processes, "LINGER", 0.5)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def together(work: Callable[[int], Any], size: int = 2) -> list[int]:
    """The exit statuses of so many processes that do the work, started as torchrun starts them."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(size):
        child = os.fork()
        if child == 0:
            place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_PORT": port}
            os.environ.update({"MASTER_ADDR": "localhost", **{name: str(value) for name, value in place.items()}})
            os._exit(_status(work, rank))
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def _status(work: Callable[[int], Any], rank: int) -> int:
    try:
        return int(work(rank) or 0)
    except SystemExit as leave:
        return int(leave.code or 0)
    except BaseException:
        traceback.print_exc()
        return 99


def shared(run: dict[str, Any], out: Path, *overrides: str, size: int = 2, resume: bool = False) -> None:
    """The run, done by several processes."""
    statuses = together(lambda rank: train(run, out, overrides, quiet=True, resume=resume) and None, size)
    assert statuses == [0] * size


def records(directory: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def apart(one: Path, other: Path) -> float:
    """The largest difference between two numbers of the last weights."""
    ours, theirs = load_file(one / "last.safetensors"), load_file(other / "last.safetensors")
    assert ours.keys() == theirs.keys()
    return max(float((ours[name].double() - theirs[name].double()).abs().max()) for name in ours)


CASES = {
    "uneven": [],  # 1,257 images in batches of 64: the last is of 41
    "accumulated": ["train.batch=24", "train.accumulate=3"],
    "a last batch too small to share": ["train.batch=418"],
    "penalty, clip, average": ["train.l2=0.001", "train.clip=0.5", "train.ema=0.9"],
    "weights of classes": ["train.loss={kind: cross_entropy, class_weights: balanced, label_smoothing: 0.1}"],
    "weights of classes, accumulated": [
        *("train.batch=24", "train.accumulate=3"),
        "train.loss={kind: cross_entropy, class_weights: [0.2, 1, 10, 1, 1, 5, 0.1, 1, 1, 3]}",
    ],
    "focal": ["train.loss={kind: focal, class_weights: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}"],
    "tags": ["train.loss={kind: bce, positive_weights: balanced}", "train.optimizer.lr=0.02"],
    "augmented": ["augment=[mirror, {random_crop: {padding: 1}}]"],
    "unfreezing": ["train.freeze=[conv1]", "train.unfreeze={2: [conv1]}"],
}


@pytest.mark.parametrize("overrides", CASES.values(), ids=CASES.keys())
def test_two_processes_do_as_one(tmp_path: Path, run: dict[str, Any], overrides: list[str]) -> None:
    train(run, tmp_path / "one", overrides, quiet=True)
    shared(run, tmp_path / "two", *overrides)
    assert apart(tmp_path / "one", tmp_path / "two") <= 1e-6
    for one, two in zip(records(tmp_path / "one"), records(tmp_path / "two"), strict=True):
        assert two == pytest.approx(one, abs=1e-6)
        assert (two["train_accuracy"], two["val_accuracy"]) == (one["train_accuracy"], one["val_accuracy"])
    assert {path.name for path in (tmp_path / "two").iterdir()} == {path.name for path in (tmp_path / "one").iterdir()}


def test_batch_norm_over_all_processes_does_as_in_one(tmp_path: Path, run: dict[str, Any]) -> None:
    (tmp_path / "small.yaml").write_text(SPEC.replace("relu", "batch_norm, relu"))
    train(run, tmp_path / "one", quiet=True)
    shared(run, tmp_path / "shared", "train.sync_batchnorm=true")
    shared(run, tmp_path / "each", "train.sync_batchnorm=false")
    assert apart(tmp_path / "one", tmp_path / "shared") <= 2e-6 < 1e-3 < apart(tmp_path / "one", tmp_path / "each")


IDLE = """archspec: 1
name: idle
input: [1, 8, 8]
layers:
- {conv: {out: 6, kernel: 3}, name: stem}
- {conv: {out: 5, kernel: 3}, name: forgotten}
- {conv: {out: 4, kernel: 3}, from: stem}
- relu
- flatten
- linear: 10
heads:
  aux: {from: stem, only: train, weight: 0, layers: [global_avg_pool, linear: 10]}
"""


def test_weights_without_a_gradient_stop_no_process(tmp_path: Path, run: dict[str, Any]) -> None:
    """A layer that nothing reads, and a head whose loss counts for nothing: DDP by itself stops in the second step."""
    (tmp_path / "small.yaml").write_text(IDLE)
    train(run, tmp_path / "one", quiet=True)
    shared(run, tmp_path / "two", "train.accumulate=2", "train.batch=32")
    assert apart(tmp_path / "one", tmp_path / "two") <= 1e-6
    weights = load_file(tmp_path / "two" / "last.safetensors")
    assert {"forgotten.weight", "aux.linear1.weight"} < set(weights)


def test_unused_weights_are_looked_for_only_where_there_are_some(tmp_path: Path) -> None:
    """Against what autograd leaves without a gradient."""
    (path := tmp_path / "idle.yaml").write_text(IDLE)
    for name in ("lenet5", "googlenet", None):
        graph = load(name) if name else load(path)
        network = compile_network(graph).train()
        task = task_of(graph, tuple(map(str, range(10 if name != "googlenet" else 1000))), CrossEntropy())
        outputs = network(torch.randn(2, *graph.types[graph.inputs[0]][0].shape))
        task.loss(outputs, torch.tensor([0, 1])).backward()
        without = [key for key, p in network.named_parameters() if p.grad is None]
        assert idle(network, (task.main, *task.heads)) == without
        assert bool(without) == (name is None)


def test_three_processes_do_as_one(tmp_path: Path, run: dict[str, Any]) -> None:
    train(run, tmp_path / "one", ["train.batch=50"], quiet=True)
    shared(run, tmp_path / "three", "train.batch=50", size=3)
    assert apart(tmp_path / "one", tmp_path / "three") <= 1e-6


def drawing(run: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """A run with all that draws random numbers, and statistics of batch norm."""
    (tmp_path / "small.yaml").write_text(DRAWING)
    augment = [{"random_crop": {"padding": 1}}, {"mixup": {"alpha": 0.2}}]
    plan = {**run["train"], "epochs": 3, "ema": 0.9, "checkpoint": {"steps": 5, "keep": 3}}
    return {**run, "augment": augment, "train": plan}


def killed_at(step: int, work: Callable[[], Any]) -> Callable[[int], Any]:
    """The work, each process of which ends by SIGKILL when it has taken so many steps."""

    def doomed(rank: int) -> Any:
        from archspec_torch.runtime.stop import Stop

        left, agree = [step], Stop.agree

        def counted(self: Stop, due: bool = False) -> bool:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return agree(self, due)

        Stop.agree = counted  # type: ignore[method-assign]
        return work() and None

    return doomed


def test_killed_processes_go_on_to_the_same_bits(tmp_path: Path, run: dict[str, Any]) -> None:
    run, whole, out = drawing(run, tmp_path), tmp_path / "whole", tmp_path / "killed"
    shared(run, whole)
    work = killed_at(33, lambda: train(run, out, quiet=True, resume=True))
    assert together(work) == [-signal.SIGKILL] * 2
    assert max(path.name for path in (out / "checkpoints").iterdir()) < "step-00000035"
    shared(run, out, resume=True)
    for name in ("last.safetensors", "best.safetensors", "test.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    assert records(out) == records(whole)


def test_another_number_of_processes_goes_on_and_says_so(
    tmp_path: Path, run: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """Without dropout and mixing it is the same run, whoever computes it: also from the middle of an epoch."""
    run["train"]["checkpoint"] = {"steps": 5}
    train(run, tmp_path / "one", quiet=True)
    out = tmp_path / "changing"
    assert together(killed_at(13, lambda: train(run, out, quiet=True))) == [-signal.SIGKILL] * 2
    assert together(killed_at(15, lambda: train(run, out, quiet=True, resume=True)), 3) == [-signal.SIGKILL] * 3
    train(run, out, resume=True)
    assert "begun by 3 processes, and 1 goes on" in capfd.readouterr().err
    assert apart(tmp_path / "one", out) <= 1e-6
    for one, other in zip(records(tmp_path / "one"), records(out), strict=True):
        assert other == pytest.approx(one, abs=1e-6)


def test_dropout_differs_between_processes(tmp_path: Path, run: dict[str, Any]) -> None:
    """Each has generators of its own in the checkpoint, with other states."""
    shared(drawing(run, tmp_path), tmp_path / "run", "train.epochs=1")
    states = load_file(sorted((tmp_path / "run" / "checkpoints").iterdir())[-1] / "state.safetensors")
    assert not torch.equal(states["random.cpu"], states["others.0.random.cpu"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_one_process_stops_all_within_a_step(
    tmp_path: Path, run: dict[str, Any], number: int, capfd: pytest.CaptureFixture[str]
) -> None:
    run = drawing(run, tmp_path)
    shared(run, tmp_path / "whole")
    path, out = tmp_path / "run.yaml", tmp_path / "stopped"
    path.write_text(json.dumps(run))

    def stopped(rank: int) -> int:
        from archspec_torch.runtime.progress import Lines, Silence

        steps = []

        def step(self: object) -> None:
            steps.append(1)
            if len(steps) == 33 and rank == 1:
                os.kill(os.getpid(), number)

        Silence.step = Lines.step = step  # type: ignore[method-assign]
        return main(["train", str(path), "--out", str(out)])

    assert together(stopped) == [128 + number] * 2
    assert "stopped in epoch 2 after step 33" in capfd.readouterr().err
    assert max(path.name for path in (out / "checkpoints").iterdir()) == "step-00000033"
    shared(run, out, resume=True)
    assert (out / "last.safetensors").read_bytes() == (tmp_path / "whole" / "last.safetensors").read_bytes()


def told(capfd: pytest.CaptureFixture[str]) -> list[str]:
    """The codes of the errors on stderr, and that nothing else went wrong."""
    said = capfd.readouterr().err
    assert "Traceback" not in said and "internal error" not in said
    return re.findall(r"error (E\d{3})", said)


def test_an_error_in_all_is_told_once(tmp_path: Path, run: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.yaml").write_text(json.dumps(run))
    cases = {
        "train.epochs=0": "E603",
        "train.batch=3": "E683",
        "train.device=mps": "E683",
        "train.optimizer.lr=1e30": "E650",
    }
    for override, code in cases.items():
        command = ["train", str(tmp_path / "run.yaml"), "--set", override, "--out", str(tmp_path / code)]
        assert together(lambda rank: main(command)) == [1, 1], override  # noqa: B023
        assert told(capfd) == [code], override


@pytest.mark.parametrize("where", [0, 1])
def test_an_error_in_one_ends_all(
    tmp_path: Path, run: dict[str, Any], where: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file that cannot be read while training, and a disk that is full, in one process only."""
    (tmp_path / "run.yaml").write_text(json.dumps(run))

    def work(rank: int) -> int:
        from archspec.errors import fail
        from archspec_torch.runtime import loop

        if rank == where:
            steps = []

            def update(*_: object) -> None:
                steps.append(1)
                if len(steps) == 7:
                    raise fail("E624", "an image cannot be read any more")

            loop.update = update
        return main(["train", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "run")])

    assert together(work) == [1, 1]
    assert told(capfd) == ["E624"]


def test_other_data_in_one_process_is_refused(
    tmp_path: Path, run: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    generator = numpy.random.default_rng(0)
    for rank in range(2):
        images, labels = generator.integers(0, 256, (40, 8, 8), dtype=numpy.uint8), numpy.arange(40) % 10
        numpy.savez(tmp_path / f"images{rank}.npz", images=images, labels=numpy.roll(labels, rank))
    (tmp_path / "run.yaml").write_text(json.dumps(run))

    def work(rank: int) -> int:
        data = f"data={{kind: numpy, file: {tmp_path}/images{rank}.npz}}"
        return main(["train", str(tmp_path / "run.yaml"), "--set", data, "--out", str(tmp_path / "run")])

    assert together(work) == [1, 1]
    assert told(capfd) == ["E683"]
    assert not (tmp_path / "run").exists()


def test_every_image_of_a_batch_is_computed_once() -> None:
    for size in (1, 2, 3, 8):
        worlds = [World(rank, size) for rank in range(size)]
        for count in (1, 2, 3, 7, 16, 41):
            group = torch.arange(100, 100 + count)
            shares = [world.share(group) for world in worlds if world.counts(group)]
            assert torch.equal(torch.cat(shares), group)
            assert all(len(world.share(group)) >= min(2, count) for world in worlds)
            assert torch.equal(torch.cat([world.slice(group) for world in worlds]), group)


def test_the_mass_of_a_batch_is_what_torch_divides_by() -> None:
    """The loss of a batch is the mean of the losses of its parts, weighted by their masses."""
    generator = torch.Generator().manual_seed(0)
    scores, labels = torch.randn(9, 4, generator=generator), torch.randint(4, (9,), generator=generator)
    weights, shares = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.rand(9, 4, generator=generator)
    for criterion in (CrossEntropyLoss(0.1, weights), CrossEntropyLoss(0.1), FocalLoss(2.0, weights), FocalLoss(2.0)):
        for targets in (labels, shares):
            parts = [
                (criterion(s, t), criterion.mass(t)) for s, t in zip(scores.split(4), targets.split(4), strict=True)
            ]
            mean = sum(loss * mass for loss, mass in parts) / sum(mass for _, mass in parts)
            torch.testing.assert_close(mean, criterion(scores, targets))
    whole = functional.cross_entropy(scores, labels, weights, label_smoothing=0.1)
    torch.testing.assert_close(CrossEntropyLoss(0.1, weights)(scores, labels), whole)


def test_commands_for_one_process_say_so(
    tmp_path: Path, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.yaml").write_text(json.dumps(run))
    place = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor", str(tmp_path / "run.yaml")]) == 1
    assert "error E685: `archspec doctor` computes in one process, and 2 were started" in capsys.readouterr().err
    monkeypatch.setenv("RANK", "1")
    assert main(["doctor", str(tmp_path / "run.yaml")]) == 1
    assert capsys.readouterr().err == ""


def torchrun(*arguments: object, count: int = 2) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*command, *map(str, arguments)], env=environment, **pipes)


def test_under_torchrun(tmp_path: Path, run: dict[str, Any]) -> None:
    (tmp_path / "run.yaml").write_text(json.dumps(run))
    train(run, tmp_path / "one", quiet=True)
    started = torchrun("-m", "archspec", "train", tmp_path / "run.yaml", "--out", tmp_path / "two")
    said, err = started.communicate(timeout=300)
    assert started.returncode == 0, err
    assert said.count("best epoch") == 1 and err.count("epoch 2/2") == 1
    assert re.search(r"processes +2, which share each batch", err)
    assert apart(tmp_path / "one", tmp_path / "two") <= 1e-6


@pytest.mark.slow
def test_torchrun_ends_with_one_message(tmp_path: Path, run: dict[str, Any]) -> None:
    (tmp_path / "run.yaml").write_text(json.dumps({**run, "train": {"epochs": -1}}))
    started = torchrun("-m", "archspec", "train", tmp_path / "run.yaml", "--out", tmp_path / "run")
    _, err = started.communicate(timeout=300)
    assert started.returncode == 1
    assert err.count("error E603") == 1 and "internal error" not in err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_torchrun_that_is_stopped_saves(tmp_path: Path, run: dict[str, Any], number: int) -> None:
    run = drawing(run, tmp_path)
    run["train"]["epochs"] = 300
    (tmp_path / "run.yaml").write_text(json.dumps(run))
    out = tmp_path / "run"
    started = torchrun("-m", "archspec", "train", tmp_path / "run.yaml", "--out", out)
    deadline = time.monotonic() + 120
    while not (out / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    started.send_signal(number)
    _, err = started.communicate(timeout=120)
    assert err.count("stopped in epoch") == 1
    step = int(re.findall(r"after step (\d+)", err)[0])
    assert max(path.name for path in (out / "checkpoints").iterdir()).startswith(f"step-{step:08}")
