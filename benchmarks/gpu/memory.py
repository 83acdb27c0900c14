"""The memory of a training step as archspec tells it, beside `torch.cuda.max_memory_allocated`.

python benchmarks/gpu/memory.py            ten networks × batch 1, 8, 32 × three optimisers, cudnn.benchmark off and on
python benchmarks/gpu/memory.py resnet18   these networks alone
"""

from __future__ import annotations

import statistics
import sys

import torch
from step import BATCHES, NETWORKS, OPTIMIZERS, measured

import archspec


def main() -> None:
    device = "hopper" if torch.cuda.get_device_capability()[0] == 9 else "cuda"
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, workspace of {device}")
    head = f"{'network':16} {'optimiser':9} {'batch':>5} {'tensors':>15} {'with cuBLAS':>15}"
    print(f"{head} {'measured':>15} {'apart':>8} {'tuned':>15} {'apart':>8}")
    apart: dict[bool, list[float]] = {False: [], True: []}
    for name in sys.argv[1:] or NETWORKS:
        graph = archspec.load(name)
        for batch in BATCHES:
            for optimizer in OPTIMIZERS:
                needs = archspec.summarize(graph, batch, optimizer=optimizer, workspace=device).training
                tensors = needs.memory.peak.bytes
                told = tensors + needs.workspace
                line = f"{name:16} {optimizer:9} {batch:5} {tensors:15,} {told:15,}"
                for tuned in (False, True):
                    found = measured(name, batch, optimizer, tuned)
                    if found is None:
                        line += f" {'out of memory':>15} {'':8}"
                        continue
                    apart[tuned].append(100 * (told / found - 1))
                    line += f" {found:15,} {apart[tuned][-1]:+6.2f} %"
                print(line, flush=True)
    for tuned, figures in apart.items():
        sizes = sorted(map(abs, figures))
        if sizes:
            within = sum(size <= 5 for size in sizes)
            print(
                f"cudnn.benchmark {'on' if tuned else 'off'}: median {statistics.median(sizes):.2f} %, "
                f"at most {sizes[-1]:.2f} %, {within} of {len(sizes)} within 5 %"
            )


if __name__ == "__main__":
    main()
