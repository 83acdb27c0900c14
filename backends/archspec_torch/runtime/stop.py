"""Ctrl-C and SIGTERM: held back until the running step is done, so that weights are never half updated."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn


class Stopped(Exception):
    """Training was asked to stop, between two steps."""


class Stop:
    """What was asked for while `holding`. A second Ctrl-C does not wait."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.holding = False

    def check(self) -> None:
        """Raises Stopped once a signal has come: called where it is safe to stop."""
        if self.signal is not None:
            raise Stopped

    def leave(self) -> NoReturn:
        """Ends the program as the signal asks: KeyboardInterrupt (exit 130), SystemExit 143 for SIGTERM."""
        if self.signal == signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)
        raise KeyboardInterrupt

    def receive(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        first, self.signal = self.signal is None, number
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
