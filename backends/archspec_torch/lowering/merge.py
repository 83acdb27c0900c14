"""Merges and partings along channels as torch modules. Tensors have a batch axis before the channels."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn

from archspec.ops import merge
from archspec_torch.lowering.base import Site, lowers


def centre_crop(x: Tensor, spatial: tuple[int, ...]) -> Tensor:
    """(N, C, …) cut to `spatial`, the odd cell falling at the far end."""
    for axis, size in enumerate(spatial, start=2):
        x = x.narrow(axis, (x.shape[axis] - size) // 2, size)
    return x


class _Merge(nn.Module):
    def __init__(self, crop: str = "none"):
        super().__init__()
        self.crop = crop

    def cropped(self, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The tensors cut to the smallest of them along each spatial axis, where `crop` is `center`."""
        if self.crop == "none":
            return tensors
        smallest = tuple(min(sizes) for sizes in zip(*(x.shape[2:] for x in tensors), strict=True))
        return tuple(centre_crop(x, smallest) for x in tensors)

    def extra_repr(self) -> str:
        return "" if self.crop == "none" else f"crop={self.crop}"


class Add(_Merge):
    def forward(self, *tensors: Tensor) -> Tensor:
        first, *others = self.cropped(tensors)
        for x in others:
            first = first + x
        return first


class AddOnto(nn.Module):
    """The sum in the memory of the first tensor, which nothing else reads (`out += x` in torchvision's blocks).

    Autocast can give branches of two dtypes: then the sum is a new tensor of the wider one.
    """

    def forward(self, *tensors: Tensor) -> Tensor:
        first, *others = tensors
        for x in others:
            first = first.add_(x) if x.dtype == first.dtype else first + x
        return first


class Concat(_Merge):
    def forward(self, *tensors: Tensor) -> Tensor:
        return torch.cat(self.cropped(tensors), dim=1)


class Subtract(nn.Module):
    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return first - second


class Multiply(nn.Module):
    def forward(self, *tensors: Tensor) -> Tensor:
        first, *others = tensors
        for x in others:
            first = first * x
        return first


class Mean(nn.Module):
    def forward(self, *tensors: Tensor) -> Tensor:
        first, *others = tensors
        for x in others:
            first = first + x
        return first / len(tensors)


class Max(nn.Module):
    def forward(self, *tensors: Tensor) -> Tensor:
        return reduce(torch.maximum, tensors)


class WeightedAdd(nn.Module):
    """Σ vᵢ·xᵢ, v from the learned `weight` (n,): see `archspec.ops.merge.WeightedAdd`."""

    def __init__(self, inputs: int, normalize: str, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(inputs))
        self.normalize, self.eps = normalize, eps

    def forward(self, *tensors: Tensor) -> Tensor:
        weight: Tensor = self.weight
        if self.normalize == "relu":
            weight = weight.relu()
            weight = weight / (weight.sum() + self.eps)
        elif self.normalize == "softmax":
            weight = weight.softmax(0)
        total = tensors[0] * weight[0]
        for i, x in enumerate(tensors[1:], start=1):
            total = total + x * weight[i]
        return total

    def extra_repr(self) -> str:
        return f"normalize={self.normalize}, eps={self.eps}"


class Scale(nn.Module):
    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor

    def extra_repr(self) -> str:
        return f"{self.factor}"


class Split(nn.Module):
    """(N, C, …) → a tuple of views, `sizes` channels each."""

    def __init__(self, sizes: tuple[int, ...]):
        super().__init__()
        self.sizes = sizes

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return x.split(self.sizes, dim=1)

    def extra_repr(self) -> str:
        return f"{self.sizes}"


class Slice(nn.Module):
    """(N, C, …) → channels `first` up to `end`, a view."""

    def __init__(self, first: int, end: int):
        super().__init__()
        self.first, self.end = first, end

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.first : self.end]

    def extra_repr(self) -> str:
        return f"{self.first}, {self.end}"


class ChannelShuffle(nn.Module):
    """(N, C, …): channel j of group i goes to j·groups + i. Unlike nn.ChannelShuffle it takes vectors."""

    def __init__(self, groups: int):
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"


@lowers(merge.Add)
def add(site: Site[merge.Add]) -> nn.Module:
    return AddOnto() if site.in_place else Add(site.op.crop)


@lowers(merge.Concat)
def concat(site: Site[merge.Concat]) -> nn.Module:
    return Concat(site.op.crop)


@lowers(merge.Subtract)
def subtract(site: Site[merge.Subtract]) -> nn.Module:
    return Subtract()


@lowers(merge.Multiply)
def multiply(site: Site[merge.Multiply]) -> nn.Module:
    return Multiply()


@lowers(merge.Mean)
def mean(site: Site[merge.Mean]) -> nn.Module:
    return Mean()


@lowers(merge.Max)
def max_(site: Site[merge.Max]) -> nn.Module:
    return Max()


@lowers(merge.WeightedAdd)
def weighted_add(site: Site[merge.WeightedAdd]) -> nn.Module:
    return WeightedAdd(len(site.inputs), site.op.normalize, site.op.eps)


@lowers(merge.Scale)
def scale(site: Site[merge.Scale]) -> nn.Module:
    return Scale(site.op.factor)


@lowers(merge.Split)
def split(site: Site[merge.Split]) -> nn.Module:
    sizes = site.op.sizes(site.inputs[0].channels)
    return Split(sizes) if len(sizes) > 1 else nn.Identity()


@lowers(merge.Slice)
def slice_(site: Site[merge.Slice]) -> nn.Module:
    return Slice(site.op.channels[0], site.op.channels[1])


@lowers(merge.ChannelShuffle)
def channel_shuffle(site: Site[merge.ChannelShuffle]) -> nn.Module:
    return ChannelShuffle(site.op.groups)
