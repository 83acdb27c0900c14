"""`digits`: 1,797 handwritten digits of 8×8 pixels, bundled with scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from archspec.run.sections import Digits
from archspec_torch.runtime.data.examples import InMemory, Report, Where
from archspec_torch.runtime.data.splits import SPLITS, stratified
from archspec_torch.runtime.images import Frame


@dataclass(frozen=True)
class DigitsSource:
    """Grey images (1797, 8, 8), their 17 levels of ink spread over 0 … 255, white on black."""

    images: NDArray[numpy.uint8]
    labels: Tensor
    parts: Mapping[str, Tensor]
    name: str = "digits"
    classes: tuple[str, ...] = tuple("0123456789")

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: len(self.parts[name]) for name in SPLITS if name in self.parts}

    def labels_of(self, split: str) -> Tensor:
        return self.labels[self.parts[split]]

    def load(self, split: str, frame: Frame, report: Report) -> InMemory:
        part = self.parts[split]
        return InMemory(frame.place_all(self.images[part.numpy()]), self.labels[part])


def open_digits(section: Digits, where: Where) -> DigitsSource:
    """The digits, split by the section's shares and seed. Raises SpecError E626."""
    from sklearn.datasets import load_digits  # slow to import, and needed for these data alone

    found = load_digits()
    labels = torch.from_numpy(found.target.astype(numpy.int64))
    shares = {"val": section.split.val, "test": section.split.test}
    parts = stratified(labels, shares, section.split.seed, where("split"))
    return DigitsSource(numpy.rint(found.images * (255 / 16)).astype(numpy.uint8), labels, parts)
