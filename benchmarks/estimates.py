"""Estimated times of the zoo beside measured ones, on this machine, measured first; by one thread, in a few minutes.

Exit status 1 where the estimates order the networks no better than MACs alone do, or their median error is above 30 %.

    python benchmarks/estimates.py [THREADS]
"""

from __future__ import annotations

import sys

import archspec
import archspec_torch
from archspec.analysis.agreement import Comparison
from archspec.render.units import duration
from archspec.zoo import entries

GOAL_ERROR = 0.3


def main(threads: int = 1) -> int:
    device = archspec_torch.calibrate(threads=threads)
    print(f"{device.name}, {device.source}\n")
    done = []
    for one in archspec_torch.compare((archspec.load(e.name) for e in entries()), device, threads=threads):
        done.append(one)
        times = f"{duration(one.seconds):>9}  {duration(one.estimated):>9}"
        print(f"{one.name:24}  {times}  {one.error:+8.1%}", flush=True)
    found = Comparison(tuple(done))
    ours, macs = found.rank_correlation, found.rank_correlation_of_macs
    print(f"\n{len(done)} networks: median error {found.median_error:.1%}, goal {GOAL_ERROR:.0%}")
    print(f"rank correlation with measured times {ours:.4f}, goal: above {macs:.4f}, that of MACs alone")
    return int(ours <= macs or found.median_error > GOAL_ERROR)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
