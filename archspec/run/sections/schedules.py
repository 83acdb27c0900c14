"""`train.schedule` and `train.warmup`: the learning rate over the run."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from archspec.run.sections.base import Count, Decay, Section

Factor = Annotated[float, Field(gt=0, le=1)]
Part = Annotated[float, Field(ge=0, le=1)]
By = Literal["epoch", "step"]


class Constant(Section):
    """The same rate throughout."""

    kind: Literal["constant"] = "constant"


class Cosine(Section):
    """Half a cosine from the rate to `final` times the rate, a little lower at every step.

    `cycles` repeats it, each time from the full rate, in parts of equal length (Loshchilov and Hutter, 2017, eq. 5).
    `snapshots` keeps the weights at the end of each, where the rate is lowest, for an ensemble (Huang et al., 2017)."""

    kind: Literal["cosine"] = "cosine"
    final: Part = 0.0
    cycles: Count = 1
    snapshots: bool = False


class Step(Section):
    """The rate times `factor` every so many epochs."""

    kind: Literal["step"] = "step"
    every: Count
    factor: Factor = 0.1


class Staircase(Section):
    """The rate times `factor` after each of the epochs `at`: [30, 60, 80]."""

    kind: Literal["staircase"] = "staircase"
    at: Annotated[list[Count], Field(min_length=1)]
    factor: Factor = 0.1

    @field_validator("at")
    @classmethod
    def _ascending(cls, at: list[int]) -> list[int]:
        if any(b <= a for a, b in pairwise(at)):
            raise ValueError("the epochs of a staircase must ascend")
        return at


class Exponential(Section):
    """The rate times `factor` after each epoch."""

    kind: Literal["exponential"] = "exponential"
    factor: Factor = 0.95


class InverseTime(Section):
    """The rate divided by 1 + `decay`·t, with t the finished epochs, or steps."""

    kind: Literal["inverse_time"] = "inverse_time"
    decay: Decay = 1.0
    by: By = "epoch"


class InverseSqrt(Section):
    """The rate divided by √t, with t = 1 in the first epoch, or at the first step."""

    kind: Literal["inverse_sqrt"] = "inverse_sqrt"
    by: By = "epoch"


class Polynomial(Section):
    """From the rate to `final` times the rate as (1 − t)^`power` falls, step by step; `power: 1` is a straight line."""

    kind: Literal["polynomial"] = "polynomial"
    power: Annotated[float, Field(gt=0)] = 1.0
    final: Part = 0.0


class OneCycle(Section):
    """Up to the rate and down again, each half a cosine (Smith and Topin, 2018): from `start` times the rate,
    over the share `rise` of the run, then down to `final` times the rate. Momentum stays as it is."""

    kind: Literal["one_cycle"] = "one_cycle"
    rise: Annotated[float, Field(gt=0, lt=1)] = 0.3
    start: Part = 0.04
    final: Part = 4e-6


Schedule = Constant | Cosine | Step | Staircase | Exponential | InverseTime | InverseSqrt | Polynomial | OneCycle


class Warmup(Section):
    """The rate rises in a straight line from `start` times what it will be, over some epochs or some steps; then
    the schedule begins (Goyal et al., 2017)."""

    short: ClassVar[str] = "epochs"
    epochs: Annotated[float, Field(gt=0)] | None = None
    steps: Annotated[Count | None, Field(validate_default=True)] = None
    start: Part = 0.1

    @field_validator("steps")
    @classmethod
    def _one_length(cls, steps: int | None, info: ValidationInfo) -> int | None:
        if "epochs" in info.data and (info.data["epochs"] is None) == (steps is None):
            raise ValueError("a warm-up lasts a number of epochs, or else a number of steps")
        return steps
