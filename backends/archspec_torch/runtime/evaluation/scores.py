"""What a network says of every example of a split."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from archspec_torch.runtime.data import Examples
from archspec_torch.runtime.evaluation.views import Crops, whole
from archspec_torch.runtime.preprocess import Normalize
from archspec_torch.runtime.tasks.classify import Classify


@torch.inference_mode()
def collect_scores(
    model: nn.Module,
    task: Classify,
    examples: Examples,
    normalize: Normalize,
    batch: int,
    workers: int,
    device: torch.device,
    size: tuple[int, int] = (0, 0),
    crops: Crops = whole,
) -> Tensor:
    """Log-probabilities float32 (n, classes) on the CPU, in the order of the examples, in evaluation mode.

    With several views of an image, `crops` of that `size`, the logarithm of the mean of their probabilities.
    They stay on the device until all are there.
    """
    model.eval()
    found = []
    groups = list(torch.arange(len(examples.labels)).split(batch))
    for images, _ in examples.batches(groups, device, workers):
        views = [task.scores(model(normalize(view))).float().log_softmax(1) for view in crops(images, *size)]
        found.append(mean_probabilities(views))
    return torch.cat(found).cpu()


def mean_probabilities(log_probabilities: Sequence[Tensor]) -> Tensor:
    """The logarithm of the mean of probabilities that are given as logarithms, each (n, classes)."""
    if len(log_probabilities) == 1:
        return log_probabilities[0]
    return torch.stack(list(log_probabilities)).logsumexp(0) - math.log(len(log_probabilities))


def votes(log_probabilities: Sequence[Tensor]) -> Tensor:
    """A vote for each network's best class, as log-probabilities (n, classes).

    The mean probabilities count as one voter more: they decide where votes are even, since for two classes they
    differ by less than a vote, and leave no class without any probability.
    """
    ballots = torch.stack([nn.functional.one_hot(one.argmax(1), one.shape[1]) for one in log_probabilities]).sum(0)
    share = (ballots + mean_probabilities(log_probabilities).double().exp()) / (len(log_probabilities) + 1)
    return share.log().float()
