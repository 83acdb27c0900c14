"""The optimiser of a run: which weights it changes, how fast, and which only later; penalties on large weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from archspec.run.sections import SGD, Adagrad, Adam, AdamW, RMSprop, Train
from archspec.run.sections.optimizers import Optimizing
from archspec_torch.runtime.layers import learned, matches

KINDS: dict[type[Optimizing], Callable[..., torch.optim.Optimizer]] = {
    SGD: torch.optim.SGD,
    Adam: torch.optim.Adam,
    AdamW: torch.optim.AdamW,
    RMSprop: torch.optim.RMSprop,
    Adagrad: torch.optim.Adagrad,
}
RENAMED = {"initial": "initial_accumulator_value"}
"""Keys of a run file that have another name in torch."""


def make_optimizer(plan: Train, model: nn.Module) -> torch.optim.Optimizer:
    """torch's own optimiser with the run's numbers, over all weights that learn, be it later.

    Frozen weights get no gradient, and so no step, decay or momentum: `thaw` says which those are.
    """
    numbers = plan.optimizer.model_dump(exclude={"kind", "decay_norm_and_bias"})
    arguments = {RENAMED.get(k, k): tuple(v) if isinstance(v, list) else v for k, v in numbers.items()}
    return KINDS[type(plan.optimizer)](param_groups(model, plan), **arguments)


def param_groups(model: nn.Module, plan: Train) -> list[dict[str, Any]]:
    """The weights that learn, in groups of one rate and one weight decay, in the order of the network.

    `factor` is what a group's rate is of the run's. The groups are the same in every epoch, so that the
    optimiser's state can be loaded at any.
    """
    found: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for layer, name, parameter in learned(model):
        if parameter.requires_grad or _named(layer, plan.freeze):
            decays = plan.optimizer.decay_norm_and_bias or _decays(name, parameter)
            found.setdefault((rate_factor(layer, plan), decays), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": plan.optimizer.lr * factor,
            "weight_decay": plan.optimizer.weight_decay if decays else 0.0,
            "factor": factor,
        }
        for (factor, decays), parameters in found.items()
    ]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Gives every group the run's rate at a step, times its own factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("factor", 1.0)


def rate_of(optimizer: torch.optim.Optimizer) -> float:
    """The run's rate at the last step, before any factor of a group."""
    group = optimizer.param_groups[0]
    return float(group["lr"] / group.get("factor", 1.0))


def rate_factor(layer: str, plan: Train) -> float:
    """What the rate of a layer is of the run's: that of the last pattern that means it."""
    return next((factor for pattern, factor in reversed(plan.rates.items()) if matches(layer, pattern)), 1.0)


def thaw(model: nn.Module, plan: Train, epoch: int) -> None:
    """Puts the network into training mode as it is in an epoch, counted from 0: frozen layers get no gradient, and
    their batch norms use their running statistics and leave them as they are.

    A function of the epoch alone, to be called as it begins, before the first step and after going on.
    """
    model.train()
    if not plan.freeze:
        return
    free = [pattern for first, patterns in plan.unfreeze.items() if epoch + 1 >= first for pattern in patterns]
    for layer, _, parameter in learned(model):
        if _named(layer, plan.freeze):
            parameter.requires_grad_(_named(layer, free))
    for name, module in model.named_modules():
        if hasattr(module, "running_mean") and _named(name, plan.freeze) and not _named(name, free):
            module.eval()


def penalised(model: nn.Module, plan: Train) -> list[nn.Parameter]:
    """The weights that weight decay and penalties concern and that learn now: the same from one `thaw` to the next."""
    every = plan.optimizer.decay_norm_and_bias
    return [w for _, name, w in learned(model) if w.requires_grad and (every or _decays(name, w))]


def penalty(weights: Sequence[Tensor], plan: Train) -> Tensor | None:
    """l1·Σ|w| + l2·Σw²/2 over weights (see `penalised`); None where both are 0, or there are none.

    With plain SGD the second is `weight_decay`; with adaptive steps it is not (Loshchilov and Hutter, 2019).
    """
    terms = [plan.l1 * w.abs().sum() for w in weights] if plan.l1 else []
    terms += [plan.l2 / 2 * w.square().sum() for w in weights] if plan.l2 else []
    return torch.stack(terms).sum() if terms else None


def _decays(name: str, parameter: nn.Parameter) -> bool:
    """Whether weight decay concerns a parameter: as in timm, no biases, and nothing that has one number a channel."""
    return parameter.ndim > 1 and not name.endswith("bias")


def _named(layer: str, patterns: list[str]) -> bool:
    return any(matches(layer, pattern) for pattern in patterns)
