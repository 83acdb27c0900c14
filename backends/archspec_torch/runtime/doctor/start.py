"""Checks of plan and network before training: first loss, scores, weights, gradients; what a run never reaches."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from archspec.rules import lint
from archspec_torch.runtime.dead import dead_units
from archspec_torch.runtime.doctor import boxes, places
from archspec_torch.runtime.doctor.finding import Finding, Verdict
from archspec_torch.runtime.doctor.subject import Subject, learning, listed
from archspec_torch.runtime.loop import steps_per_epoch
from archspec_torch.runtime.optimize import penalised, penalty
from archspec_torch.runtime.tasks import Detect, Localise, Points
from archspec_torch.runtime.unreached import unreached

EXPLODED = 1e3
"""Length of all gradients together beyond which a step of any usual rate destroys the weights; of a loss that is a sum
over an image's cells, for each unit of the first."""


def plan(subject: Subject) -> Iterator[Finding]:
    """Whether the run comes to all that it asks for: warm-up, milestones, unfreezing, patience, average."""
    job = subject.job
    steps = steps_per_epoch(job.train, subject.plan)
    found = list(unreached(job.run, len(job.train.labels), steps))
    for one in found:
        yield Finding("plan", "doubt", one.message, one.hint or "", {"code": one.code})
    if not found:
        yield Finding(
            "plan", "ok", f"{subject.plan.epochs} epochs of {steps:,} steps come to all that the run asks for"
        )


def scores(subject: Subject) -> Iterator[Finding]:
    """Whether scores reach the loss as they are: no softmax, sigmoid or ReLU behind the last layer."""
    match subject.job.task:
        case Detect() as task:
            yield from boxes.maps(subject, task)
        case Localise() | Points():
            yield _places(subject)
        case _:
            yield _classes(subject)


@torch.no_grad()
def _places(subject: Subject) -> Finding:
    """Of boxes and points told in numbers of their own."""
    found = subject.scores(subject.fresh(), subject.train[0][:64])
    if bool(torch.isfinite(found).all()):
        return Finding("scores", "ok", "places are finite numbers", "")
    return Finding("scores", "fault", "places are no finite numbers", "look at initial weights")


@torch.no_grad()
def _classes(subject: Subject) -> Finding:
    """Of a score a class."""
    told = [d for d in lint(subject.job.graph) if d.code == "W313"]
    found = subject.scores(subject.fresh(), subject.train[0][:64])
    sums = found.sum(1)
    shares = bool((found >= 0).all()) and bool(((sums - 1).abs() < 1e-3).all())
    text = f"{found.shape[1]} scores from {float(found.min()):.3g} to {float(found.max()):.3g}"
    if told:
        return Finding("scores", "fault", told[0].message, told[0].hint or "")
    if shares:
        advice = "the loss applies a softmax of its own: remove the network's"
        return Finding("scores", "fault", f"{text} that sum to 1", advice)
    if not bool(torch.isfinite(found).all()):
        return Finding("scores", "fault", "the scores hold numbers that are not finite", "look at initial weights")
    return Finding("scores", "ok", text)


def first_loss(subject: Subject) -> Iterator[Finding]:
    """The first loss against what it is while all scores are 0: ln C for softmax; of places see `places`."""
    found = _loss(subject)
    if isinstance(subject.job.task, Localise | Points):
        yield places.first_loss(subject, found)
        return
    wanted = subject.job.task.at_start()
    if wanted is None:
        yield Finding("first loss", "ok" if math.isfinite(found) else "fault", f"{found:.3f}", "", {"loss": found})
        return
    ratio = found / wanted if wanted else math.inf
    text = f"{found:.3f}; scores of 0 give {wanted:.3f} for {len(subject.job.task.classes)} classes"
    figures = {"loss": found, "expected": wanted}
    verdict: Verdict = "ok"
    advice = ""
    if not math.isfinite(found) or ratio > 4:
        verdict, advice = "fault", "initial weights or inputs are too large: train.init: he, and normalised inputs"
    elif ratio < 0.7 and not subject.transferred:
        verdict, advice = "doubt", "an untrained network should not know answers: look at the loss and the labels"
    elif ratio > 1.6 and not subject.transferred:
        verdict, advice = "doubt", "smaller weights in the last layer begin nearer to it"
    yield Finding("first loss", verdict, text, advice, figures)


@torch.no_grad()
def _loss(subject: Subject) -> float:
    """The loss of the first weights."""
    images, labels = subject.train
    outputs = subject.fresh()(subject.job.normalize(images[:256]))
    return float(subject.job.task.loss(outputs, labels[:256]))


def regularisation(subject: Subject) -> Iterator[Finding]:
    """Whether the loss rises with L2, and whether the run's own penalty leaves room to learn."""
    plan = subject.plan
    concerned = penalised(subject.fresh(), plan)
    with torch.no_grad():
        first = penalty(concerned, plan.model_copy(update={"l1": 0.0, "l2": 1e-3}))
        second = penalty(concerned, plan.model_copy(update={"l1": 0.0, "l2": 1e-2}))
        own = penalty(concerned, plan)
    small, large, extra = (0.0 if x is None else float(x) for x in (first, second, own))
    start = subject.job.task.at_start()
    if start is None:
        start = _loss(subject)
    decay = plan.optimizer.weight_decay
    shrink = decay * plan.optimizer.lr
    figures = {"l2=0.001": small, "l2=0.01": large, "own": extra, "shrink_a_step": shrink}
    text = f"L2 of 0.001 adds {small:.3g} to the loss, 0.01 adds {large:.3g}"
    if not large > small > 0:
        advice = "all weights that it concerns are 0, or none learns"
        yield Finding("l2", "doubt", f"the loss does not rise with L2: {text}", advice, figures)
    elif extra > 3 * start or (decay >= 1 and plan.optimizer.kind != "adamw") or shrink > 0.03:
        what = f"l1 and l2 add {extra:.3g} to a loss of {start:.3g}, weight decay is {decay:g}"
        advice = "so strong a penalty draws all weights to 0: 1e-4 to 1e-2 is usual"
        yield Finding("l2", "fault", f"{text}; {what}", advice, figures)
    else:
        yield Finding("l2", "ok", text, "", figures)


def weights(subject: Subject) -> Iterator[Finding]:
    """Whether the units of a layer begin apart: equal ones get equal gradients, and stay equal."""
    wide = [(layer, w) for layer, _, w in learning(subject.network) if w.ndim > 1 and len(w) > 1]
    same = [layer for layer, w in wide if bool((w == w[:1]).all())]
    text = f"units of {len(wide)} layers begin with weights of their own"
    if len(same) > 1 or (same and wide and same[0] != wide[-1][0]):
        advice = "they learn the same for ever: draw weights at random (train.init: he)"
        yield Finding("weights", "fault", f"all units of {listed(same)} begin equal", advice, {"equal": same})
    else:
        yield Finding("weights", "ok", text)


def units(subject: Subject) -> Iterator[Finding]:
    """Whether the outputs of ReLUs are above 0 for some image."""
    images = subject.train[0]
    model = subject.fresh()
    with torch.no_grad(), dead_units(model) as dead:
        model(subject.job.normalize(images))
    counts = dead()
    whole = [name for name, (count, total) in counts.items() if count == total]
    half = [name for name, (count, total) in counts.items() if 2 * count > total]
    figures = {name: list(pair) for name, pair in counts.items() if pair[0]}
    text = f"{sum(n for n, _ in counts.values()):,} of {sum(n for _, n in counts.values()):,} ReLU units are 0 "
    text += f"for all of {len(images):,} images"
    advice = "a unit that is always 0 gets no gradient: smaller biases and rate, or a norm before it"
    if whole:
        yield Finding("dead units", "fault", f"{text}; in {listed(whole)} all", advice, figures)
    elif half:
        yield Finding("dead units", "doubt", f"{text}; in {listed(half)} more than half", advice, figures)
    elif counts:
        yield Finding("dead units", "ok", text, "", figures)


def gradients(subject: Subject) -> Iterator[Finding]:
    """Whether gradients reach every layer that learns, over a few steps: what a zero holds back at first may follow."""
    model = subject.fresh()
    found = learning(model)
    if not found:
        yield Finding("gradients", "fault", "no weight learns: all are frozen", "leave a layer out of train.freeze")
        return
    optimizer = torch.optim.Adam([p for _, _, p in found], lr=1e-3)
    largest = dict.fromkeys((name for _, name, _ in found), 0.0)
    total, limit = 0.0, EXPLODED
    bare = subject.bare
    state = bare.begun(model, optimizer)
    for number, parts in enumerate(bare.steps(4)):
        loss = float(bare.step(state, parts))
        sizes = {name: 0.0 if p.grad is None else float(p.grad.norm()) for _, name, p in found}
        if number == 0:
            total = math.hypot(*sizes.values())
            limit *= max(1.0, loss) if subject.job.task.at_start() is None else 1.0
        for name, size in sizes.items():
            largest[name] = max(largest[name], size) if math.isfinite(size) else math.inf
    layers = {layer: max(largest[n] for at, n, _ in found if at == layer) for layer, _, _ in found}
    matrices = {layer: largest[n] for layer, n, p in found if p.ndim > 1}
    none = [layer for layer, size in layers.items() if size == 0 or matrices.get(layer) == 0]
    low, high = min(matrices.values(), default=1.0), max(matrices.values(), default=1.0)
    text = f"{len(layers)} layers learn; lengths of their gradients from {low:.2g} to {high:.2g}, together {total:.3g}"
    figures = {"layers": layers, "first_norm": total}
    if none:
        advice = "nothing there can change: look for dead ReLUs, weights of 0, a part that no output depends on"
        yield Finding("gradients", "fault", f"none reach {listed(none)}; {text}", advice, figures)
    elif not math.isfinite(total + high) or total > limit:
        advice = "they explode: smaller initial weights, normalised inputs, a norm, or train.clip"
        yield Finding("gradients", "fault", text, advice, figures)
    elif low < 1e-6 * high:
        at = [layer for layer, size in matrices.items() if size < 1e-6 * high]
        advice = "they vanish on the way: shortcuts, norms, ReLU for sigmoid, or another initialisation"
        yield Finding("gradients", "fault", f"{text}; next to nothing reaches {listed(at)}", advice, figures)
    elif low < 1e-3 * high:
        yield Finding("gradients", "doubt", text, "early layers learn far slower than late ones", figures)
    else:
        yield Finding("gradients", "ok", text, "", figures)
