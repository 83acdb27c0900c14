"""Merges: what they refuse and what would make the tensors meet; parts of a tensor."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from archspec.ops import REGISTRY, OperatorError
from archspec.ops.merge import Add, Concat, Mean, Multiply, Slice, Split, WeightedAdd
from archspec.tensor import TensorType


def types(*shapes: tuple[int, ...]) -> tuple[TensorType, ...]:
    return tuple(TensorType(shape) for shape in shapes)


def refusal(op: Any, *shapes: tuple[int, ...]) -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        op.infer(types(*shapes))
    return caught.value


def test_a_stride_is_named() -> None:
    error = refusal(Add(), (64, 56, 56), (64, 28, 28))
    assert error.message == "input 1 is 64×56×56, input 2 is 64×28×28"
    assert error.hint == "a stride of 2 on the way to input 1, or `upsample: 2` on input 2"


def test_channels_are_named_and_so_is_the_projection() -> None:
    assert refusal(Add(), (64, 8, 8), (128, 8, 8)).hint == "`conv: 64` on input 2, which has 128 channels"
    assert "`shortcut: project`" in str(refusal(Add(), (64, 56, 56), (128, 28, 28)).hint)


def test_sizes_without_a_common_factor_are_cropped() -> None:
    error = refusal(Concat(), (512, 64, 64), (512, 57, 57))
    assert error.hint == "`padding: same` in the convolutions before them, or `crop: center` here"
    # a product takes no `crop`
    assert "`crop: {to: …}` on input 1" in str(refusal(Multiply(), (8, 64, 64), (8, 57, 57)).hint)


def test_a_vector_is_not_stretched_over_positions() -> None:
    for op in (Add(), Multiply(), Concat(), Mean()):
        error = refusal(op, (64, 7, 7), (64,))
        assert "input 1 is 64×7×7, input 2 is 64" in error.message
        assert "`reshape: [64, 1, 1]`" in str(error.hint)
    assert "`reshape: [64, 1]`" in str(refusal(Add(), (64,), (64, 20)).hint)


def test_the_two_inputs_that_differ_are_named() -> None:
    message = "input 2 is 64×7×7, input 3 is 64×5×5"
    assert refusal(Multiply(), (64, 1, 1), (64, 7, 7), (64, 5, 5)).message == message
    assert refusal(Add(), (64, 1, 1), (64, 7, 7), (64, 5, 5)).message == message


def test_what_is_stretched() -> None:
    assert Add().infer(types((64, 7, 5), (64, 1, 1))) == types((64, 7, 5))
    assert Multiply().infer(types((64, 1, 5), (1, 7, 1))) == types((64, 7, 5))
    refusal(Add(), (64, 7, 5), (1, 7, 5))
    refusal(Add(), (64, 7, 5), (64, 1, 5))
    refusal(Mean(), (64, 7, 5), (64, 1, 1))


def test_centre_crop_of_unet() -> None:
    # the copies of the four levels of a 572×572 U-Net (arXiv:1505.04597, figure 1)
    for channels, large, small in ((512, 64, 56), (256, 136, 104), (128, 280, 200), (64, 568, 392)):
        inputs = types((channels, large, large), (channels, small, small))
        assert Concat(crop="center").infer(inputs) == types((2 * channels, small, small))
    assert Add(crop="center").infer(types((8, 5, 9), (8, 7, 6))) == types((8, 5, 6))


def test_other_numbers_do_not_mix() -> None:
    whole = TensorType((8,), "int64")
    with pytest.raises(OperatorError, match="input 1 holds float32, input 2 holds int64"):
        Add().infer((TensorType((8,)), whole))


def test_operations_of_three_inputs() -> None:
    inputs = types((8, 5, 5), (8, 5, 5), (8, 5, 5))
    counts = {}
    for word in ("add", "multiply", "max", "mean", "weighted_add", "concat"):
        op = REGISTRY[word]()
        counts[word] = op.elementwise_ops(inputs, op.infer(inputs))
    expected = {"add": 400, "multiply": 400, "max": 400, "mean": 600, "weighted_add": 1000, "concat": 0}
    assert counts == expected


def test_weighted_add_learns_one_number_an_input() -> None:
    weights = WeightedAdd().weights(types((8, 5, 5), (8, 5, 5), (8, 5, 5)))
    assert {name: w.shape for name, w in weights.items()} == {"weight": (3,)}


def test_parts_make_up_the_input() -> None:
    assert refusal(Split(parts=[2, 4]), (5,)).message == "the parts [2, 4] add up to 6 channels, the input has 5"
    error = refusal(Split(parts=2), (5, 3, 3))
    assert (error.message, error.argument) == ("5 channels do not divide into 2 equal parts", "parts")
    assert error.hint == "list the channels of each: [3, 2]"


def test_slices_lie_within_the_channels() -> None:
    assert Slice(channels=[2, 5]).infer(types((5, 4))) == types((3, 4))
    for bad in ([3, 3], [4, 2], [0, 6]):
        assert "which has 5" in refusal(Slice(channels=bad), (5, 4)).message


@pytest.mark.parametrize(
    ("word", "args"),
    [
        ("concat", {"crop": "left"}),
        ("weighted_add", {"normalize": "sum"}),
        ("weighted_add", {"eps": -1e-4}),
        ("scale", {}),
        ("scale", {"factor": "0.1"}),
        ("scale", {"factor": True}),
        ("split", {"parts": 0}),
        ("split", {"parts": []}),
        ("split", {"parts": [2, True]}),
        ("split", {"parts": {"a": 1}}),
        ("slice", {"channels": [3]}),
        ("slice", {"channels": [-1, 3]}),
        ("channel_shuffle", {"groups": 2.0}),
    ],
)
def test_arguments_refused(word: str, args: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        REGISTRY[word](**args)
    assert caught.value.error_count() == 1
