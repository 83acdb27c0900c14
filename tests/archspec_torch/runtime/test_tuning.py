"""Searches: trials, their table, pruning, kills, stages; on a tiny network over real digits."""

from __future__ import annotations

import csv
import json
import os
import shlex
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from archspec.cli import main
from archspec.errors import SpecError
from archspec.run import load_run

optuna = pytest.importorskip("optuna")

from archspec_torch.runtime import train  # noqa: E402
from archspec_torch.runtime.loop import State  # noqa: E402
from archspec_torch.runtime.saving import Saver  # noqa: E402
from archspec_torch.runtime.tuning import Trial, TuneResult, tune  # noqa: E402

RUN = {"name": "tiny", "model": {"spec": "mlp", "input": [1, 8, 8]}, "train": {"device": "cpu", "epochs": 9}}
SEARCH: dict[str, Any] = {
    "search": {"train.optimizer.lr": {"log": [1e-4, 1e-1]}, "model.set.vars.hidden": {"int": [8, 24]}},
    "trials": 4,
    "epochs": 1,
}


def states(study: Path) -> list[str]:
    storage = f"sqlite:///{study}"
    (name,) = optuna.get_all_study_names(storage)
    return [t.state.name for t in optuna.load_study(study_name=name, storage=storage).get_trials()]


def test_the_best_trial_is_that_of_its_settings(tmp_path: Path) -> None:
    """The table holds what the runs' own files say; the printed line, trained by hand, gives the same figures."""
    found = tune(RUN, SEARCH, tmp_path / "out")
    metrics = [
        json.loads((tmp_path / "out" / f"trial-{i:04}" / "metrics.jsonl").read_text())["val_accuracy"] for i in range(4)
    ]
    with (tmp_path / "out" / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_accuracy"]) for row in rows] == metrics
    assert [row["state"] for row in rows] == ["finished"] * 4
    assert all(1e-4 <= float(row["train.optimizer.lr"]) <= 1e-1 for row in rows)
    assert len({row["train.optimizer.lr"] for row in rows}) == 4
    assert found.best is not None and found.best.value == max(metrics)
    assert (tmp_path / "out" / "trials.png").read_bytes().startswith(b"\x89PNG")
    overrides = [word for word in shlex.split(found.line or "") if word != "--set"]
    again = train(RUN, tmp_path / "again", [*overrides, "train.epochs=1"], quiet=True)
    assert again.val_accuracy == max(metrics)

    fine = tune(RUN, SEARCH, tmp_path / "out", trials=1, fine=2)
    (new,) = [t for t in fine.trials if t.stage == "fine 1"]
    center = found.best.settings["train.optimizer.lr"]
    assert center / 2 <= new.settings["train.optimizer.lr"] <= min(0.1, center * 2)
    assert len(fine.trials) == 5
    assert len(tune(RUN, SEARCH, tmp_path / "out", resume=True).trials) == 5  # a stage of one, as was said
    assert len(tune(RUN, SEARCH, tmp_path / "out", resume=True, trials=2).trials) == 6


def killed_at(save: int, work: Callable[[], object]) -> None:
    """Does the work in a process of its own, which is killed as it begins to save for the n-th time."""
    child = os.fork()
    if child == 0:
        left, real = [save], Saver.save

        def doomed(saver: Saver, state: State) -> None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            real(saver, state)

        Saver.save = doomed  # type: ignore[method-assign]
        try:
            work()
        finally:
            os._exit(99)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def table(found: TuneResult) -> list[Trial]:
    return [replace(trial, dir=Path(trial.dir).name) for trial in found.trials]


@pytest.mark.parametrize("kills", [(8,), (5, 4, 6)])
def test_a_killed_search_goes_on_to_the_same_table(tmp_path: Path, kills: tuple[int, ...]) -> None:
    """Saved are the beginning of each trial, every 15th of 23 steps, and the ends of its three epochs: 8 saves a trial,
    so that the first kill is that of a last epoch's end, the others come in the middle of both trials."""
    torch.set_num_threads(1)
    run = {**RUN, "train": {"device": "cpu", "checkpoint": {"steps": 15}}}
    asked = {**SEARCH, "trials": 2, "epochs": 3}
    whole = tune(run, asked, tmp_path / "whole")
    out = tmp_path / "killed"
    for kill in kills:
        killed_at(kill, lambda: tune(run, asked, out, resume=True))
        assert states(out / "study.sqlite")[-1] == "RUNNING"
    with pytest.raises(SpecError, match="E605"):
        tune(run, asked, out)
    found = tune(run, asked, out, resume=True)
    assert table(found) == table(whole)
    assert [trial.epochs for trial in found.trials] == [3, 3]
    for number in (0, 1):
        one, other = (folder / f"trial-{number:04}" for folder in (out, tmp_path / "whole"))
        assert (one / "last.safetensors").read_bytes() == (other / "last.safetensors").read_bytes()
        assert not (one / "report.html").exists()
    assert {path.name for path in out.iterdir()} == {path.name for path in (tmp_path / "whole").iterdir()}


def test_an_interrupted_trial_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C leaves no failed trial behind; what the trial had reached before is judged again, and not done again."""
    said: list[str] = []
    real = Saver.save

    def once(saver: Saver, state: State) -> None:
        real(saver, state)
        if state.epoch == 2:
            raise KeyboardInterrupt

    asked = {**SEARCH, "trials": 1, "epochs": 3}
    with monkeypatch.context() as context:
        context.setattr(Saver, "save", once)
        with pytest.raises(KeyboardInterrupt):
            tune(RUN, asked, tmp_path / "out", say=said.append)
    assert len(said) == 1 and said[0].startswith("trial 0 stopped: val_accuracy")
    assert states(tmp_path / "out" / "study.sqlite") == ["RUNNING"]
    found = tune(RUN, asked, tmp_path / "out", resume=True)
    assert table(found) == table(tune(RUN, asked, tmp_path / "whole"))


def test_a_trial_that_another_process_runs_is_left_to_it(tmp_path: Path) -> None:
    """A second process on the same storage runs the trials that are left, and does not wait for the first."""
    torch.set_num_threads(1)
    asked = {**SEARCH, "trials": 2}
    storage, ready = f"sqlite:///{tmp_path / 'study.sqlite'}", tmp_path / "ready"
    child = os.fork()
    if child == 0:
        Saver.save = lambda saver, state: (ready.touch(), time.sleep(600))  # type: ignore[assignment]
        try:
            tune(RUN, asked, tmp_path / "out", storage=storage)
        finally:
            os._exit(99)
    try:
        until = time.monotonic() + 120
        while not ready.exists() and time.monotonic() < until:
            time.sleep(0.02)
        found = tune(RUN, asked, tmp_path / "out", storage=storage)
        assert [trial.state for trial in found.trials] == ["running", "finished"]
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert [trial.state for trial in tune(RUN, asked, tmp_path / "out", storage=storage).trials] == ["finished"] * 2


def test_bad_trials_are_cut(tmp_path: Path) -> None:
    """A rate that does not learn is below the median of those that do: it is cut after its first epoch."""
    rates = {"train.optimizer.lr": {"choice": [1e-2, 2e-2, 3e-2, 1e-12]}}
    found = tune(RUN, {"search": rates, "trials": 10, "epochs": 2}, tmp_path / "out")
    pruned = [t for t in found.trials if t.state == "pruned"]
    assert pruned and all(t.epochs == 1 for t in pruned)
    assert any(t.settings["train.optimizer.lr"] == 1e-12 for t in pruned)
    assert found.best is not None and found.best.settings["train.optimizer.lr"] != 1e-12


def test_values_that_cannot_be_trained_count_as_failed(tmp_path: Path) -> None:
    asked = {"search": {"train.optimizer.lr": {"choice": [1e38, 1e37]}}, "trials": 2, "epochs": 1}
    run = {**RUN, "train": {"device": "cpu", "optimizer": {"kind": "sgd", "lr": 0.1}}}
    found = tune(run, asked, tmp_path / "out")
    assert [t.state for t in found.trials] == ["failed", "failed"]
    assert all("E650" in (t.reason or "") for t in found.trials)
    assert found.best is None


def test_a_trial_that_is_stopped_as_the_run_says_does_not_end_the_search(tmp_path: Path) -> None:
    """Adam at a rate of 1000 multiplies the loss, which `watch: stop` ends: in the first trial, which goes on from
    where it was killed, as in others. They count as tried, so that `resume` has nothing left to do."""
    torch.set_num_threads(1)
    adam = {"kind": "adam", "lr": 0.01}
    run = {**RUN, "train": {"device": "cpu", "watch": "stop", "optimizer": adam}}
    asked = {"search": {"train.optimizer.lr": {"choice": [0.01, 1000.0]}}, "trials": 5, "epochs": 1}
    killed_at(1, lambda: tune(run, asked, tmp_path / "out"))
    found = tune(run, asked, tmp_path / "out", resume=True)
    ended = {(t.settings["train.optimizer.lr"], t.state, (t.reason or "")[:4]) for t in found.trials}
    assert ended == {(1000.0, "failed", "E690"), (0.01, "finished", "")} and found.trials[0].state == "failed"
    assert table(tune(run, asked, tmp_path / "out", resume=True)) == table(found)


@pytest.mark.parametrize(
    ("train", "more", "told"),
    [
        ({"batch": 32}, {}, "train.batch was 64 and is 32"),
        ({"seed": 3}, {}, "train.seed was 0 and is 3"),
        ({"optimizer": {"kind": "sgd", "lr": 0.1}}, {}, 'train.optimizer.kind was "adam" and is "sgd"'),
        ({}, {"epochs": 2}, "the trials so far have 1 epoch each, and 2 are asked for"),
        ({}, {"overrides": ["model.set.vars.hidden2=9"]}, "the network is another"),
        ({}, {"overrides": ["data.split.seed=1"]}, "data.split.seed was 0 and is 1"),
    ],
)
def test_a_search_is_not_gone_on_with_as_another_experiment(
    train: dict[str, Any], more: dict[str, Any], told: str, tmp_path: Path
) -> None:
    """Each in its own row of one table would be compared with the others, of another batch, seed or network."""
    spec = tmp_path / "net.yaml"
    layers = "- flatten\n- linear: $hidden\n- relu\n- linear: $hidden2\n- linear: 10\n"
    spec.write_text(f"archspec: 1\nname: n\ninput: [1, 8, 8]\nvars: {{hidden: 8, hidden2: 8}}\nlayers:\n{layers}")
    run = {"name": "tiny", "model": {"spec": str(spec)}, "train": {"device": "cpu"}}
    asked = {**SEARCH, "trials": 1}
    tune(run, asked, tmp_path / "out")
    with pytest.raises(SpecError, match="E697") as caught:
        tune({**run, "train": {"device": "cpu", **train}}, asked, tmp_path / "out", resume=True, **more)
    assert told in str(caught.value)
    same = {"device": "cpu", "epochs": 7, "optimizer": {"kind": "adam", "lr": 0.5}}  # what trials have otherwise anyway
    assert len(tune({**run, "train": same}, {**asked, "trials": 2}, tmp_path / "out", resume=True).trials) == 2


def test_trials_are_those_of_the_run_as_it_was_read(tmp_path: Path) -> None:
    """A run file that is edited while the search runs changes none of its trials; none looks at the test split."""
    file = tmp_path / "run.yaml"
    file.write_text(json.dumps({**RUN, "train": {"device": "cpu", "batch": 48}}))
    tune(file, {**SEARCH, "trials": 2}, tmp_path / "out", say=lambda _: file.write_text("model: nonsense"))
    for number in (0, 1):
        trial = tmp_path / "out" / f"trial-{number:04}"
        assert load_run(trial / "run.yaml").run.train.batch == 48
        assert "test" not in {path.stem for path in trial.iterdir()} and (trial / "best.safetensors").is_file()


def test_a_trial_whose_checkpoints_are_damaged_counts_as_failed(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    asked, out = {**SEARCH, "trials": 2}, tmp_path / "out"
    killed_at(2, lambda: tune(RUN, asked, out))
    (checkpoint,) = (out / "trial-0000" / "checkpoints").iterdir()
    (checkpoint / "state.json").write_text("{")
    found = tune(RUN, asked, out, resume=True)
    assert [(t.state, (t.reason or "")[:4]) for t in found.trials] == [("failed", "E654"), ("finished", "")]


@pytest.mark.parametrize(
    ("path", "good", "bad", "code"),
    [
        ("augment", [], [{"local_warp": {"alpha": 50, "sigma": 10}}], "E638"),
        ("data.split.val", 0.2, 1e-5, "E626"),
    ],
)
def test_values_that_do_not_fit_the_data_are_the_trial_s_own_fault(
    path: str, good: object, bad: object, code: str, tmp_path: Path
) -> None:
    """A warp that reaches 40 pixels in images of 8×8; a share of 1,797 images that leaves none to validate on."""
    asked = {"search": {path: {"choice": [good, bad]}}, "trials": 5, "epochs": 1, "prune": "none"}
    found = tune(RUN, asked, tmp_path / "out")
    ended = [(t.settings[path] == good, t.state, (t.reason or "")[:4]) for t in found.trials]
    assert set(ended) == {(True, "finished", ""), (False, "failed", code)}


def test_what_no_values_would_mend_ends_a_search(tmp_path: Path) -> None:
    run = {**RUN, "data": {"kind": "folder", "root": str(tmp_path / "none")}}
    with pytest.raises(SpecError, match="E620"):
        tune(run, {**SEARCH, "search": {"train.optimizer.lr": {"log": [1e-4, 1e-1]}}}, tmp_path / "out")


@pytest.mark.parametrize(
    ("written", "code", "at"),
    [
        ("train.optimiser.lr: {log: [1e-4, 1e-1]}", "E512", "2:3"),
        ("model.set.vars.hiden: {int: [8, 24]}", "E512", "2:3"),
        ("train.epochs: {int: [0, 4]}", "E603", "2:3"),
        ("train.optimizer.lr: {log: [0, 1e-1]}", "E696", "2:29"),
        ("train.optimizer.lr: {lg: [1e-3, 1e-1]}", "E696", "2:23"),
    ],
)
def test_what_cannot_be_searched_is_told_at_its_place(
    written: str, code: str, at: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.yaml").write_text(json.dumps(RUN))
    (tmp_path / "search.yaml").write_text(f"search:\n  {written}\n")
    out = tmp_path / "out"
    assert main(["tune", str(tmp_path / "run.yaml"), str(tmp_path / "search.yaml"), "--out", str(out)]) == 1
    told = capsys.readouterr().err
    assert f"search.yaml:{at}: error {code}:" in told, told
    assert not out.exists()
