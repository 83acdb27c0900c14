"""What the checks look at: a run's network before training, and some of its data."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from archspec.run.sections import Train
from archspec_torch.compiler import compile
from archspec_torch.runtime.data import Draws, Examples, Target
from archspec_torch.runtime.layers import learned
from archspec_torch.runtime.loop import State, scaled, steps_of, update
from archspec_torch.runtime.optimize import penalised, penalty, thaw
from archspec_torch.runtime.precision import numerics_of, placed, scaler_of
from archspec_torch.runtime.processes import ALONE
from archspec_torch.runtime.train import Job
from archspec_torch.runtime.transfer import transfer

SAMPLE = 512
"""Images of a split that a check looks at, where it does not say otherwise."""
BOXED = 32
"""The same where images are large, as those are that objects are found in."""


@dataclass(frozen=True)
class Subject:
    """A run that is examined. Checks work on copies of its network, so that none sees what another did."""

    job: Job
    network: nn.Module
    """With the run's first weights, on its device; never trained."""

    @property
    def plan(self) -> Train:
        return self.job.run.run.train

    @property
    def target(self) -> Target:
        """What images are labelled with."""
        return self.job.source.target

    @property
    def transferred(self) -> bool:
        """Whether training begins with trained weights."""
        return self.job.run.run.model.weights is not None

    @cached_property
    def train(self) -> tuple[Tensor, Tensor]:
        """Images uint8 (n, c, h, w), not augmented, and labels of a sample of the training split."""
        return sample(self.job.train, self.job.device, self.plan.seed, self._most)

    @cached_property
    def val(self) -> tuple[Tensor, Tensor]:
        """The same of the validation split."""
        return sample(self.job.val, self.job.device, self.plan.seed, self._most)

    @property
    def _most(self) -> int:
        return BOXED if self.target in (Target.BOXES, Target.POINTS) else SAMPLE

    @property
    def bare(self) -> Subject:
        """The same with steps of the loss alone: on one batch, in float32, without clipping and penalties."""
        file, plain = self.job.run, {"accumulate": 1, "precision": "fp32", "clip": None, "l1": 0.0, "l2": 0.0}
        run = file.run.model_copy(update={"train": self.plan.model_copy(update=plain)})
        return Subject(replace(self.job, run=replace(file, run=run)), self.network)

    def fresh(self) -> nn.Module:
        """A copy of the network in training mode, frozen as in the first epoch."""
        model = placed(copy.deepcopy(self.network), self.plan)
        thaw(model, self.plan, 0)
        return model

    def begun(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> State:
        """What `step` works on."""
        return State(model, optimizer, torch.Generator(), scaler=scaler_of(model, self.plan))

    def scores(self, model: nn.Module, images: Tensor) -> Tensor:
        """The main output for uint8 images."""
        found: Tensor = self.job.task.scores(model(self.job.normalize(images)))
        return found

    def step(self, state: State, parts: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        """One step as training takes it, on the gradients of `accumulate` batches and in the run's precision (`auto` is
        float32 here), penalties and clipping included: the loss ()."""
        task, numerics = self.job.task, numerics_of(self.plan)
        weighed = ALONE.weighed(task.mass, [labels for _, labels in parts], [labels for _, labels in parts])
        state.optimizer.zero_grad(set_to_none=True)
        losses: list[Tensor] = []
        for number, (images, labels) in enumerate(parts):
            outputs = numerics.forward(state.model, self.job.normalize(images))
            losses.append(weighed.part(task.loss(outputs, labels), number))
            scaled(state, losses[-1]).backward()
        if (extra := penalty(penalised(state.model, self.plan), self.plan)) is not None:
            scaled(state, extra).backward()
        update(state, self.plan)
        return torch.stack(losses).detach().sum()

    def steps(self, count: int) -> Iterator[list[tuple[Tensor, Tensor]]]:
        """The batches of the first steps of training, augmented as it has them."""
        generator = torch.Generator().manual_seed(self.plan.seed)
        for epoch in itertools.count():
            order = torch.randperm(len(self.job.train.labels), generator=generator)
            steps = steps_of(order, self.plan)[:count]
            groups = [group for step in steps for group in step]
            batches = iter(self.job.train.batches(groups, self.job.device, 0, Draws(self.plan.seed, epoch)))
            for step in steps:
                yield list(itertools.islice(batches, len(step)))
            count -= len(steps)
            if not count:
                return


def subject_of(job: Job) -> Subject:
    """The run's network as its first step would find it."""
    network = compile(job.graph)
    transfer(network, job.run, job.task.classes)
    return Subject(job, network.to(job.device))


def sample(examples: Examples, device: torch.device, seed: int, most: int = SAMPLE) -> tuple[Tensor, Tensor]:
    """Images and labels of up to `most` examples, drawn with a seed, as they are without augmentation."""
    parts = list(sampled(examples, device, seed, most))
    return torch.cat([images for images, _ in parts]), torch.cat([labels for _, labels in parts])


def sampled(
    examples: Examples, device: torch.device, seed: int, most: int, at_once: int = 256
) -> Iterator[tuple[Tensor, Tensor]]:
    """The same batch by batch."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(examples.labels), generator=generator)[:most].sort().values
    return examples.batches(list(order.split(at_once)), device, 0)


def learning(model: nn.Module) -> list[tuple[str, str, nn.Parameter]]:
    """Layer, name and parameter of what learns now."""
    return [found for found in learned(model) if found[2].requires_grad]


def listed(names: list[str], most: int = 4) -> str:
    """Some names, and how many more there are."""
    return ", ".join(f"'{n}'" for n in names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
