"""The loop: one epoch of training, one pass of measuring, and the state that both work on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from archspec.run.sections import Train
from archspec_torch.runtime.data import Draws, Examples, grouped
from archspec_torch.runtime.ema import Average
from archspec_torch.runtime.layers import idle
from archspec_torch.runtime.optimize import make_optimizer, penalised, penalty, rate_of, set_rate, thaw
from archspec_torch.runtime.precision import FLOAT32, Numerics, compiled, numerics_of, placed, scaler_of
from archspec_torch.runtime.preprocess import Normalize
from archspec_torch.runtime.processes import ALONE, World
from archspec_torch.runtime.schedules import rate_at
from archspec_torch.runtime.stop import Stop
from archspec_torch.runtime.tasks import Tally, Task
from archspec_torch.runtime.watch import Watch, check_finite

KEPT = 1 << 24
"""Scores of an epoch of training that are kept at most, for the mean average precision: 64 MiB, and 16 of answers."""


@dataclass
class State:
    """All that changes while training, in one place: what a run needs to go on as if it had never stopped."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    shuffle: torch.Generator
    """Draws the order of the examples, and nothing else."""
    average: Average | None = None
    """The moving average of the weights, where there is one."""
    compiled: nn.Module | None = None
    """The network compiled, over the same weights, where the run asks for it."""
    scaler: torch.amp.GradScaler | None = None
    """Scales the loss of a run in fp16; `carried` counts the steps that it skipped."""
    epoch: int = 0
    """Finished epochs."""
    step: int = 0
    """Finished steps, over all epochs."""
    done: int = 0
    """Finished steps of the epoch that runs."""
    began: Tensor | None = None
    """State of `shuffle` before the order of the epoch that runs was drawn: uint8."""
    tally: Tally | None = None
    """Loss and right answers of the epoch that runs."""
    seconds: float = 0.0
    """Time spent on the epoch that runs."""
    best: tuple[float, float] | None = None
    """Of the best epoch the figure that tells it and its validation loss, both signed so that greater is better."""
    best_epoch: int = 0
    records: list[dict[str, float]] = field(default_factory=list)
    """What metrics.jsonl holds."""
    carried: dict[str, Any] = field(default_factory=dict)
    """What checks and schedules have to remember from step to step: anything that JSON can hold."""

    @property
    def answering(self) -> nn.Module:
        """The network whose weights are measured and kept: the average, or the one that is trained."""
        return self.average.model if self.average else self.model

    def finish_epoch(self) -> None:
        """The epoch is over: the next one begins at its first step."""
        self.epoch, self.done, self.began, self.tally, self.seconds = self.epoch + 1, 0, None, None, 0.0


def fresh_state(model: nn.Module, plan: Train) -> State:
    """The state before the first step. The generator is the run's own, seeded by it."""
    shuffle = torch.Generator().manual_seed(plan.seed)
    model = placed(model, plan)
    average = Average(model, plan.ema) if plan.ema else None
    optimizer = make_optimizer(plan, model)
    return State(model, optimizer, shuffle, average, compiled(model, plan), scaler_of(model, plan))


def training_tally(task: Task, plan: Train, device: torch.device) -> Tally:
    """That of an epoch of training. Checkpoints hold it: so many scores are kept, or all that early stopping needs."""
    return task.tally(device, None if plan.patient_on == "train_map" else KEPT)


def steps_of(order: Tensor, plan: Train) -> list[list[Tensor]]:
    """The steps of an epoch that goes through positions in that order, each of up to `accumulate` batches."""
    return [grouped(step, plan.batch) for step in grouped(order, plan.batch * plan.accumulate)]


def steps_per_epoch(examples: Examples, plan: Train) -> int:
    """Steps that each example takes part in once."""
    return len(steps_of(torch.arange(len(examples.labels)), plan))


def train_epoch(
    state: State,
    task: Task,
    examples: Examples,
    normalize: Normalize,
    plan: Train,
    stop: Stop,
    device: torch.device,
    on_step: Callable[[], None] = lambda: None,
    watch: Watch | None = None,
    world: World = ALONE,
) -> Tally:
    """One epoch in a new order, or what is left of the one that runs: the state moves on by its steps.

    Returns the loss and accuracy on the way. A step is taken on `accumulate` batches, each weighted by its share of the
    examples, or of their weights: its gradients are those of the one large batch, up to rounding, for layers that treat
    examples singly.
    The same holds for batches that several processes share: all draw the same order, and each takes its part.

    Raises Stopped between two steps, and SpecError E650 where the loss is no finite number (see `Watch`).
    """
    model, optimizer, numerics = state.model, state.optimizer, numerics_of(plan)
    thaw(model, plan, state.epoch)
    concerned = penalised(model, plan)
    unread = bool(idle(model, task.learned_from))
    network = world.parallel(model if state.compiled is None else state.compiled, device, unread)
    if state.began is None:
        state.began = state.shuffle.get_state()
    else:
        state.shuffle.set_state(state.began)
    order = torch.randperm(len(examples.labels), generator=state.shuffle)
    steps = steps_of(order, plan)
    ahead = steps[state.done :]
    state.tally = tally = state.tally or training_tally(task, plan, device)
    watch = watch or Watch(device, world)
    draws = Draws(plan.seed, state.epoch)
    shares = [world.share(batch) for step in ahead for batch in step]
    batches = examples.batches(shares, device, plan.workers, draws)
    rate = rate_of(optimizer)
    for step in ahead:
        parts = _fetched(batches, len(step), stop)  # a step begins when all it needs is there
        rate = rate_at(plan.schedule, plan.optimizer.lr, state.step, len(steps), plan.epochs, plan.warmup)
        set_rate(optimizer, rate)
        optimizer.zero_grad(set_to_none=True)
        weighed = world.weighed(task.mass, [labels for _, labels in parts], step)
        for i, (batch, (images, labels)) in enumerate(zip(step, parts, strict=True)):
            with world.reducing(network, last=i + 1 == len(step)):
                outputs = numerics.forward(network, normalize(images))
                loss = task.loss(outputs, labels)
                mean = weighed.mean(loss, i)
                watch.before(state, mean, rate)
                scaled(state, weighed.part(loss, i)).backward()
            if world.counts(batch):
                tally.add(weighed.counted(mean, i), task.scores(outputs), labels)
        if (extra := penalty(concerned, plan)) is not None:
            scaled(state, extra).backward()
        update(state, plan)
        if state.average is not None:
            state.average.update(state.step)
        watch.after(state)
        state.step += 1
        state.done += 1
        on_step()
        stop.check()
    whole = summed(tally, training_tally(task, plan, device), world)
    check_finite(whole.loss, "training loss", state.epoch, state.step, rate)
    return whole


def summed(tally: Tally, empty: Tally, world: World) -> Tally:
    """What all processes have counted, to the same bits in each."""
    if world.size == 1:
        return tally
    for part in world.gather(on_cpu(tally.state())):
        empty.absorb(part)
    return empty


def on_cpu(state: Mapping[str, Any]) -> dict[str, Any]:
    """The same with its tensors where every process can read them."""
    return {name: value.cpu() if isinstance(value, Tensor) else value for name, value in state.items()}


def _fetched(batches: Iterator[tuple[Tensor, Tensor]], count: int, stop: Stop) -> list[tuple[Tensor, Tensor]]:
    """The next batches. Raises Stopped where a signal has ended the processes that were to bring them."""
    try:
        return list(islice(batches, count))
    except RuntimeError:
        stop.check()
        raise


def scaled(state: State, loss: Tensor) -> Tensor:
    """The loss times the scale of fp16, where there is one."""
    return loss if state.scaler is None else state.scaler.scale(loss)


def update(state: State, plan: Train) -> None:
    """The optimiser's step on the gradients, clipped. In fp16, one whose gradients overflow is skipped and counted."""
    if state.scaler is None:
        clip_gradients(state.model, plan)
        state.optimizer.step()
        return
    state.scaler.unscale_(state.optimizer)
    clip_gradients(state.model, plan)
    taken: list[bool] = []
    hook = state.optimizer.register_step_post_hook(lambda *_: taken.append(True))  # the scale would be read off a GPU
    state.scaler.step(state.optimizer)
    hook.remove()
    state.scaler.update()
    if not taken:
        state.carried["skipped_steps"] = state.carried.get("skipped_steps", 0) + 1


def clip_gradients(model: nn.Module, plan: Train) -> None:
    """Cuts the gradients as the run's `clip` says."""
    if plan.clip is None:
        return
    if plan.clip.norm is not None:
        nn.utils.clip_grad_norm_(model.parameters(), plan.clip.norm)
    if plan.clip.value is not None:
        nn.utils.clip_grad_value_(model.parameters(), plan.clip.value)


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
    numerics: Numerics = FLOAT32,
    world: World = ALONE,
) -> Tally:
    """Loss of the main output and right answers over all examples, in evaluation mode.

    Several processes measure a part of each batch; what is returned they have found together.
    """
    world.settle(model)
    model.eval()
    tally = task.tally(device)
    groups = [world.slice(group) for group in torch.arange(len(examples.labels)).split(batch)]
    batches = examples.batches([group for group in groups if len(group)], device, workers)
    for group in groups:
        if len(group):
            images, labels = next(batches)
            outputs = numerics.forward(model, normalize(images))
            tally.add(task.plain(outputs, labels), task.scores(outputs), labels)
        if stop is not None:
            stop.agree()
            stop.check()
    return summed(tally, task.tally(device), world)
