"""Worker processes: they outlive signals that are sent to all, and end when the process that trains says so."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from collections.abc import Iterator

import pytest
import torch

from archspec_torch.runtime.data import batched
from archspec_torch.runtime.data.examples import SORTED_OUT

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(not SORTED_OUT, reason="this system does not tell who has sent a signal")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """A forked process has none of the threads of the one it is from, and would wait for them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def children() -> set[multiprocessing.Process]:
    """Processes of this one that run: other tests may have left some."""
    return set(multiprocessing.active_children())


def own_process(position: int) -> torch.Tensor:
    return torch.tensor([os.getpid()])


@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_a_signal_of_another_process_is_not_heard(name: str) -> None:
    others = children()
    groups = list(torch.arange(40).split(2))
    batches = batched(own_process, torch.zeros(40), groups, CPU, 2)
    workers = {int(process) for process in next(batches)[0].flatten()}
    for process in workers:
        subprocess.run(["kill", f"-{name}", str(process)], check=True)
    rest = [int(process) for images, _ in batches for process in images.flatten()]
    assert len(rest) == 38 and workers <= set(rest)
    assert children() == others


def test_a_signal_of_the_parent_is() -> None:
    others = children()
    batches = batched(own_process, torch.zeros(400), list(torch.arange(400).split(2)), CPU, 1)
    next(batches)
    (worker,) = children() - others
    worker.terminate()
    worker.join(30)
    assert worker.exitcode == 0
    with pytest.raises(RuntimeError, match=r"exited unexpectedly|killed by signal"):
        list(batches)
