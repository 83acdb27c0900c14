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
"""What every task has: `loss`, `scores`, `decode`, `tally`, `at_start`, and `criterion`."""

__all__ = ["Classify", "Tags", "Tally", "Task", "task_of"]


def task_of(
    graph: TypedGraph,
    classes: tuple[str, ...],
    loss: Loss,
    labels: torch.Tensor | None = None,
    span: Span | None = None,
) -> Task:
    """The task that a run's loss asks for: tags for `bce`, else one class an image.

    `labels`: of the training split, (n,) or (n, classes), which balanced weights are counted from. `span`: the loss.
    Raises SpecError E610 for scores that are not as many as classes, E668 for several labels an image under a loss of
    one, E669 for weights that are not as many as classes.
    """
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
        return Tags(*outputs_of(graph, classes), classes, criterion, loss.threshold)
    return Classify(*outputs_of(graph, classes), classes, criterion)
