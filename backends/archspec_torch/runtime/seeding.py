"""Random numbers of a run: from its seed alone, and nobody else's touched."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from hashlib import blake2b

import torch


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """torch's generators of the CPU and of the run's device seeded, and given back as they were.

    From them come the weights and dropout of a run. Generators of other devices are not touched, as
    `torch.manual_seed` would. cuDNN keeps to algorithms that give the same sums each time.
    """
    cudnn = torch.backends.cudnn
    former = cudnn.deterministic, cudnn.benchmark
    with _generators_kept(device):
        _seed(seed, device)
        cudnn.deterministic, cudnn.benchmark = True, False
        try:
            yield
        finally:
            cudnn.deterministic, cudnn.benchmark = former


def part_ways(seed: int, rank: int, step: int, device: torch.device) -> None:
    """Gives each process of a run draws of its own from a step on: dropout must not be the same in all of them.

    The first process's go on as they are, as in a run of one process.
    """
    if rank:
        own = blake2b(f"{seed} process {rank} {step}".encode(), digest_size=8).digest()
        _seed(int.from_bytes(own, "little") >> 1, device)


def _seed(seed: int, device: torch.device) -> None:
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextlib.contextmanager
def _generators_kept(device: torch.device) -> Iterator[None]:
    """The state of the CPU's generator and of the device's own is the same after as before."""
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        with torch.random.fork_rng(devices=[index]):
            yield
        return
    mps = torch.mps.get_rng_state() if device.type == "mps" else None
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        if mps is not None:
            torch.mps.set_rng_state(mps)
