"""Examples whose batches are changed at random while training, and as they are otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from archspec_torch.runtime.augment.steps import Augmentation
from archspec_torch.runtime.data import Draws, Examples
from archspec_torch.runtime.data.examples import Around, loaded


@dataclass(frozen=True)
class Augmented(Around):
    """Examples, and what is done to them. Images are changed one by one, by the workers where there are any."""

    augmentation: Augmentation

    def to(self, device: torch.device) -> Self:
        """Where images are changed one by one they stay with the CPU; batches go to the device."""
        return self if self.augmentation.each else super().to(device)

    def batches(
        self, groups: Sequence[Tensor], device: torch.device, workers: int, draws: Draws | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """As of all examples; where batches are mixed, images float32 of values 0 … 255 and labels float32 (n, C).

        Boxes (n, M, 6) have as many rows as the fullest image of a batch where images are joined or mixed. A batch's
        seed follows from its first example: the same wherever in an epoch a run goes on.
        """
        if draws is None:
            yield from self.examples.batches(groups, device, workers)
            return
        if self.augmentation.each:
            changed = _Changed(self.examples, self.augmentation, draws)
            found = loaded(changed, len(self.labels), groups, device, workers)
        else:
            found = self.examples.batches(groups, device, workers)
        for group, (images, labels) in zip(groups, found, strict=True):
            labels = self.augmentation.trimmed(labels)
            if self.augmentation.mixes:
                images, labels = self.augmentation.batch(images, labels, draws.batch(int(group[0])))
            yield images, labels


@dataclass(frozen=True)
class _Changed:
    """The example at a position, changed as its epoch draws it."""

    examples: Examples
    augmentation: Augmentation
    draws: Draws

    def __call__(self, position: int) -> tuple[Tensor, Tensor]:
        return self.augmentation.example(*self._at(position), self.draws.example(position), self._drawn)

    def _drawn(self) -> tuple[Tensor, Tensor]:
        return self._at(int(torch.randint(len(self.examples.labels), ())))

    def _at(self, position: int) -> tuple[Tensor, Tensor]:
        return self.examples.example(position, self.draws)
