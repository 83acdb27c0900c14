"""The trials of a study as this process runs them: new ones, and those that other processes left unfinished."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspec.errors import SpecError, fail
from archspec.run import RunFile
from archspec.run.search import Range, Search
from archspec_torch.runtime.locks import Taken, abandoned, held
from archspec_torch.runtime.resume import find_origin
from archspec_torch.runtime.train import train
from archspec_torch.runtime.tuning.result import set_line

BEAT = 60
"""Seconds between two signs of life of a trial; after three without one it counts as killed."""

MACHINE = ("E50", "E605", "E612", "E655", "E685", "E686", "E691", "E695", "E697", "E701", "E702", "E703", "E704")
"""Codes of what no other values would mend: files, directories, the device, packages, processes, the storage."""
DATA = ("E62", "E630", "E631", "E632", "E633")
"""Codes of data that no trial could read, unless it is values of `data` that are searched."""


@dataclass(frozen=True)
class Trials:
    """What it takes to run trials of a study. A trial's lock is held while it runs, here or in another process; its
    file stays where the process is killed or interrupted, so that the trial can be gone on with."""

    optuna: Any
    storage: Any
    study: Any
    search: Search
    run: RunFile
    """As it was read when the search was begun or gone on with: what its file says by now does not matter."""
    directory: Path
    say: Callable[[str], None]

    def work(self) -> None:
        """Trial after trial, until as many as were asked for have ended, here or in other processes."""
        while self._left_over() or self._next():
            pass

    def _left_over(self) -> bool:
        """Goes on with a trial whose process was killed, from its checkpoint. False where there is none."""
        for trial in self.study.get_trials(deepcopy=False):
            if trial.state.name == "RUNNING" and abandoned(self._lock(trial.number)):
                with contextlib.suppress(Taken), held(self._lock(trial.number), left_behind=True):
                    number = self._id(trial.number)
                    self.storage.record_heartbeat(number)
                    if self.storage.get_trial(number).state.name == "RUNNING":  # no other process ended it meanwhile
                        self._run(self.optuna.trial.Trial(self.study, number), resume=True)
                        return True
        return False

    def _next(self) -> bool:
        """Runs a trial that waits, or a new one. False where enough have been begun."""
        self.optuna.storages.fail_stale_trials(self.study)
        again(self.study)
        trials = self.study.get_trials(deepcopy=False)
        if len(live(trials)) >= self.search.trials and all(t.state.name != "WAITING" for t in trials):
            return False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that no sign of life is given: `_beating` does
            trial = self.study.ask()
        lock = self._lock(trial.number)
        try:
            with held(lock, left_behind=True):
                self._run(trial, resume=False)
        except Taken as holder:
            hint = "searches that are kept in different storages need an --out each"
            raise fail(
                "E691", f"{holder} runs a trial of another search in {self._target(trial)}", hint=hint
            ) from holder
        return True

    def _run(self, trial: Any, resume: bool) -> None:
        """Trains a trial and tells the study its end. What is interrupted has none, and is gone on with later.

        Raises SpecError of what is not the fault of the trial's own values.
        """
        states = self.optuna.trial.TrialState
        values: list[float] = []
        settings = self._settings(trial)
        if settings is None:
            self.study.tell(trial, state=states.PRUNED)
            return
        value, end = None, "stopped"
        with self._beating(trial.number):
            try:
                self._train(trial, settings, values, resume)
                value, state, end = self._best(values), states.COMPLETE, "finished"
            except self.optuna.TrialPruned:
                state, end = states.PRUNED, "pruned"
            except SpecError as error:
                if not self._own_fault(error.diagnostics[0].code):
                    raise
                # values that cannot be trained have been tried too: they count, and are not drawn again
                trial.set_user_attr("reason", f"{error.diagnostics[0].code}: {error.diagnostics[0].message}")
                state, end = states.FAIL, "failed"
            finally:
                reached = f"{self._best(values):.4f}" if values else "nan"
                told = set_line(self.search.ranges, settings).replace("--set ", "")
                after = f"{self.search.on} {reached} after {len(values)} epochs"
                self.say(f"trial {trial.number} {end}: {after}; {told}")
            self.study.tell(trial, value, state=state, skip_if_finished=True)

    def _own_fault(self, code: str) -> bool:
        """Whether it is for the trial's own values that it cannot be trained: the search goes on."""
        elsewhere = MACHINE if any(one.path.startswith("data.") for one in self.search.ranges) else (*MACHINE, *DATA)
        return not code.startswith(elsewhere)

    def _settings(self, trial: Any) -> dict[str, Any] | None:
        """The trial's values; None for one too many."""
        samplers = {"random": self.optuna.samplers.RandomSampler, "tpe": self.optuna.samplers.TPESampler}
        # drawn by seed and number, so that processes side by side try different values
        self.study.sampler = samplers[self.search.sampler](seed=self.search.seed * 1_000_003 + trial.number)
        others = live(self.study.get_trials(deepcopy=False))
        if sum(t.number < trial.number for t in others) >= self.search.trials:
            trial.set_user_attr("surplus", True)  # another process drew the last one at the same moment
            trial.set_user_attr("reason", "drawn too many")
            return None
        settings = {one.path: _suggest(trial, one) for one in self.search.ranges}
        trial.set_user_attr("settings", settings)
        return settings

    def _train(self, trial: Any, settings: Mapping[str, Any], values: list[float], resume: bool) -> None:
        """The run of a trial, with `resume` from its newest checkpoint; `values` are those of its epochs.

        Raises TrialPruned where the others were better by then.
        """
        search, target = self.search, self._target(trial)

        def reached(record: Mapping[str, float], judge: bool = True) -> None:
            epoch = int(record["epoch"])
            values.append(record[search.on])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # it was reported before the process was killed
                trial.report(record[search.on], epoch)
            if judge and epoch < search.epochs and search.prune != "none" and trial.should_prune():
                raise self.optuna.TrialPruned

        origin = find_origin(target) if resume else None
        former = origin.snapshot.facts["records"] if origin else []
        for record in former:
            reached(record, judge=record is former[-1])
        mine = [f"train.epochs={search.epochs}", *(one.override(settings[one.path]) for one in search.ranges)]
        # the test split is looked at once, by the run that is chosen
        train(self.run, target, mine, quiet=True, resume=resume, on_epoch=reached, report=False, test=False)

    def _best(self, values: Sequence[float]) -> float:
        return min(values) if self.search.direction == "minimize" else max(values)

    def _target(self, trial: Any) -> Path:
        return trial_dir(self.directory, self.study.study_name, trial.number)

    def _lock(self, number: int) -> Path:
        target = trial_dir(self.directory, self.study.study_name, number)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target.with_name(f".{target.name}.lock")

    def _id(self, number: int) -> int:
        """The storage's own number of a trial."""
        study: int = self.storage.get_study_id_from_name(self.study.study_name)
        found: int = self.storage.get_trial_id_from_study_id_trial_number(study, number)
        return found

    @contextlib.contextmanager
    def _beating(self, number: int) -> Iterator[None]:
        """Signs of life in the storage, for processes on other machines, which see no lock."""
        trial, ended = self._id(number), threading.Event()

        def beat() -> None:
            while True:
                with contextlib.suppress(Exception):  # a storage that is busy: the next one counts
                    self.storage.record_heartbeat(trial)
                if ended.wait(BEAT):
                    return

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def trial_dir(directory: Path, study: str, number: int) -> Path:
    """DIR/trial-0007; of the study `NAME fine 1` DIR/fine-1/trial-0007."""
    stage = study.rpartition(" fine ")[2] if " fine " in study else ""
    return (directory / f"fine-{stage}" if stage else directory) / f"trial-{number:04}"


def again(study: Any) -> None:
    """The values of trials that were lost with a machine, their checkpoints too, wait to be run again."""
    trials = study.get_trials(deepcopy=False)
    done = {t.user_attrs.get("again_of") for t in trials}
    for trial in trials:
        stopped = trial.state.name == "FAIL" and "reason" not in trial.user_attrs
        if stopped and trial.params and trial.number not in done:
            study.enqueue_trial(trial.params, user_attrs={"again_of": trial.number})


def live(trials: Sequence[Any]) -> list[Any]:
    """Trials that count: all but those that were lost, and those drawn too many."""
    return [
        t
        for t in trials
        if "surplus" not in t.user_attrs and not (t.state.name == "FAIL" and "reason" not in t.user_attrs)
    ]


def best_of(trial: Any, search: Search) -> float | None:
    """The value of its best epoch."""
    values = trial.intermediate_values.values()
    return (min if search.direction == "minimize" else max)(values, default=None)


def _suggest(trial: Any, one: Range) -> Any:
    """A value of a range; of decimal numbers four digits, which is what the run is given."""
    if one.kind == "choice":
        return one.values[trial.suggest_categorical(one.path, list(range(len(one.values))))]
    low, high = one.values
    if one.kind == "int":
        return trial.suggest_int(one.path, low, high)
    drawn = trial.suggest_float(one.path, low, high, log=one.kind == "log")
    return min(max(float(f"{drawn:.4g}"), low), high)
