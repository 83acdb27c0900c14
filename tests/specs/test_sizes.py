"""The sizes, parameters and costs that papers print in their figures and tables, layer by layer."""

from __future__ import annotations

import pytest

import archspec
from archspec.analysis.facts import Facts

SIZES: dict[str, dict[str, str]] = {
    # LeCun et al. 1998, figure 2: C1, S2, C3, S4, C5, F6
    "lenet5": {
        "conv1": "6×28×28",
        "avg_pool1": "6×14×14",
        "conv2": "16×10×10",
        "avg_pool2": "16×5×5",
        "linear1": "120",
        "linear2": "84",
        "linear3": "10",
    },
    # arXiv:1409.4842, table 1
    "googlenet": {
        "conv_act1": "64×112×112",
        "max_pool1": "64×56×56",
        "conv_act3": "192×56×56",
        "max_pool2": "192×28×28",
        "inception_3a": "256×28×28",
        "inception_3b": "480×28×28",
        "max_pool3": "480×14×14",
        "inception_4a": "512×14×14",
        "inception_4b": "512×14×14",
        "inception_4c": "512×14×14",
        "inception_4d": "528×14×14",
        "inception_4e": "832×14×14",
        "max_pool4": "832×7×7",
        "inception_5a": "832×7×7",
        "inception_5b": "1024×7×7",
        "global_avg_pool1": "1024",
        "linear1": "1000",
    },
    # arXiv:1512.00567, table 1, whose rows are the inputs of layers; its stem has convolutions for torchvision's pools
    "inception_v3": {
        "conv_bn1": "32×149×149",
        "conv_bn2": "32×147×147",
        "conv_bn3": "64×147×147",
        "max_pool1": "64×73×73",
        "conv_bn4": "80×73×73",
        "conv_bn5": "192×71×71",
        "max_pool2": "192×35×35",
        "mixed_5d": "288×35×35",
        "mixed_6e": "768×17×17",
        "mixed_7a": "1280×8×8",
        "mixed_7c": "2048×8×8",
        "global_avg_pool1": "2048",
    },
    # arXiv:1602.07261, figures 3 and 9
    "inception_v4": {
        "stem.mixed_3a": "160×73×73",
        "stem.mixed_4a": "192×71×71",
        "stem": "384×35×35",
        "inception_a": "384×35×35",
        "reduction_a": "1024×17×17",
        "inception_b": "1024×17×17",
        "reduction_b": "1536×8×8",
        "inception_c": "1536×8×8",
        "global_avg_pool1": "1536",
    },
    # arXiv:1512.03385, table 1
    "resnet152": {
        "stem": "64×112×112",
        "stage.0": "256×56×56",
        "stage.1": "512×28×28",
        "stage.2": "1024×14×14",
        "stage.3": "2048×7×7",
    },
    # section 4.2: maps of 32, 16 and 8, with 16, 32 and 64 filters
    "resnet110_cifar": {"stage.0": "16×32×32", "stage.1": "32×16×16", "stage.2": "64×8×8"},
    # arXiv:1608.06993, table 1
    "densenet121": {
        "stem": "64×112×112",
        "max_pool1": "64×56×56",
        "stage.0": "256×56×56",
        "stage.1.transition": "128×28×28",
        "stage.1": "512×28×28",
        "stage.2": "1024×14×14",
        "stage.3": "1024×7×7",
    },
    # arXiv:1704.04861, table 1
    "mobilenet_v1": {
        "stem": "32×112×112",
        "stage.0": "64×112×112",
        "stage.1": "128×56×56",
        "stage.2": "256×28×28",
        "stage.3": "512×14×14",
        "stage.4": "1024×7×7",
    },
    # arXiv:1801.04381, table 2
    "mobilenet_v2": {
        "stem": "32×112×112",
        "stage.0": "16×112×112",
        "stage.1": "24×56×56",
        "stage.2": "32×28×28",
        "stage.3": "64×14×14",
        "stage.4": "96×14×14",
        "stage.5": "160×7×7",
        "stage.6": "320×7×7",
        "head": "1280×7×7",
    },
    # arXiv:1905.11946, table 1
    "efficientnet_b0": {
        "stem": "32×112×112",
        "stage.0": "16×112×112",
        "stage.1": "24×56×56",
        "stage.2": "40×28×28",
        "stage.3": "80×14×14",
        "stage.4": "112×14×14",
        "stage.5": "192×7×7",
        "stage.6": "320×7×7",
        "head": "1280×7×7",
    },
    # arXiv:1505.04597, figure 1
    "unet": {
        "enc.0.skip": "64×568×568",
        "enc.0": "64×284×284",
        "enc.1.skip": "128×280×280",
        "enc.2.skip": "256×136×136",
        "enc.3.skip": "512×64×64",
        "enc.3": "512×32×32",
        "bottom": "1024×28×28",
        "dec.0.up": "512×56×56",
        "dec.0": "512×52×52",
        "dec.1": "256×100×100",
        "dec.2": "128×196×196",
        "dec.3": "64×388×388",
        "conv1": "2×388×388",
    },
}
"""What a layer, or the last layer of a block, gives: channels×height×width."""


@pytest.mark.parametrize("name", SIZES)
def test_maps_have_the_sizes_the_paper_prints(name: str) -> None:
    graph = archspec.load(name)
    found = {}
    for scope in SIZES[name]:
        inside = [node for node in graph.layers() if f"{node.name}.".startswith(f"{scope}.")]
        found[scope] = str(graph.types[inside[-1].name][0])
    assert found == SIZES[name]


def test_the_neurons_of_alexnet() -> None:
    # section 3.5; of the first layer it says 253,440, which its 55×55×96 are not
    graph = archspec.load("alexnet_2012")
    weighted = [node.name for node in graph.layers() if node.op.category in ("conv", "linear")]
    neurons = [graph.types[name][0].numel for name in weighted]
    assert neurons == [290_400, 186_624, 64_896, 64_896, 43_264, 4_096, 4_096, 1_000]


def test_the_sizes_of_zfnet_are_those_of_its_figure() -> None:
    graph = archspec.load("zfnet")  # arXiv:1311.2901, figure 3
    shown = ("conv", "max_pool", "linear")
    sizes = [[*graph.types[node.name][0].shape][-1] for node in graph.layers() if node.op.word in shown]
    assert sizes == [110, 55, 26, 13, 13, 13, 13, 6, 4096, 4096, 1000]


def test_the_weights_and_connections_of_lenet() -> None:
    # section II.B: C1 has 156 weights and 122,304 connections, C5 48,120 weights, F6 10,164
    rows = {row["name"]: row for row in archspec.summarize(archspec.load("lenet5")).to_json()["layers"]}
    assert {name: rows[name]["params"] for name in ("conv1", "linear1", "linear2")} == {
        "conv1": 156,
        "linear1": 48_120,
        "linear2": 10_164,
    }
    assert rows["conv1"]["macs"] + 6 * 28 * 28 == 122_304  # each bias is a connection too


def test_the_operations_of_googlenet() -> None:
    # table 1, in millions, cut or rounded. Its 34 for the first convolution and 54 for 5a do not follow from their
    # sizes.
    printed = {"inception_3a": 128, "inception_3b": 304, "inception_4a": 73, "inception_4b": 88, "inception_4c": 100,
               "inception_4d": 119, "inception_4e": 170, "inception_5b": 71, "linear1": 1}  # fmt: skip
    rows = archspec.summarize(archspec.load("googlenet")).to_json()["layers"]
    made = {name: sum(row["macs"] for row in rows if row["name"].split(".")[0] == name) for name in printed}
    assert {name: macs / 1e6 for name, macs in made.items()} == pytest.approx(printed, abs=0.7)
    both = sum(row["macs"] for row in rows if row["name"].split(".")[0] in ("conv_act2", "conv_act3"))
    assert round(both / 1e6) == 360  # the 3×3 convolution and its reduction


@pytest.mark.parametrize(("layers", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_depth_and_parameters_of_the_cifar_networks(layers: int, millions: float) -> None:
    summary = archspec.summarize(archspec.load(f"resnet{layers}_cifar"))  # arXiv:1512.03385, table 6
    assert Facts(summary)["depth"] == layers
    assert round(summary.totals.params / 1e6, len(str(millions).partition(".")[2])) == millions


@pytest.mark.parametrize(
    ("name", "depth"),
    [("alexnet_2012", 8), ("vgg16", 16), ("vgg19", 19), ("googlenet", 22), ("googlenet_bn", 22)]
    + [(f"resnet{n}", n) for n in (18, 34, 50, 101, 152)]
    + [(f"densenet{n}", n) for n in (121, 169, 201)],
)
def test_networks_are_as_deep_as_their_names_say(name: str, depth: int) -> None:
    assert Facts(archspec.summarize(archspec.load(name)))["depth"] == depth


def test_the_5x5_filters_of_an_inception_module_cost_a_tenth_behind_a_reduction() -> None:
    def cost(name: str) -> int:
        rows = archspec.summarize(archspec.load(name)).to_json()["layers"]
        return sum(row["macs"] for row in rows if row["name"].startswith("branch3."))

    assert cost("inception_module_naive") == 120_422_400  # "120 million"
    assert cost("inception_module_reduced") == 2_408_448 + 10_035_200  # "12.4 million"
