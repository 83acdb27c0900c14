"""Runs that are killed, stopped or damaged, and go on: their ends are those of a run left alone, bit for bit."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from archspec.cli import main
from archspec.comparing import compare
from archspec.errors import SpecError
from archspec_torch.runtime import evaluate, records, train
from archspec_torch.runtime.records import out_of_patience

SPEC = """archspec: 1
name: small
input: [1, 8, 8]
layers: [conv: {out: 6, kernel: 3}, batch_norm, relu, flatten, dropout: 0.3, linear: 10]
"""
SAVED = ("last.safetensors", "best.safetensors", "test.json")


@pytest.fixture
def run(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "small.yaml").write_text(SPEC)
    plan = {"epochs": 3, "batch": 64, "ema": 0.9, "clip": 1.0, "device": "cpu", "checkpoint": {"steps": 5}}
    augment = [{"random_crop": {"padding": 1}}, {"mixup": {"alpha": 0.2}}]
    return {"name": "small", "model": str(tmp_path / "small.yaml"), "augment": augment, "train": plan}


def kept(directory: Path) -> dict[str, Any]:
    """What must be equal: weights byte for byte, and metrics without the clock's."""
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    clockless = [{k: v for k, v in line.items() if k != "seconds"} for line in lines]
    table = re.sub(r",[^,]*$", "", (directory / "metrics.csv").read_text(), flags=re.M)
    return {**{name: (directory / name).read_bytes() for name in SAVED}, "metrics": clockless, "csv": table}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """A forked process has none of the threads of the one it is from, and would wait for them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def forked(work: Any) -> int:
    """The wait status of a child process that does the work."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except SystemExit as leave:
            os._exit(int(leave.code or 0))
        except KeyboardInterrupt:
            os._exit(130)
        except BaseException:
            traceback.print_exc()
            os._exit(99)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def killed_at(count: int, work: Any) -> Any:
    """The work, ended by SIGKILL at its n-th call that changes a disk: in the middle of saving, of renaming, …

    Calls of its workers, which inherit the count, kill nobody.
    """

    def doomed() -> None:
        left, own = [count], os.getpid()

        def deadly(call: Any) -> Any:
            def counted(*args: Any, **options: Any) -> Any:
                left[0] -= 1
                if left[0] == 0 and os.getpid() == own:
                    os.kill(own, signal.SIGKILL)
                return call(*args, **options)

            return counted

        for name in ("fsync", "rename", "replace", "link", "unlink", "mkdir", "rmdir"):
            setattr(os, name, deadly(getattr(os, name)))
        work()

    return doomed


def test_three_kills_end_in_the_same_bits(tmp_path: Path, run: dict[str, Any]) -> None:
    whole = train(run, tmp_path / "whole", quiet=True)
    chance = random.Random(1)
    for trial in range(3):
        out, kills = tmp_path / f"killed{trial}", 0
        for _ in range(2):
            work = killed_at(chance.randrange(20, 250), lambda: train(run, out, quiet=True, resume=True))  # noqa: B023
            kills += os.WIFSIGNALED(forked(work))
        found = train(run, out, quiet=True, resume=True)
        assert kills >= 1
        assert kept(out) == kept(whole.dir)
        assert (found.best_epoch, found.val_loss) == (whole.best_epoch, whole.val_loss)


def test_killed_with_workers_in_the_middle_of_an_epoch(tmp_path: Path, run: dict[str, Any]) -> None:
    generator = numpy.random.default_rng(0)
    for number in range(60):
        name = "ab"[number % 2]
        (tmp_path / "images" / name).mkdir(parents=True, exist_ok=True)
        grey = generator.integers(0, 200, (8, 8)) + 50 * (number % 2)
        Image.fromarray(grey.astype(numpy.uint8)).save(tmp_path / "images" / name / f"{number}.png")
    (tmp_path / "two.yaml").write_text(SPEC.replace("linear: 10", "linear: 2"))
    run = {
        **run,
        "model": str(tmp_path / "two.yaml"),
        "data": {"kind": "folder", "root": str(tmp_path / "images"), "in_memory": False},
        "train": {**run["train"], "batch": 8, "accumulate": 2, "epochs": 2, "checkpoint": {"steps": 1}},
    }
    whole = train(run, tmp_path / "whole", quiet=True)
    out = tmp_path / "killed"
    status = forked(killed_at(60, lambda: train(run, out, ["train.workers=2"], quiet=True)))
    assert os.WIFSIGNALED(status)
    train(run, out, ["train.workers=2"], quiet=True, resume=True)
    assert kept(out) == kept(whole.dir)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_within_a_step(tmp_path: Path, run: dict[str, Any], number: int, code: int) -> None:
    whole = train(run, tmp_path / "whole", quiet=True)
    out = tmp_path / "stopped"

    def stopped() -> None:
        from archspec_torch.runtime.progress import Silence

        steps = []

        def step(self: object) -> None:
            steps.append(1)
            if len(steps) == 33:
                os.kill(os.getpid(), number)

        Silence.step = step  # type: ignore[method-assign]
        train(run, out, quiet=True)

    assert os.waitstatus_to_exitcode(forked(stopped)) == code
    newest = max(path.name for path in (out / "checkpoints").iterdir())
    assert newest == "step-00000033"
    assert (out / "last.safetensors").read_bytes() == (
        out / "checkpoints" / newest / "weights.safetensors"
    ).read_bytes()
    train(run, out, quiet=True, resume=True)
    assert kept(out) == kept(whole.dir)


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, run: dict[str, Any]) -> None:
    whole = train(run, tmp_path / "whole", quiet=True)
    out = tmp_path / "damaged"
    shutil.copytree(whole.dir, out)
    names = sorted(path.name for path in (out / "checkpoints").iterdir())
    assert names == ["step-00000060", "step-00000060-epoch-0003"]
    tensors = out / "checkpoints" / names[1] / "state.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1])
    for name in ("last.safetensors", "best.safetensors"):
        (out / name).unlink()
    found = train(run, out, quiet=True, resume=True)
    assert [w.code for w in found.warnings][:1] == ["W623"]
    assert names[1] in found.warnings[0].message
    assert (out / "last.safetensors").read_bytes() == (whole.dir / "last.safetensors").read_bytes()
    assert (out / "checkpoints" / f"damaged-{names[1]}").is_dir()
    for path in (out / "checkpoints").glob("step-*"):
        (path / "SHA256SUMS").unlink()
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(SpecError, match="E654"):
        train(run, out, quiet=True, resume=True)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_what_describes_a_run_is_written_anew_where_it_is_lost(tmp_path: Path, run: dict[str, Any]) -> None:
    whole = train(run, tmp_path / "whole", ["train.precision=auto"], quiet=True).dir
    described = {name: (whole / name).read_bytes() for name in ("run.yaml", "spec.yaml", "preprocessing.json")}
    for damage in (None, b"", b"not: [what it was"):
        out = tmp_path / f"damaged-{damage}"
        shutil.copytree(whole, out)
        shutil.rmtree(max((out / "checkpoints").iterdir()))
        for name in described:
            (out / name).unlink()
            if damage is not None:
                (out / name).write_bytes(damage)
        train(run, out, ["train.precision=auto"], quiet=True, resume=True)
        assert kept(out) == kept(whole)
        assert {name: (out / name).read_bytes() for name in described} == described
    flipped = (whole / "preprocessing.json").read_bytes().replace(b"0.", b"1.", 1)
    assert flipped != described["preprocessing.json"]
    (whole / "preprocessing.json").write_bytes(flipped)
    train(whole / "run.yaml", whole, quiet=True, resume=True)
    assert (whole / "preprocessing.json").read_bytes() == described["preprocessing.json"]


def test_weights_without_a_checkpoint_are_not_overwritten(tmp_path: Path, run: dict[str, Any]) -> None:
    out = tmp_path / "run"
    train(run, out, ["train.epochs=1"], quiet=True)
    shutil.rmtree(out / "checkpoints")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(SpecError, match=r"E654: .*best\.safetensors and last\.safetensors, and no checkpoint"):
        train(run, out, ["train.epochs=1"], quiet=True, resume=True)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_finished_run_says_so_and_goes_on_with_more_epochs(
    tmp_path: Path, run: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run["train"]["schedule"] = "constant"
    longer = train(run, tmp_path / "longer", ["train.epochs=4"], quiet=True)
    out = tmp_path / "run"
    train(run, out, quiet=True)
    before = kept(out)
    again = train(run, out, resume=True)
    assert "is finished: 3 of 3 epochs" in capsys.readouterr().err
    assert kept(out) == before and len(again.epochs) == 3
    more = train(out / "run.yaml", out, ["train.epochs=4"], quiet=True, resume=True)
    assert kept(out) == kept(longer.dir)
    assert more.warnings == ()
    with pytest.raises(SpecError, match=r"E652: .*4 epochs are finished, and train\.epochs is 3"):
        train(run, out, quiet=True, resume=True)


def test_what_differs_is_named(tmp_path: Path, run: dict[str, Any]) -> None:
    out = tmp_path / "run"
    train(run, out, ["train.epochs=1"], quiet=True)
    cases = {
        "train.batch=32": "train.batch was 64 and is 32",
        "train.optimizer=sgd": 'train.optimizer.kind was "adam" and is "sgd"',
        "data.split.seed=1": "data.split.seed was 0 and is 1",
        "train.ema=0.5": "train.ema was 0.9 and is 0.5",
    }
    for override, told in cases.items():
        with pytest.raises(SpecError, match="E652") as caught:
            train(run, out, ["train.epochs=1", override], quiet=True, resume=True)
        assert told in str(caught.value)
    (tmp_path / "small.yaml").write_text(SPEC.replace("out: 6", "out: 7"))
    with pytest.raises(SpecError, match="E652") as caught:
        train(run, out, ["train.epochs=1"], quiet=True, resume=True)
    assert "begun otherwise: layer 'conv1': out was 6 and is 7" in str(caught.value)
    (tmp_path / "small.yaml").write_text(SPEC.replace("relu", "tanh"))
    with pytest.raises(SpecError, match="E652") as caught:
        train(run, out, ["train.epochs=1"], quiet=True, resume=True)
    assert "layer 'tanh1' was not there" in str(caught.value) and "input was relu1 and is tanh1" in str(caught.value)
    assert "(" not in str(caught.value).partition("help:")[0]
    (tmp_path / "small.yaml").write_text(f"{SPEC}cite: a paper\n")
    free = ["train.epochs=1", "train.checkpoint.keep=5", "name=other"]
    assert train(run, out, free, quiet=True, resume=True).best_epoch == 1


def test_where_nothing_was_saved_it_begins(tmp_path: Path, run: dict[str, Any]) -> None:
    overrides = ["train.epochs=1"]
    train(run, tmp_path / "whole", overrides, quiet=True)
    early = tmp_path / "early"
    early.mkdir()
    (early / "run.yaml").write_text("model: sm")
    (early / ".spec.yaml.0123456789ab").write_text("")
    for out in (tmp_path / "new" / "deep", early):
        train(run, out, overrides, quiet=True, resume=True)
        assert kept(out) == kept(tmp_path / "whole")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("")
    with pytest.raises(SpecError, match=r"E605.*thesis\.txt"):
        train(run, tmp_path / "home", quiet=True, resume=True)
    with pytest.raises(SpecError, match="E653"):
        train(run, quiet=True, resume=True)


def test_a_full_disk_ends_the_command_with_one_error(
    tmp_path: Path, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from archspec_torch.runtime import checkpoints

    real, calls = checkpoints.save_file, []

    def full(tensors: Any, path: Path, *rest: Any) -> None:
        calls.append(path)
        if len(calls) > 20:
            raise OSError(28, "No space left on device")
        real(tensors, path, *rest)

    (tmp_path / "run.yaml").write_text(json.dumps(run))
    command = ["train", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "run")]
    with monkeypatch.context() as context:
        context.setattr(checkpoints, "save_file", full)
        assert main(command) == 1
    err = capsys.readouterr().err
    assert err.count("error E505") == 1 and "No space left on device" in err and "Traceback" not in err
    assert main([*command, "--resume"]) == 0
    train(run, tmp_path / "whole", quiet=True)
    assert kept(tmp_path / "run") == kept(tmp_path / "whole")


@pytest.mark.parametrize("limit", [1, 3000, 6000, 40_000])
def test_files_that_cannot_grow_end_a_run_that_goes_on_once_they_can(
    tmp_path: Path, run: dict[str, Any], limit: int
) -> None:
    """The system's own limit: the description, the numbers of a checkpoint, its tensors and the curves do not fit."""
    resource = pytest.importorskip("resource", reason="this system limits no files")
    (tmp_path / "run.yaml").write_text(json.dumps(run))
    command = ["train", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "run"), "--set", "train.epochs=1"]
    told, tell = os.pipe()

    def limited() -> None:
        sys.stderr = os.fdopen(tell, "w", buffering=1)  # a pipe: what pytest captures goes to a file
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        raise SystemExit(main(command))

    status = forked(limited)
    err = os.read(told, 1 << 16).decode()
    assert os.waitstatus_to_exitcode(status) == 1
    assert err.count("error E505") == 1 and "File too large" in err and "Traceback" not in err
    assert main([*command, "--resume"]) == 0
    train(run, tmp_path / "whole", ["train.epochs=1"], quiet=True)
    assert kept(tmp_path / "run") == kept(tmp_path / "whole")


def test_a_hook_sees_each_epoch_once_it_is_saved(tmp_path: Path, run: dict[str, Any]) -> None:
    seen: list[float] = []

    def prune(record: Any) -> None:
        assert (
            tmp_path / "run" / "checkpoints" / f"step-{20 * record['epoch']:08}-epoch-{record['epoch']:04}"
        ).is_dir()
        seen.append(record["val_loss"])
        if len(seen) == 2:
            raise LookupError("pruned")

    with pytest.raises(LookupError):
        train(run, tmp_path / "run", quiet=True, on_epoch=prune)
    found = train(run, tmp_path / "run", quiet=True, resume=True)
    assert [record["val_loss"] for record in found.epochs][:2] == seen and len(found.epochs) == 3


def test_patience_by_hand() -> None:
    losses = [3.0, 2.0, 2.5, 2.0, 1.0]
    ended = [out_of_patience([{"val_loss": x} for x in losses[:n]], "val_loss", 2) for n in range(6)]
    assert ended == [False, False, False, False, True, False]
    shares = [{"val_map": 0.1}, {"val_map": 0.2}, {"val_map": 0.3}]
    assert not out_of_patience(shares, "val_map", 2), "of a share, greater is better"


def test_early_stopping(tmp_path: Path, run: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    run["train"] |= {"early_stop": {"patience": 1, "on": "val_loss"}, "optimizer": {"kind": "sgd", "lr": 1e-30}}
    found = train(run, tmp_path / "run")
    assert len(found.epochs) == 2
    assert "stopped early: val_loss was not better than before for 1 epochs" in capsys.readouterr().err
    train(run, tmp_path / "run", resume=True)
    assert "is finished: val_loss" in capsys.readouterr().err


def test_event_files(tmp_path: Path, run: dict[str, Any]) -> None:
    """Read back by TensorBoard's own reader: every figure of every epoch, those of lost epochs once."""
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run["train"] |= {"tensorboard": True, "checkpoint": {"keep": 99}}
    out = tmp_path / "run"
    train(run, out, quiet=True)
    for path in (out / "checkpoints").iterdir():
        if path.name > "step-00000020-epoch-0001":
            shutil.rmtree(path)
    found = train(run, out, quiet=True, resume=True)
    events = EventAccumulator(str(out / "tensorboard"))
    events.Reload()
    figures = [name for name in found.epochs[0] if name != "epoch"]
    assert sorted(events.Tags()["scalars"]) == sorted(figures) and len(figures) >= 5
    for name in figures:
        values = [(event.step, event.value) for event in events.Scalars(name)]
        assert values == [(r["epoch"], pytest.approx(r[name], rel=1e-6)) for r in found.epochs], name


def test_event_files_without_their_package(
    tmp_path: Path, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    (tmp_path / "run.yaml").write_text(json.dumps(run))
    command = ["train", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "run"), "--set", "train.tensorboard=true"]
    assert main(command) == 1
    told = capsys.readouterr().err
    assert "error E655" in told and "pip install 'archspec-nn[tensorboard]'" in told and "Traceback" not in told
    assert not (tmp_path / "run").exists()


def test_snapshots_are_the_weights_at_the_ends_of_cycles(
    tmp_path: Path, run: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """60 steps in 4 cycles: a snapshot is what a run holds that is stopped there. Killed anywhere, the same files."""
    run["train"] |= {
        "schedule": {"kind": "cosine", "cycles": 4, "snapshots": True},
        "checkpoint": {"steps": 15, "keep": 99},
    }
    whole = train(run, tmp_path / "whole", quiet=True)
    files = [f"cycle-{cycle:02}.safetensors" for cycle in (1, 2, 3, 4)]
    assert sorted(path.name for path in (whole.dir / "snapshots").iterdir()) == files
    for cycle, file in enumerate(files, 1):
        kept_then = whole.dir / "checkpoints" / f"step-{15 * cycle:08}" / "weights.safetensors"
        ours, theirs = load_file(whole.dir / "snapshots" / file), load_file(kept_then)
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in theirs)
    out = tmp_path / "killed"
    for count in (50, 40):
        assert os.WIFSIGNALED(forked(killed_at(count, lambda: train(run, out, quiet=True, resume=True))))
    train(run, out, quiet=True, resume=True)
    assert kept(out) == kept(whole.dir)
    for file in files:
        assert (out / "snapshots" / file).read_bytes() == (whole.dir / "snapshots" / file).read_bytes()

    found = evaluate(out, weights="snapshots", ensemble="average", device="cpu")
    assert [(one.weights, one.epoch) for one in found.members] == [
        ("cycle-01", 1),
        ("cycle-02", 2),
        ("cycle-03", 3),
        ("cycle-04", 3),
    ]
    alone = [evaluate(out, weights=f"snapshots/{file}", device="cpu") for file in files]
    assert [one.figures["accuracy"] for one in found.members] == [one.metrics.brief()["accuracy"] for one in alone]
    probabilities = [one.answers.kept.exp() for one in alone if one.answers is not None]
    mean = torch.stack(probabilities).mean(0)
    assert found.answers is not None
    assert torch.allclose(found.answers.kept.exp(), mean, atol=1e-6)
    assert main(["evaluate", str(out), "--weights", "snapshots", "--ensemble", "vote"]) == 0
    assert capsys.readouterr().out.count("cycle-0") == 4
    with pytest.raises(SpecError, match="E673"):
        evaluate(out, weights="snapshots", device="cpu")
    train(run, tmp_path / "none", ["train.epochs=1", "train.schedule=constant"], quiet=True)
    with pytest.raises(SpecError, match=r"E608: .* holds no snapshots"):
        evaluate(tmp_path / "none", weights="snapshots", ensemble="average", device="cpu")


@pytest.mark.parametrize("early", [False, True])
def test_a_finished_run_without_its_best_weights_has_those_of_its_last_epoch(
    tmp_path: Path, run: dict[str, Any], early: bool
) -> None:
    """At a rate that ruins what was learnt the first epoch is the best; its weights cannot be had again."""
    run["train"] |= {"epochs": 4 if early else 3, "ema": 0.1, "optimizer": {"kind": "sgd", "lr": 2.0}}
    run["train"] |= {"schedule": "constant", "early_stop": {"patience": 2}} if early else {"schedule": "constant"}
    whole = train(run, tmp_path / "whole", quiet=True)
    assert (whole.best_epoch, len(whole.epochs)) == (1, 3)
    assert compare([whole.dir]).runs[0].figures["best_epoch"] == 1
    (whole.dir / "best.safetensors").unlink()
    found = train(run, whole.dir, quiet=True, resume=True)
    assert [w.code for w in found.warnings] == ["W624"]
    assert "of epoch 1, is not there: no epoch is to come, and the last, 3, takes" in found.warnings[0].message
    assert found.best_epoch == 3 and found.val_accuracy == found.epochs[-1]["val_accuracy"]
    assert (whole.dir / "best.safetensors").read_bytes() == (whole.dir / "last.safetensors").read_bytes()
    figures = compare([whole.dir]).runs[0].figures
    assert (figures["best_epoch"], figures["val_accuracy"]) == (3, found.val_accuracy)
    assert found.test is not None and figures["test_accuracy"] == found.test.accuracy
    assert evaluate(whole.dir, device="cpu").metrics == found.test.metrics
    again = train(run, whole.dir, quiet=True, resume=True)
    assert (again.best_epoch, again.warnings) == (3, ())
    if not early:
        (whole.dir / "best.safetensors").unlink()
        more = train(run, whole.dir, ["train.epochs=4"], quiet=True, resume=True)
        assert more.best_epoch in (3, 4) and len(more.epochs) == 4


def test_the_best_epoch_is_told_among_those_whose_weights_are_kept(
    tmp_path: Path, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    marked: list[int] = []
    monkeypatch.setattr(records, "write_curves", lambda *args: marked.append(args[3]))
    run["train"] |= {"ema": 0.1, "optimizer": {"kind": "sgd", "lr": 2.0}, "schedule": "constant"}
    out = train(run, tmp_path / "out", ["train.epochs=2"], quiet=True).dir
    (out / "best.safetensors").unlink()
    found = train(run, out, quiet=True, resume=True)
    assert found.epochs[0]["val_accuracy"] > found.val_accuracy and found.best_epoch == 3
    assert [w.message.endswith("the best epoch to come takes its place") for w in found.warnings] == [True]
    assert compare([out]).runs[0].figures["best_epoch"] == 3
    assert marked[0] == 1 and marked[-1] == 3
