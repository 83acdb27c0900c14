"""Normalisation in training: statistics move as torch's do, and frozen ones do not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

from archspec.ops import REGISTRY
from archspec.tensor import TensorType
from archspec_torch.lowering import Site, lower


def module(word: str, shape: tuple[int, ...], **args: Any) -> nn.Module:
    op, inputs = REGISTRY[word](**args), (TensorType(shape),)
    return lower(Site(op, inputs, op.infer(inputs)))


def test_batch_norm_trains_as_torchs() -> None:
    torch.manual_seed(0)
    ours, theirs = module("batch_norm", (6, 5, 5), eps=1e-3, momentum=0.3), nn.BatchNorm2d(6, 1e-3, 0.3)
    for _ in range(3):
        x = torch.randn(4, 6, 5, 5) * 3 + 1
        torch.testing.assert_close(ours(x), theirs(x))
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)
    assert int(ours.get_buffer("num_batches_tracked")) == 3


def test_frozen_batch_norm_is_torchvisions() -> None:
    torch.manual_seed(0)
    ours, theirs = module("batch_norm", (6, 5, 5), frozen=True), FrozenBatchNorm2d(6)
    for name, value in theirs.state_dict().items():
        value.copy_(torch.rand_like(value) + 0.5)
        ours.state_dict()[name].copy_(value)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    x = torch.randn(4, 6, 5, 5)
    for training in (True, False):
        torch.testing.assert_close(ours.train(training)(x), theirs(x))
    assert all(torch.equal(before[name], value) for name, value in ours.state_dict().items())
    assert not list(ours.parameters())


@pytest.mark.parametrize("word", ["layer_norm", "group_norm", "instance_norm"])
def test_statistics_of_one_image_are_the_same_in_training(word: str) -> None:
    layer, x = module(word, (32, 5, 5), affine=True), torch.randn(4, 32, 5, 5)
    torch.testing.assert_close(layer.train()(x), layer.eval()(x))


def test_layer_norm_keeps_the_layout_of_the_image() -> None:
    layer, x = module("layer_norm", (6, 5, 4)), torch.randn(2, 6, 5, 4)
    normal = layer(x)
    assert normal.shape == x.shape
    torch.testing.assert_close(normal.mean(1), torch.zeros(2, 5, 4), atol=1e-6, rtol=0)
    torch.testing.assert_close(normal.var(1, unbiased=False), torch.ones(2, 5, 4), atol=1e-3, rtol=0)
