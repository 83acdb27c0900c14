"""`train.schedule`: the learning rate over the run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from archspec.run.sections.base import Count, Section


class Constant(Section):
    """The same rate throughout."""

    kind: Literal["constant"] = "constant"


class Cosine(Section):
    """Half a cosine from the rate to `final` times the rate, a little lower at every step."""

    kind: Literal["cosine"] = "cosine"
    final: Annotated[float, Field(ge=0, le=1)] = 0.0


class Step(Section):
    """The rate times `factor` every so many epochs."""

    kind: Literal["step"] = "step"
    every: Count
    factor: Annotated[float, Field(gt=0, le=1)] = 0.1


class Exponential(Section):
    """The rate times `factor` after each epoch."""

    kind: Literal["exponential"] = "exponential"
    factor: Annotated[float, Field(gt=0, le=1)] = 0.95
