"""What a network says of every example of a split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from archspec.errors import fail
from archspec_torch.runtime.data import Examples
from archspec_torch.runtime.evaluation.views import WHOLE, Pass
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
    views: Pass = WHOLE,
) -> Tensor:
    """What the task keeps of the scores, float32 (n, …) on the CPU, in the order of the examples, in evaluation mode:
    log-probabilities, log-odds of tags, or boxes.

    With several views of an image, of that `size`, what the task makes of them together.
    They stay on the device until all are there. Raises SpecError E650 where some are no finite numbers.
    """
    model.eval()
    found = []
    groups = list(torch.arange(len(examples.labels)).split(batch))
    for images, _ in examples.batches(groups, device, workers):
        told = [task.kept(task.scores(model(normalize(view)))) for view in views.crops(images, *size)]
        pairs = zip(told, views.flipped, strict=True)
        found.append(task.mean([task.unflipped(one, images.shape[3]) if flipped else one for one, flipped in pairs]))
    kept = torch.cat(found).cpu()
    if broken := int((~kept.isfinite()).flatten(1).any(1).sum()):
        message = f"the network's scores are no finite numbers, of {broken:,} of {len(kept):,} images"
        raise fail("E650", message, hint="its weights are damaged, or of a training that went wrong: see --weights")
    return kept
