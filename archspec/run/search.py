"""What a search tries: a range for each of some values of a run, and how many trials of how many epochs.

search: {train.optimizer.lr: {log: [1e-5, 1e-1]}, model.set.vars.width: {int: [8, 64]}}
trials: 20
epochs: 3
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping as PyMapping
from collections.abc import Sequence as PySequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from archspec import source
from archspec.errors import Diagnostic, Span, SpecError, did_you_mean, fail
from archspec.run.figures import Held, what_instead
from archspec.run.reading import RunFile, load_run
from archspec.source import Mapping, Sequence, Value

KINDS = ("log", "uniform", "int", "choice")
WORDS: dict[str, tuple[str, ...]] = {
    "on": get_args(Held),
    "prune": ("median", "hyperband", "none"),
    "sampler": ("random", "tpe"),
}
COUNTS = {"trials": 20, "epochs": 3, "seed": 0}
AS_IN = "as in {log: [1e-5, 1e-1]}, {uniform: [0, 0.5]}, {int: [16, 64]} or {choice: [32, 64]}"


@dataclass(frozen=True)
class Range:
    """The values of one path: between two numbers (both are in it), or one of several."""

    path: str
    kind: str
    values: tuple[Any, ...]
    span: Span

    def override(self, value: Any) -> str:
        """`path=value`, as `--set` takes it."""
        return f"{self.path}={json.dumps(value, ensure_ascii=False)}"

    def narrowed(self, best: float, factor: float) -> Range:
        """A log range from best / factor to best · factor, as far as it lies in this one; others as they are."""
        if self.kind != "log":
            return self
        low, high = self.values
        return replace(self, values=(max(low, best / factor), min(high, best * factor)))

    def at_edge(self, value: Any) -> bool:
        """Whether a number lies in the outer twentieth of its range, where better ones may lie beyond."""
        if self.kind == "choice" or self.values[0] == self.values[1]:
            return False
        low, high, here = (math.log(v) if self.kind == "log" else v for v in (*self.values, value))
        return not 0.05 <= (here - low) / (high - low) <= 0.95


@dataclass(frozen=True)
class Search:
    """A search, checked. `on` is what is best at its greatest (an accuracy) or its least (a loss); none:
    the figure that tells the run's best epoch (see `of`)."""

    ranges: tuple[Range, ...]
    trials: int = 20
    epochs: int = 3
    seed: int = 0
    on: str = ""
    prune: str = "median"
    sampler: str = "random"

    @property
    def direction(self) -> str:
        return "minimize" if self.on.endswith("loss") else "maximize"

    def of(self, run: RunFile) -> Search:
        """The search with the figure that it goes by. Raises SpecError E696 for one that the run does not measure."""
        plan = run.run.train
        if self.on and not plan.measures(self.on):
            raise fail("E696", f"on: {self.on} {what_instead(plan.loss_kind, self.on)}", hint=f"on: {plan.merit}")
        return replace(self, on=self.on or plan.merit)


def load_search(search: str | Path | PyMapping[str, Any]) -> Search:
    """A search file, or the same as plain data. Raises SpecError E696 for all that is wrong with its form."""
    if isinstance(search, PyMapping):
        value = source.from_plain(dict(search), Span("search", 1, 1))
    else:
        value = source.read(Path(search))
    asked = value.get("search") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(asked, Mapping) or not asked.entries:
        hint = f"write search: {{train.optimizer.lr: {{log: [1e-5, 1e-1]}}}}; {AS_IN}"
        raise fail("E696", "a search names the values to try under the key 'search'", value.span, hint)
    found: list[Diagnostic] = []
    ranges = [r for key, inner in asked.entries if (r := _range(key.text, inner, found)) is not None]
    settings = {k.text: s for k, v in value.entries if k.text != "search" and (s := _setting(k, v, found)) is not None}
    if found:
        raise SpecError(found)
    return Search(tuple(ranges), **settings)


def check_paths(
    run: str | Path | PyMapping[str, Any] | RunFile, overrides: PySequence[str], search: Search
) -> list[RunFile]:
    """The run at both ends of every range, so that what cannot be set is told before any trial, at its place.

    Raises SpecError E512 for a path that leads nowhere, E60x for values that a run cannot have.
    """
    search = search.of(load_run(run, overrides))
    found: dict[tuple[str, str], Diagnostic] = {}
    runs = []
    for one in search.ranges:
        for value in one.values:
            try:
                runs.append(load_run(run, [*overrides, one.override(value)]))
                search.of(runs[-1])
            except SpecError as error:
                for d in error.diagnostics:
                    found.setdefault((d.code, d.message), replace(d, span=one.span, fixes=()))
    if found:
        raise SpecError(found.values())
    return runs


def _range(path: str, value: Value, found: list[Diagnostic]) -> Range | None:
    entries = value.entries if isinstance(value, Mapping) else ()
    if len(entries) != 1 or entries[0][0].text not in KINDS:
        word = entries[0][0].text if entries else ""
        hint = did_you_mean(word, KINDS, "ranges") if len(entries) == 1 else AS_IN
        found.append(Diagnostic("E696", f"'{path}' has no range that is known", value.span, hint))
        return None
    kind, inner = entries[0][0].text, entries[0][1]
    values = tuple(source.to_plain(inner)) if isinstance(inner, Sequence) else ()
    wrong = _wrong(kind, values)
    if wrong:
        found.append(Diagnostic("E696", f"the range of '{path}' is {wrong}", inner.span, AS_IN))
        return None
    return Range(path, kind, values, _span(value, path))


def _span(value: Value, path: str) -> Span:
    """The place of the path itself, which stands on the line of its range or before it."""
    at = value.span.text.find(path)
    return replace(value.span, column=at + 1, length=len(path)) if at >= 0 else value.span


def _wrong(kind: str, values: tuple[Any, ...]) -> str | None:
    """What is wrong with a range, if anything."""
    if kind == "choice":
        return None if values else "a choice of nothing: write the values as a list"
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(values) != 2 or len(numbers) != 2:
        return f"not two numbers: {json.dumps(list(values), default=str)}" if values else "not a list of two numbers"
    low, high = numbers
    if not low < high:
        return f"empty: {low:g} is not below {high:g}"
    if kind == "log" and low <= 0:
        return f"on a log scale and begins at {low:g}, which has no logarithm"
    if kind == "int" and not all(isinstance(v, int) for v in numbers):
        return f"one of whole numbers, and these are not: {low:g}, {high:g}"
    return None


def _setting(key: Any, value: Value, found: list[Diagnostic]) -> Any:
    name, plain = key.text, source.to_plain(value)
    if name in WORDS:
        if plain in WORDS[name]:
            return plain
        known = WORDS[name]
        found.append(Diagnostic("E696", f"{name} is {', '.join(known)}", value.span, did_you_mean(str(plain), known)))
    elif name in COUNTS:
        if isinstance(plain, int) and not isinstance(plain, bool) and plain >= (0 if name == "seed" else 1):
            return plain
        least = 0 if name == "seed" else 1
        found.append(Diagnostic("E696", f"{name} is a whole number of {least} or more", value.span))
    else:
        hint = did_you_mean(name, ["search", *COUNTS, *WORDS], "keys there")
        found.append(Diagnostic("E696", f"a search has no key '{name}'", key.span, hint))
    return None
