"""This machine as a device file: peaks, then what operations of each kind reach of them."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path

import torch

from archspec.devices.model import KINDS, Device, Full, Share
from archspec.ops.base import Kind
from archspec_torch.bench.clock import computing_with, seconds
from archspec_torch.bench.fit import fit_share
from archspec_torch.bench.probes import Probe, probes

ROUNDS, LARGE_ROUNDS = 16, 4
FRESH_ABOVE = 32 * 2**20
"""Bytes above which the C library of Linux asks the system for memory at every call (mallopt's M_MMAP_THRESHOLD)."""
SMALL = 512 * 1024
PEAK_SIZE, COPIED = 1536, 64 * 2**20

Progress = Callable[[str, int, int], None]
"""Told what is measured, and how many of how many steps are done."""


class Peaks:
    """The most that is seen in practice: operations a second of a large product of matrices, bytes a second of a
    large copy, those read and those written."""

    def __init__(self) -> None:
        self.a, self.b = torch.randn(2, PEAK_SIZE, PEAK_SIZE).unbind()
        self.source = torch.zeros(COPIED // 4)
        self.target = torch.empty_like(self.source)
        self.compute = self.bandwidth = 0.0

    def again(self) -> None:
        """Measure once more; the best counts."""
        self.compute = max(self.compute, 2 * PEAK_SIZE**3 / seconds(lambda: self.a @ self.b))
        self.bandwidth = max(self.bandwidth, 2 * COPIED / seconds(lambda: self.target.copy_(self.source)))


def calibrate(progress: Progress | None = None, threads: int | None = None, rounds: int = ROUNDS) -> Device:
    """Time operations of every kind on this machine's processor: half a minute, on a slow one a minute.

    All are timed in turns and the least time of each counts, so that what else the machine does for a while weighs on
    none. Inputs are fresh in the cache, as a layer finds what the layer before it made; weights are not.
    `threads` compute, or as many as torch likes.
    """
    tell = progress or (lambda what, done, all: None)
    with torch.inference_mode(), torch.random.fork_rng(devices=[]), computing_with(threads):
        torch.manual_seed(0)
        tell("operations", 0, rounds)
        timed, peaks = probes(), Peaks()
        least = [float("inf")] * len(timed)
        for done in range(rounds + 1):
            for i, probe in enumerate(timed):
                if done > LARGE_ROUNDS and probe.work.allocated_bytes > FRESH_ABOVE:
                    continue
                taken = _once(probe)
                if done:  # the first call of a layer prepares what later ones use
                    least[i] = min(least[i], taken)
            peaks.again()
            tell("operations", done, rounds)
        peak = max(peaks.compute, *(p.work.operations / s for p, s in zip(timed, least, strict=True)))
        return device(timed, least, peak, peaks.bandwidth)


def device(timed: list[Probe], taken: list[float], peak: float, bandwidth: float) -> Device:
    """The device that these times speak of; `peak` in operations, `bandwidth` in bytes a second."""
    operations: dict[Kind, Share] = {}
    for kind in KINDS:
        chosen = [(p.work, s) for p, s in zip(timed, taken, strict=True) if p.work.kind == kind]
        works, times = zip(*chosen, strict=True)
        operations[kind] = fit_share(works, times, peak, bandwidth, FRESH_ABOVE)
    plain = operations["elementwise"]
    return Device(
        name=f"{processor()}, {_threads(torch.get_num_threads())}",
        source=f"measured by `archspec bench`, torch {torch.__version__}, {platform.system()} {platform.machine()}",
        shares="measured",
        threads=torch.get_num_threads(),
        peak_tflops={"float32": float(f"{peak / 1e12:.4g}")},
        bandwidth_gb_per_s=float(f"{bandwidth / 1e9:.4g}"),
        memory_gb=None if (memory := _memory()) is None else float(f"{memory / 1e9:.4g}"),
        fresh_above_mb=FRESH_ABOVE / 1e6,
        overlap=False,
        otherwise=Full.model_validate(plain.model_dump(exclude_none=True)),
        operations=operations,
    )


def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "a processor"


def _threads(number: int) -> str:
    return f"{number} thread{'s' if number > 1 else ''}"


def _once(probe: Probe) -> float:
    """Seconds of one call; of a small operation the second of two, as those of small networks stay in the cache."""
    if probe.work.bytes < SMALL:
        probe.module(*(x.clone() for x in probe.tensors))
    fresh = [x.clone() for x in probe.tensors]
    return seconds(lambda: probe.module(*fresh))


def _memory() -> int | None:
    """Bytes of memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
