"""Checks of networks that tell places: points and boxes in range, first loss, a short fit against the mean place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from archspec.ops.detect import MultiBoxBoxes
from archspec_torch.runtime.data.examples import Around
from archspec_torch.runtime.data.framed import Framed
from archspec_torch.runtime.doctor.finding import Finding
from archspec_torch.runtime.doctor.subject import Subject, learning, listed
from archspec_torch.runtime.tasks import Detect, Localise, Outputs, Points, Task

SHORT, RATE = 150, 3e-3
"""Steps of the short fit, and their rate with Adam."""
FEW = 0.05
"""Share of images that is not worth a doubt."""


def ranges(subject: Subject) -> Iterator[Finding]:
    """Whether points lie in their images and move, and whether images hold as many objects as the network tells."""
    task, labels = subject.job.task, subject.job.train.labels.cpu()
    if isinstance(task, Points):
        yield from _points(_in_files(subject, labels), labels, task)
    elif isinstance(task, Localise):
        yield _one_object(labels, task)
    elif isinstance(task, Detect) and isinstance(task.heads[0].decoder, MultiBoxBoxes):
        yield _room(labels, sum(head.decoder.per_cell() for head in task.heads))


def _points(in_files: Tensor, labels: Tensor, task: Points) -> Iterator[Finding]:
    """in_files, labels: (n, K, 3) in pixels of the files, and of the frame."""
    seen = labels[..., 2] > 0
    if not bool(seen.any()):
        advice = "look at how the table is read: x and y of each point, and 1 under `NAME seen`"
        yield Finding("points", "fault", "no point is seen in any image", advice)
        return
    height, width = task.image
    x, y = labels[..., 0], labels[..., 1]
    outside = float(((x < 0) | (y < 0) | (x > width) | (y > height))[seen].double().mean())
    counts = seen.sum(0).clamp(min=1)[:, None]
    places = labels[..., :2] / labels.new_tensor([width, height])
    mean = torch.where(seen[..., None], places, 0).sum(0) / counts
    off = torch.where(seen[..., None], places - mean, 0).square().sum(0) / counts
    moves = off.sum(1).sqrt()  # (K,): how far from its mean place, in parts of the image
    still = [name for name, one in zip(task.classes, moves.tolist(), strict=True) if one < 0.01]
    text = f"{outside:.1%} of the points that are seen lie outside their images; each is "
    text += f"{float(moves.min()):.2f} to {float(moves.max()):.2f} of the image from its mean place"
    figures = {"outside": outside, "moves": moves.tolist()}
    if float(in_files[..., :2][seen].max()) <= 1.0 and float(in_files[..., :2][seen].min()) >= 0:
        advice = "x and y are pixels of the image file: multiply them by its width and height"
        text = "all points lie between 0 and 1: these look like parts of the image"
        yield Finding("points", "fault", text, advice, figures)
    elif outside > 0.5:
        advice = "x and y may be exchanged, or of images of another size: `archspec data show` draws them"
        yield Finding("points", "fault", text, advice, figures)
    elif outside > 0.01:
        yield Finding("points", "doubt", text, "`archspec data show` draws them; `fit: crop` cuts some off", figures)
    elif still:
        advice = f"{listed(still)} hardly moves: its mean place is as good as the network"
        yield Finding("points", "doubt", text, advice, figures)
    else:
        yield Finding("points", "ok", text, "", figures)


def _in_files(subject: Subject, labels: Tensor) -> Tensor:
    """Points (n, K, 3) in pixels of their files; of images without files in those of the frame."""
    examples = subject.job.train
    while isinstance(examples, Around) and not isinstance(examples, Framed):
        examples = examples.examples
    if not isinstance(examples, Framed):
        return labels
    moved = [one.to_image(row[:, :2]) for row, one in zip(labels, examples.placements, strict=True)]
    return torch.cat((torch.stack(moved), labels[..., 2:]), 2)


def _one_object(labels: Tensor, task: Localise) -> Finding:
    real = ((labels[..., 4] >= 0) & (labels[..., 5] == 0)).sum(1)
    several, without = (float(one.double().mean()) for one in (real > 1, real == 0))
    text = f"{several:.1%} of the images hold several objects, {without:.1%} none"
    figures = {"several": several, "without": without}
    if several > FEW:
        advice = "of each image the largest object alone counts: a detector (`task: detect`) finds all"
        return Finding("objects", "doubt", text, advice, figures)
    if without > FEW and not task.tells_nothing:
        advice = "nothing is learned of images without: the vector y = [pc, bx, by, bh, bw, c1 … cn] tells them"
        return Finding("objects", "doubt", text, advice, figures)
    return Finding("objects", "ok", text, "", figures)


def _room(labels: Tensor, boxes: int) -> Finding:
    count = ((labels[..., 4] >= 0) & (labels[..., 5] == 0)).sum(1)
    most, over = int(count.max()), float((count > boxes).double().mean())
    text = f"{boxes} boxes, and {most} objects in an image at most"
    if over:
        advice = f"{over:.1%} of the images have more, of which some are told to no box: set vars.boxes={2 * most}"
        return Finding("objects", "fault" if over > FEW else "doubt", text, advice, {"most": most, "over": over})
    return Finding("objects", "ok", text, "", {"most": most, "over": over})


@torch.no_grad()
def first_loss(subject: Subject, found: float) -> Finding:
    """The first loss against what it is while all outputs are 0, and of one that told the mean place of all images."""
    images, labels = subject.train
    outputs, task = subject.fresh()(subject.job.normalize(images)), subject.job.task
    mean = task.unseeing(outputs, labels)
    assert mean is not None
    nothing = {name: torch.zeros_like(one) for name, one in _named(outputs, task).items()}
    zero, blind = float(task.loss(nothing, labels)), float(task.loss(mean, labels))
    text = f"{found:.3f}; outputs of 0 give {zero:.3f}, the mean place of all images {blind:.3f}"
    figures = {"loss": found, "expected": zero, "mean": blind}
    if not math.isfinite(found) or found > 4 * zero:
        advice = "initial weights or inputs are too large: train.init: he, and normalised inputs"
        return Finding("first loss", "fault", text, advice, figures)
    if found < 0.7 * blind and not subject.transferred:
        advice = "an untrained network should not know places: look at the loss and the labels"
        return Finding("first loss", "doubt", text, advice, figures)
    if found > 1.6 * zero and not subject.transferred:
        return Finding("first loss", "doubt", text, "smaller weights in the last layer begin nearer to it", figures)
    return Finding("first loss", "ok", text, "", figures)


def _named(outputs: Outputs, task: Task) -> Mapping[str, Tensor]:
    return {task.learned_from[0]: outputs} if isinstance(outputs, Tensor) else outputs


def short_fit(subject: Subject) -> Iterator[Finding]:
    """Whether a short fit tells places of validation images better than always the mean place of training images."""
    bare = subject.bare
    model = bare.fresh()
    weights = [p for _, _, p in learning(model)]
    if not weights:
        return
    state = bare.begun(model, torch.optim.Adam(weights, lr=RATE))
    for parts in bare.steps(SHORT):
        bare.step(state, parts)
    model.eval()
    (held, blind), (trained, _) = (_losses(bare, model, *them) for them in (subject.val, subject.train))
    text = f"after {SHORT} steps the loss is {held:.3f} on validation and {trained:.3f} on training images; "
    text += f"of the mean place: {blind:.3f}"
    figures = {"val": held, "train": trained, "mean": blind}
    if held < 0.95 * blind:
        yield Finding("short fit", "ok", text, "", figures)
    else:
        advice = "places may belong to other images; or the network, or augmentation, hides the answer"
        yield Finding("short fit", "doubt", text, advice, figures)


@torch.no_grad()
def _losses(subject: Subject, model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """The loss of a network in evaluation mode, and that of the mean place of the training sample."""
    task, trained = subject.job.task, subject.train[1]
    outputs = model(subject.job.normalize(images))
    mean = task.unseeing(outputs, trained)
    assert mean is not None
    return float(task.loss(outputs, labels)), float(task.loss(mean, labels))
