"""Fully connected layers as torch modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from archspec.ops.linear import Linear
from archspec_torch.lowering.base import Site, lowers
from archspec_torch.lowering.initial import initialise

CONVOLVE: Mapping[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


class SlidLinear(nn.Linear):
    """A fully connected layer over every window of a map (N, C, *spatial), its weights (out, C·∏kernel) as ever."""

    def __init__(self, channels: int, out: int, kernel: tuple[int, ...], features: int, bias: bool) -> None:
        super().__init__(features, out, bias)
        self.channels, self.kernel = channels, kernel

    def forward(self, input: Tensor) -> Tensor:
        weight = self.weight.view(-1, self.channels, *self.kernel)
        return CONVOLVE[len(self.kernel)](input, weight, self.bias)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, kernel={self.kernel}"


@lowers(Linear)
def linear(site: Site[Linear]) -> nn.Module:
    """`nn.Linear`, or one slid over a map."""
    op, features = site.op, site.op.features(site.inputs)
    window = op.window(site.inputs)
    if window is None:
        module: nn.Module = nn.Linear(features, op.out, op.bias)
    else:
        module = SlidLinear(site.inputs[0].channels, op.out, window.kernel, features, op.bias)
    initialise(module, op.init, features, op.out)
    return module
