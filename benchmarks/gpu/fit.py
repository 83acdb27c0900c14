"""Whether the largest batch that `summarize --fit` tells fits on a GPU, and one more does not.

python benchmarks/gpu/fit.py               four networks, each under budgets of 2, 4 and 8 GiB
python benchmarks/gpu/fit.py resnet50 16   this network under this budget in GiB
"""

from __future__ import annotations

import sys

import torch
from step import OPTIMIZERS, measured

import archspec

NETWORKS = ("resnet18", "resnet50", "vgg16", "mobilenet_v2")
BUDGETS = (2.0, 4.0, 8.0)
FARTHEST = 16
"""How many batches beyond the one told are tried."""


def main() -> None:
    names = sys.argv[1:2] or NETWORKS
    budgets = [float(word) for word in sys.argv[2:]] or BUDGETS
    device = "hopper" if torch.cuda.get_device_capability()[0] == 9 else "cuda"
    whole = torch.cuda.get_device_properties(0).total_memory
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, workspace of {device}")
    print(f"{'network':14} {'optimiser':9} {'budget':>8} {'told':>6} {'fits':>6} {'most that fits':>15}")
    for name in names:
        graph = archspec.load(name)
        for budget in budgets:
            for optimizer in OPTIMIZERS:
                size = int(budget * 2**30)
                needs = archspec.summarize(graph, optimizer=optimizer, workspace=device, fit=size).training
                told, fraction = needs.largest or 0, size / whole
                fits = told > 0 and measured(name, told, optimizer, fraction=fraction) is not None
                step = 1 if fits else -1
                most = told
                while 0 < most + step <= told + FARTHEST and abs(most - told) < FARTHEST:
                    runs = measured(name, most + step, optimizer, fraction=fraction) is not None
                    if fits and not runs:
                        break
                    most += step
                    if not fits and runs:
                        break
                print(
                    f"{name:14} {optimizer:9} {budget:4g} GiB {told:6} {'yes' if fits else 'no':>6} {most:15}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
