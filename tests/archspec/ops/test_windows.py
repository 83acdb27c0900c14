"""What an operator says when its window does not fit: the numbers, the argument, and what would do."""

from __future__ import annotations

from typing import Any

import pytest

from archspec.ops import REGISTRY, OperatorError
from archspec.tensor import TensorType


def refusal(word: str, args: dict[str, Any], *shape: int) -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        REGISTRY[word](**args).infer((TensorType(shape),))
    return caught.value


@pytest.mark.parametrize(
    ("word", "args", "shape", "argument", "message"),
    [
        (
            "conv",
            {"out": 8, "kernel": 7},
            (3, 5, 9),
            "kernel",
            "kernel 7 does not fit height 5 with padding 0; needs padding ≥ 1 or an input of at least 7",
        ),
        (
            "conv",
            {"out": 8, "kernel": 3, "dilation": 4, "padding": [[0, 1]]},
            (3, 5),
            "kernel",
            "kernel 3 with dilation 4 spans 9 and does not fit length 5 with padding 0 before and 1 after; "
            "needs padding ≥ 2 or an input of at least 8",
        ),
        (
            # rounding up lets the window hang over by one
            "max_pool",
            {"kernel": 7, "stride": 2, "ceil": True},
            (3, 5, 9),
            "kernel",
            "kernel 7 does not fit height 5 with padding 0; needs padding ≥ 1 or an input of at least 6",
        ),
        (
            "conv",
            {"out": 8, "groups": 3},
            (64, 5, 5),
            "groups",
            "groups 3 does not divide 64 input channels",
        ),
        (
            "conv",
            {"out": 10, "groups": 4},
            (64, 5, 5),
            "groups",
            "groups 4 does not divide 10 output channels (out)",
        ),
        (
            "conv",
            {"out": 8, "kernel": [3, 3]},
            (4, 100),
            "kernel",
            "kernel [3, 3] has 2 numbers, but the input 4×100 has 1 spatial axis",
        ),
        (
            "conv",
            {"out": 8, "padding": [[1, 2]]},
            (3, 5, 5),
            "padding",
            "padding [[1, 2]] has 1 entry, but the input 3×5×5 has 2 spatial axes",
        ),
        (
            "conv",
            {"out": 8},
            (120,),
            None,
            "conv slides over 1 to 3 spatial axes, and its input is 120 features without spatial axes",
        ),
        (
            "max_pool",
            {"kernel": 3, "padding": 2},
            (3, 9, 9),
            "padding",
            "padding 2 is more than half of a window of 3 along height: a window could lie in padding alone; "
            "at most 1 fits",
        ),
        (
            "conv_transpose",
            {"out": 3, "kernel": 3, "stride": 2, "output_padding": 2},
            (3, 4, 4),
            "output_padding",
            "output_padding 2 along height must be smaller than the stride 2 or the dilation 1; at most 1 fits",
        ),
        (
            "conv_transpose",
            {"out": 3, "kernel": 2, "padding": 3},
            (3, 5, 4),
            "padding",
            "padding 3 before and 3 after leaves nothing of height 6; together they may be at most 5",
        ),
        ("linear", {"out": 10}, (512, 7, 7), None, "linear takes features, and its input is 512×7×7"),
        (
            "instance_norm",
            {},
            (8, 1, 1),
            None,
            "instance_norm of 8×1×1 sees one value a channel, and one value minus its mean is 0",
        ),
    ],
)
def test_refusals_carry_the_numbers(
    word: str, args: dict[str, Any], shape: tuple[int, ...], argument: str | None, message: str
) -> None:
    error = refusal(word, args, *shape)
    assert (error.argument, error.message) == (argument, message)


def test_what_would_fit_does_fit() -> None:
    conv = {"out": 8, "kernel": 7}
    assert "padding ≥ 1" in refusal("conv", conv, 3, 5, 9).message
    assert REGISTRY["conv"](**conv, padding=1).infer((TensorType((3, 5, 9)),))
    assert REGISTRY["conv"](**conv).infer((TensorType((3, 7, 9)),))


def test_hints_name_what_to_write() -> None:
    flatten = refusal("linear", {"out": 10}, 512, 7, 7)
    assert flatten.hint == "write flatten first (25088 features), or global_avg_pool (512 features)"
    both = "nearest that do for input and output: 1, 2, 4, 8"
    assert refusal("conv", {"out": 8, "groups": 3}, 64, 5, 5).hint == both
    assert refusal("conv", {"out": 8, "groups": 30}, 64, 5, 5).hint == both
    assert refusal("conv", {"out": 10, "groups": 3}, 3, 5, 5).hint == "nearest that do for input and output: 1"
    assert refusal("channel_shuffle", {"groups": 5}, 9, 5, 5).hint == "nearest that do: 3"
    assert refusal("channel_shuffle", {"groups": 2}, 3, 5, 5).hint is None


def test_nearest_divisors_are_found_at_once_for_absurd_channels() -> None:
    assert refusal("conv", {"out": 2**31 - 1, "groups": 2**30}, 2**30, 1).argument == "groups"
