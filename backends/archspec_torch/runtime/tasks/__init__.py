"""What a network is trained to do: one module a task."""

from __future__ import annotations

from dataclasses import replace

import torch

from archspec.errors import Span, did_you_mean, fail
from archspec.graph import TypedGraph
from archspec.run import RunFile
from archspec.run.sections import (
    BCE,
    CrossEntropy,
    DetectorLoss,
    Landmarks,
    Localisation,
    Loss,
    MultiBox,
    PlaceLoss,
)
from archspec_torch.detection.truth import POINT, ROW
from archspec_torch.runtime.losses import make_criterion
from archspec_torch.runtime.tasks import classify, detect, localise, points
from archspec_torch.runtime.tasks.base import Outputs, Tally, Task
from archspec_torch.runtime.tasks.classify import Classify, outputs_of
from archspec_torch.runtime.tasks.detect import Detect
from archspec_torch.runtime.tasks.localise import Localise
from archspec_torch.runtime.tasks.points import Points
from archspec_torch.runtime.tasks.tags import Tags

__all__ = [
    "Classify",
    "Detect",
    "Localise",
    "Outputs",
    "Points",
    "Tags",
    "Tally",
    "Task",
    "class_count",
    "task_of",
    "with_loss",
]


def task_of(
    graph: TypedGraph,
    classes: tuple[str, ...],
    loss: Loss | None = None,
    labels: torch.Tensor | None = None,
    span: Span | None = None,
    threshold: float | None = None,
) -> Task:
    """The task of a network under a run's loss: objects in boxes for a detector, one object for `localise`, points for
    `regress`, tags for `bce`, else one class each.

    `classes`: names, of the points where it is points. `loss`: none is the network's own. `labels`: of the training
    split, as `Examples.labels`, which balanced weights are counted from. `span`: the loss. `threshold`: of tags, where
    it is not the loss's own.
    Raises SpecError E610 for scores that are not as many as classes, E614 for a loss or data of another task, E668 for
    several labels an image under a loss of one, E669 for weights that are not as many as classes or a point that there
    is not, E687 for a threshold that no answer or none could have.
    """
    loss = loss or own_loss(graph)
    _check_task(graph, loss, span)
    if threshold is not None:
        _check_threshold(threshold, loss)
    if isinstance(loss, DetectorLoss):
        return _detector(graph, classes, loss, labels)
    if isinstance(loss, PlaceLoss):
        return _of_places(graph, classes, loss, labels, span)
    _check_labels(labels, loss, span)
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


def class_count(graph: TypedGraph) -> int:
    """Classes or points that a network tells. Raises SpecError E613 where runs do not train what it is for."""
    counts = {"detect": detect.class_count, "localise": localise.class_count, "regress": points.point_count}
    return counts.get(graph.task, classify.class_count)(graph)


def own_loss(graph: TypedGraph) -> Loss:
    """What a network is trained with where a run names no loss."""
    if graph.task == "detect":
        return detect.own_loss(graph)
    if graph.task == "localise":
        return Localisation()
    return Landmarks() if graph.task == "regress" else CrossEntropy()


def with_loss(run: RunFile, graph: TypedGraph) -> RunFile:
    """The run with the loss of its network, where it names none."""
    if run.run.train.loss is not None:
        return run
    train = run.run.train.model_copy(update={"loss": own_loss(graph)})
    return replace(run, run=run.run.model_copy(update={"train": train}))


def _detector(graph: TypedGraph, classes: tuple[str, ...], loss: DetectorLoss, labels: torch.Tensor | None) -> Detect:
    if labels is not None and labels.ndim != 3:
        message = f"'{graph.name}' finds objects in boxes, and the data has classes of whole images"
        raise fail("E614", message, hint="data: {kind: boxes, root: …}, or kind: scattered_digits")
    heads = detect.decoders_of(graph)
    if heads[0].decoder.classes != len(classes):
        told = f"the network '{graph.name}' tells {heads[0].decoder.classes} classes apart, and the data has"
        if isinstance(loss, MultiBox):
            told = f"the network '{graph.name}' finds objects of one kind, and the data has classes:"
        hint = classify.set_classes(graph, len(classes))
        if isinstance(loss, MultiBox):
            hint = "data: {…, one_class: object} makes one of them all"
        raise fail("E610", f"{told} {len(classes)}", hint=hint)
    (image,) = (graph.types[name][0] for name in graph.inputs)
    return Detect(heads, classes, loss, (image.shape[1], image.shape[2]))


def _of_places(
    graph: TypedGraph, classes: tuple[str, ...], loss: PlaceLoss, labels: torch.Tensor | None, span: Span | None
) -> Localise | Points:
    (image,) = (graph.types[name][0] for name in graph.inputs)
    size, told = (image.shape[1], image.shape[2]), class_count(graph)
    things, wanted = ("points", POINT) if isinstance(loss, Landmarks) else ("classes", ROW)
    if labels is not None and (labels.ndim != 3 or labels.shape[2] != wanted):
        hint = "data: {kind: points, file: …}" if wanted == POINT else "data: {kind: boxes, root: …}"
        message = f"'{graph.name}' is trained with where {'points' if wanted == POINT else 'objects'} are"
        raise fail("E614", f"{message}, and the data does not tell it", hint=hint)
    if told != len(classes):
        message = f"the network '{graph.name}' tells {told} {things}, and the data has {len(classes)}"
        raise fail("E610", message, hint=classify.set_classes(graph, len(classes), things))
    if isinstance(loss, Localisation):
        return Localise(localise.outputs_of(graph), classes, loss, size)
    for name in loss.between:
        if name not in classes:
            raise fail("E669", f"between: the data has no point '{name}'", span, did_you_mean(name, classes, "points"))
    return Points(points.output_of(graph), classes, loss, size)


def _check_task(graph: TypedGraph, loss: Loss, span: Span | None) -> None:
    """Raises SpecError E614 for a loss that the network's answers cannot be given to."""
    own = own_loss(graph)
    if isinstance(own, DetectorLoss | PlaceLoss) and type(loss) is not type(own):
        what = f"the heads of '{graph.name}' are" if isinstance(own, DetectorLoss) else f"'{graph.name}' is"
        message = f"{what} trained with the loss '{own.kind}', not with '{loss.kind}'"
        raise fail("E614", message, span, f"loss: {own.kind}, or leave it out")
    if isinstance(loss, DetectorLoss) and not isinstance(own, DetectorLoss):
        message = f"the loss '{loss.kind}' is for detectors, and '{graph.name}' is for the task '{graph.task}'"
        raise fail("E614", message, span, "loss: cross_entropy, or a spec with `task: detect` and a section `detect`")
    if isinstance(loss, PlaceLoss) and not isinstance(own, PlaceLoss):
        task = "localise" if isinstance(loss, Localisation) else "regress"
        message = f"the loss '{loss.kind}' is for the task '{task}', and '{graph.name}' is for '{graph.task}'"
        raise fail("E614", message, span, f"a spec with `task: {task}`, or leave the loss out")


def _check_labels(labels: torch.Tensor | None, loss: Loss, span: Span | None) -> None:
    """Raises SpecError E668 for targets that the loss is not for."""
    if labels is not None and labels.ndim == 3:
        message = f"the data is of objects in boxes, and {loss.kind} trains for classes of whole images"
        raise fail("E668", message, span, "a spec with `task: detect` and a section `detect` finds objects in boxes")
    if labels is not None and labels.ndim == 2 and not isinstance(loss, BCE):
        message = f"an image may have several labels here, and {loss.kind} trains for one"
        raise fail("E668", message, span, "loss: bce trains for any number of labels")


def _check_threshold(threshold: float, loss: Loss) -> None:
    """Raises SpecError E687."""
    if not 0 < threshold < 1:
        hint = "--threshold 0.3 tells a class from a probability of 30 % on"
        raise fail("E687", f"a threshold is a probability between 0 and 1, not {threshold:g}", hint=hint)
    if not isinstance(loss, BCE):
        message = f"a threshold is for images with any number of classes, and the run's loss is {loss.kind}"
        hint = "the class with the best score is the answer"
        if isinstance(loss, DetectorLoss):
            hint = "what a box must score is `nms: {score: …}` in the spec, and --score of `archspec detect`"
        raise fail("E687", message, hint=f"leave it out: {hint}")
