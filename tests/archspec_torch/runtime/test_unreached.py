"""What a run will not come to is told with its numbers; at the very edge nothing is said."""

from __future__ import annotations

from typing import Any

import pytest

from archspec.run import load_run
from archspec_torch.runtime.ema import Average
from archspec_torch.runtime.records import out_of_patience
from archspec_torch.runtime.schedules import rates
from archspec_torch.runtime.unreached import unreached

STEPS, EXAMPLES = 10, 640


def told(**train: Any) -> list[str]:
    found = list(unreached(load_run({"model": "mlp", "train": {"epochs": 4, **train}}), EXAMPLES, STEPS))
    assert all(d.severity == "warning" and d.hint and d.span for d in found)
    return [f"{d.code}: {d.message}" for d in found]


@pytest.mark.parametrize(
    ("within", "beyond", "message"),
    [
        (
            {"warmup": {"steps": 39}},
            {"warmup": {"steps": 50, "start": 0.1}, "optimizer": {"kind": "sgd", "lr": 1}},
            # 0.1 + 0.9 · 39/50
            "W644: the warm-up takes 50 steps, and the run has 40: the schedule cosine never begins, and the rate "
            "rises to 0.802, not to 1",
        ),
        ({"warmup": 3.9}, {"warmup": 4}, "W644: the warm-up takes 40 steps, and the run has 40"),
        (
            {"freeze": ["fc1"], "unfreeze": {4: ["fc1"]}},
            {"freeze": ["fc1", "fc2"], "unfreeze": {2: ["fc2"], 5: ["fc1"], 7: ["fc3"]}},
            "W645: unfreeze begins with fc1, fc3 in epochs 5, 7, and the last epoch is 4: frozen to the end",
        ),
        ({"early_stop": 2}, {"early_stop": 3}, "W646: early_stop waits for 3 epochs, so that epoch 4 is the first"),
        ({"ema": 0.97}, {"ema": 0.98}, "W647: ema 0.98 averages over some 50 steps, and the run has 40: a step keeps"),
        (
            {"schedule": {"kind": "staircase", "at": [1, 3]}},
            {"schedule": {"kind": "staircase", "at": [3, 4, 9]}},
            "W648: the schedule staircase lowers the rate after epochs 4, 9, and the last of 4 epochs begins after 3: "
            "it never comes to that",
        ),
        ({"schedule": {"kind": "step", "every": 3}}, {"schedule": {"kind": "step", "every": 4}}, "W648: "),
        (
            {"schedule": {"kind": "step", "every": 2}, "warmup": 1},
            {"schedule": {"kind": "step", "every": 3}, "warmup": 1},
            "W648: the schedule step lowers the rate after epoch 3, and the last of 4 epochs begins after 2 of the "
            "schedule, behind the warm-up: it never comes to that",
        ),
        (
            {"batch": 640},
            {"batch": 641},
            "W649: a step takes 641 images, and 640 are trained on: each epoch is one step",
        ),
        ({"batch": 64, "accumulate": 10}, {"batch": 64, "accumulate": 11}, "W649: a step takes 64 × 11 images"),
    ],
)
def test_the_edge(within: dict[str, Any], beyond: dict[str, Any], message: str) -> None:
    assert told(**within) == []
    (found,) = told(**beyond)
    assert found.startswith(message)


def test_what_is_told_is_so() -> None:
    """The rates, the patience and the average themselves, at the edge on both sides."""
    for every, distinct in ((3, 2), (4, 1)):
        plan = load_run(
            {"model": "mlp", "train": {"epochs": 4, "schedule": {"kind": "step", "every": every}}}
        ).run.train
        assert len(set(rates(plan, STEPS))) == distinct
    plan = load_run({"model": "mlp", "train": {"epochs": 4, "schedule": "constant", "warmup": {"steps": 50}}}).run.train
    assert max(rates(plan, STEPS)) == rates(plan, STEPS)[-1] < plan.optimizer.lr
    for patience, stops in ((2, True), (3, False)):
        rule = load_run({"model": "mlp", "train": {"early_stop": patience}}).run.train.early_stop
        records = [{"val_accuracy": 0.5}] * 3  # of the epochs before the last
        assert out_of_patience(records, "val_accuracy", rule.patience) is stops
    import torch

    model = torch.nn.Linear(1, 1, bias=False)
    average = Average(model, 0.98)
    torch.nn.init.constant_(average.model.weight, 0.0)
    torch.nn.init.constant_(model.weight, 1.0)
    average.update(39)
    assert float(average.model.weight) == pytest.approx(1 - 40 / 49), "a step keeps 40/49, not 0.98"
