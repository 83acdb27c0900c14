"""A training step on a GPU, and the memory that torch's allocator had in use at most: in a process of its own."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

NETWORKS = (
    "lenet5",
    "alexnet",
    "vgg16",
    "googlenet",
    "resnet18",
    "resnet50",
    "densenet121",
    "mobilenet_v2",
    "efficientnet_b0",
    "se_resnet50",
)
BATCHES = (1, 8, 32)
OPTIMIZERS = ("sgd", "momentum", "adam")
STEPS = 3


def measured(name: str, batch: int, optimizer: str, tuned: bool = False, fraction: float = 1.0) -> int | None:
    """Bytes at the peak of the last of three steps; None where memory ran out."""
    words = [name, str(batch), optimizer, "--fraction", str(fraction), *(["--tuned"] if tuned else [])]
    run = subprocess.run([sys.executable, str(Path(__file__)), *words], capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(run.stderr)
    peak: int | None = json.loads(run.stdout)
    return peak


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("batch", type=int)
    parser.add_argument("optimizer", choices=OPTIMIZERS)
    parser.add_argument("--tuned", action="store_true", help="cudnn.benchmark on")
    parser.add_argument("--fraction", type=float, default=1.0)
    args = parser.parse_args()

    import torch

    torch.backends.cudnn.benchmark = args.tuned
    torch.cuda.set_per_process_memory_fraction(args.fraction)
    try:
        print(json.dumps(peak(args.name, args.batch, args.optimizer)))
    except torch.OutOfMemoryError:
        print("null")


def peak(name: str, batch: int, optimizer: str) -> int:
    """Bytes in use at most, by `torch.cuda.max_memory_allocated`."""
    import torch
    from torch import nn

    import archspec

    graph = archspec.load(name)
    network = archspec.compile(graph).cuda().train()
    weights = list(network.parameters())
    if optimizer == "adam":  # all parameters at once, as torch does by default on a GPU
        steps: torch.optim.Optimizer = torch.optim.Adam(weights)
    else:
        steps = torch.optim.SGD(weights, 0.01, momentum=0.9 if optimizer == "momentum" else 0.0)
    images = torch.randn(batch, *graph.types[graph.inputs[0]][0].shape, device="cuda")
    scores = graph.type_of(next(iter(graph.outputs.values()))).shape
    targets = torch.zeros((batch, *scores[1:]), dtype=torch.long, device="cuda")
    for _ in range(STEPS):
        torch.cuda.reset_peak_memory_stats()
        found = network(images)
        found = [found] if torch.is_tensor(found) else list(found.values())
        loss = sum(nn.functional.cross_entropy(one, targets) for one in found)
        del found
        loss.backward()
        del loss
        steps.step()
        steps.zero_grad(set_to_none=True)
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated()


if __name__ == "__main__":
    main()
