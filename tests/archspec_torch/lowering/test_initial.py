"""Initial weights: their spread against the formulas of the papers, over thousands of values."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archspec.ops import REGISTRY
from archspec.tensor import TensorType
from archspec_torch.lowering import Site, lower


def module(word: str, shape: tuple[int, ...], **args: Any) -> nn.Module:
    torch.manual_seed(0)
    op, inputs = REGISTRY[word](**args), (TensorType(shape),)
    return lower(Site(op, inputs, op.infer(inputs)))


def weight(word: str, shape: tuple[int, ...], **args: Any) -> Tensor:
    return module(word, shape, **args).get_parameter("weight").detach()


# (fan_in, fan_out) by hand: weights that meet in an output, weights an input meets
FANS = [
    ("conv", (32, 9, 9), {"out": 64, "kernel": 5}, 32 * 25, 64 * 25),
    ("conv", (32, 9, 9), {"out": 64, "kernel": 5, "groups": 4}, 8 * 25, 16 * 25),
    ("depthwise", (128, 9, 9), {"kernel": 5, "multiplier": 2}, 25, 2 * 25),
    ("conv_transpose", (32, 9, 9), {"out": 64, "kernel": 5}, 32 * 25, 64 * 25),
    ("locally_connected", (8, 9, 9), {"out": 4, "kernel": 5}, 8 * 25, 4 * 25),
    ("linear", (200,), {"out": 300}, 200, 300),
]


@pytest.mark.parametrize(("word", "shape", "args", "fan_in", "fan_out"), FANS)
def test_spread_follows_the_fans(
    word: str, shape: tuple[int, ...], args: dict[str, Any], fan_in: int, fan_out: int
) -> None:
    assert weight(word, shape, **args, init="he").std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.05)
    out = weight(word, shape, **args, init="he_fan_out")
    assert out.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.05)
    uniform = weight(word, shape, **args, init="he_uniform")
    assert uniform.abs().max().item() == pytest.approx(math.sqrt(6 / fan_in), rel=0.01)
    assert uniform.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.05)
    normal = weight(word, shape, **args, init="xavier_normal")
    assert normal.std().item() == pytest.approx(math.sqrt(2 / (fan_in + fan_out)), rel=0.05)
    xavier = weight(word, shape, **args, init="xavier")
    assert xavier.abs().max().item() == pytest.approx(math.sqrt(6 / (fan_in + fan_out)), rel=0.01)
    assert xavier.std().item() == pytest.approx(math.sqrt(2 / (fan_in + fan_out)), rel=0.05)


@pytest.mark.parametrize(("word", "shape", "args", "fan_in", "fan_out"), FANS)
def test_biases_start_at_zero_unless_torch_decides(
    word: str, shape: tuple[int, ...], args: dict[str, Any], fan_in: int, fan_out: int
) -> None:
    assert module(word, shape, **args, init="he").get_parameter("bias").abs().max() == 0
    assert module(word, shape, **args).get_parameter("bias").abs().max() > 0
    assert weight(word, shape, **args, init="zeros").abs().max() == 0


def test_given_spreads() -> None:
    args: dict[str, Any] = {"out": 300}
    assert weight("linear", (200,), **args, init={"normal": 0.01}).std().item() == pytest.approx(0.01, rel=0.02)
    cut = weight("linear", (200,), **args, init={"trunc_normal": 0.1})
    assert 0.19 < cut.abs().max().item() <= 0.2  # at two standard deviations, of which it keeps 0.88
    assert cut.std().item() == pytest.approx(0.088, rel=0.02)
    uniform = weight("linear", (200,), **args, init={"uniform": 0.3})
    assert 0.299 < uniform.abs().max().item() <= 0.3
    assert torch.equal(weight("linear", (200,), **args, init={"constant": 0.5}), torch.full((300, 200), 0.5))


def test_default_is_the_layer_as_torch_makes_it() -> None:
    torch.manual_seed(0)
    own = nn.Conv2d(3, 8, 3)
    ours = module("conv", (3, 9, 9), out=8, kernel=3)
    assert torch.equal(own.weight, ours.get_parameter("weight"))
    assert torch.equal(own.bias, ours.get_parameter("bias"))  # type: ignore[arg-type]


def test_locally_connected_begins_as_a_convolution_does() -> None:
    local = weight("locally_connected", (8, 9, 9), out=4, kernel=5)
    assert local.abs().max().item() == pytest.approx(1 / math.sqrt(8 * 25), rel=0.01)
