"""What a run asks for and will not come to in the steps that it has: told before the first one."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.errors import Diagnostic
from archspec.run import RunFile
from archspec.run.sections import Staircase, Step, Train
from archspec_torch.runtime.schedules import rate_at, warmup_steps


def unreached(run: RunFile, examples: int, steps: int) -> Iterator[Diagnostic]:
    """Warnings W644 to W649. `examples` are trained on, in `steps` an epoch."""
    plan = run.run.train
    checks = (_warmup(plan, steps), _unfreeze(plan), _patience(plan), _average(plan, steps), _milestones(plan, steps))
    for key, code, message, hint in (told for check in (*checks, _batch(plan, examples)) for told in check):
        yield Diagnostic(code, message, run.span("train", key), hint, severity="warning")


Told = Iterator[tuple[str, str, str, str]]
"""Key of `train`, code, message, hint."""


def _warmup(plan: Train, steps: int) -> Told:
    rising, total = warmup_steps(plan.warmup, steps), steps * plan.epochs
    if plan.warmup and rising >= total:
        highest = rate_at(plan.schedule, plan.optimizer.lr, total - 1, steps, plan.epochs, plan.warmup)
        message = f"the warm-up takes {rising:,} steps, and the run has {total:,}: the schedule {plan.schedule.kind} "
        message += f"never begins, and the rate rises to {highest:.3g}, not to {plan.optimizer.lr:g}"
        yield "warmup", "W644", message, "a shorter warm-up, or more epochs"


def _unfreeze(plan: Train) -> Told:
    late = {epoch: patterns for epoch, patterns in plan.unfreeze.items() if epoch > plan.epochs}
    if late:
        names = ", ".join(pattern for patterns in late.values() for pattern in patterns)
        when = f"epoch {min(late)}" if len(late) == 1 else f"epochs {', '.join(map(str, late))}"
        message = f"unfreeze begins with {names} in {when}, and the last epoch is {plan.epochs}: frozen to the end"
        yield "unfreeze", "W645", message, "unfreeze earlier, or train longer"


def _patience(plan: Train) -> Told:
    if plan.early_stop and plan.early_stop.patience >= plan.epochs - 1:
        first = plan.early_stop.patience + 1
        message = (
            f"early_stop waits for {plan.early_stop.patience} epochs, so that epoch {first} is the first that may "
        )
        message += f"end the run, and the last epoch is {plan.epochs}: it never stops early"
        yield "early_stop", "W646", message, "less patience, or more epochs"


def _average(plan: Train, steps: int) -> Told:
    total = steps * plan.epochs
    if plan.ema and 1 / (1 - plan.ema) > total:
        last = total / (9 + total)
        message = f"ema {plan.ema:g} averages over some {1 / (1 - plan.ema):,.0f} steps, and the run has {total:,}: a "
        message += f"step keeps (1 + t)/(10 + t) of the average, at the end {last:.3g}, and never {plan.ema:g}"
        yield "ema", "W647", message, f"a decay up to {1 - 1 / total:.3g} fits the run" if total > 1 else "more epochs"


def _milestones(plan: Train, steps: int) -> Told:
    begun = steps * plan.epochs - 1 - warmup_steps(plan.warmup, steps)
    last = begun // steps  # epochs that the schedule has finished at the last step
    match plan.schedule:
        case Step(every=every):
            at = [every]
        case Staircase(at=at):
            pass
        case _:
            at = []
    never = [epoch for epoch in at if epoch > last]
    if never and begun >= 0:
        after = f"epoch{'s' if len(never) > 1 else ''} {', '.join(map(str, never))}"
        message = (
            f"the schedule {plan.schedule.kind} lowers the rate after {after}, and the last of {plan.epochs} epochs "
        )
        message += (
            f"begins after {last}{' of the schedule, behind the warm-up' if plan.warmup else ''}: it never comes "
        )
        yield "schedule", "W648", f"{message}to that", "lower it earlier, or train longer"


def _batch(plan: Train, examples: int) -> Told:
    asked = plan.batch * plan.accumulate
    if asked > examples and asked != Train().batch:  # as it comes, it is enough for small data too
        batches = f"{plan.batch:,} × {plan.accumulate}" if plan.accumulate > 1 else f"{asked:,}"
        message = (
            f"a step takes {batches} images, and {examples:,} are trained on: each epoch is one step on all of them"
        )
        yield "batch", "W649", message, "a smaller batch takes more steps an epoch, and learns faster"
