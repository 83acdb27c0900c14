"""Activations in place: the same values and the same gradients as out of place."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from archspec.ops import REGISTRY
from archspec.ops.act import Maxout
from archspec.tensor import TensorType
from archspec_torch.lowering import Site, lower

IN_PLACE = sorted(word for word, cls in REGISTRY.items() if cls.storage == "activation")


def build(word: str, in_place: bool, channels: int) -> nn.Module:
    op = REGISTRY[word](**({"at": 0.1} if word == "threshold" else {}))
    types = (TensorType((channels, 5, 5)),)
    return lower(Site(op, types, op.infer(types), in_place))


@pytest.mark.parametrize("word", IN_PLACE)
@pytest.mark.parametrize("layer", [nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(3), nn.GroupNorm(1, 3)], ids=str)
def test_gradients_in_place(word: str, layer: nn.Module) -> None:
    channels = 4 if isinstance(layer, nn.Conv2d) else 3
    torch.manual_seed(0)
    image = 3 * torch.randn(2, 3, 5, 5)
    results = []
    for in_place in (False, True):
        net = nn.Sequential(copy.deepcopy(layer), build(word, in_place, channels))
        x = image.clone().requires_grad_()
        y = net(x)
        y.square().sum().backward()
        results.append([y.detach(), x.grad, *(p.grad for p in net.parameters())])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("word", [word for word in IN_PLACE if word not in ("sigmoid", "tanh")])
def test_in_place_overwrites_and_else_does_not(word: str) -> None:
    x = torch.randn(2, 4, 5, 5)
    for in_place in (False, True):
        given = x.clone()
        y = build(word, in_place, 4)(given)
        assert (y.data_ptr() == given.data_ptr()) is in_place
        assert torch.equal(given, y if in_place else x)


def test_gradient_of_maxout_reaches_the_largest() -> None:
    types = (TensorType((4,)),)
    op = Maxout()
    x = torch.tensor([[1.0, 3.0, -2.0, -5.0]], requires_grad=True)
    lower(Site(op, types, op.infer(types)))(x).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [[0, 1, 1, 0]]
