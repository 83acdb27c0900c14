"""The optimiser a run names, and its learning rate at every step."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from archspec.run.sections import SGD, Adam, AdamW, Constant, Cosine, Exponential, Step


def make_optimizer(section: Adam | AdamW | SGD, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """torch's own optimiser with the section's numbers, over the parameters that are not frozen."""
    free = [p for p in parameters if p.requires_grad]
    if isinstance(section, SGD):
        return torch.optim.SGD(
            free,
            lr=section.lr,
            momentum=section.momentum,
            weight_decay=section.weight_decay,
            nesterov=section.nesterov,
        )
    kind = torch.optim.AdamW if isinstance(section, AdamW) else torch.optim.Adam
    return kind(free, lr=section.lr, weight_decay=section.weight_decay)


def rate_at(schedule: Constant | Cosine | Step | Exponential, base: float, step: int, steps: int, epochs: int) -> float:
    """Learning rate of a step, counted from 0 over the whole run of `epochs` times `steps` steps.

    A function of the step alone: a run that goes on from any step has the same rates.
    """
    epoch = step // steps
    if isinstance(schedule, Cosine):
        wave = (1 + math.cos(math.pi * step / (steps * epochs))) / 2
        return base * (schedule.final + (1 - schedule.final) * wave)
    if isinstance(schedule, Step):
        return base * float(schedule.factor ** (epoch // schedule.every))
    if isinstance(schedule, Exponential):
        return base * float(schedule.factor**epoch)
    return base
