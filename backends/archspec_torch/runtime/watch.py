"""Looking at every step while training, without making it wait for the device."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from archspec.errors import fail
from archspec_torch.runtime.processes import ALONE, World

if TYPE_CHECKING:
    from archspec_torch.runtime.loop import State


BEHIND = 16
"""Batches that a loss is looked at later, where several processes must look at the same one."""


class Watch:
    """Stops a run whose loss is no finite number.

    On the CPU a loss is looked at before the step that would spoil the weights. On a CUDA device it is copied to
    the host behind the step, and looked at once it has arrived, some steps later: what was saved by then is sound,
    since saving looks first. Several processes look at the same loss at the same step, a fixed number of batches later.
    Other checks go into subclasses.
    """

    def __init__(self, device: torch.device, world: World = ALONE):
        self.device, self.world = device, world
        self.underway: deque[tuple[torch.cuda.Event, Tensor, int, int, float]] = deque()

    def before(self, state: State, loss: Tensor, rate: float) -> None:
        """A batch's loss (), before its gradients. Raises SpecError E650."""
        if self.device.type == "cpu":
            self.arrived(state, loss.item(), state.epoch, state.step, rate)
        elif self.device.type == "cuda":
            host = torch.empty((), dtype=loss.dtype, pin_memory=True)
            host.copy_(loss.detach(), non_blocking=True)
            event = torch.cuda.Event()
            event.record()
            self.underway.append((event, host, state.epoch, state.step, rate))
            while self.underway and self._is_there():
                _, arrived, epoch, step, its_rate = self.underway.popleft()
                self.arrived(state, float(arrived), epoch, step, its_rate)

    def _is_there(self) -> bool:
        """Whether the oldest loss underway is to be looked at."""
        event = self.underway[0][0]
        if self.world.size == 1:
            return event.query()
        if len(self.underway) > BEHIND:
            event.synchronize()
        return len(self.underway) > BEHIND

    def arrived(self, state: State, loss: float, epoch: int, step: int, rate: float) -> None:
        """A batch's loss is on the host; epoch and step are those it belongs to, counted from 0."""
        check_finite(loss, "training loss", epoch, step, rate)

    def after(self, state: State) -> None:
        """A step is done; the gradients are still there. Must not read a value of the device at once."""


def check_finite(loss: float, what: str, epoch: int, step: int, rate: float) -> None:
    """Raises SpecError E650 for a loss that is infinite or no number. Epoch and step count from 0."""
    if not math.isfinite(loss):
        raise fail(
            "E650",
            f"the {what} became {loss} in epoch {epoch + 1}, step {step + 1} (lr {rate:.3g})",
            hint="a smaller rate often helps: --set train.optimizer.lr=…",
        )
