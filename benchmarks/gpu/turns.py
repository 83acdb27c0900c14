"""Loops that take turns on one device, and what they ran on."""

from __future__ import annotations

import importlib
import platform
import statistics
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

Turn = Callable[[], None]
"""Takes `steps` steps; whoever calls waits for the device."""
Prepare = Callable[[torch.device, Namespace], Turn]


def machine(device: torch.device, packages: Sequence[str]) -> dict[str, Any]:
    """What was measured on."""
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else f"cpu, {torch.get_num_threads()} threads: a dry run",
        **({"capability": ".".join(map(str, torch.cuda.get_device_capability(device)))} if cuda else {}),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if cuda else None,
        **{name: importlib.import_module(name).__version__ for name in packages},
    }


def measured(
    device: torch.device, args: Namespace, contestants: Mapping[str, Prepare], needed: str = "archspec"
) -> dict[str, float]:
    """Images a second of each that could be prepared, the median over `args.rounds` of `args.steps` batches.

    Raises what `needed` raises; others that cannot be prepared are told and left out.
    """
    turns: dict[str, Turn] = {}

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for name, prepare in contestants.items():
        begun = time.perf_counter()
        try:
            turn = prepare(device, args)
            turn()  # compiles, chooses algorithms
            wait()
        except RuntimeError as error:  # out of memory, or a step that cannot be captured
            if name.startswith(needed):
                raise
            print(f"{name:12} not measured: {str(error).strip().splitlines()[0]}", flush=True)
            if device.type == "cuda":
                torch.cuda.empty_cache()
            continue
        turns[name] = turn
        print(f"{name:12} ready after {time.perf_counter() - begun:.1f} s", flush=True)
    speeds: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(args.rounds):
        for name, turn in turns.items():
            wait()
            begun = time.perf_counter()
            turn()
            wait()
            speeds[name].append(args.steps * args.batch / (time.perf_counter() - begun))
    return {name: statistics.median(found) for name, found in speeds.items()}
