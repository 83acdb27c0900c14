"""Open sizes where tensors meet: which fit, whatever order they are written in, and what declares those that do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import archspec
from archspec.close import close
from archspec.errors import SpecError

Write = Callable[..., Path]

HALVED = (
    "- conv: {out: 8, kernel: 3, padding: same}\n  name: fine\n- max_pool: {kernel: 2, ceil: true}\n- upsample: 2\n"
)
"""H beside 2⌈H/2⌉: 2 and 2, 3 and 4, 4 and 4; and 1 beside 2, which a sum stretches."""


@pytest.mark.parametrize("of", ["[fine, $prev]", "[$prev, fine]"])
def test_the_order_of_a_sum_makes_no_difference(of: str, write_spec: Write) -> None:
    """It fits where both sizes are even, and where both are 1: there the one cell of `fine` is added at all four."""
    path = write_spec(f"{HALVED}- add: {of}", "[1, H, W]")
    graph = archspec.load(path)
    for h in range(1, 9):
        for w in range(1, 9):
            fits = (h % 2 == 0 and w % 2 == 0) or h == w == 1
            assert all(n in allowed for n, allowed in zip((h, w), graph.sizes.values(), strict=True)) or not fits
            if fits:
                assert close(graph, {"H": h, "W": w}).types["add1"][0].shape == (8, h + h % 2, w + w % 2)
            else:
                with pytest.raises(SpecError):
                    close(graph, {"H": h, "W": w})
    (warning,) = archspec.check(path)
    assert warning.code == "W302" and "add1: H and W must be divisible by 2 (or 1) here" in warning.message
    assert str(warning.hint).startswith("2*H and 2*W in the place of H and W declare it")
    assert archspec.check(write_spec(f"{HALVED}- add: {of}", "[1, 2*H, 2*W]", name="declared")) == []


def test_a_sum_whose_largest_input_is_another_in_each_case(write_spec: Write) -> None:
    """⌊(L−3)/2⌋+1 and ⌊(L−1)/4⌋+1 are 1 up to 4 in turn, and equal only at 5 and 6 (2) of those above."""
    layers = """
- max_pool: {kernel: 3, stride: 2}
  name: a
- max_pool: {kernel: 1, stride: 4}
  from: input
- add: [a, $prev]
"""
    with pytest.raises(SpecError) as raised:
        archspec.load(write_spec(layers, "[1, L]"))
    (error,) = raised.value.diagnostics
    fits = []
    for n in range(3, 40):
        a, b = (n - 3) // 2 + 1, (n - 1) // 4 + 1
        fits += [n] * (a == b or 1 in (a, b))
    assert fits == [3, 4, 5, 6]
    assert error.code == "E313" and "only where L is 3 to 6" in error.message


@pytest.mark.parametrize(
    ("size", "declared", "was"),
    [
        ("[1, H, W]", "[1, 16*H, 16*W]", "16*H and 16*W in the place of H and W declare it"),
        ("[1, 8*H, 8*W]", "[1, 16*H, 16*W]", "16*H and 16*W in the place of 8*H and 8*W declare it"),
        ("[1, 64, 4*W]", "[1, 64, 16*W]", "16*W in the place of 4*W declares it"),
    ],
)
def test_the_least_multiple_that_fits_is_offered_for_every_size(
    size: str, declared: str, was: str, write_spec: Write
) -> None:
    """8⌈H/16⌉ is ⌈H/2⌉ only where H is 0 or 15 more than a multiple of 16: no one remainder is all that fits."""
    ups = "".join("- max_pool: {kernel: 2, ceil: true}\n" for _ in range(3)) + "- upsample: 8\n"
    layers = f"- max_pool: {{kernel: 2, ceil: true}}\n  name: half\n{ups}- concat: [half, $prev]"
    (warning,) = archspec.check(write_spec(layers, size))
    assert str(warning.hint).startswith(was)
    assert archspec.check(write_spec(layers, declared, name="declared")) == []


def test_a_multiple_and_more_is_offered_where_no_multiple_fits(write_spec: Write) -> None:
    """A valid 3 before halving: H − 2 has to be divisible by 4, and what fits is 2 more than a multiple of 4."""
    layers = "- conv: {out: 4, kernel: 3}\n- space_to_depth: 4"
    (warning,) = archspec.check(write_spec(layers, "[1, H, W]"))
    assert str(warning.hint) == "4*H + 2 and 4*W + 2 in the place of H and W declare it"
    assert archspec.check(write_spec(layers, "[1, 4*H + 2, 4*W + 2]", name="declared")) == []
