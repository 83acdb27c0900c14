"""Locks: one process trains into a directory, and a process that is gone locks nothing."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from archspec.cli import main
from archspec.errors import SpecError
from archspec_torch.runtime import train
from archspec_torch.runtime.locks import Taken, abandoned, held

fcntl = pytest.importorskip("fcntl", reason="this system has no flock")

RUN: dict[str, Any] = {"name": "tiny", "model": {"spec": "mlp", "input": [1, 8, 8]}, "train": {"epochs": 2}}


@contextmanager
def child(work: Callable[[Callable[[], None]], object]) -> Iterator[int]:
    """A process that does the work, from where it says it is ready; it is killed at the end. Gives its number."""
    told, tell = os.pipe()
    number = os.fork()
    if number == 0:
        torch.set_num_threads(1)
        try:
            work(lambda: (os.write(tell, b"."), time.sleep(600))[1])
        finally:
            os._exit(99)
    os.close(tell)
    try:
        assert os.read(told, 1) == b"."
        yield number
    finally:
        os.close(told)
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)


def test_two_processes_do_not_train_into_one_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.set_num_threads(1)
    out = tmp_path / "run"
    with child(lambda ready: train(RUN, out, quiet=True, on_epoch=lambda _: ready())) as number:
        before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
        for command in ("train", "tune"):
            (tmp_path / "run.yaml").write_text("model: {spec: mlp, input: [1, 8, 8]}\ntrain: {epochs: 2}\n")
            (tmp_path / "search.yaml").write_text("search: {train.optimizer.lr: {log: [1e-4, 1e-1]}}\n")
            files = [str(tmp_path / "run.yaml"), *([str(tmp_path / "search.yaml")] if command == "tune" else [])]
            assert main([command, *files, "--out", str(out), "--resume"]) == 1
            told = capsys.readouterr().err
            assert f"error E691: process {number} trains into {out}" in told and "Traceback" not in told
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert (out / ".lock").exists(), "it was killed"
    assert len(train(RUN, out, quiet=True, resume=True).epochs) == 2
    assert not (out / ".lock").exists()


def test_a_directory_that_appears_while_a_run_is_prepared_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archspec_torch.runtime import rundir

    real = rundir.make_directory

    def beaten(out: Path | None, *rest: Any) -> Path:
        directory = real(out, *rest)
        (directory / "run.yaml").write_text("another's")
        return directory

    monkeypatch.setattr(rundir, "make_directory", beaten)
    for resume in (False, True):
        with pytest.raises(SpecError, match="E605"):
            train(RUN, tmp_path / f"run{resume}", quiet=True, resume=resume)
        assert [path.name for path in (tmp_path / f"run{resume}").iterdir()] == ["run.yaml"]


def test_a_killed_process_locks_nothing_though_its_workers_live_on(tmp_path: Path) -> None:
    path, worker = tmp_path / ".lock", tmp_path / "worker"

    def work(ready: Callable[[], None]) -> None:
        with held(path):
            forked = os.fork()
            if forked == 0:
                time.sleep(600)
            worker.write_text(str(forked))
            ready()

    with child(work) as number:
        with pytest.raises(Taken, match=f"^process {number}$"), held(path):
            pass
        assert not abandoned(path)
    try:
        os.kill(int(worker.read_text()), 0)  # it is still there
        assert abandoned(path)
        with held(path):
            assert path.read_text().split() == [str(os.getpid()), socket.gethostname()]
        assert not path.exists() and not abandoned(path)
    finally:
        os.kill(int(worker.read_text()), signal.SIGKILL)


def test_a_lock_that_is_removed_between_opening_and_locking_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one process would lock a file without a name, and the next one a new file of that name."""
    path, real, calls = tmp_path / ".lock", fcntl.flock, []

    def removed(handle: Any, how: int) -> None:
        calls.append(how)
        if len(calls) == 1:
            path.unlink()
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", removed)
    with held(path):
        assert len(calls) == 2
        with pytest.raises(Taken, match=str(os.getpid())), held(path):
            pass


def test_what_ends_in_an_exception_is_left_behind_where_that_is_asked(tmp_path: Path) -> None:
    for left_behind in (False, True):
        with pytest.raises(KeyboardInterrupt), held(tmp_path / ".lock", left_behind):
            raise KeyboardInterrupt
        assert (tmp_path / ".lock").exists() == abandoned(tmp_path / ".lock") == left_behind


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="E505"), held(tmp_path / "nowhere" / ".lock"):
        pass
