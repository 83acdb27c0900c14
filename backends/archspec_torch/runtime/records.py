"""The record of each epoch as it is kept: metrics.jsonl, metrics.csv and, where asked for, files for TensorBoard."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from archspec.errors import Span, fail
from archspec.files import write_text
from archspec.run.figures import merit
from archspec_torch.runtime.curves import CURVES, write_curves
from archspec_torch.runtime.processes import World

JSONL, CSV, EVENTS = "metrics.jsonl", "metrics.csv", "tensorboard"
CURVES_EVERY = 30.0
"""Seconds between two drawings of the curves while training."""


class Journal:
    """Written after each epoch, and begun again from what a checkpoint holds: no line of what was lost stays.

    The curves are drawn now and then. Of several processes the first writes.
    """

    def __init__(
        self,
        directory: Path,
        kept: Sequence[Mapping[str, float]],
        tensorboard: bool,
        caption: str,
        decides: str,
        world: World,
    ):
        """`kept`: the records so far. `caption`: of the curves. `decides`: the figure that tells the best epoch.

        Raises SpecError E505.
        """
        self.directory, self.caption, self.decides, self.writes = directory, caption, decides, world.main
        self.drawn = time.monotonic()
        self.events = None
        if not self.writes:
            return
        self.events = _events(directory / EVENTS, len(kept) + 1) if tensorboard else None
        if kept or (directory / JSONL).exists():
            write_text(directory / JSONL, "".join(f"{json.dumps(record)}\n" for record in kept))
            write_text(directory / CSV, rows(kept))
        self.columns = list(kept[-1]) if kept else []

    def add(self, records: Sequence[Mapping[str, float]], best: int) -> None:
        """The last of the records is new; `best` is the epoch whose weights are kept. Raises SpecError E505."""
        if not self.writes:
            return
        newest = records[-1]
        try:
            with (self.directory / JSONL).open("a", encoding="utf-8") as file:
                file.write(json.dumps(newest) + "\n")
            if list(newest) == self.columns:
                with (self.directory / CSV).open("a", encoding="utf-8", newline="") as file:
                    csv.writer(file, lineterminator="\n").writerow(newest.values())
            else:
                write_text(self.directory / CSV, rows(records))
                self.columns = list(newest)
        except OSError as error:
            message = f"cannot write in '{self.directory}': {error.strerror or error}"
            raise fail("E505", message, hint="the checkpoint is kept: make room, then go on with --resume") from error
        if self.events is not None:
            for name, value in newest.items():
                if name != "epoch":
                    self.events.add_scalar(name, value, int(newest["epoch"]))
            self.events.flush()
        if time.monotonic() - self.drawn > CURVES_EVERY:
            self.draw(records, best)
            self.drawn = time.monotonic()

    def draw(self, records: Sequence[Mapping[str, float]], best: int) -> None:
        """The curves of the records. Raises SpecError E505."""
        if self.writes:
            write_curves(records, self.directory / CURVES, self.caption, best, self.decides)

    def close(self) -> None:
        if self.events is not None:
            self.events.close()


def rows(records: Sequence[Mapping[str, float]]) -> str:
    """The records as CSV, a column for every key that one of them has."""
    columns = list(dict.fromkeys(name for record in records for name in record))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue() if records else ""


def check_tensorboard(wanted: bool, span: Span) -> None:
    """Raises SpecError E655 where event files are asked for and the package that writes them is not installed."""
    if wanted and find_spec("tensorboard") is None:
        hint = "pip install 'archspec-nn[tensorboard]'; metrics.csv and metrics.jsonl are written without it"
        raise fail("E655", "train.tensorboard needs the package 'tensorboard', which is not installed", span, hint)


def _events(folder: Path, first: int) -> Any:
    """A writer of event files; what former ones hold from the step `first` on counts no more."""
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=first)


def out_of_patience(records: Sequence[Mapping[str, float]], figure: str, patience: int) -> bool:
    """Whether a figure was not better than before for as many epochs."""
    if len(records) <= patience:
        return False
    values = [merit(figure, record[figure]) for record in records]
    return max(values[-patience:]) <= max(values[:-patience])
