"""What a network says of every example of a split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from archspec.errors import fail
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
    They stay on the device until all are there. Raises SpecError E650 where some are no finite numbers.
    """
    model.eval()
    found = []
    groups = list(torch.arange(len(examples.labels)).split(batch))
    for images, _ in examples.batches(groups, device, workers):
        views = [task.kept(task.scores(model(normalize(view)))) for view in crops(images, *size)]
        found.append(task.mean(views))
    kept = torch.cat(found).cpu()
    if broken := int((~kept.isfinite()).flatten(1).any(1).sum()):
        message = f"the network's scores are no finite numbers, of {broken:,} of {len(kept):,} images"
        raise fail("E650", message, hint="its weights are damaged, or of a training that went wrong: see --weights")
    return kept
