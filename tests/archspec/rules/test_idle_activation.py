"""W318: activations that change nothing; the bounds it reasons with, held against torch."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from pathlib import Path

import pytest

import archspec
from archspec.errors import Diagnostic
from archspec.rules.ranges import GIVES, KEEPS, Range, ranges

Told = Callable[[str], list[Diagnostic]]


@pytest.mark.parametrize("word", sorted({*GIVES, *KEEPS} - {"magnitude"}))
def test_what_an_activation_gives_and_keeps_is_so_in_torch(word: str, write_spec: Callable[..., Path]) -> None:
    torch = pytest.importorskip("torch")
    model = archspec.compile(write_spec(f"- {word}", "[7]")).double().eval()
    x = torch.linspace(-50, 50, 7 * 4001, dtype=torch.float64)[torch.randperm(7 * 4001)].reshape(-1, 7)
    if word in GIVES:
        low, high = GIVES[word]
        made = model(x)
        assert low <= made.min().item() and made.max().item() <= high
        ends = [made.min().item() - low if low > -inf else 0, high - made.max().item() if high < inf else 0]
        assert max(ends) < 0.05  # and no tighter bound holds
    if word in KEEPS:
        low, high = KEEPS[word]
        kept = x.clamp(max(low, -50), min(high, 50))
        assert torch.equal(model(kept), kept)
        outside = [end for end in (low - 0.5, high + 0.5) if abs(end) < inf]
        for end in outside:
            assert not torch.equal(model(torch.full((1, 7), end, dtype=torch.float64)), torch.full((1, 7), end))


@pytest.mark.parametrize(
    ("layers", "bounds"),
    [
        ("- relu\n- max_pool: 2", Range(0, inf)),
        ("- sigmoid\n- avg_pool: {kernel: 3, padding: 1, stride: 1}", Range(0, 1)),
        ("- tanh\n- pad: 1\n- upsample: {scale: 2, mode: bilinear}", Range(-1, 1)),
        ("- relu6\n- dropout: 0.5", Range(0, inf)),
        ("- branches: [[sigmoid], [tanh]]\n  join: concat", Range(-1, 1)),
        ("- branches: [[sigmoid], [tanh]]\n  join: add", Range(-1, 2)),
        ("- branches: [[sigmoid], [tanh]]\n  join: mean", Range(-1, 1)),
        ("- branches: [[sigmoid], [tanh]]\n  join: max", Range(0, 1)),
        ("- branches: [[sigmoid], [relu]]\n  join: multiply", Range(0, inf)),
        ("- branches: [[tanh], [relu]]\n  join: multiply", Range(-inf, inf)),
        ("- relu\n- lrn", Range(0, inf)),
        ("- relu\n- leaky_relu", Range(0, inf)),
        ("- relu\n- conv: 4", Range(-inf, inf)),
        ("- relu\n- batch_norm", Range(-inf, inf)),
        ("- relu\n- scale: -1", Range(-inf, inf)),
    ],
)
def test_bounds_hold_behind_other_layers(layers: str, bounds: Range, write_spec: Callable[..., Path]) -> None:
    torch = pytest.importorskip("torch")
    graph = archspec.load(write_spec(layers, "[4, 6, 6]"))
    (output,) = (tap.node for tap in graph.outputs.values())
    assert ranges(graph)[output] == bounds
    torch.manual_seed(0)
    made = archspec.compile(graph).train()(30 * torch.randn(64, 4, 6, 6))
    assert bounds.low <= made.min().item() and made.max().item() <= bounds.high + 1e-6


def told_of(told: Told, layers: str) -> str:
    found = told(f"input: [4, 8, 8]\ntask: embed\nlayers: {layers}\n")
    assert {d.code for d in found} <= {"W318"}
    return "; ".join(d.message for d in found)


def test_what_bounds_the_input_is_named(told: Told) -> None:
    said = told_of(told, "[conv: 4, relu, max_pool: 2, relu]")
    assert said == "relu2: relu changes nothing: its input is never below 0, behind relu relu1"
    said = told_of(told, "[conv: 4, {branches: [[relu], [sigmoid], [relu6]], join: concat}, leaky_relu]")
    assert said.endswith("behind relu branch1.relu1 and sigmoid branch2.sigmoid1 and 1 more")
    assert "between 0 and 1" in told_of(told, "[conv: 4, sigmoid, relu6]")


@pytest.mark.parametrize(
    "layers",
    [
        "[conv: 4, relu, relu6]",  # cuts at 6
        "[conv: 4, leaky_relu, relu]",
        "[conv: 4, sigmoid, sigmoid]",
        "[conv: 4, relu, batch_norm, relu]",
        "[conv: 4, tanh, relu]",
        "[conv: 4, relu, selu]",  # scales what it keeps
        "[relu, conv: 4]",  # a network's input may be anything
    ],
)
def test_activations_that_do_something(told: Told, layers: str) -> None:
    assert told_of(told, layers) == ""


RESNET = """
input: [8, 16, 16]
use: std
blocks:
  basic:
    params: {stride: 1}
    layers:
      - residual:
          body:
            - conv_bn: {out: 8, kernel: 3, stride: $stride}
            - conv_bn: {out: 8, kernel: 3}
          shortcut: project
      - relu
layers:
  - conv_bn: {out: 8, kernel: 3}
  - basic: {stride: "2 if $index == 0 else 1"}
    repeat: N
  - global_avg_pool
  - linear: 10
"""


def test_a_body_that_ends_in_relu_makes_the_one_behind_the_sum_idle(told: Told) -> None:
    (found,) = told(RESNET.replace("N", "4"))
    # the first block's shortcut is a projection, which may be negative; the three others only ever add
    assert found.message.startswith("basic1.1.relu1 (and 2 more like it): relu changes nothing")
    assert found.hint == "end the body of the residual with `act: none`"
    assert (
        told(RESNET.replace("N", "4").replace("{out: 8, kernel: 3}\n          sh", "{out: 8, act: none}\n          sh"))
        == []
    )


def test_one_instance_of_several_is_no_mistake_of_the_text(told: Told) -> None:
    assert told(RESNET.replace("N", "2")) == []  # idle in one of two
