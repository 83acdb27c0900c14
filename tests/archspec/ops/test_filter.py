"""Fixed kernels: what is refused and how, what is stored, what is written in a spec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import archspec
from archspec.errors import SpecError
from archspec.ops import REGISTRY, OperatorError
from archspec.ops.filter import extents
from archspec.tensor import TensorType

Write = Callable[..., Path]
SOBEL = [[1, 0, -1], [2, 0, -2], [1, 0, -1]]


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        (3, "a kernel is a list of numbers, or a list of its rows"),
        ([], "a list of the kernel is empty"),
        ([[1, 2], []], "a list of the kernel is empty"),
        ([[1, 0, -1], [1, 0]], "the rows of a kernel have one length, here 2 and 3 numbers"),
        ([[1, [0]], [1, 0]], "the kernel mixes numbers and lists of numbers"),
        ([[1, "x"]], "a kernel holds numbers, and 'x' is none"),
        ([[1, True]], "a kernel holds numbers, and 'True' is none"),
        ([[1, float("inf")]], "a kernel holds numbers, and 'inf' is none"),
        ([[[[[1]]]]], "the lists of a kernel go at most 4 deep: channels, depth, rows, numbers of a row"),
    ],
)
def test_what_is_no_kernel_is_refused(kernel: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        REGISTRY["filter"](kernel=kernel)
    (error,) = caught.value.errors()
    assert error["ctx"]["error"].message == said


@pytest.mark.parametrize(
    ("kernel", "shape", "said"),
    [
        ([1, 0, -1], (3, 8, 8), "the kernel is 3, 1 lists deep, and the input 3×8×8 has 2 spatial axes"),
        ([[[[1]]]], (3, 8, 8), "the kernel is 1×1×1×1, 4 lists deep, and the input 3×8×8 has 2 spatial axes"),
        ([[[1]], [[1]]], (3, 8, 8), "the kernel is 2×1×1, for 2 channels, and the input 3×8×8 has 3"),
        ([[1, 1]], (12,), "filter slides over 1 to 3 spatial axes, and its input is 12 features without spatial axes"),
    ],
)
def test_a_kernel_meets_axes_of_its_own_number(kernel: Any, shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(OperatorError) as caught:
        REGISTRY["filter"](kernel=kernel).infer((TensorType(shape),))
    assert caught.value.message == said
    assert caught.value.hint


def test_the_kernel_is_counted_once_for_all_channels_and_is_frozen() -> None:
    rgb = (TensorType((3, 10, 10)),)
    one = REGISTRY["filter"](kernel=SOBEL)
    assert {name: (w.shape, w.kind) for name, w in one.weights(rgb).items()} == {"weight": ((1, 1, 3, 3), "frozen")}
    volume = REGISTRY["filter"](kernel=[SOBEL] * 3)
    assert volume.weights(rgb)["weight"].shape == (1, 3, 3, 3)
    assert volume.infer(rgb)[0].shape == (1, 8, 8)  # 6×6×3 by 3×3×3 gives 4×4 in the lecture: one map
    assert one.infer(rgb)[0].shape == (3, 8, 8)


def test_extents_are_those_of_the_lists_from_the_outside_in() -> None:
    assert extents((((1, 2, 3), (4, 5, 6)),)) == (1, 2, 3)


def test_numbers_of_a_kernel_are_expressions(write_spec: Write) -> None:
    path = write_spec("- filter: {kernel: [[$a, -$a], [1/3, 0.5]], scale: 1/9}", "[1, 4, 4]", vars="{a: 2}")
    (node,) = archspec.load(path).layers()
    assert node.op.kernel == ((2, -2), (1 / 3, 0.5))
    assert node.op.scale == 1 / 9


def test_counts_of_a_spec_with_a_fixed_kernel_and_a_learned_layer(write_spec: Write) -> None:
    made = archspec.summarize(archspec.load(write_spec(f"- filter: {SOBEL}\n- conv: 2", "[3, 10, 10]"))).to_json()
    assert made["totals"]["params"] == 9 + (3 * 2 + 2)
    assert made["totals"]["trainable_params"] == 8
    assert [row["macs"] for row in made["layers"]] == [3 * 64 * 9, 2 * 64 * 3]


def test_a_named_kernel_without_its_library_says_what_to_add(write_spec: Write) -> None:
    with pytest.raises(SpecError) as caught:
        archspec.load(write_spec("- sobel_x", "[1, 9, 9]"))
    (told,) = caught.value.diagnostics
    assert (told.code, told.hint) == ("E130", "'sobel_x' is a block of the library 'kernels': add `use: kernels`")


def test_a_row_in_error_is_shown_where_it_is_written(write_spec: Write) -> None:
    with pytest.raises(SpecError) as caught:
        archspec.load(write_spec("- filter: [[1, 2], [3]]", "[1, 9, 9]"))
    (told,) = caught.value.diagnostics
    assert told.code == "E303"
    assert told.message == "filter: the rows of a kernel have one length, here 1 and 2 numbers"
    assert told.span is not None and (told.span.line, told.span.column) == (5, 13)
