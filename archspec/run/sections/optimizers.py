"""`train.optimizer`: how gradients become steps."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationInfo, field_validator

from archspec.run.sections.base import Decay, Momentum, Rate, Section


class Adam(Section):
    """Adam (Kingma and Ba, 2015)."""

    kind: Literal["adam"] = "adam"
    lr: Rate = 1e-3
    weight_decay: Decay = 0.0


class AdamW(Section):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    kind: Literal["adamw"] = "adamw"
    lr: Rate = 1e-3
    weight_decay: Decay = 1e-2


class SGD(Section):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"] = "sgd"
    lr: Rate = 1e-2
    momentum: Momentum = 0.9
    weight_decay: Decay = 0.0
    nesterov: bool = False

    @field_validator("nesterov")
    @classmethod
    def _needs_momentum(cls, nesterov: bool, info: ValidationInfo) -> bool:
        if nesterov and info.data.get("momentum") == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return nesterov
