"""W301: a stride that leaves real input unread."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archspec
from archspec.rules.stride_tiles import Loss, _fitting, _reads_all, check


def warnings(path):
    return list(check(archspec.load(path)))


def test_the_notes_example_of_14_and_a_half(write_spec):
    path = write_spec("- conv: {out: 6, kernel: 5, stride: 2}", input="[3, 32, 32]")
    (warning,) = warnings(path)
    assert (warning.code, warning.severity) == ("W301", "warning")
    assert warning.message == (
        "conv1: stride 2 leaves the last cell of height 32 unread: (32 − 5) / 2 + 1 = 14.5; "
        "stride 2 leaves the last cell of width 32 unread: (32 − 5) / 2 + 1 = 14.5"
    )
    assert warning.hint == "sizes that fit: 31, 33; or `padding: 1`"
    assert (warning.span.file, warning.span.line) == (str(path), 5)


def test_the_notes_example_of_7_by_7(write_spec):
    (warning,) = warnings(write_spec("- conv: {out: 1, kernel: 3, stride: 3}", input="[1, 7, 7]"))
    assert "(7 − 3) / 3 + 1 = 2.333" in warning.message
    assert warning.hint.startswith("sizes that fit: 6, 9")


@pytest.mark.parametrize(
    ("layer", "input", "lost"),
    [
        pytest.param(
            "conv: {out: 4, kernel: 7, stride: 2, padding: 3}", "[3, 224, 224]", False, id="padding left over"
        ),
        pytest.param("conv: {out: 4, kernel: 1, stride: 2}", "[3, 56, 56]", False, id="gaps are everywhere"),
        pytest.param("max_pool: {kernel: 3, stride: 2, padding: 1}", "[3, 112, 112]", False, id="pool"),
        pytest.param("max_pool: {kernel: 3, stride: 2}", "[3, 112, 112]", True, id="pool rounded down"),
        pytest.param("max_pool: {kernel: 3, stride: 2, ceil: true}", "[3, 112, 112]", False, id="pool rounded up"),
        pytest.param("max_pool: 2", "[3, 7, 7]", True, id="odd size"),
        pytest.param("conv: {out: 4, kernel: 3, stride: 2, dilation: 2}", "[3, 9, 9]", False, id="dilated, fits"),
        pytest.param("conv: {out: 4, kernel: 3, stride: 2, dilation: 2}", "[3, 10, 10]", True, id="dilated"),
        pytest.param(
            "conv: {out: 4, kernel: 2, stride: 2, padding: [[1, 0], [1, 0]]}", "[3, 5, 5]", False, id="one side"
        ),
        pytest.param(
            "conv: {out: 4, kernel: 2, stride: 2, padding: [[0, 1], [0, 1]]}", "[3, 5, 5]", False, id="other side"
        ),
        pytest.param(
            "conv: {out: 4, kernel: 3, stride: 2, padding: same_upper}", "[3, 32, 32]", False, id="same_upper"
        ),
        pytest.param("conv: {out: 4, kernel: 5, stride: 2}", "[3, 32]", True, id="a sequence"),
        pytest.param("adaptive_avg_pool: 3", "[3, 7, 7]", False, id="an adaptive pool reads everything"),
        pytest.param("conv_transpose: {out: 4, kernel: 2, stride: 2}", "[3, 7, 7]", False, id="enlarging"),
    ],
)
def test_when_input_is_lost(write_spec, layer, input, lost):
    assert bool(warnings(write_spec(f"- {layer}", input=input))) is lost


def test_one_axis_only(write_spec):
    (warning,) = warnings(write_spec("- max_pool: 2", input="[3, 8, 7]"))
    assert "width 7" in warning.message
    assert "height" not in warning.message
    assert warning.hint.endswith("or `ceil: true`")


def test_a_repeated_layer_is_one_warning(write_spec):
    layers = (
        "- branches:\n    - each: {i: [1, 2, 3]}\n      layers: [conv: {out: 4, kernel: 5, stride: 2}]\n  join: add"
    )
    (warning,) = warnings(write_spec(layers, input="[3, 32, 32]"))
    assert "(and 2 more like it)" in warning.message


@pytest.mark.parametrize(
    "name", ["lenet5", "alexnet", "alexnet_2012", "vgg16", "googlenet", "resnet50", "mobilenet_v2", "inception_v3"]
)
def test_networks_of_the_zoo_lose_nothing(name):
    assert warnings(name) == []


@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 4), st.integers(0, 4), st.integers(1, 60))
def test_it_is_lost_exactly_when_no_window_or_gap_covers_it(span, stride, before, after, size):
    if size + before + after < span:
        return
    loss = Loss("width", size, span, stride, before, after, cells=0)
    covered = set()
    start = -before
    while start + span <= size + after:
        covered |= set(range(start, start + span))
        start += stride
    unread = size - 1 - max(covered)
    assert _reads_all(loss, size) == (max(0, unread) <= max(0, stride - span))
    assert all(_reads_all(loss, near) for near in _fitting(loss))
