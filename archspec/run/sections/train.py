"""`train`: how the network is trained."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator

from archspec.run.sections.base import Count, Decay, Rate, Section, Seed
from archspec.run.sections.initial import AsWritten, Init
from archspec.run.sections.losses import CrossEntropy, Loss
from archspec.run.sections.optimizers import Adam, Optimizer
from archspec.run.sections.schedules import Cosine, Schedule, Warmup

Pattern = Annotated[str, Field(min_length=1)]
Epoch = Annotated[int, Field(ge=2, strict=False)]


class Train(Section):
    """How to train. `workers` are processes that decode images where these are not kept in memory.

    `l1` adds Σ|w| times that number to the loss, `l2` half of Σw² (its gradient is that of weight decay): over the
    weights that learn and that weight decay concerns. Figures of the loss are told without them.

    `freeze`, `unfreeze` and `rates` name layers by patterns: `stem`, `stage.1` (all in it), `stage.1.*`,
    `*.norm`. Layers in `freeze` keep their weights, and batch norms among them their running statistics;
    `unfreeze` says from which epoch on (counted from 1) some of them learn: {5: [stage.3]}. `rates` multiplies
    the learning rate of layers; where several patterns match one, the last counts."""

    epochs: Count = 20
    batch: Count = 64
    loss: Loss = CrossEntropy()
    optimizer: Optimizer = Adam()
    schedule: Schedule = Cosine()
    warmup: Warmup | None = None
    l1: Decay = 0.0
    l2: Decay = 0.0
    init: Init = AsWritten()
    freeze: list[Pattern] = []
    unfreeze: dict[Epoch, list[Pattern]] = {}
    rates: dict[Pattern, Rate] = {}
    seed: Seed = 0
    device: str = "auto"
    workers: Annotated[int, Field(ge=0, le=128)] = 0

    @field_validator("device")
    @classmethod
    def _known_device(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", device):
            raise ValueError("device must be auto, cpu, cuda, cuda:0, cuda:1, … or mps")
        return device
