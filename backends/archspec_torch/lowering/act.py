"""Activations as torch modules, in place where the site allows it."""

from __future__ import annotations

from torch import Tensor, nn

from archspec.ops import act
from archspec_torch.lowering.base import Site, lowers


@lowers(act.Relu)
def relu(site: Site[act.Relu]) -> nn.Module:
    return nn.ReLU(inplace=site.in_place)


@lowers(act.Relu6)
def relu6(site: Site[act.Relu6]) -> nn.Module:
    return nn.ReLU6(inplace=site.in_place)


@lowers(act.LeakyRelu)
def leaky_relu(site: Site[act.LeakyRelu]) -> nn.Module:
    return nn.LeakyReLU(site.op.slope, inplace=site.in_place)


@lowers(act.Prelu)
def prelu(site: Site[act.Prelu]) -> nn.Module:
    return nn.PReLU(1 if site.op.shared else site.inputs[0].channels, init=site.op.slope)


@lowers(act.Elu)
def elu(site: Site[act.Elu]) -> nn.Module:
    return nn.ELU(site.op.alpha, inplace=site.in_place)


@lowers(act.Selu)
def selu(site: Site[act.Selu]) -> nn.Module:
    return nn.SELU(inplace=site.in_place)


@lowers(act.Silu)
def silu(site: Site[act.Silu]) -> nn.Module:
    return nn.SiLU(inplace=site.in_place)


@lowers(act.Gelu)
def gelu(site: Site[act.Gelu]) -> nn.Module:
    return nn.GELU(approximate=site.op.approximate)


@lowers(act.Mish)
def mish(site: Site[act.Mish]) -> nn.Module:
    return nn.Mish(inplace=site.in_place)


class SigmoidInPlace(nn.Sigmoid):
    """`nn.Sigmoid` in the memory of its input; torch has the function, and no module for it."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sigmoid_()


class TanhInPlace(nn.Tanh):
    """`nn.Tanh` in the memory of its input."""

    def forward(self, x: Tensor) -> Tensor:
        return x.tanh_()


class Abs(nn.Module):
    """|x|, in the memory of x where `inplace`; torch has the function, and no module for it."""

    def __init__(self, inplace: bool):
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return x.abs_() if self.inplace else x.abs()


@lowers(act.Abs)
def abs_(site: Site[act.Abs]) -> nn.Module:
    return Abs(site.in_place)


@lowers(act.Sigmoid)
def sigmoid(site: Site[act.Sigmoid]) -> nn.Module:
    return SigmoidInPlace() if site.in_place else nn.Sigmoid()


@lowers(act.Tanh)
def tanh(site: Site[act.Tanh]) -> nn.Module:
    return TanhInPlace() if site.in_place else nn.Tanh()


@lowers(act.HardSigmoid)
def hard_sigmoid(site: Site[act.HardSigmoid]) -> nn.Module:
    return nn.Hardsigmoid(inplace=site.in_place)


@lowers(act.HardSwish)
def hard_swish(site: Site[act.HardSwish]) -> nn.Module:
    return nn.Hardswish(inplace=site.in_place)


@lowers(act.HardTanh)
def hard_tanh(site: Site[act.HardTanh]) -> nn.Module:
    return nn.Hardtanh(inplace=site.in_place)


@lowers(act.Softplus)
def softplus(site: Site[act.Softplus]) -> nn.Module:
    return nn.Softplus(beta=site.op.beta)


@lowers(act.Threshold)
def threshold(site: Site[act.Threshold]) -> nn.Module:
    return nn.Threshold(site.op.at, site.op.value, inplace=site.in_place)


@lowers(act.Softmax)
def softmax(site: Site[act.Softmax]) -> nn.Module:
    return nn.Softmax(dim=1)


@lowers(act.LogSoftmax)
def log_softmax(site: Site[act.LogSoftmax]) -> nn.Module:
    return nn.LogSoftmax(dim=1)


class Maxout(nn.Module):
    """(N, pieces·C, …) → (N, C, …): the largest of each run of `pieces` channels."""

    def __init__(self, pieces: int):
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (-1, self.pieces)).amax(2)

    def extra_repr(self) -> str:
        return f"pieces={self.pieces}"


@lowers(act.Maxout)
def maxout(site: Site[act.Maxout]) -> nn.Module:
    return Maxout(site.op.pieces)
