"""Examples whose targets lie in their images: objects in boxes, points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from archspec_torch.runtime.data.draws import Draws
from archspec_torch.runtime.data.examples import InMemory, OnDisk
from archspec_torch.runtime.images import Placement


@dataclass(frozen=True)
class Framed:
    """`examples` with targets in pixels of the frame; `placements`: how each image lies there."""

    examples: InMemory | OnDisk
    placements: tuple[Placement, ...]

    @property
    def labels(self) -> Tensor:
        return self.examples.labels

    def histogram(self) -> Tensor:
        return self.examples.histogram()

    def products(self) -> Tensor:
        return self.examples.products()

    def image(self, position: int) -> Tensor:
        return self.examples.image(position)

    def to(self, device: torch.device) -> Self:
        return replace(self, examples=self.examples.to(device))

    def batches(
        self, groups: Sequence[Tensor], device: torch.device, workers: int, draws: Draws | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        return self.examples.batches(groups, device, workers, draws)
