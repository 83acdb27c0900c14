"""Time from YAML text to summary for chains of 100 to 30,000 layers: it should grow as they do.

Once with an input of a given size and once with one of any size. Prints each curve, in a line a point and drawn,
and exits with status 1 where a layer of the longest chain takes more than GROWTH times as long as one of a thousand,
or where 10,000 layers take more than MOST seconds, or DRAWN to draw.

    python benchmarks/linear.py
"""

from __future__ import annotations

import gc
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import archspec

SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000)
REFERENCE = 1_000
GROWTH = 2.0
THOUSANDS, MOST, DRAWN = 10_000, 2.0, 5.0
REPEATS = 5
WIDTH = 60

SPEC = """\
archspec: 1
name: chain
input: {input}
layers:
  - residual:
      - conv: {{out: 16, kernel: 3, padding: same}}
      - batch_norm
      - relu
    repeat: {blocks}
  - global_avg_pool
"""
INPUTS = {"a given size": "[16, 32, 32]", "any size": "[16, H, W]"}


def seconds(path: Path) -> float:
    """CPU seconds to read, build, type and count one spec, without garbage collection, as the command runs."""
    gc.collect()
    gc.disable()
    begun = time.process_time()
    archspec.summarize(archspec.load(path)).to_json()
    taken = time.process_time() - begun
    gc.enable()
    return taken


def measured(folder: Path, size: int, given: str) -> list[float]:
    """Several measurements of a chain of so many layers (a block is four: convolution, norm, activation, sum)."""
    path = folder / f"chain{size}.yaml"
    path.write_text(SPEC.format(blocks=size // 4, input=given), encoding="utf-8")
    seconds(path)
    return [seconds(path) for _ in range(REPEATS)]


def chart(medians: dict[int, float]) -> str:
    """The curve on two logarithmic axes: a bar that is as long as the number of layers ends at the '|'."""
    low, high = math.log(min(medians.values())), math.log(max(medians.values()))
    scale = WIDTH / max(high - low, 1e-9)
    lines = []
    for size, taken in medians.items():
        proportional = math.log(medians[REFERENCE] * size / REFERENCE)
        bar, mark = (round((value - low) * scale) + 4 for value in (math.log(taken), proportional))
        row = list("█" * bar + " " * (WIDTH + 8 - bar))
        row[min(max(mark, 0), len(row) - 1)] = "|"
        lines.append(f"{size:7,} {''.join(row).rstrip()}")
    return "\n".join(lines)


def drawn(folder: Path) -> float:
    """CPU seconds of a process that draws the long chain, folded as it comes."""
    path = folder / "drawn.yaml"
    path.write_text(SPEC.format(blocks=THOUSANDS // 4, input=INPUTS["a given size"]), encoding="utf-8")
    command = [sys.executable, "-m", "archspec", "draw", str(path), "-o", str(folder / "drawn.svg")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"archspec draw failed: wait status {status}")
    return usage.ru_utime + usage.ru_stime


def curve(what: str, given: str) -> bool:
    """Prints the times of chains whose input is of that size. Whether they stay within bounds."""
    medians: dict[int, float] = {}
    print(f"an input of {what}: {given}")
    print(f"{'layers':>7}{'seconds':>10}{'least … most':>20}{'µs a layer':>13}")
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            times = measured(Path(folder), size, given)
            medians[size] = statistics.median(times)
            spread = f"{min(times):.3f} … {max(times):.3f}"
            print(f"{size:7,}{medians[size]:10.3f}{spread:>20}{medians[size] / size * 1e6:13.0f}")
    print(f"\nboth axes logarithmic; '|' is where time in proportion to the layers, from {REFERENCE:,} on, would be")
    print(chart(medians))
    longest = SIZES[-1]
    growth = (medians[longest] / longest) / (medians[REFERENCE] / REFERENCE)
    print(f"\na layer of {longest:,} takes {growth:.2f} times as long as one of {REFERENCE:,}, at most {GROWTH}")
    print(f"{THOUSANDS:,} layers take {medians[THOUSANDS]:.2f} s, at most {MOST}\n")
    return growth <= GROWTH and medians[THOUSANDS] <= MOST


def main() -> int:
    kept = [curve(*each) for each in INPUTS.items()]
    with tempfile.TemporaryDirectory() as folder:
        taken = drawn(Path(folder))
    print(f"{THOUSANDS:,} layers are drawn in {taken:.2f} s, at most {DRAWN}")
    return int(not all(kept) or taken > DRAWN)


if __name__ == "__main__":
    sys.exit(main())
