"""Checks that train for a moment: a few examples learned by heart, a short fit, the run's own first steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import assert_never

import torch
from torch import Tensor, nn

from archspec_torch.runtime.data import Target
from archspec_torch.runtime.doctor import places
from archspec_torch.runtime.doctor.data import beyond
from archspec_torch.runtime.doctor.finding import Finding
from archspec_torch.runtime.doctor.subject import Subject, learning
from archspec_torch.runtime.loop import steps_per_epoch
from archspec_torch.runtime.optimize import make_optimizer, set_rate
from archspec_torch.runtime.schedules import rate_at
from archspec_torch.runtime.tasks import Localise, Points

FEW, STEPS, RATES = 20, 200, (3e-3, 3e-4, 3e-2)
FEW_BOXED = 4
"""Images with objects in boxes that are learned by heart."""
SHORT = 150
"""Steps of the short fit."""
OWN = 100
"""Steps taken as the run would."""


def overfit(subject: Subject) -> Iterator[Finding]:
    """Whether 20 images can be learned by heart, with Adam at some rate: else network, loss or images are at fault.

    Four of objects in boxes. What counts as learned is the task's `by_heart`.
    """
    bare = subject.bare
    images, labels = _few(subject)
    measured, goal = subject.job.task.by_heart
    best = 0.0
    for rate in RATES:
        model = bare.fresh()
        weights = [p for _, _, p in learning(model)]
        if not weights:
            return
        state = bare.begun(model, torch.optim.Adam(weights, lr=rate))
        for step in range(1, STEPS + 1):
            bare.step(state, [(images, labels)])
            if step % 10 == 0:
                best = max(best, _figure(bare, model, images, labels, measured))
            if best >= goal:
                text = f"{len(labels)} images are learned by heart in {step} steps (Adam, lr {rate:g})"
                yield Finding("overfit", "ok", text, "", {measured: best, "steps": step, "lr": rate})
                return
    tried = ", ".join(f"{rate:g}" for rate in RATES)
    text = f"{len(labels)} images cannot be learned by heart: {measured} {best:.2f} in {STEPS} steps (Adam, lr {tried})"
    advice = "something is broken before it is a matter of numbers: look at the other faults, the loss and the labels"
    yield Finding("overfit", "fault", text, advice, {measured: best})


def generalises(subject: Subject) -> Iterator[Finding]:
    """Whether a short fit of the network beats always answering with the largest class, on validation images; of places
    see `places`.

    It has a rate that suits most networks, not the run's own. Where it fails though it learns its training images, the
    labels have nothing to do with the images, as when they were shuffled.
    """
    if isinstance(subject.job.task, Localise | Points):
        yield from places.short_fit(subject)
        return
    images, labels = subject.val
    if subject.target is not Target.CLASS or len(labels) < 30:
        return
    counts = torch.bincount(labels)
    chance = float(counts.max()) / len(labels)
    bare = subject.bare
    model = bare.fresh()
    weights = [p for _, _, p in learning(model)]
    if not weights or chance > 0.9:
        return
    state = bare.begun(model, torch.optim.Adam(weights, lr=RATES[0]))
    for parts in bare.steps(SHORT):
        bare.step(state, parts)
    held, trained = (_figure(bare, model, *them) for them in ((images, labels), subject.train))
    text = f"after {SHORT} steps {held:.1%} of validation and {trained:.1%} of training images are right; "
    text += f"always one class: {chance:.1%}"
    figures = {"val": held, "train": trained, "chance": chance}
    if held > beyond(chance, len(labels)):
        yield Finding("short fit", "ok", text, "", figures)
    else:
        advice = "labels may be shuffled or belong to other images; or the network, or augmentation, hides the answer"
        yield Finding("short fit", "fault", text, advice, figures)


def own_steps(subject: Subject) -> Iterator[Finding]:
    """Whether the loss falls in the run's first steps, with its own optimiser, at the highest rate of its schedule.

    Raised to it over ten steps where the run warms up. The loss is the mean over ten steps.
    """
    plan = subject.plan
    per_epoch = steps_per_epoch(subject.job.train, plan)
    rate = peak_rate(subject)
    model = subject.fresh()
    if not learning(model):
        return
    state = subject.begun(model, make_optimizer(plan, model))
    losses = []
    for step, parts in enumerate(subject.steps(OWN)):
        set_rate(state.optimizer, rate * min(1.0, (step + 1) / 10) if plan.warmup else rate)
        losses.append(float(subject.step(state, parts)))
        if not math.isfinite(losses[-1]):
            break
    first, last, highest = losses[0], sum(losses[-10:]) / len(losses[-10:]), max(losses)
    start = subject.job.task.at_start()
    if start is None:
        start = first
    text = f"{len(losses)} steps of {plan.optimizer.kind} at lr {rate:g} bring the loss from {first:.3g} to {last:.3g}"
    figures = {"first": first, "last": last, "highest": highest, "lr": rate}
    total = per_epoch * plan.epochs
    if not math.isfinite(last) or last > 3 * max(first, start):
        yield Finding("own steps", "fault", f"training diverges: {text}", "a far smaller rate", figures)
    elif last > 0.995 * first and not subject.transferred and first < 1.6 * start:
        advice = "nothing is learned: a rate too small or far too large, gradients clipped to nothing, or the weights"
        yield Finding("own steps", "fault" if total > OWN / 2 else "doubt", text, advice, figures)
    elif last > 0.97 * first and not subject.transferred:
        yield Finding("own steps", "doubt", text, "little is learned: look at the rate", figures)
    else:
        yield Finding("own steps", "ok", text, "", figures)


def peak_rate(subject: Subject) -> float:
    """The highest rate of the run's schedule."""
    plan = subject.plan
    steps = steps_per_epoch(subject.job.train, plan)
    total = steps * plan.epochs
    at = {round(i * (total - 1) / 200) for i in range(201)}
    return max(rate_at(plan.schedule, plan.optimizer.lr, s, steps, plan.epochs, plan.warmup) for s in at)


def _few(subject: Subject) -> tuple[Tensor, Tensor]:
    """Up to 20 training images, in turn of each class; of objects in boxes four that show some."""
    images, labels = subject.train
    match subject.target:
        case Target.TAGS | Target.POINTS:
            chosen = torch.arange(min(FEW, len(labels)))
        case Target.BOXES:
            chosen = ((labels[..., 4] >= 0) & (labels[..., 5] == 0)).any(1).nonzero().flatten()[:FEW_BOXED]
        case Target.CLASS:
            groups = [(labels == c).nonzero().flatten().tolist() for c in torch.unique(labels).tolist()]
            chosen = torch.tensor([g[i] for i in range(FEW) for g in groups if i < len(g)][:FEW])
        case other:
            assert_never(other)
    return images[chosen], labels[chosen]


@torch.no_grad()
def _figure(subject: Subject, model: nn.Module, images: Tensor, labels: Tensor, name: str = "accuracy") -> float:
    """A figure of answers in evaluation mode, 0 without it; training goes on in the mode each layer was in."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    tally = subject.job.task.tally(subject.job.device)
    for part, its in zip(images.split(256), labels.split(256), strict=True):
        scores = subject.scores(model, part)
        tally.add(scores.new_zeros(()), scores, its)
    for module, mode in modes.items():
        module.training = mode
    return tally.figures().get(name, 0.0)
