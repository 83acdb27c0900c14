"""From a name to a typed graph: what is found, how it is edited, what is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import SpecError, load, source, zoo
from archspec.infer import infer
from archspec.passes.deploy import deploy

NAMES = [entry.name for entry in zoo.entries()]


@pytest.mark.parametrize("name", NAMES)
def test_the_resolved_spec_stands_alone(name: str, tmp_path: Path) -> None:
    """Variant and used blocks written in, it loads from anywhere to the same nodes."""
    graph = load(name)
    path = tmp_path / "resolved.yaml"
    path.write_text(source.dump(dict(graph.resolved)), encoding="utf-8")
    again = load(path)
    assert "use" not in graph.resolved and "variants" not in graph.resolved
    assert again.name == name
    assert {n: (v.op, v.inputs, v.phase) for n, v in again.nodes.items()} == {
        n: (v.op, v.inputs, v.phase) for n, v in graph.nodes.items()
    }
    assert (again.outputs, again.heads) == (graph.outputs, graph.heads)


def test_names_of_the_zoo_are_unique() -> None:
    assert len(NAMES) == len(set(NAMES)) > 30


@pytest.mark.parametrize(
    ("spec", "name", "params"),
    [
        ("resnet50", "resnet50", 25_557_032),
        ("resnet152", "resnet152", 60_192_808),
        ("resnet50@18", "resnet18", 11_689_512),
        (zoo.directory() / "resnet.yaml", "resnet50", 25_557_032),
        (f"{zoo.directory() / 'resnet.yaml'}@34", "resnet34", 21_797_672),
    ],
)
def test_a_network_by_every_kind_of_name(spec: str | Path, name: str, params: int) -> None:
    """Parameters are torchvision's."""
    from archspec import summarize

    graph = load(spec)
    assert (graph.name, summarize(graph).totals.params) == (name, params)


@pytest.mark.parametrize(
    ("spec", "options", "code", "hint"),
    [
        ("resnet5", {}, "E501", "resnet50"),
        ("resnet50@19", {}, "E510", "18"),
        ("nowhere.yaml", {}, "E501", ""),
        ("std", {}, "E501", ""),
        (zoo.directory() / "std.yaml", {}, "E504", ""),
        ("lenet5", {"overrides": ["clases=3"]}, "E512", "classes"),
        ("lenet5", {"overrides": ["vars.classes"]}, "E513", "path=value"),
        ("lenet5", {"overrides": ["layers.99=relu"]}, "E512", "0 … 11"),
        ("lenet5", {"overrides": ["vars.classes=[1"]}, "E001", ""),
        ("lenet5", {"input": "1xtwox2"}, "E514", "3x224x224"),
        ("lenet5", {"input": "left=1x32x32"}, "E514", "1x32x32"),
        ("lenet5", {"clases": 3}, "E512", "classes"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(spec: str | Path, options: dict, code: str, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(spec, **options)
    assert [d.code for d in caught.value.diagnostics] == [code]
    assert hint in (caught.value.diagnostics[0].hint or "")


def test_deployed_is_what_is_left_without_training() -> None:
    """GoogLeNet with and without its auxiliary heads: the difference is torchvision's 13,004,888 − 6,624,904."""
    graph = load("googlenet_bn")
    left = deploy(graph)
    assert set(graph.nodes) - set(left.nodes) == {n for n in graph.nodes if n.startswith("aux")}
    assert deploy(left) is left
    assert infer(left).types == left.types
    weights = [w.numel for n, v in graph.nodes.items() if n not in left.nodes for k, w in
               v.op.weights(graph.input_types(v)).items() if w.kind == "parameter"]  # fmt: skip
    assert sum(weights) == 13_004_888 - 6_624_904
