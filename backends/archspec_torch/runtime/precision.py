"""How a step is computed: number format, memory layout, compiled or not; by hand, or chosen by timing."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, cast

import torch
from torch import Tensor, nn

from archspec.errors import fail
from archspec.run import RunFile
from archspec.run.sections import Train
from archspec_torch.runtime.optimize import make_optimizer

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
KEYS = ("precision", "memory_format", "compile")
TRIAL_STEPS = 5
TRIAL_SECONDS = 2.0
"""A candidate takes so many steps at most, for so long at most, after one that is not timed."""
Candidate = tuple[str, str, bool]
"""Precision, memory format, and whether compiled."""


@dataclass(frozen=True)
class Numerics:
    """Number format and memory layout. `dtype` None: all in float32."""

    dtype: torch.dtype | None = None
    channels_last: bool = False

    def forward(self, model: nn.Module, images: Tensor) -> Any:
        """What the network says of images (n, c, h, w), as float32: losses are computed in it."""
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        if self.dtype is None:
            return model(images)
        with torch.autocast(images.device.type, self.dtype):
            outputs = model(images)
        if isinstance(outputs, Mapping):
            return {name: output.float() for name, output in outputs.items()}
        return outputs.float()


FLOAT32 = Numerics()


def numerics_of(plan: Train) -> Numerics:
    """What the run's keys ask for; `auto` is settled before (see `settled`)."""
    return Numerics(DTYPES.get(plan.precision), plan.memory_format == "channels_last")


def placed(model: nn.Module, plan: Train) -> nn.Module:
    """The network with its weights in the run's memory layout."""
    return model.to(memory_format=torch.channels_last) if plan.memory_format == "channels_last" else model


def compiled(model: nn.Module, plan: Train) -> nn.Module | None:
    """The network compiled, over the same weights; None where the run does not ask for it.

    Each shape of a batch is compiled for itself: left to torch, which code a batch runs through depends on the shapes
    that came before it, and a run that is gone on with has seen others.
    """
    return cast(nn.Module, torch.compile(model, dynamic=False)) if plan.compile is True else None


def scaler_of(model: nn.Module, plan: Train) -> torch.amp.GradScaler | None:
    """What keeps the small gradients of fp16 from vanishing. Source: Micikevicius et al., 2018, section 3.2."""
    if plan.precision != "fp16":
        return None
    return torch.amp.GradScaler(next(model.parameters()).device.type)


def check_numerics(run: RunFile, device: torch.device) -> None:
    """Raises SpecError E656 for what this device or this machine cannot compute with."""
    plan = run.run.train
    if plan.precision == "fp16" and device.type != "cuda":
        message = f"precision fp16 needs a CUDA device; this run computes on {device}"
        raise fail("E656", message, run.span("train", "precision"), "bf16, fp32 and auto are for every device")
    if plan.compile is True and (reason := _compiler_lacking(device)):
        hint = "compile: false does without; auto compiles where it can and where that pays"
        raise fail("E656", f"torch.compile does not work here: {reason}", run.span("train", "compile"), hint)


def _compiler_lacking(device: torch.device) -> str:
    """Why nothing can be compiled for a device, or ''."""
    try:
        torch.compile(_plus_one)(torch.zeros(8, device=device))
    except Exception as error:  # torch tells a missing compiler by errors of many kinds
        return _reason(error)
    return ""


def _plus_one(x: Tensor) -> Tensor:
    return x.relu() + 1


def is_open(plan: Train) -> bool:
    """Whether something is left to a trial."""
    return any(getattr(plan, key) == "auto" for key in KEYS)


def trial(
    plan: Train,
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    loss: Callable[[Any, Tensor], Tensor],
) -> tuple[dict[str, Any], str]:
    """The fastest values of the keys left to `auto`, and what was measured, for people.

    Each candidate trains a copy of the network on one batch: images float32 (n, c, h, w), labels. Number formats and
    layouts first, then the fastest of them compiled. The network is left as it is; whoever calls keeps the generators.
    Candidates that the device cannot compute are passed over, and told; where none is left, what was left to `auto`
    becomes float32, contiguous and not compiled.
    """
    device = images.device
    precisions = ["fp32", "bf16"] if plan.precision == "auto" else [plan.precision]
    formats = ["contiguous", "channels_last"] if plan.memory_format == "auto" else [plan.memory_format]
    times: dict[Candidate, float] = {}
    failed: dict[Candidate, str] = {}

    def timed(precision: str, layout: str, compile_it: bool) -> None:
        chosen = {"precision": precision, "memory_format": layout, "compile": compile_it}
        candidate = plan.model_copy(update=chosen)
        try:
            times[precision, layout, compile_it] = _step_time(candidate, model, images, labels, loss)
        except RuntimeError as error:  # not for this device, out of memory, or no compiler
            failed[precision, layout, compile_it] = _reason(error)

    for precision, layout in product(precisions, formats):
        timed(precision, layout, plan.compile is True)
    if times and plan.compile == "auto":
        precision, layout, _ = min(times, key=times.__getitem__)
        timed(precision, layout, True)
    best = min(times, key=times.__getitem__, default=(precisions[0], formats[0], plan.compile is True))
    told = ", ".join(f"{_label(key)} {1000 * t:.3g} ms" for key, t in times.items())
    note = (
        f"{_label(best)}, of a step in {told}" if times else f"{_label(best)} untried, since no candidate took a step"
    )
    lost = "".join(f"; {_label(key)} failed: {reason}" for key, reason in failed.items())
    return dict(zip(KEYS, best, strict=True)), f"{note} on {device}{lost}"


def _label(key: Candidate) -> str:
    return f"{key[0]} {key[1]}{' compiled' if key[2] else ''}"


def _reason(error: Exception) -> str:
    """The first line of what torch says, or the kind of its error."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _step_time(
    plan: Train, model: nn.Module, images: Tensor, labels: Tensor, loss: Callable[[Any, Tensor], Tensor]
) -> float:
    """Seconds of the fastest of a few training steps, after one that is not counted."""
    own = placed(copy.deepcopy(model), plan).train()
    faster = compiled(own, plan)
    run = own if faster is None else faster  # its truth would be its length, which networks have not
    numerics, scaler = numerics_of(plan), scaler_of(own, plan)
    optimizer = make_optimizer(plan, own)

    def step() -> float:
        begun = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        cost = loss(numerics.forward(run, images), labels)
        (scaler.scale(cost) if scaler else cost).backward()
        if scaler:
            scaler.step(optimizer)
            scaler.update()
        else:
            optimizer.step()
        if images.device.type == "cuda":
            torch.cuda.synchronize(images.device)
        return time.perf_counter() - begun

    step()
    found: list[float] = []
    ends = time.perf_counter() + TRIAL_SECONDS
    while len(found) < TRIAL_STEPS and (not found or time.perf_counter() < ends):
        found.append(step())
    return min(found)
