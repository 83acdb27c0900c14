"""Initial weights: the `init` argument of layers with weights."""

from __future__ import annotations

import math

from torch import nn


def initialise(module: nn.Module, init: str | dict[str, float], fan_in: int, fan_out: int) -> None:
    """Fill a module's `weight` as `archspec.ops.arguments.Init` says, and its `bias`, if any, with zeros.

    fan_in, fan_out: weights that meet in one output, and that one input meets. `default` leaves
    the module as it is.
    """
    if init == "default":
        return
    weight, bias = module.get_parameter("weight"), getattr(module, "bias", None)
    if bias is not None:
        nn.init.zeros_(bias)
    if isinstance(init, dict):
        ((kind, number),) = init.items()
        if kind == "normal":
            nn.init.normal_(weight, std=number)
        elif kind == "trunc_normal":
            nn.init.trunc_normal_(weight, std=number, a=-2 * number, b=2 * number)
        elif kind == "uniform":
            nn.init.uniform_(weight, -number, number)
        else:
            nn.init.constant_(weight, number)
    elif init == "he":
        nn.init.normal_(weight, std=math.sqrt(2 / fan_in))
    elif init == "he_uniform":
        bound = math.sqrt(6 / fan_in)
        nn.init.uniform_(weight, -bound, bound)
    elif init == "he_fan_out":
        nn.init.normal_(weight, std=math.sqrt(2 / fan_out))
    elif init == "xavier":
        bound = math.sqrt(6 / (fan_in + fan_out))
        nn.init.uniform_(weight, -bound, bound)
    elif init == "xavier_normal":
        nn.init.normal_(weight, std=math.sqrt(2 / (fan_in + fan_out)))
    else:
        nn.init.zeros_(weight)
