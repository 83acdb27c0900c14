"""Training as a run file says: from the file to a directory of weights and figures."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from archspec.errors import Diagnostic, SpecError, fail
from archspec.files import write_text
from archspec.graph import TypedGraph
from archspec.plugins.records import check_record, write_record
from archspec.run import RunFile, load_run
from archspec.run.figures import what_instead, worth
from archspec.run.sections import Train
from archspec_torch.compiler import compile
from archspec_torch.runtime import checkpoints, rundir
from archspec_torch.runtime import resume as resuming
from archspec_torch.runtime.augment import augmented, colors_of, kind_of
from archspec_torch.runtime.data import Draws, Examples, Source, open_source, pairs_of
from archspec_torch.runtime.data.files import LEFT_OUT, refuse_damaged
from archspec_torch.runtime.device import device_label
from archspec_torch.runtime.evaluate import assess
from archspec_torch.runtime.evaluation.result import Evaluation
from archspec_torch.runtime.images import background_color, frame_of
from archspec_torch.runtime.kept import keep_split
from archspec_torch.runtime.labels import check_labels, lacking, mirrored, unmeasured
from archspec_torch.runtime.layers import check_patterns, freezing_notes, learned, learning_layers, matching, with_init
from archspec_torch.runtime.loop import State, fresh_state, measure, steps_per_epoch, train_epoch, training_tally
from archspec_torch.runtime.network import image_input, load_network, network_for, placed_at
from archspec_torch.runtime.optimize import rate_of
from archspec_torch.runtime.precision import KEYS, check_numerics, is_open, numerics_of, trial
from archspec_torch.runtime.preprocess import Normalize, Preprocessing, statistics
from archspec_torch.runtime.processes import ALONE, World, joined
from archspec_torch.runtime.progress import Progress, progress_for, table
from archspec_torch.runtime.records import Journal, check_tensorboard, out_of_patience
from archspec_torch.runtime.report import write_report
from archspec_torch.runtime.result import RunResult
from archspec_torch.runtime.saving import Saver
from archspec_torch.runtime.schedules import cycle_ends, rate_at
from archspec_torch.runtime.seeding import part_ways, seeded
from archspec_torch.runtime.snapshot import processes_of, restore
from archspec_torch.runtime.stop import Stop, Stopped, catching_signals
from archspec_torch.runtime.tasks import Task, class_count, counted, task_of, with_loss
from archspec_torch.runtime.transfer import transfer
from archspec_torch.runtime.trouble import Trouble
from archspec_torch.runtime.unreached import unreached
from archspec_torch.runtime.watch import check_finite
from archspec_torch.runtime.weights import load_weights

SHOWN = 10
"""Left-out files that are listed on the terminal; all are in the run directory."""

WITHOUT_EFFECT = "sync_batchnorm changes nothing: one process computes, and sees whole batches"


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
    test: Examples | None
    sizes: Mapping[str, int]
    """Images of each split that can be read."""
    device: torch.device
    normalize: Normalize
    notes: tuple[str, ...]
    warnings: tuple[Diagnostic, ...]
    world: World = ALONE


def train(
    run: str | Path | Mapping[str, Any] | RunFile,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    quiet: bool = False,
    resume: bool = False,
    on_epoch: Callable[[Mapping[str, float]], None] | None = None,
    report: bool = True,
    test: bool = True,
) -> RunResult:
    """Trains as a run file (or the same as plain data) says, into `out` or a new runs/NAME-N.

    `resume`: goes on from the newest whole checkpoint in `out`, to the very weights of a run that was never stopped;
    begins there where nothing was saved yet. `on_epoch` is given each epoch's record once all is saved; what it
    raises ends the run. `report`: whether report.html is written at the end; `test`: whether the best weights are
    measured on the test split then, where there is one; else its images are not read.

    Ctrl-C and SIGTERM end it after the step that is running, with a checkpoint saved:
    KeyboardInterrupt and SystemExit 143.

    In each of several processes that torchrun has started it takes part in the same run: a batch is shared by all, the
    first writes and talks, and an error is raised in one of them, without diagnostics in the others.

    Raises SpecError: of the run (E51x, E60x), the spec, the data (E62x);
    E605 for an `out` that is used, E610 to E613 for a network that does not fit the data or the machine, E650
    for a loss that is no finite number (the last checkpoint is kept), E652 to E654 for an `out` that cannot be gone on
    from, E655 for a package that lacks, E691 for an `out` that another process trains into, E505 for files that cannot
    be written; E683 to E686 of several processes.
    """
    target = Path(out) if out is not None else None
    with catching_signals() as stop, joined() as world, contextlib.ExitStack() as claim:
        stop.world = world
        there = target if resume and target is not None and target.is_dir() else None
        with world.together():
            if there is not None and world.main:
                claim.enter_context(rundir.claimed(there))
            origin = _origin(target, resume) if world.main else None
        origin = world.given(origin)
        with world.together():
            job = prepare(load_run(run, overrides), world, test)
        job = settled(job, origin.snapshot.facts["origin"]["run"] if origin else None)
        plan = job.run.run.train
        with seeded(plan.seed, job.device):
            with world.together():
                identity = resuming.identity(
                    job.run, job.graph, job.preprocessing, {"train": job.train, "val": job.val}
                )
                if target is not None and origin is not None:
                    resuming.check_same(target, origin.snapshot.facts["origin"], identity)
                    resuming.check_epochs(job.run, origin.snapshot.facts["epoch"])
                job, state = _begun(job, transferring=origin is None)
            world.same(identity["sha256"], "another run file, network or data")
            with world.together():  # only now: nothing else can be refused
                directory = rundir.make_directory(target, job.run.name, resume) if world.main else Path()
                if there is None and world.main:
                    claim.enter_context(rundir.claimed(directory))
                    rundir.check_unused(directory)  # another process may have been here since
            saver = Saver(world.given(directory), plan.checkpoint, job.device, identity, world)
            directory = saver.directory
            with world.together():
                if origin is not None:
                    job = _go_on(job, state, saver, origin)
                elif world.main:
                    _describe(job, directory)
                if world.main:
                    rundir.write_description(directory, job.graph, job.preprocessing)
            silent = quiet or not world.main
            with progress_for(plan.epochs, steps_per_epoch(job.train, plan), silent, state.step) as progress:
                progress.say(introduction(job, state, directory))
                stop.holding = True
                fit(job, state, saver, progress, stop, on_epoch)
                stop.holding = False
                if stop.asked is not None:  # it came after the very last step: all is saved
                    stop.leave()
            split = "test" if test and "test" in job.source.sizes else "val"
            best = _best(job, state, directory, split) if world.main and (report or split == "test") else None
            if report and best is not None:
                write_report(directory, best)
    record = state.records[state.best_epoch - 1]
    told = sorted((name for name in record if name.startswith("val_")), key=lambda name: name != plan.merit)
    val = {name.removeprefix("val_"): record[name] for name in told}
    tested = best if best is not None and best.split == "test" else None
    return RunResult(directory, state.best_epoch, val, tested, tuple(state.records), job.warnings)


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


def _begun(job: Job, transferring: bool) -> tuple[Job, State]:
    """The state before the first step, with a note of the weights it begins with. Raises SpecError E651, E666, E667."""
    plan = job.run.run.train
    try:
        network = compile(job.graph)
        if transferring and (transferred := transfer(network, job.run, job.task.classes)):
            job = replace(job, notes=(*job.notes, str(transferred)))
        model = job.world.synchronised(network, plan.sync_batchnorm, job.device)
        state = fresh_state(model.to(job.device), plan)
    except torch.OutOfMemoryError as error:
        message = f"the network '{job.graph.name}' does not fit into the memory of {job.device}"
        raise fail("E651", message, job.run.span("train", "device")) from error
    part_ways(plan.seed, job.world.rank, 0, job.device)
    return job, state


def _describe(job: Job, directory: Path) -> None:
    """What a run's directory says of it before the first step. Raises SpecError E505."""
    rundir.write_run(directory, job.run)
    keep_split(directory, job.source)
    write_record(directory, (node.op.word for node in job.graph.nodes.values()))
    if colors := colors_of(job.train, job.run.run.augment):
        write_text(directory / rundir.COLORS, json.dumps({"pca_color": colors.to_json()}, indent=2) + "\n")
    if left_out := [w.message + (f" ({w.span})" if w.span else "") for w in job.warnings if w.code in LEFT_OUT]:
        write_text(directory / rundir.LEFT_OUT, "".join(f"{message}\n" for message in left_out))


def _go_on(job: Job, state: State, saver: Saver, origin: resuming.Origin) -> Job:
    """The fresh state becomes that of the checkpoint, and the directory what it was then. Raises SpecError E505.

    Another number of processes than the checkpoint's goes on with draws of its own.
    """
    plan, world = job.run.run.train, job.world
    restore(state, origin.snapshot, job.device, training_tally(job.task, plan, job.device), world)
    if (before := processes_of(origin.snapshot)) != world.size:
        part_ways(plan.seed, world.rank, state.step, job.device)
        count = f"begun by {before} process{'es' * (before > 1)}, and {world.size} go{'es' * (world.size == 1)} on"
        job = replace(job, notes=(*job.notes, f"{count}: dropout draws otherwise, and sums are rounded otherwise"))
    if world.main:
        job = _put_back(job, state, saver, origin)
    state.best, state.best_epoch, saver.newest = world.given((state.best, state.best_epoch, saver.newest))
    return job


def _put_back(job: Job, state: State, saver: Saver, origin: resuming.Origin) -> Job:
    """The directory becomes what it was when the checkpoint was saved. Raises SpecError E505."""
    plan, facts = job.run.run.train, origin.snapshot.facts
    for damaged in origin.damaged:
        checkpoints.set_aside(damaged)
    lost = saver.go_on(state, origin.path, facts, plan.merit, over=bool(end_of(state, plan)))
    warnings = [*origin.warnings, *lost, *check_record(saver.directory)]
    former = resuming.former_run(saver.directory)
    if former is not None and former.train.epochs != plan.epochs:
        steps = steps_per_epoch(job.train, plan)
        then, now = (
            rate_at(plan.schedule, plan.optimizer.lr, state.step, steps, epochs, plan.warmup)
            for epochs in (former.train.epochs, plan.epochs)
        )
        if state.epoch < plan.epochs:
            warnings += resuming.other_rates(job.run, then, now, former.train.epochs)
    if former is None or (former.train, former.data) != (plan, job.run.run.data):
        rundir.write_run(saver.directory, job.run)
    return replace(job, warnings=(*warnings, *job.warnings))


def prepare(run: RunFile, world: World = ALONE, test: bool = True) -> Job:
    """Network and data, checked against each other, before anything is written. `test`: whether images of the test
    split are read too."""
    plan, data = run.run.train, run.run.data
    world.check_batch(plan.batch, run.span("train", "batch"))
    device = world.device(plan.device, run.span("train", "device"))
    check_numerics(run, device)
    check_tensorboard(plan.tensorboard, run.span("train", "tensorboard"))
    warnings: list[Diagnostic] = []
    graph = load_network(run)
    with placed_at(run.span("model", "spec")):
        run = with_loss(run, graph)
        plan = run.run.train
        check_figures(run)
        frame = frame_of(image_input(graph), data.fit, graph.name, background_color(data.background))
        source = open_source(data, lambda *keys: run.span("data", *keys))
        check_labels(source, class_count(graph), run.span("data"))
        graph, note = network_for(run, graph, len(source.classes))
        check_patterns(run, graph)
        graph = with_init(graph, plan.init)
        task = task_of(graph, source.classes, plan.loss, source, run.span("train", "loss")).to(device)
    lengths = unmeasured(source, plan.loss, run.span("train", "loss"))
    wanted = [split for split in source.sizes if test or split != "test"]
    parts = {split: source.load(split, frame, warnings.append) for split in wanted}
    examples = parts["train"]
    if data.strict:
        refuse_damaged(warnings, run.span("data", "strict"))
    turned, sides = mirrored(run, source)
    warnings = [*turned, *warnings, *lacking(source, run.span("data"))]  # those of single images may be many
    warnings += unreached(run, len(examples.labels), steps_per_epoch(examples, plan))
    preprocessing = Preprocessing(frame, *statistics(examples.histogram()), source.classes)
    kind = kind_of(source.target, source.classes, pairs_of(data))
    notes = [note, WITHOUT_EFFECT if plan.sync_batchnorm and world.size == 1 else None, *freezing_notes(run, graph)]
    notes += [*sides, *lengths]
    return Job(
        run=run,
        graph=graph,
        task=task,
        source=source,
        preprocessing=preprocessing,
        train=augmented(examples, run.run.augment, frame, source.classes, kind, run.spans("augment")).to(device),
        val=parts["val"].to(device),
        test=parts.get("test"),
        sizes={split: len(part.labels) for split, part in parts.items()},
        device=device,
        normalize=Normalize(preprocessing, device),
        notes=tuple(filter(None, notes)),
        warnings=tuple(warnings),
        world=world,
    )


def check_figures(run: RunFile) -> None:
    """Raises SpecError E603 for a figure that the run goes by and its loss has none of."""
    plan = run.run.train
    for key, figure in (("best", plan.best), ("early_stop", plan.early_stop.on if plan.early_stop else None)):
        if figure and not plan.measures(figure):
            message = f"{key}: {figure} {what_instead(plan.loss_kind, figure)}"
            raise fail("E603", message, run.span("train", key))


def settled(job: Job, former: Mapping[str, Any] | None) -> Job:
    """The job with number format, layout and compilation chosen where they are `auto`: as in the `former` part of the
    run (see `resume.identity`), or else by a trial, which draws no random numbers of the run."""
    plan = job.run.run.train
    if not is_open(plan):
        return job
    chosen: dict[str, Any] = {}
    note = "number format and layout as in the first part of the run"
    with job.world.together():
        if not job.world.main:
            pass  # the first process chooses for all
        elif former is not None:
            chosen = {key: former[f"train.{key}"] for key in KEYS if getattr(plan, key) == "auto"}
        else:
            with seeded(plan.seed, job.device):
                model = compile(job.graph).to(job.device)
                group = job.world.share(torch.arange(min(plan.batch, len(job.train.labels))))
                images, labels = next(iter(job.train.batches([group], job.device, 0, Draws(plan.seed, 0))))
                chosen, note = trial(plan, model, job.normalize(images), labels, job.task.loss)
    chosen, note = job.world.given((chosen, note))
    run = replace(job.run, run=job.run.run.model_copy(update={"train": plan.model_copy(update=chosen)}))
    return replace(job, run=run, notes=(*job.notes, note))


def fit(
    job: Job,
    state: State,
    saver: Saver,
    progress: Progress,
    stop: Stop,
    on_epoch: Callable[[Mapping[str, float]], None] | None = None,
) -> None:
    """Epoch after epoch, until the last: a checkpoint, metrics and curves are in the directory after each."""
    plan, directory, world = job.run.run.train, saver.directory, job.world
    caption = f"{job.graph.name} on {job.source.name}"
    journal = Journal(directory, state.records, plan.tensorboard, caption, plan.merit, world)
    begun = time.perf_counter() - state.seconds
    cycles = cycle_ends(plan, steps_per_epoch(job.train, plan))

    def stepped() -> None:
        progress.step()
        if cycle := cycles.get(state.step):
            saver.keep_cycle(state, cycle)
        if stop.agree(saver.due(state)):
            state.seconds = time.perf_counter() - begun
            saver.save(state)

    watch = Trouble(plan, job.task.at_start() or 0.0, job.device, job.run.span("train", "watch"), progress.say, world)
    if saver.newest is None:
        saver.save(state)
    if ended := end_of(state, plan):
        progress.say(f"{directory} is finished: {ended}; a greater train.epochs goes on")
    try:
        while not end_of(state, plan):
            begun = time.perf_counter() - state.seconds
            trained = train_epoch(
                state, job.task, job.train, job.normalize, plan, stop, job.device, stepped, watch, world
            )
            with watch.looking(state.answering) as dead:
                how = (plan.batch, plan.workers, job.device, stop, numerics_of(plan), world)
                held = measure(state.answering, job.task, job.val, job.normalize, *how)
            rate = rate_of(state.optimizer)
            check_finite(held.loss, "validation loss", state.epoch, state.step, rate)
            record = {
                "epoch": state.epoch + 1,
                "train_loss": trained.loss,
                "val_loss": held.loss,
                **{f"val_{name}": value for name, value in held.figures().items()},
                **{f"train_{name}": value for name, value in trained.figures().items()},
                "lr": rate,
                **({"skipped_steps": state.carried.get("skipped_steps", 0)} if state.scaler else {}),
                "seconds": round(time.perf_counter() - begun, 3),
            }
            state.finish_epoch()
            state.records.append(record)
            reached = worth(record, plan.merit)
            better = state.best is None or reached > state.best
            if better:
                state.best, state.best_epoch = reached, state.epoch
            saver.save(state)
            journal.add(state.records, state.best_epoch)
            progress.epoch(record, better)
            if on_epoch is not None:
                on_epoch(record)
            watch.epoch(state, dead(), held.examples)
            if state.epoch < plan.epochs and (why := end_of(state, plan)):
                progress.say(f"stopped early: {why}")
    except Stopped:
        state.seconds = time.perf_counter() - begun
        saver.save(state)
        journal.draw(state.records, state.best_epoch)
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
            journal.draw(state.records, state.best_epoch)
        progress.say(f"checkpoint {saver.newest} kept in {directory}")
        raise
    finally:
        journal.close()
    journal.draw(state.records, state.best_epoch)


def end_of(state: State, plan: Train) -> str:
    """Why training is over, or ''."""
    if state.epoch >= plan.epochs:
        return f"{state.epoch} of {plan.epochs} epochs"
    if plan.early_stop and out_of_patience(state.records, plan.patient_on, plan.early_stop.patience):
        return f"{plan.patient_on} was not better than before for {plan.early_stop.patience} epochs"
    return ""


def _best(job: Job, state: State, directory: Path, split: str) -> Evaluation:
    """The best weights on the test split, written to test.json, or on the validation split."""
    plan = job.run.run.train
    examples = job.test if split == "test" and job.test is not None else job.val
    epoch = load_weights(state.answering, directory / rundir.BEST)
    how = (plan.batch, plan.workers, job.device)
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
    size = f"{parameters:,} parameters" + (f", {frozen:,} of them frozen at first" if frozen else "")
    sizes = ", ".join(f"{n:,} {name}" for name, n in job.sizes.items())
    steps = steps_per_epoch(job.train, plan)
    how = f"{plan.epochs} epochs of {steps:,} steps of {plan.batch * plan.accumulate}"
    by = f"{plan.optimizer.kind} lr {plan.optimizer.lr:g}, {plan.schedule.kind}"
    rows = [
        ("network", f"{job.graph.name}: {size}, input {job.preprocessing.frame}"),
        ("data", f"{job.source.name}: {sizes}; {counted(job.graph, len(job.task.classes))}"),
        ("training", f"{how}, {by}, seed {plan.seed}, on {device_label(job.device)}"),
        *([("processes", f"{job.world.size}, which share each batch")] if job.world.size > 1 else []),
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
