"""What every task keeps: what training, measuring and predicting ask of it, whatever is learned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Tensor

if TYPE_CHECKING:
    from archspec_torch.runtime.data import Examples
    from archspec_torch.runtime.evaluation.figures import Figures
    from archspec_torch.runtime.images import Placement
    from archspec_torch.runtime.prediction import Prediction

Outputs = Tensor | Mapping[str, Tensor]
"""What a network gives: a tensor, or several by name."""


class Task(ABC):
    """What a network learns. Targets are a tensor whose first axis is the examples, as `Examples.labels` says."""

    classes: tuple[str, ...]

    @property
    @abstractmethod
    def learned_from(self) -> tuple[str, ...]:
        """Names of the outputs that the loss reads."""

    by_heart: ClassVar[tuple[str, float]] = ("accuracy", 1.0)
    """The figure of a tally that tells whether a few images were learned by heart, and what it is then."""

    def to(self, device: torch.device) -> Self:
        """The task with its numbers on the device."""
        return self

    def sized(self, image: tuple[int, int]) -> Self:
        """The task of the same network made for images of another size, height and width."""
        return self

    def paired(self, pairs: Sequence[Sequence[str]] | None) -> Self:
        """The task with those pairs of points changing places in a mirror image, where it is of points."""
        return self

    @abstractmethod
    def loss(self, outputs: Outputs, targets: Tensor) -> Tensor:
        """What training makes small, a mean over the examples: ()."""

    def plain(self, outputs: Outputs, targets: Tensor) -> Tensor:
        """The loss as runs are compared by it, of a network that answers: ()."""
        return self.loss(outputs, targets)

    def mass(self, targets: Tensor) -> Tensor:
        """What the mean of `loss` over a batch is divided by: ()."""
        return targets.new_full((), len(targets), dtype=torch.float32)

    def at_start(self) -> float | None:
        """What the loss is before training, about, where that is known beforehand."""
        return None

    def unseeing(self, outputs: Outputs, targets: Tensor) -> Outputs | None:
        """What a network of places that looks at no image would say best: in the form of its outputs for n images, the
        mean of the n targets that are there, all classes alike. None of other tasks."""
        return None

    @abstractmethod
    def tally(self, device: torch.device, most: int | None = None) -> Tally:
        """Nothing counted yet. `most`: scores kept for figures over all of them; those of more are left out."""

    @abstractmethod
    def scores(self, outputs: Outputs) -> Tensor:
        """What a network answers: (n, …)."""

    def kept(self, scores: Tensor) -> Tensor:
        """What is kept of them to be measured: float32 (n, …)."""
        return scores.float()

    of_parts: ClassVar[bool] = True
    """Whether a part of an image says what the whole does."""

    def unflipped(self, kept: Tensor, width: int) -> Tensor:
        """What was said of mirror images of that width, as of the images themselves."""
        return kept

    def moved(self, kept: Tensor, before: Examples, now: Examples) -> Tensor:
        """What was said of examples as one frame has them, as of the same examples in another frame."""
        return kept

    @abstractmethod
    def mean(self, kept: Sequence[Tensor]) -> Tensor:
        """What several views or networks say together."""

    @abstractmethod
    def votes(self, kept: Sequence[Tensor]) -> Tensor:
        """What several networks say by a vote."""

    predicts: ClassVar[bool] = True
    """Whether there are `predictions`: not of many boxes, which `detect` finds, draws and writes."""

    def predictions(self, scores: Tensor, placements: Sequence[Placement], top: int) -> Iterator[Prediction]:
        """What each image shows by its `scores` (n, …), float32 on the CPU: an image without its name, `top` classes
        at most, places in pixels of the image, which lies in the frame as its placement says."""
        raise NotImplementedError

    @abstractmethod
    def figures(self, kept: Tensor, examples: Examples) -> Figures:
        """What is measured of a whole split."""

    @abstractmethod
    def listed(self, kept: Tensor, examples: Examples) -> list[list[Any]]:
        """A row an answer, below the names of the columns."""


class Tally(ABC):
    """Loss and what is counted beside it, summed over batches on the device: nothing waits until a number is read."""

    def __init__(self, device: torch.device):
        self.total = torch.zeros((), dtype=torch.float64 if device.type != "mps" else torch.float32, device=device)
        self.examples = 0

    @torch.no_grad()
    def add(self, loss: Tensor, scores: Tensor, targets: Tensor) -> None:
        """One batch: its mean loss (), the task's `scores`, the targets."""
        self.total.add_(loss.detach(), alpha=len(targets))
        self.examples += len(targets)
        self.count(scores.detach(), targets)

    @abstractmethod
    def count(self, scores: Tensor, targets: Tensor) -> None:
        """What `figures` tells of, of one batch that is among the `examples` already."""

    def state(self) -> dict[str, Tensor | int]:
        """What a checkpoint keeps, and what processes tell each other."""
        return {"total": self.total, "examples": self.examples}

    def absorb(self, state: Mapping[str, Any]) -> None:
        """Adds what another tally has counted, as its `state` gave it, on any device."""
        self.total = self.total + state["total"].to(self.total.device)
        self.examples += state["examples"]

    @property
    def loss(self) -> float:
        """Mean loss of an example."""
        return float(self.total) / max(self.examples, 1)

    @abstractmethod
    def figures(self) -> dict[str, float]:
        """What the task measures besides, the first the one that people ask for first."""
