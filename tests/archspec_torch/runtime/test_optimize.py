"""Rates against torch's own schedulers; optimisers with the numbers of the run."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from archspec.run import load_run
from archspec_torch.runtime.optimize import make_optimizer, param_groups, penalised, penalty, set_rate, thaw
from archspec_torch.runtime.schedules import cycle_ends, rate_at, rates

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
        ({"kind": "staircase", "at": [2, 5]}, lambda o: lr_scheduler.MultiStepLR(o, [2, 5]), False),
        (
            {"kind": "inverse_time", "decay": 0.5},
            lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + 0.5 * epoch)),
            False,
        ),
        ({"kind": "inverse_sqrt"}, lambda o: lr_scheduler.LambdaLR(o, lambda epoch: (1 + epoch) ** -0.5), False),
        (
            {"kind": "inverse_sqrt", "by": "step"},
            lambda o: lr_scheduler.LambdaLR(o, lambda step: (1 + step) ** -0.5),
            True,
        ),
        ({"kind": "polynomial"}, lambda o: lr_scheduler.LinearLR(o, 1, 1e-300, STEPS * EPOCHS), True),
        (
            {"kind": "polynomial", "power": 2},
            lambda o: lr_scheduler.PolynomialLR(o, STEPS * EPOCHS, 2),
            True,
        ),
        ({"kind": "one_cycle"}, lambda o: lr_scheduler.OneCycleLR(o, 0.4, STEPS * EPOCHS), True),
        (
            {"kind": "one_cycle", "rise": 0.5, "start": 0.1, "final": 0.001},
            lambda o: lr_scheduler.OneCycleLR(
                o, 0.4, STEPS * EPOCHS, pct_start=0.5, div_factor=10, final_div_factor=100
            ),
            True,
        ),
        (
            {"kind": "cosine", "cycles": 3},
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, STEPS * EPOCHS // 3),
            True,
        ),
        (
            {"kind": "cosine", "cycles": 6, "final": 0.05, "snapshots": True},
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, STEPS * EPOCHS // 6, eta_min=0.02),
            True,
        ),
    ],
)
def test_rates_are_torch_s(schedule: Any, theirs: Any, per_step: bool) -> None:
    section = plan(schedule=schedule).schedule
    ours = [rate_at(section, 0.4, step, STEPS, EPOCHS) for step in range(STEPS * EPOCHS)]
    assert ours == pytest.approx(rates_of_torch(theirs, per_step), rel=1e-9)


def test_a_cycle_ends_at_its_lowest_rate() -> None:
    """The step after the one that a cycle ends with has a higher rate, or is none; by hand for 42 steps, 4 cycles."""
    assert (STEPS, EPOCHS) == (7, 6)
    kept = plan(schedule={"kind": "cosine", "cycles": 4, "snapshots": True}, epochs=EPOCHS)
    assert cycle_ends(kept, STEPS) == {11: 1, 21: 2, 32: 3, 42: 4}
    found = rates(kept, STEPS)
    assert [step for step in range(1, 42) if found[step] > found[step - 1]] == [11, 21, 32]
    warm = plan(schedule={"kind": "cosine", "cycles": 2, "snapshots": True}, epochs=EPOCHS, warmup={"steps": 10})
    assert cycle_ends(warm, STEPS) == {26: 1, 42: 2}
    assert cycle_ends(plan(schedule={"kind": "cosine", "cycles": 4}, epochs=EPOCHS), STEPS) == {}


@pytest.mark.parametrize("length", [{"epochs": 2}, {"steps": 14}])
def test_after_a_warmup_the_schedule_begins(length: dict[str, int]) -> None:
    section = plan(schedule="cosine", warmup={**length, "start": 0.25}, epochs=EPOCHS, optimizer={"lr": 0.4})

    def theirs(optimizer: torch.optim.Optimizer) -> Any:
        rise = lr_scheduler.LinearLR(optimizer, 0.25, total_iters=14)
        fall = lr_scheduler.CosineAnnealingLR(optimizer, STEPS * EPOCHS - 14)
        return lr_scheduler.SequentialLR(optimizer, [rise, fall], [14])

    assert rates(section, STEPS) == pytest.approx(rates_of_torch(theirs, True), rel=1e-9)


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
        (
            {"kind": "adam", "betas": [0.8, 0.99], "eps": 1e-6, "amsgrad": True},
            torch.optim.Adam,
            {"betas": (0.8, 0.99), "eps": 1e-6, "amsgrad": True},
        ),
        (
            {"kind": "rmsprop", "alpha": 0.9, "momentum": 0.5, "centered": True},
            torch.optim.RMSprop,
            {"lr": 1e-3, "alpha": 0.9, "momentum": 0.5, "centered": True, "eps": 1e-8},
        ),
        (
            {"kind": "adagrad", "lr_decay": 0.1, "initial": 0.5},
            torch.optim.Adagrad,
            {"lr": 0.01, "lr_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-10},
        ),
    ],
)
def test_optimisers_have_the_run_s_numbers(section: Any, kind: type, numbers: dict[str, object]) -> None:
    optimizer = make_optimizer(plan(optimizer=section), nn.Linear(2, 2))
    assert type(optimizer) is kind
    assert numbers.items() <= optimizer.param_groups[0].items()


def test_frozen_weights_stay() -> None:
    layer = nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    optimizer = make_optimizer(plan(), layer)
    assert optimizer.param_groups[0]["params"] == [layer.weight]


def network() -> nn.Module:
    model = nn.Sequential()
    model.add_module("stem", nn.Conv2d(1, 2, 3))
    model.add_module("norm", nn.BatchNorm2d(2))
    model.add_module("stage", nn.Sequential(nn.Flatten(), nn.Linear(2 * 4 * 4, 5), nn.Linear(5, 3)))
    return model


def test_biases_and_norms_are_spared_from_decay_as_in_timm() -> None:
    from timm.optim import param_groups_weight_decay

    model = network()
    ours = param_groups(model, plan(optimizer={"kind": "adamw", "weight_decay": 0.1}))
    spared, decayed = param_groups_weight_decay(model, 0.1)
    sets = {group["weight_decay"]: set(map(id, group["params"])) for group in ours}
    assert sets == {0.0: set(map(id, spared["params"])), 0.1: set(map(id, decayed["params"]))}
    (group,) = param_groups(model, plan(optimizer={"weight_decay": 0.1, "decay_norm_and_bias": True}))
    assert group["params"] == list(model.parameters())


def test_the_last_pattern_that_means_a_layer_gives_its_rate() -> None:
    model = network()
    section = plan(rates={"stage": 0.1, "stage.2": 0.5, "*.nothing": 9}, optimizer={"decay_norm_and_bias": True})
    optimizer = make_optimizer(section, model)
    set_rate(optimizer, 0.2)
    found = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    expected = {"stem": 0.2, "norm": 0.2, "stage.1": 0.02, "stage.2": 0.1}
    for name, parameter in model.named_parameters():
        assert found[id(parameter)] == pytest.approx(expected[name.rpartition(".")[0]])


def test_frozen_layers_stand_still_until_they_are_thawed() -> None:
    torch.manual_seed(0)
    model, images, labels = network(), torch.randn(8, 1, 6, 6), torch.arange(8) % 3
    section = plan(freeze=["stem", "norm"], unfreeze={3: ["norm"]}, optimizer={"kind": "sgd", "weight_decay": 0.1})
    optimizer, changed = make_optimizer(section, model), []
    for epoch in range(3):
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        thaw(model, section, epoch)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
        after = model.state_dict()
        changed.append({name.partition(".")[0] for name in after if not torch.equal(after[name], before[name])})
        assert model.get_submodule("norm").training == (epoch == 2)
    assert changed == [{"stage"}, {"stage"}, {"stage", "norm"}]
    again = make_optimizer(section, network())
    again.load_state_dict(optimizer.state_dict())
    assert len(again.param_groups) == len(optimizer.param_groups)


def test_the_l2_penalty_is_weight_decay_to_plain_sgd() -> None:
    images, labels, ends = torch.randn(8, 1, 6, 6), torch.arange(8) % 3, []
    for section in (
        plan(optimizer={"kind": "sgd", "weight_decay": 0.3}),
        plan(optimizer={"kind": "sgd"}, l2=0.3),
    ):
        torch.manual_seed(0)
        model = network()
        optimizer = make_optimizer(section, model)
        for _ in range(3):
            loss = nn.functional.cross_entropy(model(images), labels)
            extra = penalty(penalised(model, section), section)
            optimizer.zero_grad()
            (loss if extra is None else loss + extra).backward()
            optimizer.step()
        ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.allclose(*ends, rtol=1e-4, atol=1e-6)


def test_the_penalties_by_hand() -> None:
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, -4.0]]))
        layer.bias.fill_(100)
    assert penalty(penalised(layer, plan()), plan()) is None
    some, both = plan(l1=0.1, l2=0.2), plan(l1=0.1, optimizer={"decay_norm_and_bias": True})
    for section, expected in ((some, 0.1 * 7 + 0.2 / 2 * 25), (both, 0.1 * 107)):
        found = penalty(penalised(layer, section), section)
        assert found is not None and found.item() == pytest.approx(expected)
