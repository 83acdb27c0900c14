"""Fixed kernels as modules: the numbers written, what training leaves alone, what a state dict holds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archspec
from archspec.ops import REGISTRY
from archspec.tensor import TensorType
from archspec_torch.lowering import Site, lower

Write = Callable[..., Path]


def module(word: str, args: dict[str, Any], *shapes: tuple[int, ...]) -> nn.Module:
    op, inputs = REGISTRY[word](**args), tuple(TensorType(shape) for shape in shapes)
    return lower(Site(op, inputs, op.infer(inputs)))


def test_a_fresh_layer_holds_the_numbers_that_were_written() -> None:
    layer = module("filter", {"kernel": [[1, 2, 1], [2, 4, 2], [1, 2, 1]], "scale": 1 / 16}, (3, 8, 8))
    assert layer.weight.tolist() == [[[[0.0625, 0.125, 0.0625], [0.125, 0.25, 0.125], [0.0625, 0.125, 0.0625]]]]
    assert not layer.weight.requires_grad


def test_a_kernel_is_not_turned_round() -> None:
    layer = module("filter", {"kernel": [1, 0, -1]}, (1, 5))
    signal = torch.tensor([[[1.0, 2, 4, 8, 16]]])
    assert layer(signal).tolist() == [[[1 - 4, 2 - 8, 4 - 16]]]


def test_channels_by_themselves_and_summed() -> None:
    x = torch.arange(12.0).reshape(1, 3, 2, 2)
    each = module("filter", {"kernel": [[1, 1], [1, 1]]}, (3, 2, 2))
    assert each(x).flatten().tolist() == [0 + 1 + 2 + 3, 4 + 5 + 6 + 7, 8 + 9 + 10 + 11]
    summed = module("filter", {"kernel": [[[1, 0], [0, 0]], [[0, 10], [0, 0]], [[0, 0], [0, 100]]]}, (3, 2, 2))
    assert summed(x).flatten().tolist() == [0 + 50 + 1100]


def test_length_of_a_vector_and_its_gradient() -> None:
    layer = module("magnitude", {}, (1, 2), (1, 2))
    x, y = torch.tensor([[[3.0, 0.0]]], requires_grad=True), torch.tensor([[[-4.0, 0.0]]])
    length = layer(x, y)
    assert length.tolist() == [[[5.0, 0.0]]]
    length.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, torch.tensor([[[0.6, 0.0]]]))  # and no NaN where the length is 0


def network(write_spec: Write) -> Any:
    layers = "- filter: [[1, 0, -1], [2, 0, -2], [1, 0, -1]]\n- batch_norm\n- conv: 4\n- global_avg_pool\n- linear: 2"
    torch.manual_seed(0)
    return archspec.compile(write_spec(layers, "[3, 8, 8]"))


def test_training_changes_all_weights_but_the_kernel(write_spec: Write) -> None:
    model = network(write_spec)
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1, weight_decay=0.1)
    nn.functional.cross_entropy(model(torch.rand(8, 3, 8, 8)), torch.randint(2, (8,))).backward()
    optimizer.step()
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == set(before) - {"filter1.weight"}


def test_the_kernel_is_saved_moved_and_loaded_like_a_weight(write_spec: Write) -> None:
    model = network(write_spec)
    assert "filter1.weight" in model.state_dict()
    assert model.double().filter1.weight.dtype == torch.float64
    other = network(write_spec)
    state = {**other.state_dict(), "filter1.weight": torch.full((1, 1, 3, 3), 0.5)}
    other.load_state_dict(state)
    assert other.filter1.weight.unique().tolist() == [0.5]
    assert not other.filter1.weight.requires_grad


def test_gradients_flow_through_a_fixed_kernel_to_what_is_before_it(write_spec: Write) -> None:
    model = archspec.compile(write_spec("- conv: 2\n- filter: [[1, -1]]", "[3, 4, 4]", name="behind"))
    model(torch.rand(1, 3, 4, 4)).sum().backward()
    grads: dict[str, Tensor | None] = {name: p.grad for name, p in model.named_parameters()}
    assert grads["conv1.weight"] is not None and grads["conv1.weight"].abs().sum() > 0
    assert grads["filter1.weight"] is None


@pytest.mark.parametrize("size", [(5, 5), (9, 4)])
def test_one_module_serves_every_image_size(size: tuple[int, int]) -> None:
    layer = module("filter", {"kernel": [[1, 1, 1]] * 3, "scale": 1 / 9, "padding": "same"}, (3, 16, 16))
    assert layer(torch.rand(2, 3, *size)).shape == (2, 3, *size)
