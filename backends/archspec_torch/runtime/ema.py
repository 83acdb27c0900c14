"""A moving average of the weights while they are trained."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Average:
    """A copy of the network whose weights follow it: after each step, w̄ ← d·w̄ + (1 − d)·w.

    Running statistics of batch norm are averaged alike; whole numbers (its count of batches) are copied. d is
    min(decay, (1 + t)/(10 + t)) at step t, so that the first, random weights are soon forgotten, as in
    TensorFlow's ExponentialMovingAverage. Source: Polyak and Juditsky, 1992; Tan and Le, 2019 (decay 0.9999).
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.model = copy.deepcopy(model).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """The average after a step of the network; `step` counts from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        own, new = self.model.state_dict().values(), model.state_dict().values()
        pairs = list(zip(own, new, strict=True))
        floats = [(mine, theirs) for mine, theirs in pairs if mine.is_floating_point()]
        torch._foreach_lerp_([mine for mine, _ in floats], [theirs for _, theirs in floats], 1 - decay)
        for mine, theirs in pairs:
            if not mine.is_floating_point():
                mine.copy_(theirs)
