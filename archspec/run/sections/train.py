"""`train`: how the network is trained."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator

from archspec.run.sections.base import Count, Section, Seed
from archspec.run.sections.optimizers import SGD, Adam, AdamW
from archspec.run.sections.schedules import Constant, Cosine, Exponential, Step


class Train(Section):
    """How to train. `workers` are processes that decode images where these are not kept in memory."""

    epochs: Count = 20
    batch: Count = 64
    optimizer: Adam | AdamW | SGD = Adam()
    schedule: Constant | Cosine | Step | Exponential = Cosine()
    seed: Seed = 0
    device: str = "auto"
    workers: Annotated[int, Field(ge=0, le=128)] = 0

    @field_validator("device")
    @classmethod
    def _known_device(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", device):
            raise ValueError("device must be auto, cpu, cuda, cuda:0, cuda:1, … or mps")
        return device
