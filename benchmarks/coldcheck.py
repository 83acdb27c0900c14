"""Whole process, from cold: `archspec check` of every spec, and of three beside what one would do without it.

The peer builds the same network of torchvision on torch's meta device, where nothing is allocated or computed, and
runs an image through it: the least that finds a mistake in a module's shapes. The two run in turns, so that what else
the machine does weighs on both. Then every file of the zoo with all its variants, the slowest last. Exit status 1
where the median of any `archspec check` is GOAL seconds or more.

    python benchmarks/coldcheck.py [ROUNDS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

GOAL = 0.4
NETWORKS = ("resnet50", "vgg16", "densenet121")
SPECS = sorted((Path(__file__).parents[1] / "specs").glob("*.yaml"))
PEER = """
import torch, torchvision
with torch.device("meta"):
    network = torchvision.models.{name}(weights=None)
    print(network.eval()(torch.empty(1, 3, 224, 224)).shape)
"""


def seconds(command: list[str]) -> float:
    """Wall-clock seconds of a process, start of the interpreter included. Raises CalledProcessError where it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - begun


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):6.3f} s ({min(values):.3f} … {max(values):.3f})"


def command(spec: str) -> list[str]:
    return [sys.executable, "-m", "archspec", "check", spec]


def beside_peers(rounds: int) -> float:
    """Prints a line for each of NETWORKS. The largest median."""
    slowest = 0.0
    print(f"median (least … most) of {rounds} runs in turns")
    for name in NETWORKS:
        ours = command(name)
        peer = [sys.executable, "-c", PEER.format(name=name)]
        seconds(ours)  # once each for the file cache
        seconds(peer)
        pairs = [(seconds(ours), seconds(peer)) for _ in range(rounds)]
        taken, theirs = [p[0] for p in pairs], [p[1] for p in pairs]
        ratio = statistics.median(b / a for a, b in pairs)
        print(f"{name:12} archspec check {spread(taken)}   torchvision on meta {spread(theirs)}   {ratio:5.1f} times")
        slowest = max(slowest, statistics.median(taken))
    return slowest


def every_file(rounds: int) -> float:
    """Prints a line for each file of the zoo, the slowest last. The largest median."""
    print(f"\nevery file of the zoo, with all its variants: median (least … most) of {rounds} runs")
    found = []
    for path in SPECS:
        seconds(command(str(path)))
        found.append((path, [seconds(command(str(path))) for _ in range(rounds)]))
    found.sort(key=lambda one: statistics.median(one[1]))
    for path, taken in found:
        print(f"{path.name:30} {spread(taken)}")
    return statistics.median(found[-1][1])


def main(rounds: int = 5) -> int:
    slowest = max(beside_peers(rounds), every_file(rounds))
    print(f"the slowest takes {slowest:.3f} s, goal below {GOAL}")
    return int(slowest >= GOAL)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
