"""Networks timed on this machine, beside their estimates."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from statistics import median

import torch
from torch import Tensor, nn

from archspec.analysis.agreement import Measured
from archspec.analysis.roofline import roofline
from archspec.close import close
from archspec.devices import Device
from archspec.graph import TypedGraph
from archspec_torch.bench.clock import computing_with, seconds
from archspec_torch.compiler import compile

RUNS, ENOUGH = 7, 2.0
"""Runs of each network, and the seconds after which no further one begins."""
TRIES, PATIENCE, NAP = 3, 3.0, 0.2
"""Times that a network is measured where the machine was busy with something else; seconds of waiting for it to be
quiet, those that each network may add, and those of one nap."""
REFERENCE, SLOWER = 768, 1.15
"""Size of the product of matrices that tells whether it is, and by how much that may be slower than at its best."""


class Watch:
    """Tells whether something else is using the machine: a product of matrices takes longer than it did at its best."""

    def __init__(self) -> None:
        self.a, self.b = torch.randn(2, REFERENCE, REFERENCE).unbind()
        self.best = float("inf")
        self.patience = 0.0
        for _ in range(20):
            self.busy()

    def busy(self) -> bool:
        times = [seconds(lambda: self.a @ self.b) for _ in range(3)]
        self.best = min(self.best, *times)
        return min(times) > SLOWER * self.best

    def wait(self) -> None:
        """Until the machine is quiet, or patience is at its end."""
        while self.patience > 0 and self.busy():
            time.sleep(NAP)
            self.patience -= NAP


def compare(
    graphs: Iterable[TypedGraph], device: Device, batch: int = 1, threads: int | None = None
) -> Iterator[Measured]:
    """Each network timed on this machine and estimated for `device`, one after the other as they are done."""
    with computing_with(threads):
        watch = Watch()
    for graph in graphs:
        whole = close(graph, dict(graph.example)) if graph.sizes else graph
        estimate = roofline(whole, device, batch)
        watch.patience += PATIENCE
        with computing_with(threads):
            least, typical, busy = measure(whole, batch, watch)
        yield Measured(graph.name, estimate.flops // 2, least, typical, estimate.seconds, busy)


def measure(graph: TypedGraph, batch: int, watch: Watch) -> tuple[float, float, bool]:
    """Seconds of a forward pass in evaluation mode on the processor, without gradients: the least, and the median;
    and whether something else was using the machine to the end.

    One run before those that count prepares what later ones use. Where `watch` says that something else was
    busy meanwhile, the network is measured again, up to three times.
    """
    model = compile(graph).eval()
    inputs = [torch.randn(batch, *graph.types[name][0].shape) for name in graph.inputs]
    times: list[float] = []
    with torch.inference_mode():
        model(*inputs)
        for _ in range(TRIES):
            watch.wait()
            times += _runs(model, inputs)
            busy = watch.busy()
            if not busy or watch.patience <= 0:
                break
    return min(times), median(times), busy


def _runs(model: nn.Module, inputs: list[Tensor]) -> list[float]:
    times: list[float] = []
    while len(times) < RUNS and sum(times) < ENOUGH:
        times.append(seconds(lambda: model(*inputs)))
    return times
