"""How long a run's network takes to answer."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from archspec_torch.compiler import compile
from archspec_torch.runtime.device import choose_device, wait
from archspec_torch.runtime.preprocess import Normalize
from archspec_torch.runtime.rundir import open_run

WARM, LEAST, MOST, SECONDS = 5, 15, 200, 1.0
"""Answers before the clock runs; answers that are timed, for as long as this, within these bounds."""


def latencies(rundirs: Sequence[str | Path], device: str = "auto", batch: int = 1) -> list[float]:
    """Seconds from decoded images on the device to scores, for each run: the median of its answers.

    Reading and decoding files is left out; normalising is in. The runs are timed in turns, so that what else the
    machine does meets all of them. Raises SpecError of the directories and the device.
    """
    chosen = choose_device(device)
    calls = []
    for directory in rundirs:
        trained = open_run(directory)
        model = compile(trained.graph).to(chosen).eval()
        frame = trained.preprocessing.frame
        images = torch.randint(0, 256, (batch, frame.channels, frame.height, frame.width), dtype=torch.uint8)
        calls.append((model, Normalize(trained.preprocessing, chosen), images.to(chosen)))
    times: list[list[float]] = [[] for _ in calls]
    with torch.inference_mode():
        for round_ in range(WARM + MOST):
            for i, (model, normalize, images) in enumerate(calls):
                if len(times[i]) >= LEAST and sum(times[i]) > SECONDS:
                    continue
                wait(chosen)
                begun = time.perf_counter()
                model(normalize(images))
                wait(chosen)
                if round_ >= WARM:
                    times[i].append(time.perf_counter() - begun)
    return [statistics.median(one) for one in times]
