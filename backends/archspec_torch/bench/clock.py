"""How many threads compute while something is measured, and the time it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch


@contextmanager
def computing_with(threads: int | None) -> Iterator[None]:
    """That many threads until the block ends; None leaves torch's number."""
    former = torch.get_num_threads()
    try:
        if threads is not None:
            torch.set_num_threads(threads)
        yield
    finally:
        torch.set_num_threads(former)


def seconds(call: Callable[[], object]) -> float:
    """The time of one call.

    Where one thread computes it is the processor's time of that thread: nothing here waits for anything, so on an idle
    machine that is the time that passes, and on a busy one what others take is left out. Else the time that passes.
    """
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    begun = clock()
    call()
    return clock() - begun
