"""Rates against torch's own schedulers; optimisers with the numbers of the run."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from archspec.run import load_run
from archspec_torch.runtime.optimize import make_optimizer, rate_at

STEPS, EPOCHS = 7, 6


def plan(**train: object) -> Any:
    return load_run({"model": "lenet5", "train": train}).run.train


def rates_of_torch(make: Any, per_step: bool) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.4)
    scheduler = make(optimizer)
    found = []
    for _ in range(EPOCHS):
        for _ in range(STEPS):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if per_step:
                scheduler.step()
        if not per_step:
            scheduler.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "theirs", "per_step"),
    [
        ("constant", lambda o: lr_scheduler.ConstantLR(o, factor=1), False),
        ("cosine", lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS * EPOCHS), True),
        (
            {"kind": "cosine", "final": 0.1},
            lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS * EPOCHS, eta_min=0.04),
            True,
        ),
        ({"kind": "step", "every": 2}, lambda o: lr_scheduler.StepLR(o, 2), False),
        ({"kind": "step", "every": 3, "factor": 0.5}, lambda o: lr_scheduler.StepLR(o, 3, 0.5), False),
        ({"kind": "exponential", "factor": 0.9}, lambda o: lr_scheduler.ExponentialLR(o, 0.9), False),
    ],
)
def test_rates_are_torch_s(schedule: Any, theirs: Any, per_step: bool) -> None:
    section = plan(schedule=schedule).schedule
    ours = [rate_at(section, 0.4, step, STEPS, EPOCHS) for step in range(STEPS * EPOCHS)]
    assert ours == pytest.approx(rates_of_torch(theirs, per_step), rel=1e-9)


@pytest.mark.parametrize(
    ("section", "kind", "numbers"),
    [
        ("adam", torch.optim.Adam, {"lr": 1e-3, "weight_decay": 0.0, "betas": (0.9, 0.999)}),
        ({"kind": "adamw", "lr": 0.01}, torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.01}),
        (
            {"kind": "sgd", "lr": 0.2, "momentum": 0.8, "nesterov": True, "weight_decay": 1e-4},
            torch.optim.SGD,
            {"lr": 0.2, "momentum": 0.8, "nesterov": True, "weight_decay": 1e-4},
        ),
    ],
)
def test_optimisers_have_the_run_s_numbers(section: Any, kind: type, numbers: dict[str, object]) -> None:
    optimizer = make_optimizer(plan(optimizer=section).optimizer, nn.Linear(2, 2).parameters())
    assert type(optimizer) is kind
    assert numbers.items() <= optimizer.param_groups[0].items()


def test_frozen_weights_stay() -> None:
    layer = nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    optimizer = make_optimizer(plan().optimizer, layer.parameters())
    assert optimizer.param_groups[0]["params"] == [layer.weight]
