"""`train.optimizer`: how gradients become steps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from archspec.run.sections.base import Decay, Momentum, Rate, Section

Betas = Annotated[list[Momentum], Field(min_length=2, max_length=2)]
Epsilon = Annotated[float, Field(gt=0)]


class Optimizing(Section):
    """What all optimisers have. Weight decay spares biases and all other weights of one axis, the scales and shifts
    of norms among them, as timm does; `decay_norm_and_bias` decays these too, as torchvision's recipe and
    torch's own optimisers do."""

    lr: Rate = 1e-3
    weight_decay: Decay = 0.0
    decay_norm_and_bias: bool = False


class Adam(Optimizing):
    """Adam (Kingma and Ba, 2015). `weight_decay` is added to the gradient, before its moments are taken.

    `amsgrad` divides by the largest second moment so far (Reddi et al., 2018)."""

    kind: Literal["adam"] = "adam"
    betas: Betas = [0.9, 0.999]
    eps: Epsilon = 1e-8
    amsgrad: bool = False


class AdamW(Optimizing):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    kind: Literal["adamw"] = "adamw"
    weight_decay: Decay = 1e-2
    betas: Betas = [0.9, 0.999]
    eps: Epsilon = 1e-8
    amsgrad: bool = False


class SGD(Optimizing):
    """Stochastic gradient descent with momentum (Sutskever et al., 2013, for `nesterov`).

    `dampening` is the share of each gradient that its momentum leaves out."""

    kind: Literal["sgd"] = "sgd"
    lr: Rate = 1e-2
    momentum: Momentum = 0.9
    dampening: Momentum = 0.0
    nesterov: bool = False

    @field_validator("nesterov")
    @classmethod
    def _needs_momentum(cls, nesterov: bool, info: ValidationInfo) -> bool:
        if nesterov and info.data.get("momentum") == 0:
            raise ValueError("nesterov needs a momentum above 0")
        if nesterov and info.data.get("dampening"):
            raise ValueError(f"nesterov needs a dampening of 0, and it is {info.data['dampening']:g}")
        return nesterov


class RMSprop(Optimizing):
    """RMSProp (Tieleman and Hinton, 2012): steps divided by a running mean of the gradient's size, of decay `alpha`.

    `centered` subtracts the running mean of the gradient first (Graves, 2013)."""

    kind: Literal["rmsprop"] = "rmsprop"
    alpha: Momentum = 0.99
    eps: Epsilon = 1e-8
    momentum: Momentum = 0.0
    centered: bool = False


class Adagrad(Optimizing):
    """Adagrad (Duchi et al., 2011): steps divided by the size of all gradients so far.

    `lr_decay` divides the rate by 1 + `lr_decay`·step besides; `initial` is what the sum of squares begins with."""

    kind: Literal["adagrad"] = "adagrad"
    lr: Rate = 1e-2
    lr_decay: Decay = 0.0
    initial: Decay = 0.0
    eps: Epsilon = 1e-10


Optimizer = Adam | AdamW | SGD | RMSprop | Adagrad
