"""Whole process, from cold: `archspec summarize resnet152` beside torchinfo on torchvision's resnet152.

The two run in turns, so that what else the machine does weighs on both. Exit status 1 where the median of the
ratios falls short of 15 times the speed and 10 times less memory.

    python benchmarks/coldstart.py [ROUNDS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

GOAL_TIME, GOAL_MEMORY = 15, 10
OURS = [sys.executable, "-m", "archspec", "summarize", "resnet152"]
PEER = [
    sys.executable,
    "-c",
    "import torchvision, torchinfo; torchinfo.summary(torchvision.models.resnet152(), (1, 3, 224, 224))",
]


@dataclass(frozen=True)
class Cost:
    """Wall-clock seconds and peak resident MiB of one process."""

    seconds: float
    mebibytes: float


def measure(command: list[str]) -> Cost:
    """One run of a command, start of the interpreter included. Raises RuntimeError where it fails."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    if status:
        raise RuntimeError(f"{' '.join(command[:5])} … failed: wait status {status}")
    return Cost(seconds, usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2))


def spread(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} … {max(values):.{digits}f})"


def main(rounds: int = 5) -> int:
    measure(OURS)  # once each for the file cache
    measure(PEER)
    pairs = [(measure(OURS), measure(PEER)) for _ in range(rounds)]
    ours, peer = zip(*pairs, strict=True)
    faster = [p.seconds / o.seconds for o, p in pairs]
    smaller = [p.mebibytes / o.mebibytes for o, p in pairs]
    print(f"median (least … most) of {rounds} interleaved runs")
    for name, costs in (("archspec summarize resnet152", ours), ("torchinfo, torchvision resnet152", peer)):
        seconds, memory = [c.seconds for c in costs], [c.mebibytes for c in costs]
        print(f"{name:34}{spread(seconds, 3)} s, {spread(memory, 1)} MiB")
    print(f"{'faster':34}{spread(faster, 1)} times, goal {GOAL_TIME}")
    print(f"{'less memory':34}{spread(smaller, 1)} times, goal {GOAL_MEMORY}")
    return int(statistics.median(faster) < GOAL_TIME or statistics.median(smaller) < GOAL_MEMORY)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
