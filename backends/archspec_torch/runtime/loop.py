"""The loop: one epoch of training, one pass of measuring, and the state that both work on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from archspec.errors import fail
from archspec.run.sections import Train
from archspec_torch.runtime.data import Draws, Examples, grouped
from archspec_torch.runtime.optimize import make_optimizer, penalty, set_rate, thaw
from archspec_torch.runtime.preprocess import Normalize
from archspec_torch.runtime.schedules import rate_at
from archspec_torch.runtime.stop import Stop
from archspec_torch.runtime.tasks import Tally, Task


@dataclass
class State:
    """All that changes while training, in one place: what a run needs to go on as if it had never stopped."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    shuffle: torch.Generator
    """Draws the order of the examples, and nothing else."""
    epoch: int = 0
    """Finished epochs."""
    step: int = 0
    """Finished steps, over all epochs."""
    best: tuple[float, float] | None = None
    """Validation accuracy and negative validation loss of the best epoch: greater is better."""
    best_epoch: int = 0
    records: list[dict[str, float]] = field(default_factory=list)
    """What metrics.jsonl holds."""


def fresh_state(model: nn.Module, plan: Train) -> State:
    """The state before the first step. The generator is the run's own, seeded by it."""
    shuffle = torch.Generator().manual_seed(plan.seed)
    return State(model, make_optimizer(plan, model), shuffle)


def steps_per_epoch(examples: Examples, plan: Train) -> int:
    """Steps that each example takes part in once."""
    return len(grouped(torch.arange(len(examples.labels)), plan.batch))


def train_epoch(
    state: State,
    task: Task,
    examples: Examples,
    normalize: Normalize,
    plan: Train,
    stop: Stop,
    device: torch.device,
    on_step: Callable[[], None] = lambda: None,
) -> Tally:
    """One epoch in a new order: the state moves on by its steps. Returns the loss and accuracy on the way.

    Raises Stopped between two steps, and SpecError E650 where the loss is no finite number: on the CPU before
    the step that would spoil the weights; elsewhere, where looking costs a wait, after the epoch.
    """
    model, optimizer = state.model, state.optimizer
    thaw(model, plan, state.epoch)
    order = torch.randperm(len(examples.labels), generator=state.shuffle)
    groups = grouped(order, plan.batch)
    tally = task.tally(device)
    for images, labels in examples.batches(groups, device, plan.workers, Draws(plan.seed, state.epoch)):
        rate = rate_at(plan.schedule, plan.optimizer.lr, state.step, len(groups), plan.epochs, plan.warmup)
        set_rate(optimizer, rate)
        outputs = model(normalize(images))
        loss = task.loss(outputs, labels)
        if device.type == "cpu":
            check_finite(loss.item(), "training loss", state, rate)
        optimizer.zero_grad(set_to_none=True)
        extra = penalty(model, plan)
        (loss if extra is None else loss + extra).backward()
        optimizer.step()
        tally.add(loss, task.scores(outputs), labels)
        state.step += 1
        on_step()
        stop.check()
    check_finite(tally.loss, "training loss", state, rate)
    return tally


@torch.inference_mode()
def measure(
    model: nn.Module,
    task: Task,
    examples: Examples,
    normalize: Normalize,
    batch: int,
    workers: int,
    device: torch.device,
    stop: Stop | None = None,
) -> Tally:
    """Loss of the main output and right answers over all examples, in evaluation mode."""
    model.eval()
    tally = task.tally(device)
    groups = list(torch.arange(len(examples.labels)).split(batch))
    for images, labels in examples.batches(groups, device, workers):
        scores = task.scores(model(normalize(images)))
        tally.add(task.criterion.plain(scores, labels), scores, labels)
        if stop is not None:
            stop.check()
    return tally


def check_finite(loss: float, what: str, state: State, rate: float) -> None:
    """Raises SpecError E650 for a loss that is infinite or no number."""
    if not math.isfinite(loss):
        raise fail(
            "E650",
            f"the {what} became {loss} in epoch {state.epoch + 1}, step {state.step + 1} (lr {rate:.3g})",
            hint="a smaller rate often helps: --set train.optimizer.lr=…",
        )
