"""Ctrl-C and SIGTERM: held back until the running step is done, so that weights are never half updated."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

from archspec_torch.runtime.processes import ALONE


class Stopped(Exception):
    """Training was asked to stop, between two steps."""


class Stop:
    """What was asked for while `holding`. A second Ctrl-C does not wait.

    Of several processes none stops before all have heard of it: `agree` says where they do.
    """

    def __init__(self) -> None:
        self.world = ALONE
        self.asked: int | None = None
        """The signal that came."""
        self.signal: int | None = None
        """The signal that is heeded: the same in all processes."""
        self.holding = False

    def agree(self, due: bool = False) -> bool:
        """Once a step, in all processes: hears of signals, and whether it is time to save, as the first one says."""
        if self.world.size == 1:
            return due
        saving, number = self.world.most(due and self.world.main, self.asked or 0)
        self.signal = number or None
        return bool(saving)

    def check(self) -> None:
        """Raises Stopped once a signal has come: called where it is safe to stop."""
        if self.signal is not None:
            raise Stopped

    def leave(self) -> NoReturn:
        """Ends the program as the signal asks: KeyboardInterrupt (exit 130), SystemExit 143 for SIGTERM."""
        if signal.SIGTERM in (self.signal, self.asked):
            raise SystemExit(128 + signal.SIGTERM)
        raise KeyboardInterrupt

    def receive(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        first, self.asked = self.asked is None, number
        if self.world.size == 1:
            self.signal = number
        if not (self.holding and first):
            self.leave()


@contextlib.contextmanager
def catching_signals() -> Iterator[Stop]:
    """Handles SIGINT and SIGTERM inside. Only the main thread can: elsewhere nothing changes."""
    stop = Stop()
    former: dict[int, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` and background jobs stay deaf
                    former[number] = signal.signal(number, stop.receive)
        yield stop
    finally:
        for held, handler in former.items():
            signal.signal(held, handler if handler is not None else signal.SIG_DFL)
