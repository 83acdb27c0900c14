"""One compiled network for all sizes that fit, and the refusal of those that do not."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import archspec
from archspec.errors import SpecError

Write = Callable[..., Path]

HOURGLASS = """
- conv: {out: 4, kernel: 3, padding: same}
  name: fine
- max_pool: 2
- conv_transpose: {out: 4, kernel: 2, stride: 2}
- concat: [fine, $prev]
- conv: 2
"""


@pytest.fixture
def network(write_spec: Write) -> nn.Module:
    return archspec.compile(archspec.load(write_spec(HOURGLASS, "[1, H, W]"))).eval()


def test_it_takes_every_size_that_fits(network: nn.Module) -> None:
    for height, width in ((2, 2), (8, 12), (30, 6)):
        assert network(torch.zeros(3, 1, height, width)).shape == (3, 2, height, width)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 1, 8, 9), r"H = 8, W = 9 does not fit: concat at concat1: input 1 is 4×8×9, input 2 is 4×8×8"),
        ((1, 1, 1, 8), r"H = 1, W = 8 does not fit: max_pool at max_pool1: kernel 2 does not fit height 1"),
        ((1, 2, 8, 8), r"'input' is 1×H×W, not 2×8×8"),
        ((1, 1, 8), r"'input' is 1×H×W, not 1×8"),
    ],
)
def test_it_refuses_others_in_the_words_of_the_spec(network: nn.Module, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(SpecError, match=message) as refusal:
        network(torch.zeros(*shape))
    assert refusal.value.diagnostics[0].code == "E319"
    assert refusal.value.diagnostics[0].span is not None


def test_copies_refuse_too(network: nn.Module) -> None:
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert other(torch.zeros(1, 1, 4, 6)).shape == (1, 2, 4, 6)
        with pytest.raises(SpecError, match="E319"):
            other(torch.zeros(1, 1, 4, 7))


def test_networks_with_numbers_ask_nothing() -> None:
    assert "_admission" not in archspec.compile("lenet5").code


def test_training_heads_have_a_say_in_training_alone(write_spec: Write) -> None:
    aux = "{aux: {from: early, only: train, layers: [{max_pool: 4}, global_avg_pool, {linear: 3}]}}"
    path = write_spec("- conv: 4\n  name: early\n- global_avg_pool\n- linear: 3", "[1, S, S]", heads=aux)
    model = archspec.compile(path)
    small, large = torch.zeros(2, 1, 3, 3), torch.zeros(2, 1, 4, 4)
    assert model.eval()(small).shape == (2, 3)
    assert model.train()(large)["aux"].shape == (2, 3)
    with pytest.raises(SpecError, match=r"aux\.max_pool1"):
        model(small)
    with pytest.raises(SpecError, match="'input' is 1×S×S, not 1×4×5"):
        model(torch.zeros(2, 1, 4, 5))


def test_compiled_and_exported_it_asks_nothing(network: nn.Module) -> None:
    x = torch.randn(2, 1, 8, 12)
    compiled = torch.compile(network, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), network(x))
    two = {axis: 2 * torch.export.Dim(name, min=2, max=64) for axis, name in ((2, "h"), (3, "w"))}
    exported = torch.export.export(network, (x,), dynamic_shapes={"input": two}).module()
    other = torch.randn(2, 1, 10, 6)
    torch.testing.assert_close(exported(other), network(other))


def test_gradients_flow_at_two_sizes(network: nn.Module) -> None:
    network.train()
    for size in (8, 12):
        network(torch.randn(1, 1, size, size)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters() if p.ndim > 1)


def test_training_needs_one_size(write_spec: Write, tmp_path: Path) -> None:
    path = write_spec("- conv: 4\n- relu\n- global_avg_pool\n- linear: 10", "[1, H, W]")
    run = tmp_path / "run.yaml"
    run.write_text(json.dumps({"model": str(path), "train": {"epochs": 1}}), encoding="utf-8")
    with pytest.raises(SpecError, match=r"E315: the images of a run have one size") as refusal:
        archspec.train(run, out=tmp_path / "out")
    assert "input: [1, 224, 224]" in str(refusal.value.diagnostics[0].hint)
