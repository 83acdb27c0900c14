"""What a network is trained to do: one module a task."""

from __future__ import annotations

import torch

from archspec.errors import Span, fail
from archspec.graph import TypedGraph
from archspec.run.sections import BCE, Loss
from archspec_torch.runtime.losses import make_criterion
from archspec_torch.runtime.tasks.classify import Classify, Tally, outputs_of
from archspec_torch.runtime.tasks.tags import Tags

Task = Classify
"""What every task has: `criterion`, `loss` and `at_start` to train by; `scores`, `tally`, `kept`, `mean`, `votes`,
`figures` and `listed` to measure by; and `decode`."""

__all__ = ["Classify", "Tags", "Tally", "Task", "task_of"]


def task_of(
    graph: TypedGraph,
    classes: tuple[str, ...],
    loss: Loss,
    labels: torch.Tensor | None = None,
    span: Span | None = None,
    threshold: float | None = None,
) -> Task:
    """The task that a run's loss asks for: tags for `bce`, else one class an image.

    `labels`: of the training split, (n,) or (n, classes), which balanced weights are counted from. `span`: the loss.
    `threshold`: of tags, where it is not the loss's own.
    Raises SpecError E610 for scores that are not as many as classes, E668 for several labels an image under a loss of
    one, E669 for weights that are not as many as classes, E687 for a threshold that no answer or none could have.
    """
    if threshold is not None:
        _check_threshold(threshold, loss)
    if labels is not None and labels.ndim == 2 and not isinstance(loss, BCE):
        message = f"an image may have several labels here, and {loss.kind} trains for one"
        raise fail("E668", message, span, "loss: bce trains for any number of labels")
    weights = getattr(loss, "positive_weights" if isinstance(loss, BCE) else "class_weights", None)
    if isinstance(weights, list) and len(weights) != len(classes):
        raise fail("E669", f"{len(weights)} weights of classes are written, and the data has {len(classes)}", span)
    counts = None
    if labels is not None:
        counts = labels.sum(0) if labels.ndim == 2 else torch.bincount(labels, minlength=len(classes))
    criterion = make_criterion(loss, counts, 0 if labels is None else len(labels))
    if isinstance(loss, BCE):
        return Tags(*outputs_of(graph, classes), classes, criterion, threshold or loss.threshold)
    return Classify(*outputs_of(graph, classes), classes, criterion)


def _check_threshold(threshold: float, loss: Loss) -> None:
    """Raises SpecError E687."""
    if not 0 < threshold < 1:
        hint = "--threshold 0.3 tells a class from a probability of 30 % on"
        raise fail("E687", f"a threshold is a probability between 0 and 1, not {threshold:g}", hint=hint)
    if not isinstance(loss, BCE):
        message = f"a threshold is for images with any number of classes, and the run's loss, {loss.kind}, is for one"
        raise fail("E687", message, hint="leave it out: the class with the best score is the answer")
