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
        own, new = (network.state_dict(keep_vars=True).values() for network in (self.model, model))
        pairs = list(zip(own, new, strict=True))
        self._own = [mine for mine, _ in pairs if mine.is_floating_point()]
        self._new = [theirs for mine, theirs in pairs if mine.is_floating_point()]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """The average after a step of the network, whose weights stay the tensors they were; `step` counts from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._own, self._new, 1 - decay)
        for mine, theirs in self._counters:
            mine.copy_(theirs)
