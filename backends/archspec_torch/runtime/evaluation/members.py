"""The networks that answer together: opened, asked, and their weights averaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from archspec.errors import SpecError, fail
from archspec.loading import load
from archspec_torch.compiler import compile
from archspec_torch.runtime.data import Examples, grouped, pairs_of
from archspec_torch.runtime.evaluation.scores import collect_scores
from archspec_torch.runtime.evaluation.views import Pass
from archspec_torch.runtime.images import Frame
from archspec_torch.runtime.preprocess import Normalize
from archspec_torch.runtime.rundir import SPEC, WEIGHTS, Trained
from archspec_torch.runtime.tasks import Task, task_of

Load = Callable[[Frame], Examples]


@dataclass(frozen=True)
class Member:
    """A network with weights, and how images come to it."""

    trained: Trained
    weights: str
    """`best`, `last`, the name of a file, or what was averaged."""
    epoch: int | None
    model: nn.Module
    task: Task
    device: torch.device

    @property
    def name(self) -> str:
        """The run and its weights, for people."""
        return f"{self.trained.directory.name} {self.weights}"

    @property
    def normalize(self) -> Normalize:
        return Normalize(self.trained.preprocessing, self.device)

    def scores(self, load: Load, passes: Sequence[Pass]) -> tuple[Tensor, Examples]:
        """What the task keeps of the scores (n, …), over all views; the examples as the first pass reads them.

        Raises SpecError E673 where views show parts of an image, and the task needs the whole; E692 of `at`.
        """
        if any(one.partial for one in passes) and not self.task.of_parts:
            hint = "mirror and multi_scale show the whole image"
            raise fail(
                "E673", "ten_crop shows parts of an image, and what tells where things are needs it whole", hint=hint
            )
        plan, frame = self.trained.run.run.train, self.trained.preprocessing.frame
        size, read, found = (frame.height, frame.width), [], []
        models = [self.at(one.frame(frame)) if one.resized else self.model for one in passes]
        for one, model in zip(passes, models, strict=True):
            seen = one.frame(frame)
            read.append(load(seen))
            task = self.task.sized((seen.height, seen.width)) if one.resized else self.task
            how = (plan.batch, plan.workers, self.device, size, one)
            told = collect_scores(model, task, read[-1], self.normalize, *how)
            found.append(self.task.moved(told, read[-1], read[0]))
        return self.task.mean(found), read[0]

    def at(self, frame: Frame) -> nn.Module:
        """The network for images of another size, with the same weights.

        Raises SpecError E692 where the spec cannot be built at that size, or has other weights there.
        """
        image, size = [frame.channels, frame.height, frame.width], f"{frame.height}×{frame.width}"
        refused = f"{self.trained.graph.name} does not take images of {size}, and multi_scale shows it such"
        others = "for others there are mirror and ten_crop" if self.task.of_parts else "for others there is mirror"
        hint = f"networks that end in a global pooling take any size; {others}"
        try:
            model = compile(load(self.trained.directory / SPEC, input=image))
        except SpecError as error:
            raise fail("E692", f"{refused}: {error.diagnostics[0].message}", hint=hint) from error
        own = self.model.state_dict()
        for name, tensor in model.state_dict().items():
            if name not in own or own[name].shape != tensor.shape:
                there, here = (
                    "×".join(map(str, t.shape)) if t is not None else "none" for t in (tensor, own.get(name))
                )
                raise fail("E692", f"{refused}: '{name}' would be {there}, and {here} was trained", hint=hint)
        model.load_state_dict(own)
        return model.to(self.device).eval()


def open_member(
    trained: Trained,
    weights: str,
    device: torch.device,
    threshold: float | None = None,
    score: float | None = None,
) -> Member:
    """A run with its `best` or `last` weights, or those of a file.

    Raises SpecError E608, E701 and E708 of the weights, E610 and E613 of the task, E687 of the threshold and the score.
    """
    loss = trained.run.run.train.loss
    task = task_of(trained.graph, trained.preprocessing.classes, loss, threshold=threshold, score=score)
    task = task.paired(pairs_of(trained.run.run.data))
    model, epoch = trained.model(weights, device)
    name = weights if weights in WEIGHTS else Path(weights).stem
    return Member(trained, name, epoch, model, task, device)


def averaged(members: Sequence[Member]) -> Member:
    """One network whose weights are the means of the members' (Izmailov et al., Averaging Weights, 2018).

    Whole numbers, such as batch norm's count of steps, are the first member's.
    Raises SpecError E675 where the members' layers do not match.
    """
    states = [member.model.state_dict() for member in members]
    first = members[0]
    for member, state in zip(members[1:], states[1:], strict=True):
        for name in [*states[0], *state]:
            here, there = states[0].get(name), state.get(name)
            if here is None or there is None or here.shape != there.shape:
                shown = ["none" if t is None else "×".join(map(str, t.shape)) or "a number" for t in (here, there)]
                message = (
                    f"the layers of {first.name} and {member.name} do not match: '{name}' is {shown[0]} and {shown[1]}"
                )
                raise fail("E675", message, hint="networks that differ can answer together: --ensemble average")
    mean = {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in states[0].items()
    }
    model = compile(first.trained.graph)
    model.load_state_dict(mean)
    name = f"mean of the weights of {len(members)}"
    return Member(first.trained, name, None, model.to(first.device).eval(), first.task, first.device)


@torch.no_grad()
def estimate_statistics(member: Member, examples: Examples) -> int:
    """Batch norm's means and variances anew, from training images: those of other weights are not those of the mean.

    Every batch counts the same. Returns the number of layers of batch norm, 0 where nothing had to be done.
    """
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    layers = [m for m in member.model.modules() if isinstance(m, kinds) and m.track_running_stats]
    if not layers:
        return 0
    former = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a mean over all batches
        layer.train()
    plan = member.trained.run.run.train
    groups = grouped(torch.arange(len(examples.labels)), plan.batch)
    for images, _ in examples.batches(groups, member.device, plan.workers):
        member.model(member.normalize(images))
    for layer, momentum in zip(layers, former, strict=True):
        layer.momentum = momentum
        layer.eval()
    return len(layers)
