"""Layers with padding torch does not know: at other image sizes, in graph capture, copied, in training."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from archspec.ops import REGISTRY
from archspec.tensor import TensorType
from archspec_torch.lowering import Site, lower

ODD: list[tuple[str, dict[str, Any]]] = [
    ("conv", {"out": 4, "kernel": 4, "padding": "same"}),
    ("conv", {"out": 4, "kernel": 3, "stride": 2, "padding": "same_upper"}),
    ("conv", {"out": 4, "kernel": 3, "padding": [[0, 2], [1, 0]]}),
    ("depthwise", {"kernel": 3, "stride": 2, "padding": "same_upper"}),
    ("conv_transpose", {"out": 4, "kernel": 4, "stride": 2, "padding": "same"}),
    ("locally_connected", {"out": 2, "kernel": 2, "padding": "same"}),
    ("max_pool", {"kernel": 3, "stride": 2, "padding": "same_upper"}),
    ("max_pool", {"kernel": 2, "stride": 3, "padding": [[0, 1], [1, 0]], "ceil": True}),
    ("max_pool", {"kernel": 3, "stride": 1, "padding": "same", "dilation": 2}),
    ("avg_pool", {"kernel": 3, "stride": 2, "padding": "same_upper", "count_padding": False}),
    ("avg_pool", {"kernel": 4, "stride": 1, "padding": "same"}),
]


def module(word: str, args: dict[str, Any], *shape: int) -> nn.Module:
    op, inputs = REGISTRY[word](**args), (TensorType(shape),)
    return lower(Site(op, inputs, op.infer(inputs)))


# the weights of a locally connected layer fix the size of its image
@pytest.mark.parametrize(("word", "args"), [case for case in ODD if case[0] != "locally_connected"])
def test_one_module_serves_every_image_size(word: str, args: dict[str, Any]) -> None:
    layer = module(word, args, 3, 12, 12)
    for height, width in ((12, 12), (9, 13), (7, 5)):
        (expected,) = REGISTRY[word](**args).infer((TensorType((3, height, width)),))
        assert layer(torch.zeros(2, 3, height, width)).shape == (2, *expected.shape)


@pytest.mark.parametrize(("word", "args"), ODD)
def test_graphs_are_captured_whole(word: str, args: dict[str, Any]) -> None:
    layer, x = module(word, args, 3, 12, 12).eval(), torch.randn(2, 3, 12, 12)
    captured = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(captured(x), layer(x))
    exported = torch.export.export(layer, (x,)).module()
    torch.testing.assert_close(exported(x), layer(x))


@pytest.mark.parametrize(("word", "args"), ODD)
def test_copies_compute_the_same_and_gradients_reach_the_input(word: str, args: dict[str, Any]) -> None:
    layer, x = module(word, args, 3, 12, 12), torch.randn(2, 3, 12, 12, requires_grad=True)
    y = layer(x)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(other(x), y)
    y.sum().backward()
    assert x.grad is not None and bool(x.grad.any())
    assert all(p.grad is not None and bool(p.grad.any()) for p in layer.parameters())


def test_same_upper_is_tensorflows_same() -> None:
    """Stride 2 on an even image: TensorFlow pads below and to the right alone."""
    layer = module("conv", {"out": 1, "kernel": 3, "stride": 2, "padding": "same_upper", "bias": False}, 1, 4, 4)
    nn.init.ones_(layer.get_parameter("weight"))
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    # sums of rows 0-2 and 2-4, columns alike, the fifth row and column empty
    assert layer(x).flatten().tolist() == [45.0, 39.0, 66.0, 50.0]


def test_padding_never_wins_a_maximum() -> None:
    layer = module("max_pool", {"kernel": 2, "stride": 1, "padding": [[1, 0], [0, 1]]}, 1, 3, 3)
    x = -torch.ones(1, 1, 3, 3)
    assert bool((layer(x) == -1).all())


def test_equal_padding_is_left_to_torch() -> None:
    assert type(module("conv", {"out": 4, "kernel": 3, "padding": "same"}, 3, 9, 9)) is nn.Conv2d
    assert type(module("conv", {"out": 4, "kernel": 3, "padding": "same_upper"}, 3, 9, 9)) is nn.Conv2d
    assert type(module("max_pool", {"kernel": 3, "padding": 1}, 3, 9, 9)) is nn.MaxPool2d
    assert type(module("conv_transpose", {"out": 4, "kernel": 2, "stride": 2}, 3, 9)) is nn.ConvTranspose1d


def test_means_leave_out_padding_where_asked() -> None:
    layer = module("avg_pool", {"kernel": 2, "stride": 1, "padding": [[1, 0]], "count_padding": False}, 1, 3)
    assert layer(torch.tensor([[[2.0, 4.0, 6.0]]])).flatten().tolist() == [2.0, 3.0, 5.0]
    counted = module("avg_pool", {"kernel": 2, "stride": 1, "padding": [[1, 0]]}, 1, 3)
    assert counted(torch.tensor([[[2.0, 4.0, 6.0]]])).flatten().tolist() == [1.0, 3.0, 5.0]


def test_means_of_boxes_larger_than_the_image() -> None:
    """torch refuses them; the same padding written out as zeros it takes."""
    layer = module("avg_pool", {"kernel": 4, "stride": 2, "padding": 2}, 2, 3, 5, 3)
    x = torch.randn(2, 2, 3, 5, 3)
    torch.testing.assert_close(layer(x), F.avg_pool3d(F.pad(x, [2] * 6), 4, 2))
