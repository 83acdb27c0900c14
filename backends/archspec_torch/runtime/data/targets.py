"""What the examples of data are labelled with: classes, tags, boxes or points."""

from __future__ import annotations

from enum import Enum

import torch
from torch import Tensor
from torch.nn import functional


class Target(Enum):
    """A kind of target, which says the form of the labels of n examples."""

    CLASS = "class"
    """One class each: its number, int64 (n,)."""
    TAGS = "tags"
    """Any number of classes each: float32 (n, classes) of 0 and 1."""
    BOXES = "boxes"
    """Objects in boxes: float32 (n, M, 6), as `detection.truth.rows_of` makes them."""
    POINTS = "points"
    """A point of each name: float32 (n, K, 3) of x, y and whether it is seen."""

    @property
    def words(self) -> str:
        """What data has that is labelled so."""
        match self:
            case Target.CLASS | Target.TAGS:
                return "classes of whole images"
            case Target.BOXES:
                return "objects in boxes"
            case Target.POINTS:
                return "points"

    def totals(self, labels: Tensor, classes: int) -> Tensor:
        """int64 (classes,): how often each class is in all of them."""
        if self is Target.CLASS:  # far less memory than a row an example
            return torch.bincount(labels, minlength=classes)
        return self.counts(labels, classes).sum(0)

    def counts(self, labels: Tensor, classes: int) -> Tensor:
        """int64 (n, classes): how often each class is in each example; ignored objects too, points that are seen."""
        match self:
            case Target.CLASS:
                return functional.one_hot(labels, classes)
            case Target.TAGS:
                return (labels > 0).long()
            case Target.POINTS:
                return (labels[..., 2] > 0).long()
            case Target.BOXES:
                numbers = labels[..., 4].long()
                counts = torch.zeros(len(labels), classes + 1, dtype=torch.int64, device=labels.device)
                counts.scatter_add_(1, numbers + 1, torch.ones_like(numbers))  # −1, behind the last, is no class
                return counts[:, 1:]
