"""Whole process, from cold: `archspec check` of a spec beside what one would do without it, in the same run.

The peer builds the same network of torchvision on torch's meta device, where nothing is allocated or computed, and
runs an image through it: the least that finds a mistake in a module's shapes. The two run in turns, so that what else
the machine does weighs on both. Exit status 1 where the median of `archspec check` is GOAL seconds or more.

    python benchmarks/coldcheck.py [ROUNDS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

GOAL = 0.4
NETWORKS = ("resnet50", "vgg16", "densenet121")
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


def main(rounds: int = 5) -> int:
    slowest = 0.0
    print(f"median (least … most) of {rounds} runs in turns")
    for name in NETWORKS:
        ours = [sys.executable, "-m", "archspec", "check", name]
        peer = [sys.executable, "-c", PEER.format(name=name)]
        seconds(ours)  # once each for the file cache
        seconds(peer)
        pairs = [(seconds(ours), seconds(peer)) for _ in range(rounds)]
        taken, theirs = [p[0] for p in pairs], [p[1] for p in pairs]
        ratio = statistics.median(b / a for a, b in pairs)
        print(f"{name:12} archspec check {spread(taken)}   torchvision on meta {spread(theirs)}   {ratio:5.1f} times")
        slowest = max(slowest, statistics.median(taken))
    print(f"the slowest takes {slowest:.3f} s, goal below {GOAL}")
    return int(slowest >= GOAL)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
