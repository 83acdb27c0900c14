"""Runs side by side: what differs in their files, what they reached, what their networks cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from archspec import source
from archspec.analysis.diff import diff
from archspec.analysis.summary import summarize
from archspec.backend import backend
from archspec.errors import Diagnostic, fail
from archspec.graph import TypedGraph
from archspec.loading import load
from archspec.plugins.records import check_record
from archspec.run import load_run
from archspec.run.figures import OF_CLASSES, SHARES, measured, merit, title, worth

Records = Sequence[Mapping[str, float]]

MAX_HEADER = 100_000_000
"""Bytes that safetensors allows a header."""
MEASURED = (*SHARES, "loss")
FIGURES = {
    "best_epoch": "best epoch",
    "epochs": "epochs",
    **{f"{split}_{name}": title(f"{split}_{name}") for split in ("val", "train", "test") for name in MEASURED},
    "params": "parameters",
    "macs": "MACs",
    "seconds": "time per epoch",
    "latency_ms": "latency",
}
"""Figures of a run, and what they are called on the terminal. Validation and training are those of the best epoch."""


@dataclass(frozen=True)
class ComparedRun:
    """One run directory: its settings as a flat mapping, the lines of metrics.jsonl, its figures."""

    name: str
    directory: Path
    graph: TypedGraph = field(repr=False)
    settings: Mapping[str, Any]
    records: Records = field(repr=False)
    figures: Mapping[str, float | int | None]
    merit: str = "val_accuracy"
    """The figure that told the best epoch."""
    measured: tuple[str, ...] = OF_CLASSES
    """What its epochs are measured by, beside the loss."""


@dataclass(frozen=True)
class RunComparison:
    """The runs in the order given, the settings in which they differ, and which was chosen, if a budget was given."""

    runs: tuple[ComparedRun, ...]
    differences: Mapping[str, tuple[Any, ...]]
    """Setting to its value in each run; None where a run does not have it."""
    budget_ms: float | None = None
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def figures(self) -> dict[str, str]:
        """The figures that at least one run has, and what they are called."""
        return {n: told for n, told in FIGURES.items() if any(run.figures.get(n) is not None for run in self.runs)}

    @property
    def merit(self) -> str:
        """The figure by which one run is better than another: what told the best epochs of all of them; where that was
        not the same, the accuracy or what else comes first; '' where they are of different tasks."""
        names, kinds = {run.merit for run in self.runs}, {run.measured for run in self.runs}
        if len(names) == 1 or len(kinds) > 1:
            return names.pop() if len(names) == 1 else ""
        (figures,) = kinds
        return "val_accuracy" if "accuracy" in figures else f"val_{figures[0]}"

    @property
    def within(self) -> list[ComparedRun]:
        """The runs that hold the budget."""
        limit = self.budget_ms
        return [run for run in self.runs if limit is not None and (run.figures["latency_ms"] or 0) <= limit]

    @property
    def chosen(self) -> ComparedRun | None:
        """The best run on the validation split within the budget, of equals the faster; None where none is."""
        there = self.within if self.merit else []
        return max(there, key=lambda r: (_worth(r, self.merit), -(r.figures["latency_ms"] or 0)), default=None)

    @property
    def best(self) -> ComparedRun | None:
        """The best run on the validation split, of equals the one with the lower loss; None before any epoch."""
        there = [run for run in self.runs if run.figures.get(self.merit) is not None]
        return max(there, key=lambda r: (_worth(r, self.merit), -(r.figures["val_loss"] or 0.0)), default=None)

    def to_json(self) -> dict[str, Any]:
        """runs: [{name, dir, differs, figures}], best; budget_ms and chosen where a budget was given."""
        found: dict[str, Any] = {
            "runs": [
                {
                    "name": run.name,
                    "dir": str(run.directory),
                    "differs": {name: values[i] for name, values in self.differences.items()},
                    "figures": {name: run.figures.get(name) for name in self.figures},
                }
                for i, run in enumerate(self.runs)
            ],
            "best": self.best.name if self.best else None,
        }
        if self.budget_ms is not None:
            found |= {"budget_ms": self.budget_ms, "chosen": self.chosen.name if self.chosen else None}
        return found

    def plot(self, path: str | Path) -> Path:
        """Loss and accuracy of all runs over the epochs as .png, .svg or .pdf; returns the path.

        Raises SpecError E682 for another kind of file, E505 where it cannot be written, E590 without the torch backend.
        """
        path = Path(path)
        if path.suffix.lower() not in (".png", ".svg", ".pdf"):
            raise fail("E682", f"'{path}' is no kind of picture that is drawn here", hint="name it .png, .svg or .pdf")
        backend("torch").plot_runs({run.name: run.records for run in self.runs}, path)
        return path

    def __str__(self) -> str:
        from archspec.render.runs import runs_table

        return runs_table(self)


def compare(
    rundirs: Iterable[str | Path], latency_ms: float | None = None, device: str = "auto", batch: int = 1
) -> RunComparison:
    """Runs side by side, at least one. With `latency_ms` each network is timed here, at that batch, to choose by.

    Raises SpecError E606 for what is no run directory or none at all, E680 for metrics that cannot be read, E689
    where no figure could choose, E557 where plugins are not loaded, and what the files themselves raise.
    """
    paths = [Path(one) for one in rundirs]
    if not paths:
        raise fail("E606", "there are no runs to compare", hint="archspec.compare(['runs/a', 'runs/b'])")
    warnings: list[Diagnostic] = []
    runs = [open_compared(path, name, warnings) for path, name in zip(paths, _names(paths), strict=True)]
    if latency_ms is not None:
        _check_same_task(runs)
        timed = backend("torch").latencies([run.directory for run in runs], device=device, batch=batch)
        runs = [
            replace(run, figures={**run.figures, "latency_ms": 1000 * seconds})
            for run, seconds in zip(runs, timed, strict=True)
        ]
    return RunComparison(tuple(runs), _differences(runs), latency_ms, tuple(warnings))


def _check_same_task(runs: Sequence[ComparedRun]) -> None:
    """Raises SpecError E689 where some runs are of another task than others."""
    kinds = {run.measured: run for run in runs}
    if len(kinds) > 1:
        told = " and ".join(f"{run.name} by {title(f'val_{figures[0]}')}" for figures, run in kinds.items())
        message = f"the runs are of several tasks, {told}: no figure says which is better"
        raise fail("E689", message, hint="--latency-ms chooses among runs of one task; without it all are shown")


def open_compared(path: Path, name: str | None = None, warnings: list[Diagnostic] | None = None) -> ComparedRun:
    """One run directory; what is doubtful is added to `warnings`. Raises what `compare` raises."""
    name = name or path.resolve().name
    if not (path / "run.yaml").is_file():
        what = "it holds no run.yaml" if path.is_dir() else "it is a file" if path.exists() else "it is not there"
        raise fail("E606", f"{path} is no run directory: {what}", hint="`archspec train` makes one")
    doubtful = check_record(path)
    if warnings is not None:
        warnings += doubtful
    graph = load(path / "spec.yaml")
    file = load_run(path / "run.yaml")
    run = file.resolved()
    spec = source.to_plain(source.read(path / "spec.yaml"))
    model = {key: value for key, value in run.pop("model").items() if key != "spec"}
    written = {key: spec[key] for key in ("name", "input", "vars", "defaults") if key in spec}
    settings = flat({"network": written, "model": model, **{k: v for k, v in run.items() if k != "name"}})
    records = read_records(path / "metrics.jsonl")
    plan = file.run.train
    figures = _figures(path, graph, records, plan.merit)
    return ComparedRun(name, path, graph, settings, records, figures, plan.merit, measured(plan.loss_kind))


def read_records(path: Path) -> list[dict[str, float]]:
    """The lines of a metrics.jsonl; none where it is not there. A last line that is not whole is left out.

    Raises SpecError E680 for another line that is no record: figures by name, the number of an epoch among them.
    """
    if not path.is_file():
        return []
    found = []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            if not isinstance(record, dict) or type(record.get("epoch")) is not int:
                raise ValueError("it is no record of an epoch")
            if wrong := [name for name, figure in record.items() if type(figure) not in (int, float)]:
                raise ValueError(f"'{wrong[0]}' is no number")
        except ValueError as error:
            if number == len(lines) and not line.endswith("\n"):
                break
            raise fail("E680", f"{path}, line {number}, cannot be used: {error}") from error
        found.append(record)
    return found


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Nested mappings as one: `train.optimizer.lr`. Lists stay whole."""
    if not isinstance(value, dict):
        return {path: value}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found |= flat(inner, f"{path}.{key}" if path else str(key))
    return found


def _figures(path: Path, graph: TypedGraph, records: Records, decides: str) -> dict[str, float | int | None]:
    summary = summarize(graph)
    measured = [record for record in records if decides in record]
    best = max(measured, key=lambda r: worth(r, decides), default=None)
    if (epoch := _kept_epoch(path / "best.safetensors")) is not None:  # the weights of a better one may be lost
        best = next((record for record in measured if record["epoch"] == epoch), best)
    test = _read_test(path / "test.json")
    found: dict[str, float | int | None] = {"epochs": len(records)}
    if best is not None:
        found["best_epoch"] = int(best["epoch"])
    if records:
        found["seconds"] = sum(r.get("seconds", 0.0) for r in records) / len(records)
    for name in (f"{split}_{figure}" for split in ("val", "train") for figure in MEASURED):
        found[name] = best.get(name) if best is not None else None
    found |= {f"test_{figure}": test.get(figure) for figure in MEASURED}
    return found | {"params": summary.totals.params, "macs": summary.totals.macs}


def _kept_epoch(path: Path) -> int | None:
    """The epoch of a file of weights, as its header says: JSON behind its length in eight bytes (safetensors)."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(min(int.from_bytes(file.read(8), "little"), MAX_HEADER)))
        epoch = json.loads(header["__metadata__"]["archspec"])["epoch"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return epoch if type(epoch) is int else None


def _read_test(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _differences(runs: Sequence[ComparedRun]) -> dict[str, tuple[Any, ...]]:
    names = dict.fromkeys(name for run in runs for name in run.settings)
    found = {}
    for name in names:
        values = tuple(run.settings.get(name) for run in runs)
        if any(value != values[0] for value in values[1:]):
            found[name] = values
    layers = _layers(runs)
    return {"network.layers": layers, **found} if any(layer != layers[0] for layer in layers) else found


def _layers(runs: Sequence[ComparedRun]) -> tuple[str, ...]:
    """The number of layers of the first network; of each other what was added, removed and changed, if anything."""
    first = runs[0].graph
    told = [f"{sum(1 for _ in first.layers())} layers"]
    for run in runs[1:]:
        found = diff(first, run.graph)
        parts = [("+", len(found.added)), ("−", len(found.removed))]
        parts += [("~", len(changes)) for kind, changes in found.kinds.items() if kind == "changed"]
        told.append(" ".join(f"{sign}{n}" for sign, n in parts if n) or told[0])
    return tuple(told)


def _names(paths: Sequence[Path]) -> list[str]:
    """The directories' own names, with as many of the folders around them as tell them apart."""
    parts = [path.resolve().parts for path in paths]
    depth = 1
    while len({p[-depth:] for p in parts}) < len(set(parts)):
        depth += 1
    return ["/".join(p[-depth:]) for p in parts]


def _worth(run: ComparedRun, decides: str) -> float:
    value = run.figures.get(decides)
    return float("-inf") if value is None else merit(decides, value)
