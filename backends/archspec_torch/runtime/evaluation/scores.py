"""What a network says of every example of a split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from archspec_torch.runtime.data import Examples
from archspec_torch.runtime.evaluation.views import Crops, whole
from archspec_torch.runtime.preprocess import Normalize

if TYPE_CHECKING:
    from archspec_torch.runtime.tasks import Task


@torch.inference_mode()
def collect_scores(
    model: nn.Module,
    task: Task,
    examples: Examples,
    normalize: Normalize,
    batch: int,
    workers: int,
    device: torch.device,
    size: tuple[int, int] = (0, 0),
    crops: Crops = whole,
) -> Tensor:
    """What the task keeps of the scores, float32 (n, classes) on the CPU, in the order of the examples, in evaluation
    mode: log-probabilities, or log-odds of tags.

    With several views of an image, `crops` of that `size`, those of the mean of their probabilities.
    They stay on the device until all are there.
    """
    model.eval()
    found = []
    groups = list(torch.arange(len(examples.labels)).split(batch))
    for images, _ in examples.batches(groups, device, workers):
        views = [task.kept(task.scores(model(normalize(view)))) for view in crops(images, *size)]
        found.append(task.mean(views))
    return torch.cat(found).cpu()
