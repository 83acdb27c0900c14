"""Time from YAML text to summary for chains of 100, 1,000 and 10,000 layers: it should grow as they do.

Exit status 1 where ten times the layers take more than GROWTH times as long.

    python benchmarks/linear.py
"""

from __future__ import annotations

import gc
import itertools
import statistics
import sys
import tempfile
import time
from pathlib import Path

import archspec

SIZES = (100, 1_000, 10_000)
GROWTH = 12
REPEATS = 5

SPEC = """\
archspec: 1
name: chain
input: [16, 32, 32]
layers:
  - residual:
      - conv: {{out: 16, kernel: 3, padding: same}}
      - batch_norm
      - relu
    repeat: {blocks}
  - global_avg_pool
"""


def seconds(path: Path) -> float:
    """CPU seconds to read, build, type and count one spec, without garbage collection, as the command runs."""
    gc.collect()
    gc.disable()
    begun = time.process_time()
    archspec.summarize(archspec.load(path)).to_json()
    taken = time.process_time() - begun
    gc.enable()
    return taken


def main() -> int:
    medians: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            # a block is four layers: convolution, norm, activation and the sum
            path = Path(folder) / f"chain{size}.yaml"
            path.write_text(SPEC.format(blocks=size // 4), encoding="utf-8")
            seconds(path)
            times = [seconds(path) for _ in range(REPEATS)]
            medians.append(statistics.median(times))
            per_layer = medians[-1] / size * 1e6
            print(
                f"{size:6,} layers: {medians[-1]:.3f} s CPU ({min(times):.3f} … {max(times):.3f}), "
                f"{per_layer:.0f} µs a layer"
            )
    growth = [after / before for before, after in itertools.pairwise(medians)]
    print(f"ten times the layers: {', '.join(f'{g:.1f}' for g in growth)} times as long, at most {GROWTH}")
    return int(max(growth) > GROWTH)


if __name__ == "__main__":
    sys.exit(main())
