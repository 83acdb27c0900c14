"""ReLU units that are 0 for every image: they get no gradient, and so seldom wake again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from archspec_torch.runtime.processes import ALONE, World


@contextmanager
def dead_units(model: nn.Module, world: World = ALONE) -> Iterator[Callable[[], dict[str, tuple[int, int]]]]:
    """While it lasts the outputs of ReLUs are looked at; gives a function that counts the dead.

    That gives, by layer, how many of its units were 0 for all that passed, and how many it has. A unit is a channel:
    0 at every place. Nothing waits for the device before it is called; of several processes, all call it.
    """
    highest: dict[str, Tensor] = {}

    def hook(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def seen(_: nn.Module, __: Any, output: Tensor) -> None:
            peak = output.detach().amax([d for d in range(output.ndim) if d != 1])
            highest[name] = torch.maximum(highest[name], peak) if name in highest else peak

        return seen

    relus = [(name, m) for name, m in model.named_modules() if isinstance(m, nn.ReLU | nn.ReLU6)]
    handles = [module.register_forward_hook(hook(name)) for name, module in relus]
    try:
        yield lambda: {name: (int((peak <= 0).sum()), len(peak)) for name, peak in _over_all(highest, world).items()}
    finally:
        for handle in handles:
            handle.remove()


def _over_all(highest: dict[str, Tensor], world: World) -> dict[str, Tensor]:
    """The highest outputs in any process. One that had no images has none."""
    if world.size == 1:
        return highest
    found: dict[str, Tensor] = {}
    for part in world.gather({name: peak.cpu() for name, peak in highest.items()}):
        for name, peak in part.items():
            found[name] = torch.maximum(found[name], peak) if name in found else peak
    return found
