"""Whole process, from cold: `archspec summarize` beside torchinfo on the same network of torchvision.

ResNet-152 as it is, and ResNet-50 with everything on: a step of training, a device, and every column of the table.
Last what the latter takes in a process that is running, packages imported, once it has been asked once.

The two run in turns, so that what else the machine does weighs on both. Exit status 1 where the median of the
ratios falls short of a goal: the first 15 times the speed, the other 12, either a tenth of the memory.

    python benchmarks/coldstart.py [ROUNDS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version

from archspec.render.columns import KNOWN

GOAL_MEMORY, GOAL_WITHIN = 10, 0.060
EVERYTHING = ["--train", "--device", "h200", "--columns", ",".join(KNOWN)]
CASES = (("resnet152", [], 15), ("resnet50", EVERYTHING, 12))
PEER = "import torchvision, torchinfo; torchinfo.summary(torchvision.models.{}(), (1, 3, 224, 224))"
WITHIN = """
import contextlib, io, statistics, sys, time
from archspec.cli import main
taken = []
for _ in range(12):
    begun = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        main(sys.argv[1:])
    taken.append(time.process_time() - begun)
print(statistics.median(taken[1:]))
"""


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


def machine() -> str:
    """The processor and the versions measured."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        cpu = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "unknown")
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "torchinfo"))
    return f"{cpu}; Python {sys.version.split()[0]}, {versions}"


def beside(network: str, options: list[str], goal: int, rounds: int) -> bool:
    """Prints both costs and their ratios. Whether the ratios reach their goals."""
    command = ["summarize", network, *options]
    archspec, torchinfo = [sys.executable, "-m", "archspec", *command], [sys.executable, "-c", PEER.format(network)]
    measure(archspec)  # once each for the file cache
    measure(torchinfo)
    pairs = [(measure(archspec), measure(torchinfo)) for _ in range(rounds)]
    ours, peer = zip(*pairs, strict=True)
    faster = [p.seconds / o.seconds for o, p in pairs]
    smaller = [p.mebibytes / o.mebibytes for o, p in pairs]
    print(f"\narchspec {' '.join(command)}")
    for name, costs in (("archspec", ours), (f"torchinfo, torchvision {network}", peer)):
        seconds, memory = [c.seconds for c in costs], [c.mebibytes for c in costs]
        print(f"{name:34}{spread(seconds, 3)} s, {spread(memory, 1)} MiB")
    print(f"{'faster':34}{spread(faster, 1)} times, goal {goal}")
    print(f"{'less memory':34}{spread(smaller, 1)} times, goal {GOAL_MEMORY}")
    return statistics.median(faster) >= goal and statistics.median(smaller) >= GOAL_MEMORY


def main(rounds: int = 5) -> int:
    print(f"{machine()}\nmedian (least … most) of {rounds} interleaved runs")
    reached = [beside(*case, rounds) for case in CASES]
    running = [sys.executable, "-c", WITHIN, "summarize", "resnet50", *EVERYTHING]
    within = float(subprocess.run(running, check=True, capture_output=True, text=True).stdout)
    print(f"\nin a process that is running: {within * 1e3:.1f} ms, goal {GOAL_WITHIN * 1e3:.0f}")
    return int(not all(reached) or within > GOAL_WITHIN)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
