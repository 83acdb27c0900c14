"""The figures of the lecture notes (Stanford CS231n; Andrew Ng's course), each against a spec."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.analysis.receptive import Field, fields
from archspec.errors import SpecError

Write = Callable[..., Path]


def summarized(path: Path) -> dict[str, Any]:
    return archspec.summarize(archspec.load(path)).to_json()


def weights_of(path: Path) -> dict[str, dict[str, int]]:
    """Elements of every stored tensor, by layer."""
    graph = archspec.load(path)
    return {
        node.name: {k: w.numel for k, w in node.op.weights(graph.input_types(node)).items()} for node in graph.layers()
    }


# Output size: (W − F + 2P) / S + 1


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "expected"),
    [(7, 3, 1, 0, 5), (7, 3, 2, 0, 3), (32, 5, 1, 2, 32), (227, 11, 4, 0, 55), (5, 3, 2, 1, 3), (7, 3, 3, 0, 2)],
)
def test_output_size(size: int, kernel: int, stride: int, padding: int, expected: int, write_spec: Write) -> None:
    layer = f"- conv: {{out: 1, kernel: {kernel}, stride: {stride}, padding: {padding}}}"
    made = summarized(write_spec(layer, f"[3, {size}, {size}]"))
    assert made["outputs"] == {"conv1": [1, expected, expected]}


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "quotient", "unread"),
    [(32, 5, 2, "14.5", "the last cell"), (7, 3, 3, "2.333", "the last cell")],
)
def test_a_stride_that_leaves_input_unread_is_a_warning(
    size: int, kernel: int, stride: int, quotient: str, unread: str, write_spec: Write
) -> None:
    path = write_spec(f"- conv: {{out: 6, kernel: {kernel}, stride: {stride}}}", f"[3, {size}, {size}]")
    (found,) = archspec.check(path)
    assert found.severity == "warning"
    assert found.message.startswith("conv1")  # the layer
    assert unread in found.message  # what is lost
    assert f"({size} − {kernel}) / {stride} + 1 = {quotient}" in found.message
    assert found.hint is not None
    for fitting in (size - 1, size - 1 + stride):  # the sizes that would fit
        assert str(fitting) in found.hint
        assert archspec.check(write_spec(f"- conv: {{out: 6, kernel: {kernel}, stride: {stride}}}",
                                         f"[3, {fitting}, {fitting}]", name=f"at_{fitting}")) == []  # fmt: skip
    assert found.span is not None
    assert (found.span.file, found.span.line) == (str(path), 5)
    (strict,) = archspec.check(path, strict=True)
    assert strict.severity == "error"


def test_padding_left_over_is_no_loss(write_spec: Write) -> None:
    # 224 + 2·3 − 7 is odd, but the cell that no window reaches is padding
    path = write_spec("- conv: {out: 64, kernel: 7, stride: 2, padding: 3}", "[3, 224, 224]")
    assert archspec.check(path, strict=True) == []


def test_skipped_positions_between_windows_are_no_loss(write_spec: Write) -> None:
    # a stride wider than the window passes over cells everywhere: at the end as well
    path = write_spec("- max_pool: {kernel: 1, stride: 2}", "[3, 32, 32]")
    assert archspec.check(path, strict=True) == []


# Parameters


def test_parameters_of_filters(write_spec: Write) -> None:
    ten = weights_of(write_spec("- conv: {out: 10, kernel: 3}", "[3, 32, 32]"))["conv1"]
    assert sum(ten.values()) == 280
    two = weights_of(write_spec("- conv: {out: 2, kernel: 3}", "[3, 32, 32]"))["conv1"]
    assert sum(two.values()) == 56
    one = weights_of(write_spec("- conv: {out: 1, kernel: 5}", "[3, 32, 32]"))["conv1"]
    assert one == {"weight": 75, "bias": 1}
    maps = weights_of(write_spec("- conv: {out: 10, kernel: 3}", "[20, 32, 32]"))["conv1"]
    assert maps == {"weight": 1_800, "bias": 10}


def test_connections_full_local_and_shared(write_spec: Write) -> None:
    full = weights_of(write_spec("- flatten\n- linear: 1000", "[3, 200, 200]"))
    assert full["linear1"]["weight"] == 120_000_000
    local = write_spec("- locally_connected: {out: 1, kernel: 10, padding: same}", "[1, 200, 200]")
    assert weights_of(local)["locally_connected1"]["weight"] == 4_000_000
    assert summarized(local)["outputs"] == {"locally_connected1": [1, 200, 200]}  # 40,000 units
    shared = weights_of(write_spec("- conv: {out: 100, kernel: 10, padding: same}", "[1, 200, 200]"))
    assert shared["conv1"]["weight"] == 10_000


def test_separable_convolution(write_spec: Write) -> None:
    normal = summarized(write_spec("- conv: {out: 5, kernel: 3, bias: false}", "[3, 6, 6]"))
    layers = "- depthwise: {kernel: 3, bias: false}\n- conv: {out: 5, bias: false}"
    separable = summarized(write_spec(layers, "[3, 6, 6]"))
    assert normal["outputs"] == {"conv1": [5, 4, 4]}
    assert [row["macs"] for row in normal["layers"]] == [2_160]
    assert [row["macs"] for row in separable["layers"]] == [432, 240]
    assert separable["totals"]["macs"] == 672
    ratio = Fraction(separable["totals"]["macs"], normal["totals"]["macs"])
    assert ratio == Fraction(1, 5) + Fraction(1, 3**2)


def test_three_stacked_3x3_convolutions(write_spec: Write) -> None:
    channels = 16
    stacked = write_spec(f"- conv: {{out: {channels}, kernel: 3, bias: false}}\n  repeat: 3", f"[{channels}, 9, 9]")
    single = write_spec(f"- conv: {{out: {channels}, kernel: 7, bias: false}}", f"[{channels}, 9, 9]", name="single")
    assert summarized(stacked)["totals"]["params"] == 3 * 9 * channels**2
    assert summarized(single)["totals"]["params"] == 49 * channels**2
    graph, other = archspec.load(stacked), archspec.load(single)
    last = fields(graph)[list(graph.nodes)[-1]]
    assert last == fields(other)[list(other.nodes)[-1]]
    assert [axis.size for axis in last] == [7, 7]


# AlexNet


def test_the_first_layer_of_alexnet() -> None:
    graph = archspec.load("alexnet_2012")
    first = next(iter(graph.layers()))
    assert str(graph.types[first.name][0]) == "96×55×55"
    assert first.op.weights(graph.input_types(first))["weight"].numel == 34_848  # "35K"


# VGG-16, layer by layer: what the notes print

VGG16 = [
    ("conv", 224 * 224 * 64, 1_728),
    ("conv", 224 * 224 * 64, 36_864),
    ("max_pool", 112 * 112 * 64, 0),
    ("conv", 112 * 112 * 128, 73_728),
    ("conv", 112 * 112 * 128, 147_456),
    ("max_pool", 56 * 56 * 128, 0),
    ("conv", 56 * 56 * 256, 294_912),
    ("conv", 56 * 56 * 256, 589_824),
    ("conv", 56 * 56 * 256, 589_824),
    ("max_pool", 28 * 28 * 256, 0),
    ("conv", 28 * 28 * 512, 1_179_648),
    ("conv", 28 * 28 * 512, 2_359_296),
    ("conv", 28 * 28 * 512, 2_359_296),
    ("max_pool", 14 * 14 * 512, 0),
    ("conv", 14 * 14 * 512, 2_359_296),
    ("conv", 14 * 14 * 512, 2_359_296),
    ("conv", 14 * 14 * 512, 2_359_296),
    ("max_pool", 7 * 7 * 512, 0),
    ("linear", 4096, 102_760_448),
    ("linear", 4096, 16_777_216),
    ("linear", 1000, 4_096_000),
]


def test_the_table_of_vgg16() -> None:
    graph = archspec.load("vgg16")
    summary = archspec.summarize(graph).to_json()
    weights = {node.name: node.op.weights(graph.input_types(node)).get("weight") for node in graph.layers()}
    kept = [row for row in summary["layers"] if row["activation_bytes"]]
    made = [(row["op"], row["activation_bytes"] // 4, w.numel if (w := weights[row["name"]]) else 0) for row in kept]
    assert made == VGG16


def test_the_memory_of_vgg16() -> None:
    values = 3 * 224 * 224 + sum(activations for _, activations, _ in VGG16)
    assert values == 15_237_608
    totals = archspec.summarize(archspec.load("vgg16")).to_json()["totals"]
    assert totals["activation_bytes"] == 4 * values == 60_950_432  # 60.95 MB an image, forward
    assert archspec.summarize(archspec.load("vgg16"), batch=2).to_json()["totals"]["activation_bytes"] == 8 * values


# Receptive fields


@pytest.mark.parametrize(("name", "size"), [("resnet18", 435), ("resnet50", 427)])
def test_receptive_fields_of_residual_networks(name: str, size: int) -> None:
    # a gradient probe of torchvision's networks measures the same
    graph = archspec.load(name)
    before_pooling = next(n for n in graph.nodes.values() if n.op.word == "global_avg_pool").inputs[0].node
    assert [(axis.size, axis.jump) for axis in fields(graph)[before_pooling]] == [(size, 32), (size, 32)]


def test_a_cell_projected_back_to_the_input(write_spec: Write) -> None:
    layers = """
    - conv: {out: 1, kernel: 3, stride: 2, padding: 1}
    - conv: {out: 1, kernel: 5, stride: 3, padding: 2}
    - max_pool: {kernel: 2, stride: 2}
    """.replace("\n    ", "\n")
    graph = archspec.load(write_spec(layers, "[1, 96, 96]"))
    # by hand: 3; 3 + 4·2 = 11; 11 + 1·6 = 17, in steps of 2, 6, 12, from −1, −1 − 2·2 = −5, −5
    assert [fields(graph)[name][0] for name in ("conv1", "conv2", "max_pool1")] == [
        Field(3, 2, -1),
        Field(11, 6, -5),
        Field(17, 12, -5),
    ]


def test_the_extent_of_input_that_n_outputs_need(write_spec: Write) -> None:
    # (n − 1)·S − 2P + F
    for n, kernel, stride, padding in [(55, 11, 4, 0), (112, 7, 2, 3), (5, 3, 2, 1), (1, 3, 1, 0)]:
        size = (n - 1) * stride - 2 * padding + kernel
        layer = f"- conv: {{out: 1, kernel: {kernel}, stride: {stride}, padding: {padding}}}"
        made = summarized(write_spec(layer, f"[1, {size}, {size}]", name=f"needs_{size}"))
        assert made["outputs"]["conv1"] == [1, n, n]
        if size > 1:
            smaller = write_spec(layer, f"[1, {size - 1}, {size - 1}]", name=f"short_{size}")
            try:
                assert summarized(smaller)["outputs"]["conv1"] == [1, n - 1, n - 1]
            except SpecError as error:
                assert n == 1, error


# Shapes of section 1


def test_the_cifar_pattern() -> None:
    made = archspec.summarize(archspec.load("cifar_pattern")).to_json()
    assert [(row["op"], row["output"]) for row in made["layers"] if row["op"] in ("conv", "max_pool", "linear")] == [
        ("conv", [12, 32, 32]),
        ("max_pool", [12, 16, 16]),
        ("linear", [10]),
    ]


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("m", [1, 2])
@pytest.mark.parametrize("k", [0, 1, 2])
@pytest.mark.parametrize("pool", [True, False])
def test_the_cifar_pattern_is_the_pattern(n: int, m: int, k: int, pool: bool) -> None:
    graph = archspec.load("cifar_pattern", n=n, m=m, k=k, pool=pool)
    expected = (["conv", "relu"] * n + ["max_pool"] * pool) * m + ["flatten"] + ["linear", "relu"] * k + ["linear"]
    assert [node.op.word for node in graph.layers()] == expected


def test_a_1x1_convolution_mixes_channels(write_spec: Write) -> None:
    assert summarized(write_spec("- conv: 32", "[192, 28, 28]"))["outputs"] == {"conv1": [32, 28, 28]}
