"""W320: layers that collapse into one, held against one that torch computes with."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import archspec
from archspec.errors import Diagnostic

Told = Callable[[str], list[Diagnostic]]


def messages(told: Told, layers: str, size: str = "[3, 17, 17]") -> list[str]:
    found = told(f"input: {size}\ntask: embed\nlayers: [{layers}]\n")
    assert {d.code for d in found} <= {"W320"}
    return [d.message for d in found]


@pytest.mark.parametrize(
    ("layers", "one", "kernel", "weights", "two"),
    [
        # 3·9·16 + 16·9·32 weights; 5×5: 3·25·32
        ("conv: {out: 16, kernel: 3}, conv: {out: 32, kernel: 3}", 2_400, "5×5", 2_400, 5_040),
        ("conv: {out: 16, kernel: 3}, conv: 8", 216, "3×3", 216, 560),
        ("conv: {out: 16, kernel: 3, stride: 2}, conv: {out: 8, kernel: 3}", 1_176, "7×7", 1_176, 1_584),
        ("conv: {out: 9, kernel: [1, 3]}, conv: {out: 9, kernel: [1, 2]}", 108, "1×4", 108, 243),
    ],
)
def test_two_convolutions_are_the_one_that_is_named(
    told: Told, write_spec: Callable[..., Path], layers: str, one: int, kernel: str, weights: int, two: int
) -> None:
    torch = pytest.importorskip("torch")
    (message,) = messages(told, f"relu, {layers}")
    assert message.endswith(
        f"one conv of kernel {kernel}, {weights:,} weights, can do all that the two can with {two:,}"
    )
    # the one convolution's kernel is the answer of the two to a single cell, turned round
    bare = [re.sub(r"^(\w+): (\d+)$", r"\1: {out: \2}", layer) for layer in re.split(r"(?<=[}\d]), (?=conv)", layers)]
    lines = "\n".join(f"- {layer[:-1]}, bias: false}}" for layer in bare)
    model = archspec.compile(write_spec(lines, "[3, 17, 17]")).double()
    size = [int(n) for n in kernel.split("×")]
    cells = torch.eye(3 * size[0] * size[1], dtype=torch.float64).reshape(-1, 3, *size)
    single = model_on(model, cells).reshape(3, *size, -1).permute(3, 0, 1, 2)
    assert single.numel() == one
    x = torch.randn(2, 3, 17, 17, dtype=torch.float64)
    stride = 2 if "stride: 2" in layers else 1
    torch.testing.assert_close(torch.nn.functional.conv2d(x, single, stride=stride), model(x))


def model_on(model: object, cells: object) -> object:
    return model(cells)  # type: ignore[operator]


def test_two_linear_layers(told: Told) -> None:
    (message,) = messages(told, "relu, linear: 64, linear: 10", "[784]")
    assert message == (
        "linear2: nothing non-linear stands between it and linear1: one linear, 7,840 weights, can do all that the "
        "two can with 50,816"
    )


@pytest.mark.parametrize(
    "layers",
    [
        pytest.param("relu, conv: {out: 2, kernel: 3}, conv: {out: 32, kernel: 1}", id="a bottleneck of two channels"),
        pytest.param("conv: {out: 64, kernel: 1}, relu, depthwise: 3, conv: 128", id="a separable convolution"),
        pytest.param("conv: 64, relu, conv: {out: 64, kernel: 3}, conv: {out: 64, kernel: 3}", id="two 3×3 for a 5×5"),
        pytest.param("conv: 64, relu, conv: {out: 64, kernel: [1, 7]}, conv: {out: 64, kernel: [7, 1]}", id="1×7, 7×1"),
        pytest.param("conv: 8, batch_norm: {frozen: true}, relu, conv: 8", id="something between"),
        pytest.param("{conv: 8, name: a}, conv: 8, concat: [a, $prev], relu", id="another reader"),
        pytest.param("conv: 8, relu, conv: {out: 8, groups: 2}, conv: 8", id="groups"),
        pytest.param(
            "conv: 8, relu, {conv: 8, name: a}, relu, share: a, share: a", id="shared weights serve elsewhere"
        ),
    ],
)
def test_what_is_cheaper_than_one_or_no_pair_is_left_alone(told: Told, layers: str) -> None:
    assert messages(told, layers) == []


def test_a_network_without_anything_non_linear_is_told_once(told: Told) -> None:
    text = "conv: {out: 8, kernel: 3, bias: false}, batch_norm, avg_pool: 2, conv: 64, flatten, linear: 64, linear: 10"
    assert messages(told, text, "[3, 18, 18]") == [
        "conv1: nothing in this network is non-linear: its 4 layers with weights are one linear map"
    ]
    assert messages(told, "flatten, linear: 10") == []  # a linear classifier is one


def test_what_counts_as_linear_adds_and_scales_in_torch(write_spec: Callable[..., Path]) -> None:
    """f(ax + by) = a·f(x) + b·f(y) in evaluation, for every operator the rule takes to be linear that stands alone."""
    torch = pytest.importorskip("torch")
    layers = [
        "identity", "flatten", "pad: 1", "crop: 4", "channel_shuffle: 2", "pixel_shuffle: 2", "space_to_depth: 2",
        "subsample: 2", "upsample: {scale: 2, mode: bilinear}", "avg_pool: 2", "adaptive_avg_pool: 3",
        "global_avg_pool", "scale: 3", "batch_norm: {affine: false}", "dropout: 0.5", "drop_path: 0.5",
        "filter: [[1, 2], [3, 4]]", "conv: {out: 4, kernel: 3, bias: false}", "depthwise: {kernel: 3, bias: false}",
        "weighted_add: {of: [input, input]}", "mean: [input, input]", "concat: [input, input]",
    ]  # fmt: skip
    x, y = torch.randn(2, 1, 8, 8, 8, dtype=torch.float64)
    for i, layer in enumerate(layers):
        f = archspec.compile(write_spec(f"- {layer}", "[8, 8, 8]", name=f"layer{i}")).double().eval()
        torch.testing.assert_close(f(2 * x - 3 * y), 2 * f(x) - 3 * f(y), msg=layer)
