"""A search as an Optuna study: trials drawn, run, cut, and told to a storage that several processes may share."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archspec.errors import Diagnostic, SpecError, fail
from archspec.run import RunFile, load_run
from archspec.run.search import Range, Search, check_paths, load_search
from archspec_torch.runtime import rundir
from archspec_torch.runtime.network import load_network
from archspec_torch.runtime.resume import differences, layers, settings, some
from archspec_torch.runtime.tasks import with_loss
from archspec_torch.runtime.tuning.plot import write_plot
from archspec_torch.runtime.tuning.result import Trial, TuneResult
from archspec_torch.runtime.tuning.trials import BEAT, Trials, best_of, live, trial_dir

TRIES = 5


def tune(
    run: str | Path | Mapping[str, Any],
    search: str | Path | Mapping[str, Any],
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    trials: int | None = None,
    epochs: int | None = None,
    fine: float | None = None,
    resume: bool = False,
    storage: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> TuneResult:
    """Trials of a search until `trials` have ended, each a run in `out`/trial-0007; returns all of them.

    `out` is `runs/NAME-tune` without one. `storage` is an Optuna storage's URL, a file in `out` without one: processes
    with the same storage share the trials. `resume` goes on with those of `out`; what was running there and is not any
    more goes on from its checkpoint. `fine` begins a stage whose log ranges reach from the best value
    so far / `fine` to the best · `fine`. A stage has as many trials as were last told for it; else as the search says.

    Raises SpecError E512 and E60x for a range that the run cannot have, E605 for an `out` that is used, E695 without
    Optuna, E696 of the search file, E697 for a storage that cannot be used or holds another search, of other
    ranges or of a run of other values, E698 where there is
    nothing yet to search finely around, E691 where another process trains into `out` itself, and what no trial could
    help.
    """
    asked = load_search(search)
    asked = replace(asked, trials=trials or asked.trials, epochs=epochs or asked.epochs)
    base = load_run(run, overrides)
    read = check_paths(base, (), asked)
    asked = asked.of(with_loss(base, load_network(base)))
    _check_networks(read, asked)
    optuna = _optuna()
    directory = Path(out) if out is not None else Path("runs", f"{read[0].name}-tune")
    if not (resume or storage or fine):
        rundir.check_unused(directory)
    if not storage:
        rundir.make_directory(directory, read[0].name, begun=True)
        with rundir.claimed(directory):
            pass  # it is no run that is being trained
    experiment = _experiment(base, read[0], asked)
    stages = Stages(
        optuna, storage or f"sqlite:///{directory / 'study.sqlite'}", asked, read[0].name, experiment, trials
    )
    with stages.telling():
        study = stages.last(fine)
        if trials:
            study.set_user_attr(TOLD, trials)
        here = stages.search(study)
        Trials(optuna, stages.storage, study, here, base, directory, say).work()
        found = TuneResult(directory, here, tuple(stages.trials(directory)))
    found = replace(found, warnings=tuple(_edges(found)))
    found.write()
    write_plot(found, directory / "trials.png")
    return found


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        hint = "pip install 'archspec-nn[tune]'"
        raise fail("E695", "archspec tune needs the package 'optuna', which is not installed", hint=hint) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _check_networks(runs: Sequence[RunFile], search: Search) -> None:
    """The spec at both ends of each range of the model. Raises SpecError of the spec, placed at the range."""
    ends = [one for one in search.ranges for _ in one.values]
    found: dict[tuple[str, str], Diagnostic] = {}
    for run, one in zip(runs, ends, strict=True):
        if one.path.startswith("model"):
            try:
                load_network(run)
            except SpecError as error:
                found |= {(d.code, d.message): replace(d, span=one.span, fixes=()) for d in error.diagnostics}
    if found:
        raise SpecError(found.values())


FREE = ("name", "model.spec", "train.epochs", "train.device", "train.workers", "train.checkpoint", "train.tensorboard")
"""Keys that may change while a search is gone on with. The network is compared as it is, not as it is named."""
KEPT, TOLD = "search", "trials"
"""Attributes of a study: what its trials have in common, and how many were told to be, where it was not the search
file that said so."""


def _experiment(base: RunFile, first: RunFile, search: Search) -> dict[str, Any]:
    """What all trials have in common: the run's values but those searched, and a hash of the network of the first
    values. Raises SpecError of the spec."""
    paths = [one.path for one in search.ranges]
    network = json.dumps(layers(load_network(first)), sort_keys=True)
    return {
        "run": json.loads(json.dumps(settings(base.run, (*FREE, *paths, "data.in_memory")), default=str)),
        "network": hashlib.sha256(network.encode()).hexdigest(),
    }


def _kept(study: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = study.user_attrs[KEPT]
    return found


def _plain(ranges: Sequence[Range]) -> list[list[Any]]:
    return [[one.path, one.kind, list(one.values)] for one in ranges]


class Stages:
    """The studies of a search in one storage: `NAME coarse`, `NAME fine 1`, …"""

    def __init__(
        self,
        optuna: Any,
        url: str,
        search: Search,
        name: str,
        experiment: Mapping[str, Any],
        trials: int | None = None,
    ):
        """`experiment`: what all trials have in common, see `_experiment`. `trials`: how many a stage is to have."""
        self.optuna, self.asked, self.name, self.experiment = optuna, search, name, experiment
        self.told = trials
        with self.telling():
            self.storage = self._opened(url)

    def _opened(self, url: str) -> Any:
        """The storage; where two processes make its tables at the same moment, one of them tries again."""
        waits = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
        for attempt in range(TRIES):
            try:
                return self.optuna.storages.RDBStorage(
                    url, engine_kwargs=waits, heartbeat_interval=BEAT, grace_period=3 * BEAT
                )
            except Exception:
                if attempt == TRIES - 1:
                    raise
                time.sleep(0.2 * (attempt + 1))

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """What the storage raises is told in a sentence (E697); Optuna's notes on what is new in it are not."""
        from sqlalchemy.exc import SQLAlchemyError

        errors = (SQLAlchemyError, self.optuna.exceptions.StorageInternalError, ImportError)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", self.optuna.exceptions.ExperimentalWarning)
                yield
        except errors as error:
            reason = " ".join(str(error.__cause__ or error).split())[:200]
            hint = "as in --storage sqlite:////shared/study.sqlite or postgresql://USER@HOST/NAME"
            raise fail("E697", f"the storage of the trials cannot be used: {reason}", hint=hint) from error

    def names(self) -> list[str]:
        """Studies of this search that are there, in their order."""
        there = set(self.optuna.get_all_study_names(self.storage))
        found = [f"{self.name} coarse"] if f"{self.name} coarse" in there else []
        while found and (name := f"{self.name} fine {len(found)}") in there:
            found.append(name)
        return found

    def last(self, fine: float | None) -> Any:
        """The newest study, or a new one: the coarse, or with `fine` one around the best so far.

        Raises SpecError E697 where the storage holds another search, E698 without a best.
        """
        names = self.names()
        if not names and fine:
            raise fail("E698", "there is no search yet to search finely around", hint="run it without --fine first")
        coarse = self._study(f"{self.name} coarse", self.asked.ranges, None)
        self._check_same(coarse)
        newest = self._open(names[-1]) if names else coarse
        if not fine or (_kept(newest)["fine"] == fine and self._unfinished(newest)):
            self._check_epochs(newest)
            return newest
        ranked = TuneResult(Path(), self.asked, tuple(self.trials(Path())))
        if ranked.best is None:
            raise fail("E698", "no trial of the search has finished yet", hint="go on with it: --resume")
        best = ranked.best.settings
        ranges = tuple(one.narrowed(best[one.path], fine) for one in self.search(newest).ranges)
        return self._study(f"{self.name} fine {len(names)}", ranges, fine)

    def _study(self, name: str, ranges: Sequence[Range], fine: float | None) -> Any:
        study = self.optuna.create_study(
            storage=self.storage, study_name=name, direction=self.asked.direction, load_if_exists=True
        )
        if KEPT not in study.user_attrs:  # all at once, for processes that begin at the same moment
            told = {"fine": fine, "on": self.asked.on, "epochs": self.asked.epochs, "ranges": _plain(ranges)}
            study.set_user_attr(KEPT, {**told, "experiment": dict(self.experiment)})
        return self._open(name)

    def _open(self, name: str) -> Any:
        pruners = self.optuna.pruners
        pruner = {
            "median": lambda: pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=0),
            "hyperband": lambda: pruners.HyperbandPruner(min_resource=1, max_resource=self.asked.epochs),
            "none": pruners.NopPruner,
        }[self.asked.prune]()
        return self.optuna.load_study(study_name=name, storage=self.storage, pruner=pruner)

    def _check_same(self, coarse: Any) -> None:
        """Raises SpecError E697 where trials of now would be no rows of the table that is there."""
        kept, span = _kept(coarse), self.asked.ranges[0].span
        if (was := kept["ranges"]) != _plain(self.asked.ranges):
            hint = "search other ranges in another --out (or --storage)"
            raise fail("E697", f"the storage holds a search of other ranges: {json.dumps(was)}", span, hint)
        before, now = {"on": kept["on"], **kept["experiment"]["run"]}, {"on": self.asked.on, **self.experiment["run"]}
        told = differences(before, now)
        if kept["experiment"]["network"] != self.experiment["network"]:
            told.append("the network is another")
        if told:
            hint = "what was tried so far says nothing about that: search it in another --out (or --storage)"
            raise fail("E697", f"the storage holds a search of another run: {some(told)}", span, hint)

    def _check_epochs(self, study: Any) -> None:
        """Raises SpecError E697 where the trials of a stage would not all have as many epochs."""
        if (were := _kept(study)["epochs"]) != self.asked.epochs:
            message = (
                f"the trials so far have {were} epoch{'s' * (were > 1)} each, and {self.asked.epochs} are asked for"
            )
            hint = f"go on with --epochs {were}, or begin a stage of its own: --fine 3 --epochs {self.asked.epochs}"
            raise fail("E697", message, self.asked.ranges[0].span, hint)

    def _unfinished(self, study: Any) -> bool:
        return len(live(study.get_trials(deepcopy=False))) < self._wanted(study) or any(
            not trial.state.is_finished() for trial in study.get_trials(deepcopy=False)
        )

    def _wanted(self, study: Any) -> int:
        """Trials that a stage is to have: as told now, as told when it was last gone on with, or as the search says."""
        return int(self.told or study.user_attrs.get(TOLD) or self.asked.trials)

    def search(self, study: Any) -> Search:
        """The search with the ranges of a study, and its number of trials."""
        spans = {one.path: one.span for one in self.asked.ranges}
        written = _kept(study)["ranges"]
        ranges = tuple(Range(path, kind, tuple(values), spans[path]) for path, kind, values in written)
        return replace(self.asked, ranges=ranges, trials=self._wanted(study))

    def trials(self, directory: Path) -> list[Trial]:
        """All trials, stage after stage."""
        states = {"COMPLETE": "finished", "FAIL": "failed"}
        return [
            Trial(
                number=t.number,
                stage=name.removeprefix(f"{self.name} "),
                state=states.get(t.state.name, t.state.name.lower()),
                value=best_of(t, self.asked),
                epochs=len(t.intermediate_values),
                settings=t.user_attrs.get("settings", {}),
                dir=str(trial_dir(directory, name, t.number)),
                reason=t.user_attrs.get("reason"),
            )
            for name in self.names()
            for t in self._open(name).get_trials(deepcopy=False)
            if t.state.name != "WAITING" and "surplus" not in t.user_attrs
        ]


def _edges(found: TuneResult) -> Iterator[Diagnostic]:
    """A warning (W656) for each number whose best value lies at the edge of its range."""
    for one in found.search.ranges:
        if found.best and found.best.stage == "coarse" and one.at_edge(best := found.best.settings[one.path]):
            message = f"the best {one.path}, {best:g}, lies at the edge of its range {one.values[0]:g} … "
            hint = "better values may lie beyond: widen the range"
            yield Diagnostic("W656", f"{message}{one.values[1]:g}", one.span, hint, severity="warning")
