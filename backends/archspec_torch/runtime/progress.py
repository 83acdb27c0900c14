"""What a person sees while training, on stderr: a bar on a terminal, else a line an epoch."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Protocol, Self

from archspec.run.figures import SHARES, shown, title


class Progress(Protocol):
    """Used as a context manager around the training."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def say(self, text: str) -> None:
        """A line of its own."""

    def step(self) -> None:
        """A step is done."""

    def epoch(self, record: Mapping[str, float], best: bool) -> None:
        """An epoch is done."""


class Silence:
    """Says nothing: for scripts that train."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...
    def say(self, text: str) -> None: ...
    def step(self) -> None: ...
    def epoch(self, record: Mapping[str, float], best: bool) -> None: ...


class Lines(Silence):
    """A line an epoch: for logs and pipes."""

    def __init__(self, epochs: int):
        self.epochs = epochs

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def epoch(self, record: Mapping[str, float], best: bool) -> None:
        self.say(epoch_line(record, self.epochs, best))


class Bar(Lines):
    """The same lines, and under them a bar over the steps of the epoch that runs."""

    def __init__(self, epochs: int, steps: int, done: int = 0):
        super().__init__(epochs)
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.bar: Any = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("steps,"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=Console(stderr=True, highlight=False),
            transient=True,
        )
        self.steps = steps
        self.task = self.bar.add_task(self._label(done // steps + 1), total=epochs * steps, completed=done)

    def _label(self, epoch: int) -> str:
        return f"epoch {min(epoch, self.epochs)}/{self.epochs}"

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def say(self, text: str) -> None:
        self.bar.console.print(text, markup=False, soft_wrap=True)

    def step(self) -> None:
        self.bar.advance(self.task)

    def epoch(self, record: Mapping[str, float], best: bool) -> None:
        super().epoch(record, best)
        self.bar.update(self.task, description=self._label(int(record["epoch"]) + 1))


def epoch_line(record: Mapping[str, float], epochs: int, best: bool) -> str:
    """`epoch  3/30  loss 0.1234  val loss 0.0980  val accuracy  97.41 % *  1.2 s`, of tags val mAP, of
    objects val mAP@0.5; * marks the best so
    far."""
    figure = next(f"val_{name}" for name in SHARES if f"val_{name}" in record)
    return (
        f"epoch {int(record['epoch']):>{len(str(epochs))}}/{epochs}"
        f"  loss {record['train_loss']:.4f}"
        f"  val loss {record['val_loss']:.4f}"
        f"  {title(figure)} {shown(figure, record[figure]):>8} {'*' if best else ' '}"
        f" {record['seconds']:5.1f} s"
    )


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Two columns, the first padded."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {text}" for name, text in rows)


def progress_for(epochs: int, steps: int, quiet: bool, done: int = 0) -> Progress:
    """A bar where stderr is a terminal and rich is installed, else lines; nothing where that is wanted.

    `steps` of an epoch, of which `done` were taken before, over all epochs.
    """
    if quiet:
        return Silence()
    return Bar(epochs, steps, done) if sys.stderr.isatty() and find_spec("rich") else Lines(epochs)
