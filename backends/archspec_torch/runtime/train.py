"""Training as a run file says: from the file to a directory of weights and figures."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from archspec.errors import Diagnostic, Span, SpecError, fail
from archspec.files import write_text
from archspec.graph import TypedGraph
from archspec.plugins.records import check_record
from archspec.run import RunFile, load_run
from archspec.run.sections import Train
from archspec_torch.compiler import compile
from archspec_torch.runtime import checkpoints, rundir
from archspec_torch.runtime import resume as resuming
from archspec_torch.runtime.augment import augmented, colors_of
from archspec_torch.runtime.curves import write_curves
from archspec_torch.runtime.data import Draws, Examples, Source, open_source
from archspec_torch.runtime.device import choose_device, device_label
from archspec_torch.runtime.evaluate import assess
from archspec_torch.runtime.evaluation.result import Evaluation
from archspec_torch.runtime.images import background_color, frame_of
from archspec_torch.runtime.labels import check_labels, lacking
from archspec_torch.runtime.layers import check_patterns, freezing_notes, learned, learning_layers, matching, with_init
from archspec_torch.runtime.loop import State, fresh_state, measure, steps_per_epoch, train_epoch
from archspec_torch.runtime.network import image_input, load_network, network_for, placed_at
from archspec_torch.runtime.optimize import rate_of
from archspec_torch.runtime.precision import KEYS, check_numerics, is_open, numerics_of, trial
from archspec_torch.runtime.preprocess import Normalize, Preprocessing, statistics
from archspec_torch.runtime.progress import Progress, progress_for, table
from archspec_torch.runtime.records import Records, check_tensorboard, out_of_patience
from archspec_torch.runtime.report import write_report
from archspec_torch.runtime.saving import Saver
from archspec_torch.runtime.schedules import rate_at
from archspec_torch.runtime.snapshot import restore
from archspec_torch.runtime.stop import Stop, Stopped, catching_signals
from archspec_torch.runtime.tasks import Tags, Task, task_of
from archspec_torch.runtime.tasks.classify import class_count
from archspec_torch.runtime.transfer import transfer
from archspec_torch.runtime.trouble import Trouble
from archspec_torch.runtime.watch import check_finite
from archspec_torch.runtime.weights import load_weights

CURVES_EVERY = 30.0
"""Seconds between two drawings of the curves while training."""

SHOWN = 10
"""Left-out files that are listed on the terminal; all are in the run directory."""


@dataclass(frozen=True)
class RunResult:
    """What a run reached, and where it lies."""

    dir: Path
    best_epoch: int
    val_accuracy: float
    val_loss: float
    test: Evaluation | None
    """The best weights on the test split, where there is one."""
    epochs: tuple[Mapping[str, float], ...]
    warnings: tuple[Diagnostic, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """dir, best_epoch, val_accuracy, val_loss, test (as `Evaluation.to_json`, or null)."""
        return {
            "dir": str(self.dir),
            "best_epoch": self.best_epoch,
            "val_accuracy": self.val_accuracy,
            "val_loss": self.val_loss,
            "test": self.test.to_json() if self.test else None,
        }

    def __str__(self) -> str:
        rows = [
            ("best epoch", f"{self.best_epoch} of {len(self.epochs)}"),
            ("validation", f"accuracy {100 * self.val_accuracy:.2f} %, loss {self.val_loss:.4f}"),
        ]
        if self.test:
            test = f"accuracy {100 * self.test.accuracy:.2f} %, loss {self.test.loss:.4f}"
            rows.append(("test", f"{test}, {self.test.n:,} images"))
        return table([*rows, ("directory", str(self.dir))])


@dataclass(frozen=True)
class Job:
    """All that a run needs and training does not change."""

    run: RunFile
    graph: TypedGraph
    task: Task
    source: Source
    preprocessing: Preprocessing
    train: Examples
    val: Examples
    device: torch.device
    normalize: Normalize
    notes: tuple[str, ...]
    warnings: tuple[Diagnostic, ...]


def train(
    run: str | Path | Mapping[str, Any],
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    quiet: bool = False,
    resume: bool = False,
    on_epoch: Callable[[Mapping[str, float]], None] | None = None,
) -> RunResult:
    """Trains as a run file (or the same as plain data) says, into `out` or a new runs/NAME-N.

    `resume`: goes on from the newest whole checkpoint in `out`, to the very weights of a run that was never stopped;
    begins there where nothing was saved yet. `on_epoch` is given each epoch's record once all is saved; what it
    raises ends the run.

    Ctrl-C and SIGTERM end it after the step that is running, with a checkpoint saved:
    KeyboardInterrupt and SystemExit 143.

    Raises SpecError: of the run (E51x, E60x), the spec, the data (E62x);
    E605 for an `out` that is used, E610 to E613 for a network that does not fit the data or the machine, E650
    for a loss that is no finite number (the last checkpoint is kept), E652 to E654 for an `out` that cannot be gone on
    from, E655 for a package that lacks, E505 for files that cannot be written.
    """
    target = Path(out) if out is not None else None
    origin = _origin(target, resume)
    with catching_signals() as stop:
        job = settled(prepare(load_run(run, overrides)), target if origin is not None else None)
        plan = job.run.run.train
        identity = resuming.identity(job.run, job.graph, job.preprocessing, {"train": job.train, "val": job.val})
        if target is not None and origin is not None:
            resuming.check_same(target, origin.snapshot.facts["origin"], identity)
            resuming.check_epochs(job.run, origin.snapshot.facts["epoch"])
        with seeded(plan.seed, job.device):
            try:
                network = compile(job.graph)
                if origin is None and (transferred := transfer(network, job.run, job.task.classes)):
                    job = replace(job, notes=(*job.notes, str(transferred)))
                state = fresh_state(network.to(job.device), plan)
            except torch.OutOfMemoryError as error:
                message = f"the network '{job.graph.name}' does not fit into the memory of {job.device}"
                raise fail("E651", message, job.run.span("train", "device")) from error
            directory = rundir.make_directory(target, job.run.name, resume)  # only now: nothing else can be refused
            saver = Saver(directory, plan.checkpoint, job.device, identity)
            if origin is not None:
                job = _go_on(job, state, saver, origin)
            else:
                rundir.write_description(directory, job.run, job.graph, job.preprocessing)
                if colors := colors_of(job.train, job.run.run.augment):
                    write_text(directory / rundir.COLORS, json.dumps({"pca_color": colors.to_json()}, indent=2) + "\n")
                if left_out := [w.message for w in job.warnings if w.code == "W620"]:
                    write_text(directory / rundir.LEFT_OUT, "".join(f"{message}\n" for message in left_out))
            with progress_for(plan.epochs, steps_per_epoch(job.train, plan), quiet, state.step) as progress:
                progress.say(introduction(job, state, directory))
                stop.holding = True
                fit(job, state, saver, progress, stop, on_epoch)
                stop.holding = False
                if stop.signal is not None:  # it came after the very last step: all is saved
                    stop.leave()
            best = _best(job, state, directory)
            if best is not None:
                write_report(directory, best)
    accuracy, loss = state.best or (0.0, 0.0)
    test = best if best is not None and best.split == "test" else None
    return RunResult(directory, state.best_epoch, accuracy, -loss, test, tuple(state.records), job.warnings)


def _origin(target: Path | None, wanted: bool) -> resuming.Origin | None:
    """The checkpoint to go on from, if any. Raises SpecError E605, E653, E654."""
    if not wanted:
        if target is not None:
            rundir.check_unused(target)
        return None
    if target is None:
        hint = "name the directory of the run: --out DIR --resume"
        raise fail("E653", "there is no directory to go on from", hint=hint)
    return resuming.find_origin(target)


def _go_on(job: Job, state: State, saver: Saver, origin: resuming.Origin) -> Job:
    """The fresh state becomes that of the checkpoint, and the directory what it was then. Raises SpecError E505."""
    plan, facts = job.run.run.train, origin.snapshot.facts
    restore(state, origin.snapshot, job.device, job.task.tally(job.device))
    for damaged in origin.damaged:
        checkpoints.set_aside(damaged)
    warnings = [*origin.warnings, *saver.go_on(state, origin.path, facts), *check_record(saver.directory)]
    former = load_run(saver.directory / rundir.RUN)
    if former.run.train.epochs != plan.epochs:
        steps = steps_per_epoch(job.train, plan)
        then, now = (
            rate_at(plan.schedule, plan.optimizer.lr, state.step, steps, epochs, plan.warmup)
            for epochs in (former.run.train.epochs, plan.epochs)
        )
        if state.epoch < plan.epochs:
            warnings += resuming.other_rates(job.run, then, now, former.run.train.epochs)
    if former.run.train != plan:
        rundir.write_run(saver.directory, job.run)
    return replace(job, warnings=(*warnings, *job.warnings))


def prepare(run: RunFile) -> Job:
    """Network and data, checked against each other, before anything is written."""
    plan, data = run.run.train, run.run.data
    device = choose_device(plan.device, run.span("train", "device"))
    check_numerics(run, device)
    check_tensorboard(plan.tensorboard, run.span("train", "tensorboard"))
    warnings: list[Diagnostic] = []
    graph = load_network(run)
    with placed_at(run.span("model", "spec")):
        frame = frame_of(image_input(graph), data.fit, graph.name, background_color(data.background))
        source = open_source(data, lambda *keys: run.span("data", *keys))
        check_labels(source, class_count(graph), run.span("data"))
        graph, note = network_for(run, graph, len(source.classes))
        check_patterns(run, graph)
        graph = with_init(graph, plan.init)
        task = task_of(graph, source.classes, plan.loss, source.labels_of("train"), run.span("train", "loss"))
        task.criterion.to(device)
    examples = source.load("train", frame, warnings.append)
    held = source.load("val", frame, warnings.append)
    if data.strict:
        for split in source.sizes:
            if split not in ("train", "val"):
                source.load(split, frame, warnings.append)
        refuse_damaged(warnings, run.span("data", "strict"))
    warnings += lacking(source, run.span("data"))
    preprocessing = Preprocessing(frame, *statistics(examples.histogram()), source.classes)
    notes = [*([note] if note else []), *freezing_notes(run, graph)]
    return Job(
        run=run,
        graph=graph,
        task=task,
        source=source,
        preprocessing=preprocessing,
        train=augmented(examples, run.run.augment, frame, len(source.classes), run.span("augment")).to(device),
        val=held.to(device),
        device=device,
        normalize=Normalize(preprocessing, device),
        notes=tuple(notes),
        warnings=tuple(warnings),
    )


def settled(job: Job, former: Path | None) -> Job:
    """The job with number format, layout and compilation chosen where they are `auto`: as in the `former` run
    directory that is gone on from, or else by a trial, which draws no random numbers of the run."""
    plan = job.run.run.train
    if not is_open(plan):
        return job
    if former is not None:
        before = load_run(former / rundir.RUN).run.train
        chosen = {key: getattr(before, key) for key in KEYS if getattr(plan, key) == "auto"}
        note = "number format and layout as in the first part of the run"
    else:
        with seeded(plan.seed, job.device):
            model = compile(job.graph).to(job.device)
            group = torch.arange(min(plan.batch, len(job.train.labels)))
            images, labels = next(iter(job.train.batches([group], job.device, 0, Draws(plan.seed, 0))))
            chosen, note = trial(plan, model, job.normalize(images), labels, job.task.loss)
    run = replace(job.run, run=job.run.run.model_copy(update={"train": plan.model_copy(update=chosen)}))
    return replace(job, run=run, notes=(*job.notes, note))


def refuse_damaged(warnings: Sequence[Diagnostic], span: Span) -> None:
    """Raises SpecError E633 for the files that would be left out (W620), the first of them named."""
    damaged = [w.message.removesuffix(": left out") for w in warnings if w.code == "W620"]
    if damaged:
        more = [f"… and {len(damaged) - SHOWN} more"] if len(damaged) > SHOWN else []
        what = "; ".join([*damaged[:SHOWN], *more])
        count = f"{len(damaged)} files" if len(damaged) > 1 else "one file"
        hint = "repair or remove them; without strict they are left out"
        raise fail("E633", f"{count} of the data cannot be used: {what}", span, hint)


def fit(
    job: Job,
    state: State,
    saver: Saver,
    progress: Progress,
    stop: Stop,
    on_epoch: Callable[[Mapping[str, float]], None] | None = None,
) -> None:
    """Epoch after epoch, until the last: a checkpoint, metrics and curves are in the directory after each."""
    plan, directory = job.run.run.train, saver.directory
    title = f"{job.graph.name} on {job.source.name}"
    records = Records(directory, state.records, plan.tensorboard)
    drawn = time.monotonic()
    begun = time.perf_counter() - state.seconds

    def stepped() -> None:
        progress.step()
        if saver.due(state):
            state.seconds = time.perf_counter() - begun
            saver.save(state)

    watch = Trouble(plan, job.task.at_start(), job.device, job.run.span("train", "watch"), progress.say)
    if saver.newest is None:
        saver.save(state)
    if ended := end_of(state, plan):
        progress.say(f"{directory} is finished: {ended}; a greater train.epochs goes on")
    try:
        while not end_of(state, plan):
            begun = time.perf_counter() - state.seconds
            trained = train_epoch(state, job.task, job.train, job.normalize, plan, stop, job.device, stepped, watch)
            how = (plan.batch, plan.workers, job.device, stop, numerics_of(plan))
            with watch.looking(state.answering) as dead:
                held = measure(state.answering, job.task, job.val, job.normalize, *how)
            rate = rate_of(state.optimizer)
            check_finite(held.loss, "validation loss", state.epoch, state.step, rate)
            record = {
                "epoch": state.epoch + 1,
                "train_loss": trained.loss,
                "val_loss": held.loss,
                "val_accuracy": held.accuracy,
                "train_accuracy": trained.accuracy,
                **{f"val_{name}": value for name, value in held.figures().items()},
                "lr": rate,
                **({"skipped_steps": state.carried.get("skipped_steps", 0)} if state.scaler else {}),
                "seconds": round(time.perf_counter() - begun, 3),
            }
            state.finish_epoch()
            state.records.append(record)
            better = state.best is None or (held.accuracy, -held.loss) > state.best
            if better:
                state.best, state.best_epoch = (held.accuracy, -held.loss), state.epoch
            saver.save(state)
            records.add(state.records)
            progress.epoch(record, better)
            if time.monotonic() - drawn > CURVES_EVERY:
                write_curves(state.records, directory / rundir.CURVES, title)
                drawn = time.monotonic()
            if on_epoch is not None:
                on_epoch(record)
            watch.epoch(state, dead(), held.examples)
            if state.epoch < plan.epochs and (why := end_of(state, plan)):
                progress.say(f"stopped early: {why}")
    except Stopped:
        state.seconds = time.perf_counter() - begun
        saver.save(state)
        write_curves(state.records, directory / rundir.CURVES, title)
        progress.say(
            f"stopped in epoch {state.epoch + 1} after step {state.step}; weights saved in {directory}: "
            "go on with --resume"
        )
        stop.leave()
    except torch.OutOfMemoryError as error:
        message = f"{job.device} has not enough memory for {plan.batch} images at once"
        hint = "a smaller train.batch needs less; a greater train.accumulate makes up for it"
        raise fail("E651", message, job.run.span("train", "batch"), hint) from error
    except SpecError:
        with contextlib.suppress(SpecError):
            write_curves(state.records, directory / rundir.CURVES, title)
        progress.say(f"checkpoint {saver.newest} kept in {directory}")
        raise
    finally:
        records.close()
    write_curves(state.records, directory / rundir.CURVES, title)


def end_of(state: State, plan: Train) -> str:
    """Why training is over, or ''."""
    if state.epoch >= plan.epochs:
        return f"{state.epoch} of {plan.epochs} epochs"
    if plan.early_stop and out_of_patience(state.records, plan.early_stop):
        return f"{plan.early_stop.on} was not better than before for {plan.early_stop.patience} epochs"
    return ""


def _best(job: Job, state: State, directory: Path) -> Evaluation | None:
    """The best weights on the test split, written to test.json; on the validation split where there is none.

    Of tags only what was tallied is written.
    """
    plan = job.run.run.train
    split = "test" if "test" in job.source.sizes else "val"
    epoch = load_weights(state.answering, directory / rundir.BEST)
    examples = job.source.load("test", job.preprocessing.frame, lambda _: None) if split == "test" else job.val
    how = (plan.batch, plan.workers, job.device)
    if isinstance(job.task, Tags):
        tally = measure(state.answering, job.task, examples, job.normalize, *how)
        what: dict[str, Any] = {"split": split, "weights": "best", "epoch": epoch, "n": tally.examples}
        figures = {**what, "loss": tally.loss, "accuracy": tally.accuracy, **tally.figures()}
        write_text(directory / rundir.TEST, json.dumps(figures, indent=2) + "\n")
        return None
    found = assess(state.answering, job.task, examples, job.normalize, *how, split, "best", epoch)
    if split == "test":
        write_text(directory / rundir.TEST, json.dumps(found.to_json(), indent=2) + "\n")
    return found


def introduction(job: Job, state: State, directory: Path) -> str:
    """What is about to be trained, on what, how and where."""
    plan = job.run.run.train
    parameters = sum(p.numel() for p in state.model.parameters() if p.requires_grad)
    held = set(matching(learning_layers(job.graph), plan.freeze))
    frozen = sum(p.numel() for layer, _, p in learned(state.model) if layer in held)
    counted = f"{parameters:,} parameters" + (f", {frozen:,} of them frozen at first" if frozen else "")
    sizes = ", ".join(f"{n:,} {name}" for name, n in job.source.sizes.items())
    steps = steps_per_epoch(job.train, plan)
    how = f"{plan.epochs} epochs of {steps:,} steps of {plan.batch * plan.accumulate}"
    by = f"{plan.optimizer.kind} lr {plan.optimizer.lr:g}, {plan.schedule.kind}"
    rows = [
        ("network", f"{job.graph.name}: {counted}, input {job.preprocessing.frame}"),
        ("data", f"{job.source.name}: {sizes}; {len(job.task.classes)} classes"),
        ("training", f"{how}, {by}, seed {plan.seed}, on {device_label(job.device)}"),
        ("directory", str(directory)),
        *(("note", note) for note in job.notes),
        *(
            [("going on", f"after step {state.step:,}, in epoch {state.epoch + 1}")]
            if state.step and not end_of(state, plan)
            else []
        ),
    ]
    listed = [str(w) for w in job.warnings[:SHOWN]]
    if len(job.warnings) > SHOWN:
        listed.append(f"… and {len(job.warnings) - SHOWN} more: see {directory / rundir.LEFT_OUT}")
    return "\n".join([*listed, table(rows)])


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """torch's generators of the CPU and of the run's device seeded, and given back as they were.

    From them come the weights and dropout of a run. Generators of other devices are not touched, as
    `torch.manual_seed` would. cuDNN keeps to algorithms that give the same sums each time.
    """
    cudnn = torch.backends.cudnn
    former = cudnn.deterministic, cudnn.benchmark
    with _generators_kept(device):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        cudnn.deterministic, cudnn.benchmark = True, False
        try:
            yield
        finally:
            cudnn.deterministic, cudnn.benchmark = former


@contextlib.contextmanager
def _generators_kept(device: torch.device) -> Iterator[None]:
    """The state of the CPU's generator and of the device's own is the same after as before."""
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        with torch.random.fork_rng(devices=[index]):
            yield
        return
    mps = torch.mps.get_rng_state() if device.type == "mps" else None
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        if mps is not None:
            torch.mps.set_rng_state(mps)
