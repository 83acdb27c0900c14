"""The memory of a training step, found without running it, beside what torch's MemTracker sees.

    python benchmarks/memory.py            ten networks × batch 1, 8, 32 × three optimisers
    python benchmarks/memory.py resnet18   these networks alone

Tensors are fake: nothing is computed, and no memory taken. The step measured is the second, gradients set to None.
"""

from __future__ import annotations

import sys
import time

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker

import archspec
from archspec.analysis.training import training_memory
from archspec.passes.training import training


def tracked_peak(
    graph: archspec.TypedGraph, batch: int, optimizer: str, precision: str = "float32", foreach: bool = False
) -> int:
    """Bytes of all tensors at the peak of the second training step of the compiled network, as torch counts them.

    `foreach`: the optimiser takes all parameters at once, torch's default on a GPU.
    """
    with FakeTensorMode():
        network = _without_frozen(archspec.compile(graph).train())
        weights = list(network.parameters())
        if optimizer in ("adam", "adamw"):
            adam = torch.optim.Adam if optimizer == "adam" else torch.optim.AdamW
            steps: torch.optim.Optimizer = adam(weights, foreach=foreach)
        else:
            steps = torch.optim.SGD(weights, 0.1, momentum=0.9 if optimizer == "momentum" else 0.0, foreach=foreach)
        given = [torch.randn(batch, *graph.types[name][0].shape) for name in graph.inputs]
        outputs = [graph.type_of(tap) for tap in training(graph).outputs.values()]
        scored = graph.task in ("classify", "segment")
        if scored:
            shared = torch.zeros(batch * outputs[0].regions, *outputs[0].spatial, dtype=torch.long)
            targets = [shared] * len(outputs)
        else:
            targets = [torch.zeros(batch * one.regions, *one.shape) for one in outputs]
        tracker = MemTracker()
        tracker.track_external(network, steps, *given, *targets)
        with tracker:
            for _ in range(2):
                tracker.reset_mod_stats()
                tracker._peak_mem, tracker._peak_mem_snap = {torch.device("cpu"): 0}, {}
                with torch.autocast("cpu", getattr(torch, precision), enabled=precision != "float32"):
                    found = network(*given)
                    found = [found] if torch.is_tensor(found) else list(found.values())
                    compared = nn.functional.cross_entropy if scored else nn.functional.mse_loss
                    loss = sum(compared(one, wanted) for one, wanted in zip(found, targets, strict=True))
                del found
                loss.backward()
                del loss
                steps.step()
                steps.zero_grad(set_to_none=True)
        (device,) = tracker.get_tracker_snapshot("peak").values()
        return next(size for kind, size in device.items() if str(kind).endswith("Total"))


def _without_frozen(network: nn.Module) -> nn.Module:
    """The same with parameters that do not learn as buffers: the tracker hooks into the gradient of every parameter."""
    for module in network.modules():
        for name, parameter in [*module.named_parameters(recurse=False)]:
            if not parameter.requires_grad:
                delattr(module, name)
                module.register_buffer(name, parameter.data)
    return network


def main() -> None:
    from gpu.step import BATCHES, NETWORKS, OPTIMIZERS  # beside this file, where it is run as a script

    head = f"{'network':16} {'optimiser':9} {'batch':>5} {'archspec':>16} {'MemTracker':>16}"
    print(f"{head} {'apart':>9} {'in':>9} {'in':>8}")
    worst = 0.0
    for name in sys.argv[1:] or NETWORKS:
        graph = archspec.load(name)
        for batch in BATCHES:
            for optimizer in OPTIMIZERS:
                start = time.perf_counter()
                ours = training_memory(graph, batch, optimizer, workspace="cpu").peak.bytes
                middle = time.perf_counter()
                theirs = tracked_peak(graph, batch, optimizer)
                end = time.perf_counter()
                apart = 100 * (ours / theirs - 1)
                worst = max(worst, abs(apart))
                print(
                    f"{name:16} {optimizer:9} {batch:5} {ours:16,} {theirs:16,} {apart:+7.3f} % "
                    f"{1e3 * (middle - start):6.1f} ms {end - middle:6.1f} s",
                    flush=True,
                )
    print(f"at most {worst:.3f} % apart")


if __name__ == "__main__":
    main()
