"""Rearrangements: what they refuse, and the windows that carry padding, cuts and steps to the receptive field."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from archspec.ops import REGISTRY, OperatorError, Window
from archspec.ops.resample import PixelShuffle, SpaceToDepth, Subsample, Upsample
from archspec.ops.shape import Crop, Flatten, Input, Pad, Reshape
from archspec.tensor import TensorType


def types(*shapes: tuple[int, ...]) -> tuple[TensorType, ...]:
    return tuple(TensorType(shape) for shape in shapes)


def refusal(op: Any, *shapes: tuple[int, ...]) -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        op.infer(types(*shapes))
    return caught.value


def test_input_is_no_word_of_the_language() -> None:
    assert "input" not in REGISTRY
    assert Input(shape=[3, 224, 224]).infer(()) == types((3, 224, 224))
    assert Input(shape=[10], dtype="int64").infer(()) == (TensorType((10,), "int64"),)
    for bad in ([], [3, 0], [3, 2.5], [True], [1, 2, 3, 4, 5]):
        with pytest.raises(ValidationError):
            Input(shape=bad)


def test_flatten_keeps_the_dtype() -> None:
    assert Flatten().infer((TensorType((3, 4, 5), "uint8"),)) == (TensorType((60,), "uint8"),)


def test_reshape_fills_in_one_size() -> None:
    assert Reshape(shape=[-1, 2, 3]).infer(types((24,))) == types((4, 2, 3))
    assert "24 values" in refusal(Reshape(shape=[5, -1]), (24,)).message
    assert "24 values" in refusal(Reshape(shape=[5, 5]), (24,)).message


def test_padding_shifts_the_window() -> None:
    window = Pad(size=[1, [0, 2]]).window(types((3, 8, 8)))
    assert window == Window((1, 1), (1, 1), (1, 0), (1, 2), (1, 1))
    assert Pad(channels=[8, 8]).window(types((16,))) is None


def test_padding_refuses_axes_that_are_not_there() -> None:
    assert refusal(Pad(size=1), (10,)).message == "needs 1 to 3 spatial axes, and its input is a vector of 10 features"
    assert "size [1, 2, 3] has 3 numbers" in refusal(Pad(size=[1, 2, 3]), (3, 8, 8)).message


def test_reflection_needs_more_cells_than_it_adds() -> None:
    assert Pad(size=3, mode="reflect").infer(types((1, 4, 4))) == types((1, 10, 10))
    error = refusal(Pad(size=4, mode="reflect"), (1, 4, 9))
    assert (error.argument, error.hint) == ("size", "at most 3 fits, or `mode: replicate`")
    assert Pad(size=4, mode="replicate").infer(types((1, 4, 4))) == types((1, 12, 12))


def test_crop_cuts_from_both_ends() -> None:
    window = Crop(size=4).window(types((3, 9, 4)))
    assert window == Window((1, 1), (1, 1), (-2, 0), (-3, 0), (1, 1))
    window = Crop(offset=9).window(types((21, 50), (21, 30)))
    assert window == Window((1,), (1,), (-9,), (-11,), (1,))


def test_crop_stays_within() -> None:
    assert refusal(Crop(size=5), (3, 4, 4)).message == "cannot cut height 4 to 5"
    error = refusal(Crop(size=3, offset=2), (3, 4, 4))
    assert (error.argument, error.hint) == ("offset", "at most 1 fits")
    assert refusal(Crop(), (3, 4, 4)).message == "needs one of `size` and `to`, not 0"
    assert refusal(Crop(size=2), (3, 4, 4), (3, 2, 2)).message == "needs one of `size` and `to`, not 2"


def test_upsample_takes_one_size() -> None:
    assert refusal(Upsample(), (3, 4, 4)).message == "needs one of `scale`, `size` and `to`, not 0"
    assert refusal(Upsample(scale=2, size=8), (3, 4, 4)).message == "needs one of `scale`, `size` and `to`, not 2"
    assert refusal(Upsample(scale=2), (3, 4, 4), (3, 8, 8)).argument == "scale"


def test_upsample_makes_nothing_smaller() -> None:
    error = refusal(Upsample(), (3, 8, 4), (3, 4, 8))
    assert (error.message, error.argument) == ("would make height smaller, 8 to 4", "to")


def test_upsample_modes_by_rank() -> None:
    assert refusal(Upsample(scale=2, mode="bilinear"), (3, 4)).hint == "nearest or linear"
    assert refusal(Upsample(scale=2, align_corners=True), (3, 4, 4)).hint == "mode: bilinear"
    for rank, count in ((1, 3), (2, 7), (3, 15)):
        inputs = types((2, *[4] * rank))
        op = Upsample(scale=2, mode="linear")
        outputs = op.infer(inputs)
        assert outputs[0].spatial == (8,) * rank
        assert op.elementwise_ops(inputs, outputs) == count * 2 * 8**rank
        assert Upsample(scale=2).elementwise_ops(inputs, outputs) == 0


def test_steps() -> None:
    assert Subsample(stride=2).infer(types((16, 33, 32))) == types((16, 17, 16))
    assert Subsample(stride=2).window(types((16, 33, 32))) == Window((1, 1), (2, 2), (0, 0), (0, 0), (1, 1))
    assert SpaceToDepth(block=2).window(types((3, 8, 8))) == Window((2, 2), (2, 2), (0, 0), (0, 0), (1, 1))


def test_planes_alone() -> None:
    for op in (PixelShuffle(scale=2), SpaceToDepth(block=2)):
        assert "takes channels×height×width, and its input is 4×8" in refusal(op, (4, 8)).message
    assert refusal(PixelShuffle(scale=2), (10, 4, 4)).hint == "12 channels would fit"
    assert refusal(SpaceToDepth(block=2), (3, 4, 5)).hint == "`pad` it to 6"


@pytest.mark.parametrize(
    ("word", "args"),
    [
        ("reshape", {"shape": [-1, -1]}),
        ("reshape", {"shape": [0]}),
        ("reshape", {"shape": 5}),
        ("pad", {"size": -1}),
        ("pad", {"size": "same"}),
        ("pad", {"size": [[1, 2, 3]]}),
        ("pad", {"channels": 8}),
        ("pad", {"mode": "circular"}),
        ("crop", {"size": 0}),
        ("crop", {"size": 4, "offset": -1}),
        ("upsample", {"scale": 1.5}),
        ("upsample", {"scale": 2, "mode": "cubic"}),
        ("subsample", {}),
        ("pixel_shuffle", {"scale": True}),
        ("space_to_depth", {"block": "2"}),
    ],
)
def test_arguments_refused(word: str, args: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        REGISTRY[word](**args)
    assert caught.value.error_count() == 1
