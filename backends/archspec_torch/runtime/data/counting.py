"""Which classes an example has, whatever its target is: one class, several, or objects in boxes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from archspec_torch.detection.truth import POINT


def classes_in(labels: Tensor, classes: int) -> Tensor:
    """int64 (n, classes): how often each class is in each example.

    `labels`: int64 (n,) of one class each; (n, classes) of 0 and 1; float32 (n, M, 6) of objects, ignored ones too;
    float32 (n, classes, 3) of points, each in the images that show it.
    """
    if labels.ndim == 1:
        return functional.one_hot(labels, classes)
    if labels.ndim == 2:
        return (labels > 0).long()
    if labels.shape[2] == POINT:
        return (labels[..., 2] > 0).long()
    numbers = labels[..., 4].long()
    counts = torch.zeros(len(labels), classes + 1, dtype=torch.int64, device=labels.device)
    counts.scatter_add_(1, numbers + 1, torch.ones_like(numbers))  # class −1, behind the last object, is no class
    return counts[:, 1:]
