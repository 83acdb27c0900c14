"""W321 and W322: windows that step over the image, and kernels that meet nothing but padding, by brute force."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archspec.errors import Diagnostic
from archspec.ops.base import Window
from archspec.rules.only_padding import _positions_outside, _taps_inside
from archspec.tensor import extent, window_output

Told = Callable[[str], list[Diagnostic]]


def told_of(told: Told, layer: str, size: str = "[3, 32, 32]") -> list[str]:
    found = told(f"input: {size}\ntask: embed\nlayers: [{layer}, relu]\n")
    return [f"{d.code} {d.message}" for d in found if d.code != "W301"]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("conv: {out: 4, kernel: 2, stride: 4}", "2 steps over 2 of every 4 cells along height and width"),
        ("conv: {out: 4, kernel: [2, 3], stride: 3}", "2 steps over 1 of every 3 cells along height"),
        ("max_pool: {kernel: 2, stride: 3}", "2 steps over 1 of every 3 cells along height and width"),
        ("conv: {out: 4, kernel: 3, stride: 6, dilation: 2}", "5 steps over 1 of every 6 cells along height and width"),
    ],
)
def test_steps_wider_than_a_window(told: Told, layer: str, message: str) -> None:
    (said,) = told_of(told, layer)
    assert said.startswith("W321 ") and said.endswith(message)


@pytest.mark.parametrize(
    "layer",
    [
        "conv: {out: 4, kernel: 1, stride: 2}",  # a projection
        "max_pool: {kernel: 1, stride: 2}",  # the last level of a feature pyramid
        "conv: {out: 4, kernel: 4, stride: 4}",  # patches
        "subsample: 2",
        "conv_transpose: {out: 4, kernel: 2, stride: 4}",
        "adaptive_avg_pool: 3",
    ],
)
def test_steps_that_are_meant(told: Told, layer: str) -> None:
    assert told_of(told, layer) == []


@pytest.mark.parametrize(
    ("layer", "size", "message"),
    [
        ("conv: {out: 4, kernel: 1, padding: 1}", 8, "2 of the 10 positions along height lie in the padding, 1 wide"),
        ("conv: {out: 4, kernel: 3, padding: 4, stride: 2}", 9, "2 of the 8 positions along height"),
        ("conv: {out: 4, kernel: 3, padding: same}", 1, "8 of the 9 weights of each 3×3 kernel only ever meet padding"),
        ("depthwise: {kernel: 5, padding: same}", 2, "16 of the 25 weights of each 5×5 kernel"),
        ("conv: {out: 4, kernel: 3, padding: 18, dilation: 18}", 16, "8 of the 9 weights"),
    ],
)  # fmt: skip
def test_convolutions_of_padding(told: Told, layer: str, size: int, message: str) -> None:
    (said,) = told_of(told, layer, f"[3, {size}, {size}]")
    assert said.startswith("W322 ") and message in said


@pytest.mark.parametrize(
    "layer", ["conv: {out: 4, kernel: 3, padding: same}", "conv: {out: 4, kernel: 3, padding: full}"]
)
def test_padding_that_some_of_the_image_is_beside(told: Told, layer: str) -> None:
    assert told_of(told, layer, "[3, 2, 2]") == []


@given(
    st.integers(1, 9), st.integers(1, 6), st.integers(1, 4), st.integers(0, 7), st.integers(0, 7), st.integers(1, 3)
)  # fmt: skip
def test_positions_and_taps_by_brute_force(
    size: int, kernel: int, stride: int, before: int, after: int, dilation: int
) -> None:
    assume(size + before + after >= extent(kernel, dilation))
    positions = window_output(size, kernel, stride, before, after, dilation)
    window = Window((kernel,), (stride,), (before,), (after,), (dilation,))
    starts = [i * stride - before for i in range(positions)]
    span = extent(kernel, dilation)
    outside = sum(start + span <= 0 or start >= size for start in starts)
    assert _positions_outside(window, 0, size, positions) == outside
    alive = [t for t in range(kernel) if any(0 <= start + t * dilation < size for start in starts)]
    assert _taps_inside(window, 0, size, positions) == len(alive)


def test_weights_on_padding_get_no_gradient_in_torch() -> None:
    torch = pytest.importorskip("torch")
    conv = torch.nn.Conv2d(2, 3, 5, padding=2)
    conv(torch.rand(4, 2, 2, 2)).sum().backward()
    assert int((conv.weight.grad[0, 0] == 0).sum()) == 16
