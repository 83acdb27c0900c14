"""Checks of objects in boxes: classes and sizes, the boxes that a detector begins with, what its maps hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from archspec.ops.detect import OnAnchors
from archspec_torch.boxes.clusters import overlaps
from archspec_torch.detection.coding import in_pixels
from archspec_torch.runtime.data import Target
from archspec_torch.runtime.doctor.finding import Finding
from archspec_torch.runtime.doctor.subject import Subject, listed
from archspec_torch.runtime.tasks import Detect, Localise

TINY = 4
"""Pixels of the network's input: what has a shorter side is hardly there."""


def objects(labels: Tensor, classes: tuple[str, ...]) -> Iterator[Finding]:
    """Whether there are objects, of every class, and large enough to be seen. Labels (n, M, 6), in any pixels."""
    counts = Target.BOXES.totals(labels, len(classes)).tolist()
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    without = int((labels[..., 4] < 0).all(1).sum())
    text = f"{sum(counts):,} objects of {len(classes)} class{'es' * (len(classes) > 1)} in {len(labels):,} images, "
    text += f"{min(counts):,} to {max(counts):,} of each; {without:,} images without any"
    figures = {"counts": counts, "without": without}
    if not sum(counts):
        yield Finding("labels", "fault", text, "there is nothing to find: look at how annotations are read", figures)
    elif empty:
        yield Finding("labels", "doubt", f"{text}; none of {listed(empty)}", "it will never be told", figures)
    elif max(counts) > 30 * min(counts):
        advice = "mean average precision counts classes alike: the rare one needs more images"
        yield Finding("labels", "doubt", text, advice, figures)
    else:
        yield Finding("labels", "ok", text, "", figures)


def sizes(subject: Subject) -> Iterator[Finding]:
    """Whether objects are large enough in the network's input, and like the boxes that its heads begin with."""
    task = subject.job.task
    if not isinstance(task, Detect | Localise):
        return
    labels = subject.job.train.labels
    there = labels[(labels[..., 4] >= 0) & (labels[..., 5] == 0)]
    sides = (there[:, 2:4] - there[:, :2]).cpu().double()
    sides = sides[(sides > 0).all(1)]
    if not len(sides):
        return
    width, height = sides.median(0).values.tolist()
    tiny = float((sides.min(1).values < TINY).double().mean())
    image = f"{task.image[1]}×{task.image[0]}"
    text = f"objects are {width:.0f}×{height:.0f} pixels of {image} in the middle; {tiny:.1%} have a side below {TINY}"
    figures: dict[str, object] = {"width": width, "height": height, "tiny": tiny}
    if tiny > 0.1:
        advice = "a larger input, or images in overlapping tiles"
        yield Finding("object sizes", "doubt", text, advice, figures)
    else:
        yield Finding("object sizes", "ok", text, "", figures)
    anchors = _anchors(subject, task) if isinstance(task, Detect) else []
    if not anchors:
        return
    best = overlaps(sides.numpy(), np.array(anchors, np.float64)).max(1)
    mean, far = float(best.mean()), float((best < 0.3).mean())
    text = f"the best of {len(anchors)} anchors overlaps an object of its middle by {mean:.2f} in the mean; "
    text += f"{far:.1%} by less than 0.3"
    figures = {"mean": mean, "far": far, "anchors": len(anchors)}
    if mean < 0.5 or far > 0.1:
        advice = f"`archspec anchors DATA --k {len(anchors)}` finds anchors for these objects"
        yield Finding("anchors", "fault" if mean < 0.25 else "doubt", text, advice, figures)
    else:
        yield Finding("anchors", "ok", text, "", figures)


def maps(subject: Subject, task: Detect) -> Iterator[Finding]:
    """Whether the maps of the heads are finite, and what they hold."""
    with torch.no_grad():
        outputs = subject.fresh()(subject.job.normalize(subject.train[0][:16]))
    found = {name: outputs[name] for name in task.learned_from}
    low, high = min(float(one.min()) for one in found.values()), max(float(one.max()) for one in found.values())
    wrong = [name for name, one in found.items() if not bool(torch.isfinite(one).all())]
    text = f"{len(found)} map{'s' * (len(found) > 1)} with numbers from {low:.3g} to {high:.3g}"
    if wrong:
        advice = "look at initial weights and inputs"
        yield Finding("scores", "fault", f"{listed(wrong)} hold numbers that are not finite", advice)
    else:
        yield Finding("scores", "ok", text)


def _anchors(subject: Subject, task: Detect) -> list[tuple[float, float]]:
    """Widths and heights in pixels of the input, those of all heads."""
    graph, found = subject.job.graph, []
    for head in task.heads:
        if isinstance(head.decoder, OnAnchors):
            tap = graph.outputs[head.maps[-1]]
            grid = graph.types[tap.node][tap.port].spatial
            found += in_pixels(head.decoder.anchors, head.decoder.unit, task.image, (grid[0], grid[1]))
    return found
