"""The learning rate at every step of a run: a function of the step alone, so that going on from any step has the
same rates."""

from __future__ import annotations

import math

from archspec.run.sections import (
    Constant,
    Cosine,
    Exponential,
    InverseSqrt,
    InverseTime,
    OneCycle,
    Polynomial,
    Schedule,
    Staircase,
    Step,
    Train,
    Warmup,
)


def rate_at(schedule: Schedule, base: float, step: int, steps: int, epochs: int, warmup: Warmup | None = None) -> float:
    """Learning rate of a step, counted from 0 over the whole run of `epochs` times `steps` steps.

    With a warm-up the schedule begins where that ends, and has the steps that are left.
    """
    rising, total = warmup_steps(warmup, steps), steps * epochs
    if warmup is not None and step < rising:
        first = base * _factor(schedule, 0, steps, max(1, total - rising))
        return first * (warmup.start + (1 - warmup.start) * step / rising)
    return base * _factor(schedule, step - rising, steps, max(1, total - rising))


def warmup_steps(warmup: Warmup | None, steps: int) -> int:
    """Steps that a warm-up takes, where an epoch has `steps`."""
    if warmup is None:
        return 0
    return warmup.steps if warmup.steps is not None else max(1, round((warmup.epochs or 0) * steps))


def rates(plan: Train, steps: int) -> list[float]:
    """The rate at each step of a run whose epochs have `steps`."""
    return [
        rate_at(plan.schedule, plan.optimizer.lr, step, steps, plan.epochs, plan.warmup)
        for step in range(steps * plan.epochs)
    ]


def cycle_ends(plan: Train, steps: int) -> dict[int, int]:
    """The cycles, counted from 1, whose weights are kept, by the finished steps of the run after which they end."""
    if not (isinstance(plan.schedule, Cosine) and plan.schedule.snapshots):
        return {}
    rising, cycles = warmup_steps(plan.warmup, steps), plan.schedule.cycles
    total = max(1, steps * plan.epochs - rising)
    return {rising - (-cycle * total // cycles): cycle for cycle in range(1, cycles + 1)}


def _factor(schedule: Schedule, step: int, steps: int, total: int) -> float:
    """What the rate is multiplied with at a step of `total`, of which an epoch has `steps`."""
    epoch = step // steps
    match schedule:
        case Constant():
            return 1.0
        case Cosine(final=final, cycles=cycles):
            return final + (1 - final) * _falling((step * cycles / total) % 1 if step < total else 1.0)
        case Step(every=every, factor=factor):
            return float(factor ** (epoch // every))
        case Staircase(at=at, factor=factor):
            return float(factor ** sum(epoch >= end for end in at))
        case Exponential(factor=factor):
            return float(factor**epoch)
        case InverseTime(decay=decay, by=by):
            return 1 / (1 + decay * (epoch if by == "epoch" else step))
        case InverseSqrt(by=by):
            return 1 / math.sqrt(1 + (epoch if by == "epoch" else step))
        case Polynomial(power=power, final=final):
            return final + (1 - final) * float((1 - min(step / total, 1)) ** power)
        case OneCycle():
            return _one_cycle(schedule, step, total)


def _one_cycle(schedule: OneCycle, step: int, total: int) -> float:
    """As torch's OneCycleLR: the top at step rise·total − 1, the end at the last step."""
    top, last = max(schedule.rise * total - 1, 0.0), total - 1
    if step <= top:
        return schedule.start + (1 - schedule.start) * (1 - _falling(step / top if top else 1.0))
    return schedule.final + (1 - schedule.final) * _falling(min((step - top) / (last - top), 1.0))


def _falling(part: float) -> float:
    """Half a cosine, from 1 at 0 to 0 at 1."""
    return (1 + math.cos(math.pi * part)) / 2
