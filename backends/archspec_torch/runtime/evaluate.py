"""How good the weights of runs are, on a split of their data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from archspec.errors import Diagnostic, did_you_mean, fail
from archspec.run.figures import shown, title
from archspec.run.sections import BCE
from archspec_torch.runtime.data import Examples, Source, open_source, pairs_of
from archspec_torch.runtime.device import choose_device
from archspec_torch.runtime.evaluation.diagnosis import Diagnosis, diagnosis
from archspec_torch.runtime.evaluation.figures import Figures
from archspec_torch.runtime.evaluation.members import Load, Member, averaged, estimate_statistics, open_member
from archspec_torch.runtime.evaluation.result import Alone, Answers, Evaluation
from archspec_torch.runtime.evaluation.scores import collect_scores
from archspec_torch.runtime.evaluation.views import passes
from archspec_torch.runtime.images import Frame
from archspec_torch.runtime.kept import SPLIT, as_trained, no_split
from archspec_torch.runtime.labels import unpaired
from archspec_torch.runtime.preprocess import Normalize
from archspec_torch.runtime.rundir import Trained, open_run, weights_of
from archspec_torch.runtime.tasks import Task

ENSEMBLES: dict[str, Callable[[Task, Sequence[Tensor]], Tensor]] = {
    "average": lambda task, kept: task.mean(kept),
    "vote": lambda task, kept: task.votes(kept),
}


def evaluate(
    runs: str | Path | Sequence[str | Path],
    split: str | None = None,
    weights: str | Sequence[str] = "best",
    device: str = "auto",
    overrides: Sequence[str] = (),
    tta: str = "none",
    ensemble: str | None = None,
    average_weights: bool = False,
    threshold: float | None = None,
    score: float | None = None,
) -> Evaluation:
    """Measures the `best` or `last` weights of a run, those of a file, or all `snapshots` of the ends of its cycles, on
    one split of the run's data.

    A split is `train`, `train_dev`, `val` or `test`; without `split` it is `test`, or `val` where the data has no
    test images. The split, the preprocessing and the classes are the run's own; `overrides` may say where the data
    lies now ("data.root=…"). `tta` averages over views: `mirror`, `ten_crop`, `multi_scale`. Several runs or weights
    answer together: by the `average` of their probabilities, by `vote`, or as one network with the mean of their
    weights; each run's images come to it as in its training, and the split is the first run's. `threshold`: the least
    probability that counts as yes where images have any number of classes (the run's own). `score`: the least of a
    detector's detections whose mistakes are told by kind (0.25).

    Raises SpecError E606 to E608 for the directory, E62x for the data, E627 for a split it does not have, E650 for
    scores that are no numbers, E673 for what does not go together, E674 for runs of different classes, E675 for weights
    that cannot be averaged, E687 for a threshold or a score where there is none, E688 for runs of different tasks, E692
    for a network that takes images of one size alone, E701 and E708 for the weights.
    """
    return Subject.open(runs, weights, device, overrides, tta, ensemble, average_weights, threshold, score).measured(
        split
    )


def diagnose(
    runs: str | Path | Sequence[str | Path],
    human: float = 0.0,
    weights: str | Sequence[str] = "best",
    device: str = "auto",
    overrides: Sequence[str] = (),
    tta: str = "none",
    ensemble: str | None = None,
    average_weights: bool = False,
    threshold: float | None = None,
) -> Diagnosis:
    """Errors on all splits that the data has, the gaps between them (bias, variance, mismatch), and what to do next.

    human: the error of people, a share of 0 … 1. The others, and what is raised, as for `evaluate`, whose `score` no
    error depends on.
    """
    if not 0 <= human < 1:
        raise fail("E673", f"the error of people is a share of 0 to 1, not {human:g}", hint="--human 0.01 is 1 %")
    subject = Subject.open(runs, weights, device, overrides, tta, ensemble, average_weights, threshold, None)
    found = {split: subject.measured(split) for split in subject.source.sizes}
    errors = {split: one.metrics.errors for split, one in found.items()}
    one = found["val"]
    return diagnosis(errors, human, one.weights, one.epoch, tuple(subject.warnings))


@dataclass
class Subject:
    """What is measured: networks, how they answer together, and the data of the first of them."""

    members: list[Member]
    source: Source
    tta: str
    together: str | None
    warnings: list[Diagnostic] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    mean: Member | None = None
    """The network with the mean of the members' weights, where that is asked for."""

    @classmethod
    def open(
        cls,
        runs: str | Path | Sequence[str | Path],
        weights: str | Sequence[str],
        device: str,
        overrides: Sequence[str],
        tta: str,
        ensemble: str | None,
        average_weights: bool,
        threshold: float | None,
        score: float | None,
    ) -> Subject:
        """All of it opened and checked; see `evaluate` for what is raised."""
        views = passes(tta)
        directories = [runs] if isinstance(runs, str | Path) else list(runs)
        words = [weights] if isinstance(weights, str) else list(weights)
        chosen = choose_device(device)
        opened = [open_run(directory, overrides) for directory in directories]
        named = [(run, name) for run in opened for word in words for name in weights_of(run.directory, word)]
        together = _together(len(named), ensemble, average_weights)
        source, changed = _data(opened[0])
        for trained in opened[1:]:
            _same_classes(opened[0], trained)
            _same_task(opened[0], trained)
        members = [open_member(trained, name, chosen, threshold, score) for trained, name in named]
        found = cls(members, source, tta, together, warnings=changed)
        if any(flipped for one in views for flipped in one.flipped):
            data = opened[0].run
            found.warnings += unpaired(source, pairs_of(data.run.data), data.span("data"))
        for trained in opened:
            found.warnings += trained.warnings
        found.warnings += [
            _split_differently(opened[0], other) for other in opened[1:] if _data_of(other) != _data_of(opened[0])
        ]
        if average_weights:
            found.mean = averaged(members)
            layers = estimate_statistics(found.mean, found.load("train")(opened[0].preprocessing.frame))
            n = source.sizes["train"]
            told = (
                f"batch norm's statistics estimated anew on {n:,} training images"
                if layers
                else "there is no batch norm to estimate anew"
            )
            found.notes.append(told)
        return found

    def load(self, split: str) -> Load:
        """Reads the split at any frame; what cannot be read is told once."""
        told: set[str] = {d.message for d in self.warnings}

        def report(diagnostic: Diagnostic) -> None:
            if diagnostic.message not in told:
                told.add(diagnostic.message)
                self.warnings.append(diagnostic)

        def read(frame: Frame) -> Examples:
            return self.source.load(split, frame, report)

        return read

    def measured(self, split: str | None = None) -> Evaluation:
        """The figures on a split. Raises SpecError E627 for one that the data does not have."""
        split = split or ("test" if "test" in self.source.sizes else "val")
        if split not in self.source.sizes:
            raise no_split(split, list(self.source.sizes), self.members[0].trained.run)
        load, views = self.load(split), passes(self.tta)
        scored = [member.scores(load, views) for member in self.members]
        first, examples = self.members[0], scored[0][1]
        found = [first.task.moved(scores, its_own, examples) for scores, its_own in scored]
        each = [member.task.figures(scores, examples) for member, scores in zip(self.members, found, strict=True)]
        if self.together is None:
            told = Answers(first.task, found[0], examples)
            return Evaluation(
                split, first.weights, first.epoch, each[0], self.tta, warnings=tuple(self.warnings), answers=told
            )
        scores = self.mean.scores(load, views)[0] if self.mean else ENSEMBLES[self.together](first.task, found)
        figures = first.task.figures(scores, examples)
        warnings = [*self.warnings]
        if self.mean:
            warnings += _worse(figures, each)
        return Evaluation(
            split=split,
            weights=self.mean.weights if self.mean else self.together,
            epoch=None,
            metrics=figures,
            tta=self.tta,
            together=self.together,
            members=tuple(
                Alone(member.trained.directory.name, member.weights, member.epoch, one.brief())
                for member, one in zip(self.members, each, strict=True)
            ),
            notes=tuple(self.notes),
            warnings=tuple(warnings),
            answers=Answers(first.task, scores, examples),
            mean=self.mean.model if self.mean else None,
        )


def assess(
    model: torch.nn.Module,
    task: Task,
    examples: Examples,
    normalize: Normalize,
    batch: int,
    workers: int,
    device: torch.device,
    split: str,
    weights: str,
    epoch: int | None,
) -> Evaluation:
    """The figures of a network at hand on examples at hand: what `evaluate` finds for its directory."""
    scores = collect_scores(model, task, examples, normalize, batch, workers, device)
    figures = task.figures(scores, examples)
    return Evaluation(split, weights, epoch, figures, answers=Answers(task, scores, examples))


def _together(count: int, ensemble: str | None, average_weights: bool) -> str | None:
    """How so many networks answer together. Raises SpecError E673 for what does not fit their number."""
    if ensemble is not None and ensemble not in ENSEMBLES:
        raise fail("E673", f"there is no ensemble by '{ensemble}'", hint=did_you_mean(ensemble, list(ENSEMBLES)))
    if ensemble and average_weights:
        raise fail(
            "E673",
            "an ensemble of several networks, and one with the mean of their weights, are two things",
            hint="leave out --ensemble or --average-weights",
        )
    together = "average_weights" if average_weights else ensemble
    if together and count < 2:
        hint = "name several run directories, or several --weights"
        raise fail("E673", "one network alone is no ensemble, and its weights have no other mean", hint=hint)
    if not together and count > 1:
        hint = "--ensemble average, --ensemble vote or --average-weights; `archspec compare` puts runs side by side"
        raise fail("E673", f"how shall {count} networks answer together?", hint=hint)
    return together


def _data(trained: Trained) -> tuple[Source, list[Diagnostic]]:
    """The run's data in the splits of its training, and what is to be told of them.

    Raises SpecError E622 where their classes are not those that the run was trained on.
    """
    run = trained.run
    source = open_source(run.run.data, lambda *keys: run.span("data", *keys))
    if source.classes != trained.preprocessing.classes:
        ours, theirs = trained.preprocessing.classes, source.classes
        message = f"the run was trained on {_listed(ours)}; the data has {_listed(theirs)}"
        raise fail("E622", message, run.span("data"))
    return as_trained(source, trained.directory, run.span("data"))


def _same_classes(first: Trained, other: Trained) -> None:
    ours, theirs = first.preprocessing.classes, other.preprocessing.classes
    if ours != theirs:
        names = first.directory.name, other.directory.name
        message = f"{names[0]} was trained on {_listed(ours)}, {names[1]} on {_listed(theirs)}"
        raise fail("E674", message, hint="networks that answer together tell the same classes apart, in the same order")


def _same_task(first: Trained, other: Trained) -> None:
    """Raises SpecError E688 where one run gives an image one class, and the other any number."""
    losses = [one.run.run.train.loss for one in (first, other)]
    if isinstance(losses[0], BCE) != isinstance(losses[1], BCE):
        told = (
            f"{one.directory.name} gives an image {'any number of classes' if isinstance(loss, BCE) else 'one class'}"
            for one, loss in zip((first, other), losses, strict=True)
        )
        hint = "`archspec compare` puts them side by side"
        raise fail("E688", f"{' and '.join(told)}: they cannot answer together", other.run.span("train", "loss"), hint)


def _data_of(trained: Trained) -> object:
    """What decides which images are in which split."""
    path = trained.directory / SPLIT
    kept = path.read_bytes() if path.is_file() else None
    return trained.run.run.data.model_dump(exclude={"fit", "background", "in_memory"}), kept


def _split_differently(first: Trained, other: Trained) -> Diagnostic:
    message = (
        f"{other.directory.name} has other data or another split than {first.directory.name}, whose images are taken: "
        f"it may have been trained on some of them"
    )
    return Diagnostic("W635", message, hint="give the runs the same data and the same split.seed", severity="warning")


def _worse(mean: Figures, each: Sequence[Figures]) -> Iterator[Diagnostic]:
    """A warning (W636) where the mean of the weights is worse than every network by the figure that comes first."""
    name, reached = next(iter(mean.brief().items()))
    least = min(one.brief()[name] for one in each)
    if reached < least:
        told = f"{title(name)} {shown(name, reached)}, every network alone {shown(name, least)} or more"
        hint = (
            "weights of separate trainings rarely have a mean that works: --ensemble average, or snapshots of one run"
        )
        yield Diagnostic("W636", f"the mean of the weights reaches {told}", hint=hint, severity="warning")


def _listed(names: Sequence[str]) -> str:
    return f"{len(names)} classes ({', '.join(names[:4])}{', …' if len(names) > 4 else ''})"
