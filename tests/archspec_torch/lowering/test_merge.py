"""Merges as modules: learned weights begin as documented, parts are views, and gradients reach every input."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from archspec.ops import REGISTRY
from archspec.tensor import TensorType
from archspec_torch.lowering import Site, lower


def build(word: str, args: dict[str, Any], *shapes: tuple[int, ...]) -> nn.Module:
    op, types = REGISTRY[word](**args), tuple(TensorType(shape) for shape in shapes)
    return lower(Site(op, types, op.infer(types)))


def test_fast_normalised_fusion_begins_as_a_mean() -> None:
    x = torch.randn(3, 2, 4, 5, 5)
    y = build("weighted_add", {}, *[(4, 5, 5)] * 3)(*x)
    torch.testing.assert_close(y, 3 * x.mean(0) / 3.0001)
    torch.testing.assert_close(build("weighted_add", {"normalize": "softmax"}, *[(4, 5, 5)] * 3)(*x), x.mean(0))
    torch.testing.assert_close(build("weighted_add", {"normalize": "none"}, *[(4, 5, 5)] * 3)(*x), x.sum(0))


def test_a_negative_weight_is_shut_off() -> None:
    module = build("weighted_add", {}, (4,), (4,))
    module.load_state_dict({"weight": torch.tensor([2.0, -1.0])})
    a, b = torch.randn(2, 3, 4)
    torch.testing.assert_close(module(a, b), a * 2 / 2.0001)


@pytest.mark.parametrize("word", ["add", "multiply", "mean", "max", "weighted_add", "concat"])
def test_gradients_reach_every_input(word: str) -> None:
    inputs = [torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    module = build(word, {}, *[(4, 3)] * 3).double()
    assert torch.autograd.gradcheck(module, inputs)


def test_centre_crop_follows_other_image_sizes() -> None:
    module = build("concat", {"crop": "center"}, (1, 8, 8), (1, 4, 4))
    large, small = torch.arange(49.0).reshape(1, 1, 7, 7), torch.zeros(1, 1, 4, 4)
    # (7 − 4) / 2: one cell goes before, two behind
    assert torch.equal(module(large, small)[:, :1], large[:, :, 1:5, 1:5])


def test_one_part_is_a_tensor() -> None:
    x = torch.randn(2, 4)
    assert torch.equal(build("split", {"parts": 1}, (4,))(x), x)
    first, second = build("split", {"parts": [1, 3]}, (4,))(x)
    assert torch.equal(torch.cat([first, second], 1), x)


def test_shuffle_is_torchs() -> None:
    x = torch.randn(2, 12, 3, 3)
    assert torch.equal(build("channel_shuffle", {"groups": 3}, (12, 3, 3))(x), nn.ChannelShuffle(3)(x))
