"""What goes wrong while training, told in words: a loss that rises, creeps or swings, ReLUs that are dead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import pairwise

import torch
from torch import nn

from archspec.errors import Diagnostic, Span, SpecError
from archspec.run.sections import Train
from archspec_torch.runtime.dead import dead_units
from archspec_torch.runtime.loop import State
from archspec_torch.runtime.processes import ALONE, World
from archspec_torch.runtime.watch import Watch

LEAST_IMAGES = 20
"""Images below which it says little that a unit was 0 for all of them."""
RISEN = 3.0
"""A loss so many times the first is beyond what chance does."""
RECENT = 8
"""Batches whose mean loss is compared with the first."""
CREEPS_AFTER, SWINGS_OVER = 4, 6
"""Epochs after which a loss must have moved, and over which it must not swing."""
MOVED = 0.02
"""Share of the first loss that those epochs should bring at least."""


class Trouble(Watch):
    """The running checks of a run. Each kind of trouble is told once: `watch: stop` ends the run instead."""

    def __init__(
        self,
        plan: Train,
        expected: float,
        device: torch.device,
        span: Span,
        say: Callable[[str], None],
        world: World = ALONE,
    ):
        """`expected`: the loss while all scores are 0. `span`: the run's `watch`. `say`: tells a person."""
        super().__init__(device, world)
        self.plan, self.expected, self.span, self.say = plan, expected, span, say

    def arrived(self, state: State, loss: float, epoch: int, step: int, rate: float) -> None:
        """Raises SpecError E650 for a loss that is not finite, E690 for one that has risen where that stops a run."""
        super().arrived(state, loss, epoch, step, rate)
        if self.plan.watch == "off":
            return
        first = state.carried.setdefault("first_loss", loss)
        recent: list[float] = state.carried.setdefault("recent_losses", [])
        recent.append(loss)
        if len(recent) <= RECENT:
            return
        del recent[0]
        mean, limit = sum(recent) / RECENT, RISEN * max(first, self.expected)
        if mean > limit:
            where = f"in epoch {epoch + 1}, step {step + 1} (lr {rate:.3g})"
            message = f"the loss has risen to {mean:.3g} {where}: it began at {first:.3g}"
            hint = "a smaller rate often helps: --set train.optimizer.lr=…"
            self._tell(state, Diagnostic("W640", message, hint=hint))

    def looking(self, model: nn.Module) -> AbstractContextManager[Callable[[], dict[str, tuple[int, int]]]]:
        """While a network is measured: what its ReLUs give. Training itself is not slowed by it."""
        return dead_units(model, self.world) if self.plan.watch != "off" else nullcontext(dict)

    def epoch(self, state: State, dead: Mapping[str, tuple[int, int]], images: int) -> None:
        """An epoch is over, and saved; `dead` was seen on so many images. Raises SpecError E690 where the run is to
        stop."""
        if self.plan.watch == "off":
            return
        for found in self._found(state, dead if images >= LEAST_IMAGES else {}):
            self._tell(state, found)

    def _found(self, state: State, dead: Mapping[str, tuple[int, int]]) -> Iterator[Diagnostic]:
        silent = [name for name, (count, total) in dead.items() if 2 * count > total]
        if silent:
            count, total = dead[silent[0]]
            more = f", and so in {len(silent) - 1} more layers" if len(silent) > 1 else ""
            message = f"{count} of {total} units of '{silent[0]}' were 0 for every validation image of epoch"
            hint = "they get no gradient any more: a smaller rate, smaller biases, a norm before it, leaky_relu"
            yield Diagnostic("W641", f"{message} {state.epoch}{more}", hint=hint)
        losses = [record["train_loss"] for record in state.records]
        first = state.carried.get("first_loss", losses[0])
        start = max(first, losses[0])
        transferred = first < 0.7 * self.expected
        if len(losses) == CREEPS_AFTER and min(losses) > (1 - MOVED) * start and not transferred:
            message = f"after {len(losses)} epochs the loss is {losses[-1]:.3g}; it began at {start:.3g}"
            hint = "a larger rate, other initial weights, or wrong labels: `archspec doctor` looks at each"
            yield Diagnostic("W642", f"the loss hardly moves: {message}", hint=hint)
        if swings(losses[-SWINGS_OVER:]) and losses[-1] > 0.05 * self.expected:
            shown = ", ".join(f"{loss:.3g}" for loss in losses[-SWINGS_OVER:])
            hint = "a smaller rate, or larger batches"
            yield Diagnostic("W643", f"the loss swings from epoch to epoch: {shown}", hint=hint)

    def _tell(self, state: State, trouble: Diagnostic) -> None:
        told: list[str] = state.carried.setdefault("told", [])
        if self.plan.watch == "stop":
            message = f"stopped, as train.watch says: {trouble.message}"
            raise SpecError(Diagnostic("E690", message, self.span, trouble.hint))
        if trouble.code not in told:
            told.append(trouble.code)
            self.say(str(replace(trouble, severity="warning")))


def swings(losses: Sequence[float]) -> bool:
    """Whether a loss rises about as much as it falls, by a large part of itself, over six epochs."""
    if len(losses) < SWINGS_OVER:
        return False
    changes = [later - former for former, later in pairwise(losses)]
    up, down = sum(c for c in changes if c > 0), -sum(c for c in changes if c < 0)
    turns = sum(a * b < 0 for a, b in pairwise(changes))
    return turns >= 2 and up > 0.5 * down and up + down > sum(losses) / len(losses)
