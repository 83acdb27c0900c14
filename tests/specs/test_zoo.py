"""Every network of the zoo against figures that were not made by archspec, and its names against its own past."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec import source, zoo
from archspec.analysis.facts import Facts
from archspec.authoring.formatting.files import read_formatted
from archspec.graph import Node, TypedGraph
from archspec.passes.deploy import deploy

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
COUNTS: dict[str, Any] = json.loads((GOLDEN / "counts.json").read_text())
LAYERS: dict[str, Any] = json.loads((GOLDEN / "layers.json").read_text())
NAMES = [entry.name for entry in zoo.entries()]
IN_TORCHVISION = [
    *("alexnet", "vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"),
    *("googlenet_bn", "inception_v3", "mobilenet_v2", "densenet121", "densenet169", "densenet201"),
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d"),
    *(f"efficientnet_b{i}" for i in range(8)),
]
SHORT = {"googlenet": 60, "googlenet_bn": 60, "resnet": 60, "mobilenet_v2": 45, "efficientnet": 60}
"""Lines that hold all depths and widths of these, each fewer than."""
PROMISED = {*IN_TORCHVISION, *COUNTS, *("mlp", "cifar_pattern", "resnet20_cifar")} - {"_source"}


def figures(source: dict[str, Any]) -> list[str]:
    return [name for name in source if not name.startswith("_")]


def test_the_promised_networks_are_there_by_their_names() -> None:
    assert set(NAMES) >= PROMISED
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", figures(COUNTS))
def test_counts_are_the_reference_implementations(name: str) -> None:
    expected = COUNTS[name]
    made = archspec.summarize(archspec.load(name)).to_json()
    assert list(made["inputs"].values()) == [expected["input"]]
    assert list(made["outputs"].values()) == [expected["output"]]
    compared = [key for key in ("params", "buffers", "macs", "params_with_aux") if key in expected]
    assert {key: made["totals"][key] for key in compared} == {key: expected[key] for key in compared}


@pytest.mark.parametrize("name", figures(LAYERS))
def test_weighted_layers_are_the_reference_implementations_one_by_one(name: str) -> None:
    graph = deploy(archspec.load(name))
    made = [weighted_layer(graph, node) for node in graph.layers() if node.op.category in ("conv", "linear")]
    assert made == LAYERS[name]["layers"]


def weighted_layer(graph: TypedGraph, node: Node) -> list[Any]:
    """A layer in the columns of layers.json."""
    inputs, (output,) = graph.input_types(node), graph.types[node.name]
    weights = node.op.weights(inputs)
    shape, bias = weights["weight"].shape, "bias" in weights
    channels, macs = inputs[0].channels, node.op.macs(inputs, (output,))
    window = node.op.window(inputs)
    if window is None:
        return ["Linear", channels, shape[0], [], [], [], [], 1, bias, [*output.shape], macs]
    assert window.before == window.after
    sliding = [[*window.kernel], [*window.stride], [*window.before], [*window.dilation]]
    return ["Conv2d", channels, shape[0], *sliding, channels // shape[1], bias, [*output.shape], macs]


@pytest.mark.parametrize("path", zoo._files(), ids=lambda path: path.stem)
def test_every_spec_passes_strict_with_all_its_variants(path: Path) -> None:
    assert [str(found) for found in archspec.check(path, strict=True)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_network_cites_its_paper_and_asserts_its_own_counts(name: str) -> None:
    graph = archspec.load(name)
    (entry,) = [entry for entry in zoo.entries() if entry.name == name]
    assert entry.cite == graph.resolved["cite"]
    asserted = [str(text) for text in graph.resolved["assert"]]
    facts = Facts(archspec.summarize(graph))
    for fact in ("params", "macs", *(["params_with_aux"] if graph.heads else [])):
        assert [text for text in asserted if text.startswith(f"{fact} ==")] == [f"{fact} == {facts[fact]:_}"]


@pytest.mark.parametrize("path", zoo._files(), ids=lambda path: path.stem)
def test_every_variant_is_a_network_with_counts_of_its_own(path: Path) -> None:
    tree = source.to_plain(source.read(path))
    assert isinstance(tree, dict)
    variants = tree.get("variants", {})
    assert all({"name", "assert"} <= set(variant) for variant in variants.values())
    expected = [tree["name"], *(variant["name"] for variant in variants.values())] if "layers" in tree else []
    assert [entry.name for entry in zoo.entries() if entry.path == path] == sorted(expected)


@pytest.mark.parametrize("path", zoo._files(), ids=lambda path: path.stem)
def test_every_spec_is_laid_out_as_format_lays_it_out(path: Path) -> None:
    assert read_formatted(str(path)).diff() == ""


@pytest.mark.parametrize(("spec", "fewer_than"), SHORT.items())
def test_a_network_is_no_longer_than_its_paper_makes_it(spec: str, fewer_than: int) -> None:
    lines = (zoo.directory() / f"{spec}.yaml").read_text(encoding="utf-8").splitlines()
    assert len(lines) < fewer_than
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("name", NAMES)
def test_golden_names(name: str) -> None:
    """Names are the keys of weights: one that changes leaves every checkpoint behind. `make golden` rewrites."""
    path = GOLDEN / "names" / f"{name}.txt"
    made = "".join(f"{line}\n" for line in golden_lines(archspec.load(name)))
    if os.environ.get("ARCHSPEC_GOLDEN") == "refresh":
        path.write_text(made, encoding="utf-8")
    assert path.exists(), f"no golden names for {name}: `make golden`, then read them"
    assert made == path.read_text(encoding="utf-8")


def golden_lines(graph: TypedGraph) -> list[str]:
    """Name, operator and output of every layer, those of training heads too."""
    return [
        f"{node.name}  {node.op.word}  {', '.join(str(output) for output in graph.types[node.name])}"
        for node in graph.layers()
    ]


def test_no_golden_names_of_networks_that_are_gone() -> None:
    assert sorted(path.stem for path in (GOLDEN / "names").glob("*.txt")) == sorted(NAMES)
