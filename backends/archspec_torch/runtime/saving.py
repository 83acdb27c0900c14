"""When a run is saved, and how the directory's best and last weights follow its checkpoints."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from archspec.errors import Diagnostic, fail
from archspec.run.figures import worth
from archspec.run.sections.train import Saving
from archspec_torch.checkpoint import write_checkpoint
from archspec_torch.runtime import checkpoints, rundir
from archspec_torch.runtime.loop import State
from archspec_torch.runtime.processes import ALONE, World
from archspec_torch.runtime.snapshot import own, take
from archspec_torch.runtime.watch import check_finite

SHARE = 20.0
"""Training takes at least so many times as long as saving it."""


class Saver:
    """Saves the state as often as the run says. The newest checkpoint's weights are last.safetensors at all times.

    Of several processes the first writes, and all take part: `save` is for all of them at once.
    """

    def __init__(
        self, directory: Path, rule: Saving, device: torch.device, origin: Mapping[str, Any], world: World = ALONE
    ):
        """`origin`: what the run is (see `resume.identity`), kept in every checkpoint."""
        self.directory, self.rule, self.device, self.origin = directory, rule, device, origin
        self.world = world
        self.folder = directory / rundir.CHECKPOINTS
        self.newest: str | None = None
        self.best_sum: str | None = None
        self.wait, self.saved = rule.every, time.monotonic()

    def keep_cycle(self, state: State, cycle: int) -> None:
        """snapshots/cycle-03.safetensors: the weights that answer, at the end of a cycle of the learning rate.

        To be called before the step is saved, so that a run that goes on from there has them already.
        Raises SpecError E650, E505.
        """
        self._check(state)
        if not self.world.main:
            return
        path = self.directory / rundir.SNAPSHOTS / f"cycle-{cycle:02}.safetensors"
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise fail("E505", f"{path.parent} cannot be made: {error.strerror or error}") from error
        write_checkpoint(state.answering.state_dict(), path, {"epoch": state.epoch + 1})

    def due(self, state: State) -> bool:
        """Whether it is time, after a step."""
        if self.rule.steps is not None and state.step % self.rule.steps == 0:
            return True
        return time.monotonic() - self.saved >= self.wait

    def save(self, state: State) -> None:
        """A checkpoint; then last.safetensors and, after the best epoch, best.safetensors are its weights.

        Raises SpecError E650 where the loss is no finite number by now, E505 where it cannot be written.
        """
        begun = time.monotonic()
        ended = state.done == 0 and state.epoch > 0
        name = checkpoints.name_of(state.step, state.epoch if ended else None)
        if name == self.newest:
            return
        self._check(state)
        others = self.world.gather(own(state, self.device))[1:] if self.world.size > 1 else []
        if not self.world.main:
            self.newest = name
            return
        best = ended and state.best_epoch == state.epoch
        more = {"origin": self.origin, "best_sha256": None if best else self.best_sum}
        path = checkpoints.write(self.folder, name, take(state, self.device, more, others), state.epoch)
        self.follow(path, best)
        checkpoints.prune(self.folder, self.rule.keep)
        self.saved = time.monotonic()
        self.wait = max(self.rule.every, SHARE * (self.saved - begun))

    def _check(self, state: State) -> None:
        """Raises SpecError E650 where the loss of the running epoch is no finite number by now."""
        if state.tally is not None:
            rate = float(state.optimizer.param_groups[0]["lr"])
            check_finite(state.tally.loss, "training loss", state.epoch, state.step - 1, rate)

    def follow(self, path: Path, best: bool) -> None:
        """The directory's weights become those of a checkpoint. Raises SpecError E505."""
        self.newest = path.name
        checkpoints.publish(path / checkpoints.WEIGHTS, self.directory / rundir.LAST)
        if best:
            checkpoints.publish(path / checkpoints.WEIGHTS, self.directory / rundir.BEST)
            self.best_sum = checkpoints.digest(path / checkpoints.WEIGHTS)

    def go_on(self, state: State, path: Path, facts: Mapping[str, Any], decides: str, over: bool) -> list[Diagnostic]:
        """Brings the directory's weights to what a checkpoint has. A warning (W624) where the best are lost: the best
        epoch to come takes their place, or, where the run is `over`, the last epoch, which is to be saved as that.

        `decides`: the figure that tells the best epoch.
        """
        own = state.best_epoch > 0 and state.best_epoch == state.epoch and state.done == 0
        self.follow(path, own)
        if state.best is None or own:
            return []
        self.best_sum = facts["best_sha256"]
        file = self.directory / rundir.BEST
        if file.is_file() and checkpoints.digest(file) == self.best_sum:
            return []
        what = "is not what was saved" if file.is_file() else "is not there"
        lost = f"{file}, of epoch {state.best_epoch}, {what}"
        file.unlink(missing_ok=True)
        state.best, state.best_epoch, self.best_sum = None, 0, None
        heir = "the best epoch to come takes its place"
        if over:
            state.best, state.best_epoch, self.newest = worth(state.records[-1], decides), state.epoch, None
            heir = f"no epoch is to come, and the last, {state.epoch}, takes its place"
        return [Diagnostic("W624", f"{lost}: {heir}", severity="warning")]
