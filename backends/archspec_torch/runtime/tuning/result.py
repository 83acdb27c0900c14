"""What a search found: the table of its trials, and the best settings as `--set` takes them."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from archspec.errors import Diagnostic
from archspec.files import write_text
from archspec.run.figures import shown
from archspec.run.search import Range, Search

SHOWN = 20
"""Trials on the terminal, the best first; all are in trials.csv."""


@dataclass(frozen=True)
class Trial:
    """One run of a search. `state` is finished, pruned, failed, running or waiting; `value` that of its best epoch."""

    number: int
    stage: str
    state: str
    value: float | None
    epochs: int
    settings: Mapping[str, Any]
    dir: str
    reason: str | None = None


@dataclass(frozen=True)
class TuneResult:
    """All trials in their order, those of earlier stages before; ranges are those of the last stage."""

    dir: Path
    search: Search
    trials: tuple[Trial, ...]
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def ranking(self) -> list[Trial]:
        """The trials that have a value: finished before pruned, the best first."""
        sign = 1 if self.search.direction == "minimize" else -1
        valued = [t for t in self.trials if t.value is not None and t.state in ("finished", "pruned")]
        return sorted(valued, key=lambda t: (t.state != "finished", sign * (t.value or 0.0), t.number))

    @property
    def best(self) -> Trial | None:
        return next((t for t in self.ranking if t.state == "finished"), None)

    @property
    def line(self) -> str | None:
        """The best settings, as arguments of `archspec train`."""
        return None if self.best is None else set_line(self.search.ranges, self.best.settings)

    def to_json(self) -> dict[str, Any]:
        """dir, on, best (number, value, settings, set), trials: as in `Trial`."""
        best = self.best and {**asdict(self.best), "set": self.line}
        return {"dir": str(self.dir), "on": self.search.on, "best": best, "trials": [asdict(t) for t in self.trials]}

    def to_csv(self) -> str:
        """A line a trial, in their order, numbers unrounded."""
        text = io.StringIO()
        paths = [r.path for r in self.search.ranges]
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["trial", "stage", "state", self.search.on, "epochs", *paths, "dir", "reason"])
        for t in self.trials:
            cells = [json.dumps(v) if isinstance(v, list | dict) else v for v in (t.settings.get(p) for p in paths)]
            writer.writerow([t.number, t.stage, t.state, t.value, t.epochs, *cells, t.dir, t.reason])
        return text.getvalue()

    def write(self) -> None:
        """trials.csv and trials.json beside the trials. Raises SpecError E505."""
        write_text(self.dir / "trials.csv", self.to_csv())
        write_text(self.dir / "trials.json", json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n")

    def __str__(self) -> str:
        paths = [r.path for r in self.search.ranges]
        listed = self.ranking[:SHOWN] or list(self.trials[:SHOWN])
        rows = [["trial", "stage", "", self.search.on, "epochs", *paths]]
        rows += [
            [
                str(t.number),
                t.stage,
                t.state,
                shown_value(t, self.search),
                str(t.epochs),
                *map(_cell, _values(t, paths)),
            ]
            for t in listed
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        counts = {s: sum(t.state == s for t in self.trials) for s in ("finished", "pruned", "failed")}
        told = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
        lines += ["", f"{len(self.trials)} trials ({told or 'none ended'}); all in {self.dir / 'trials.csv'}"]
        if self.line:
            lines.append(f"best  {self.line}")
        return "\n".join(lines)


def set_line(ranges: tuple[Range, ...], settings: Mapping[str, Any]) -> str:
    """`--set path=value …`, quoted for a shell."""
    return " ".join(f"--set {shlex.quote(r.override(settings[r.path]))}" for r in ranges)


def shown_value(trial: Trial, search: Search) -> str:
    """A share in per cent, a loss as it is."""
    return "–" if trial.value is None else shown(search.on, trial.value)


def _values(trial: Trial, paths: list[str]) -> list[Any]:
    return [trial.settings.get(path, "") for path in paths]


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
