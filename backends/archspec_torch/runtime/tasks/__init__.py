"""What a network is trained to do: one module a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

from archspec.errors import Span, SpecError, fail
from archspec.graph import TypedGraph
from archspec.run import RunFile
from archspec.run.sections import BCE, DetectorLoss, Landmarks, Localisation, Loss, MultiBox, PlaceLoss
from archspec.run.sections.losses import ClassLoss
from archspec_torch.runtime.data.targets import Target
from archspec_torch.runtime.tasks import classify, detect, localise, points, tags
from archspec_torch.runtime.tasks.base import Outputs, Tally, Task
from archspec_torch.runtime.tasks.classify import Classify
from archspec_torch.runtime.tasks.detect import Detect
from archspec_torch.runtime.tasks.localise import Localise
from archspec_torch.runtime.tasks.points import Points
from archspec_torch.runtime.tasks.tags import Tags

if TYPE_CHECKING:
    from archspec_torch.runtime.data import Source

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
    "counted",
    "counted_by",
    "own_loss",
    "task_of",
    "with_loss",
]


@dataclass(frozen=True)
class Learned:
    """How networks of one `task` of a spec are trained."""

    losses: Callable[[TypedGraph], tuple[type[Any], ...]]
    """Those that the network's outputs can be given to, its own first. Raises SpecError E613."""
    targets: tuple[Target, ...]
    """What the data is labelled with."""
    refused: Callable[[TypedGraph, Loss, Target, Span | None], SpecError]
    """What is wrong with data that is labelled otherwise, by what it has: E614, E668."""
    count: Callable[[TypedGraph], int]
    """Classes or points that the network tells. Raises SpecError E613."""
    make: Callable[[TypedGraph, tuple[str, ...], Any, Source | None, Span | None], Task]
    """The task of a network and its classes under one of the losses, trained on that data. Raises SpecError E668, E669
    at the place of the loss."""
    told: str = "tells {} classes apart"
    """`count` in words."""
    thing: str = "class"
    things: str = "classes"
    """What is counted, which is also the variable of a spec that sets it."""


TASKS = {
    "classify": Learned(
        losses=lambda _: get_args(ClassLoss),
        targets=(Target.CLASS, Target.TAGS),
        refused=classify.refused,
        count=classify.class_count,
        make=tags.classifier,
        told="gives {} scores",
    ),
    "detect": Learned(
        losses=lambda graph: (detect.family(graph),),
        targets=(Target.BOXES,),
        refused=detect.refused,
        count=detect.class_count,
        make=detect.make,
    ),
    "localise": Learned(
        losses=lambda _: (Localisation,),
        targets=(Target.BOXES,),
        refused=localise.refused,
        count=localise.class_count,
        make=localise.make,
    ),
    "regress": Learned(
        losses=lambda _: (Landmarks,),
        targets=(Target.POINTS,),
        refused=points.refused,
        count=points.point_count,
        make=points.make,
        told="tells {} points",
        thing="point",
        things="points",
    ),
}
"""By what a spec says its network is for."""


def task_of(
    graph: TypedGraph,
    classes: tuple[str, ...],
    loss: Loss | None = None,
    source: Source | None = None,
    span: Span | None = None,
    threshold: float | None = None,
    score: float | None = None,
) -> Task:
    """The task of a network under a run's loss: objects in boxes for a detector, one object for `localise`, points for
    `regress`, tags for `bce`, else one class each.

    `classes`: names, of the points where it is points. `loss`: none is the network's own. `source`: the data that is
    trained on, where any is: balanced weights are counted from its labels. `span`: the loss. `threshold`: of tags,
    where it is not the loss's own. `score`: the least of detections whose mistakes are told, where it is not 0.25.
    Raises SpecError E610 for scores that are not as many as classes, E613 for a network that runs do not train, E614
    for a loss or data of another task, E668 for several labels an image under a loss of one, E669 for weights that are
    not as many as classes or a point that there is not, E687 for a threshold or score that no answer or none could
    have.
    """
    learned = _learned(graph)
    loss = loss or own_loss(graph)
    _check_loss(graph, loss, span)
    if threshold is not None:
        loss = _told_from(threshold, loss)
    if source is not None and source.target not in learned.targets:
        raise learned.refused(graph, loss, source.target, span)
    count = learned.count(graph)
    if count != len(classes):
        told, hint = learned.told.format(count), _set_count(graph, len(classes), learned.things)
        if isinstance(loss, MultiBox):
            told, hint = "finds objects of one kind", "data: {…, one_class: object} makes one of them all"
        message = f"the network '{graph.name}' {told}, and the data has {len(classes)} {learned.things}"
        raise fail("E610", message, hint=hint)
    task = learned.make(graph, classes, loss, source, span)
    return task if score is None else _scoring(score, task, loss)


def class_count(graph: TypedGraph) -> int:
    """Classes or points that a network tells. Raises SpecError E613 where runs do not train what it is for."""
    return _learned(graph).count(graph)


def counted_by(graph: TypedGraph) -> str:
    """The variable of a spec that sets its network's `class_count`. Raises SpecError E613."""
    return _learned(graph).things


def counted(graph: TypedGraph, number: int) -> str:
    """`3 classes`, `1 point`: what a network tells, in words. Raises SpecError E613."""
    learned = _learned(graph)
    return f"{number} {learned.thing if number == 1 else learned.things}"


def own_loss(graph: TypedGraph) -> Loss:
    """What a network is trained with where a run names no loss. Raises SpecError E613."""
    loss: Loss = _learned(graph).losses(graph)[0]()
    return loss


def with_loss(run: RunFile, graph: TypedGraph) -> RunFile:
    """The run with the loss of its network, where it names none. Raises SpecError E613."""
    if run.run.train.loss is not None:
        return run
    train = run.run.train.model_copy(update={"loss": own_loss(graph)})
    return replace(run, run=run.run.model_copy(update={"train": train}))


def _learned(graph: TypedGraph) -> Learned:
    if graph.task not in TASKS:
        message = f"the network '{graph.name}' is for the task '{graph.task}'; runs train no such thing"
        hint = "runs train classifiers, which name no `task`, and the tasks detect, localise and regress"
        raise fail("E613", message, hint=hint)
    return TASKS[graph.task]


def _set_count(graph: TypedGraph, count: int, things: str) -> str:
    """How a network comes to that many classes, or points."""
    variables = graph.resolved.get("vars")
    if isinstance(variables, dict) and things in variables:
        return f"set the number in the run file: model: {{spec: …, set: {{vars.{things}: {count}}}}}"
    told = f"{count} scores" if things == "classes" else f"{count} {things}"
    return f"change the spec to give {told}: they are written in it as a number"


def _check_loss(graph: TypedGraph, loss: Loss, span: Span | None) -> None:
    """Raises SpecError E614 for a loss that the network's answers cannot be given to."""
    losses = TASKS[graph.task].losses(graph)
    if isinstance(loss, losses):
        return
    if len(losses) == 1:
        own = losses[0]().kind
        what = f"the heads of '{graph.name}' are" if issubclass(losses[0], DetectorLoss) else f"'{graph.name}' is"
        message = f"{what} trained with the loss '{own}', not with '{loss.kind}'"
        raise fail("E614", message, span, f"loss: {own}, or leave it out")
    if isinstance(loss, PlaceLoss):
        task = "localise" if isinstance(loss, Localisation) else "regress"
        message = f"the loss '{loss.kind}' is for the task '{task}', and '{graph.name}' is for '{graph.task}'"
        raise fail("E614", message, span, f"a spec with `task: {task}`, or leave the loss out")
    message = f"the loss '{loss.kind}' is for detectors, and '{graph.name}' is for the task '{graph.task}'"
    raise fail("E614", message, span, "loss: cross_entropy, or a spec with `task: detect` and a section `detect`")


def _told_from(threshold: float, loss: Loss) -> BCE:
    """The loss with that threshold. Raises SpecError E687."""
    if not 0 < threshold < 1:
        hint = "--threshold 0.3 tells a class from a probability of 30 % on"
        raise fail("E687", f"a threshold is a probability between 0 and 1, not {threshold:g}", hint=hint)
    if not isinstance(loss, BCE):
        message = f"a threshold is for images with any number of classes, and the run's loss is {loss.kind}"
        hint = "the class with the best score is the answer"
        if isinstance(loss, DetectorLoss):
            hint = "what a box must score is `nms: {score: …}` in the spec; of `detect` and `evaluate` it is --score"
        raise fail("E687", message, hint=f"leave it out: {hint}")
    return loss.model_copy(update={"threshold": threshold})


def _scoring(score: float, task: Task, loss: Loss) -> Detect:
    """The task that tells of detections with that score or more. Raises SpecError E687."""
    if not 0 <= score <= 1:
        hint = "--score 0.5 tells the mistakes of detections with a score of 0.5 or more"
        raise fail("E687", f"the least score is a number from 0 to 1, not {score:g}", hint=hint)
    if not isinstance(task, Detect):
        message = f"a least score is for detectors, and the run's loss is {loss.kind}"
        raise fail("E687", message, hint="leave it out; --threshold is for images with any number of classes")
    return replace(task, score=score)
