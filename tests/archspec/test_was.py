"""`was`: what a layer was called, wherever a layer can stand, and what nobody can mean by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archspec import SpecError, TypedGraph, load

BLOCK = """
  pair:
    params: {width: int}
    layers:
      - conv_bn: {out: $width, kernel: 3}
%s      - residual:
          - conv_bn: {out: $width, kernel: 3}
%s      - relu
"""

PAIRS = {
    "a layer": ("- conv: 8", "- {conv: 8, name: stem, was: conv1}"),
    "a layer, renamed twice": ("- {conv: 8, name: first}", "- {conv: 8, name: stem, was: [conv1, first]}"),
    "a block": ("- conv_bn: 8", "- {conv_bn: 8, name: stem, was: conv_bn1}"),
    "a group": ("- layers: [conv: 8, conv: 4]", "- {layers: [conv: 8, conv: 4], name: enc, was: layers1}"),
    "a group and a layer in it": (
        "- {layers: [conv: 8], name: a}",
        "- {layers: [{conv: 8, name: c, was: conv1}], name: b, was: a}",
    ),
    "a layer in a group whose name stayed": (
        "- {layers: [conv: 8], name: a}",
        "- {layers: [{conv: 8, name: c, was: conv1}], name: a}",
    ),
    "a loop": ("- {conv: 8, repeat: 3}", "- {conv: 8, repeat: 3, name: stage, was: conv1}"),
    "layers that became a loop": (
        "- conv: 8\n- conv: 8",
        "- {conv: 8, repeat: 2, name: stage, was: 'conv${$index + 1}'}",
    ),
    "a loop that names its instances": (
        "- {conv: 8, each: {l: [3, 4]}, name: p$l}",
        "- {conv: 8, each: {l: [3, 4]}, name: out$l, was: p$l}",
    ),
    "a loop whose instances got names": (
        "- {conv: 8, each: {l: [3, 4]}, name: p}",
        "- {conv: 8, each: {l: [3, 4]}, name: out$l, was: p.$index}",
    ),
    "nested loops": (
        "- layers: [{conv: 8, repeat: 2}]\n  repeat: 2",
        "- layers: [{conv: 8, repeat: 2, name: block, was: conv1}]\n  repeat: 2\n  name: stage\n  was: layers1",
    ),
    "layers that became a block": (
        "- conv: {out: 8, bias: false}\n- batch_norm\n- relu",
        "- {conv_bn: 8, name: stem, was: {conv: conv1, norm: [batch_norm1, bn]}}",
    ),
    "a block that became layers": (
        "- {conv_bn: 8, name: stem}",
        "- {conv: {out: 8, bias: false}, was: stem.conv}\n- {batch_norm: {}, was: stem.norm}\n- relu",
    ),
    "layers that became a group": (
        "- conv: 8\n- conv: 4",
        "- {layers: [conv: 8, conv: 4], name: enc, was: {conv1: conv1, conv2: conv2}}",
    ),
    "a layer that left its group, which stays": (
        "- {layers: [conv: 8, conv: 4], name: enc}",
        "- {conv: 8, name: first, was: enc.conv1}\n- {layers: [{conv: 4, name: conv2}], name: enc}",
    ),
    "a layer that left its group, which has another name": (
        "- {layers: [conv: 8, conv: 4], name: enc}",
        "- {conv: 8, name: first, was: enc.conv1}\n- {layers: [{conv: 4, name: conv2}], name: rest, was: enc}",
    ),
    "a branch": (
        "- {branches: [[conv: 8], [conv: 4]], join: concat}",
        "- {branches: [{layers: [conv: 8], name: left, was: branch1}, [conv: 4]], join: concat}",
    ),
    "branches, and a loop of them": (
        "- {branches: [{layers: [conv: $c], each: {c: [8, 4]}}], join: concat, name: fork}",
        "- {branches: [{layers: [conv: $c], each: {c: [8, 4]}, name: way$c, was: 'branch${$index + 1}'}], "
        "join: concat, name: mixed, was: fork}",
    ),
    "a residual with a name": (
        "- {residual: {body: [conv: 8], shortcut: project}, name: a}",
        "- {residual: {body: [conv: 8], shortcut: project}, name: b, was: a}",
    ),
    "what stands in a residual without a name": (
        "- residual: [{conv: {out: 3}}]",
        "- residual: [{conv: {out: 3}, name: inner, was: conv1}]",
    ),
    "a part that is shared": (
        "- {conv: 3, name: a}\n- {share: a, name: again}",
        "- {conv: 3, name: b, was: a}\n- {share: b, name: again}",
    ),
    "a map, and a layer with weights of its own in it": (
        "- split: [1, 2]\n  name: s\n- {map: [{conv: 4, own: true}], name: m, from: s}\n- concat",
        "- split: [1, 2]\n  name: s\n- {map: [{conv: 4, own: true, name: c, was: conv1}], name: n, was: m, from: s}\n"
        "- concat",
    ),
}
PAIRS["in every instance of a block"] = (
    "- pair: 8\n- {pair: 4, repeat: 2}",
    "- {pair: 8, name: first, was: pair1}\n- {pair: 4, repeat: 2, was: layer}",
)


def weights(graph: TypedGraph) -> set[str]:
    """Keys of the state dict, by the operators' own rules."""
    return {
        f"{node.name}.{key}"
        for node in graph.layers()
        if not node.shares
        for key in node.op.weights(graph.input_types(node))
    }


@pytest.fixture
def pair(write_spec: Callable[..., Path], request: pytest.FixtureRequest) -> tuple[TypedGraph, TypedGraph]:
    """The network before, and as it is now."""
    former, present = PAIRS[request.param]
    blocks = {"former": ("", ""), "present": (" " * 8 + "name: a\n" + " " * 8 + "was: conv_bn1\n", "")}
    graphs = []
    for name, layers in (("former", former), ("present", present)):
        path = write_spec(layers, "[3, 8, 8]", use="std", name=name)
        if "pair" in layers:
            text = path.read_text().replace("layers:\n", "blocks:" + BLOCK % blocks[name] + "layers:\n", 1)
            path.write_text(text)
        graphs.append(load(path))
    return graphs[0], graphs[1]


@pytest.mark.parametrize("pair", PAIRS, indirect=True)
def test_every_weight_from_before_has_its_name_of_now(pair: tuple[TypedGraph, TypedGraph]) -> None:
    former, present = pair
    keys = weights(former)
    assert keys != weights(present), "nothing was renamed"
    assert {present.present_name(key) for key in keys} == weights(present)


@pytest.mark.parametrize("pair", PAIRS, indirect=True)
def test_names_of_now_stand_for_themselves(pair: tuple[TypedGraph, TypedGraph]) -> None:
    _, present = pair
    assert [present.present_name(key) for key in sorted(weights(present))] == sorted(weights(present))


def test_it_changes_no_name_and_no_count(write_spec: Callable[..., Path]) -> None:
    layers = "- {conv: 8, name: stem%s}\n- conv: 4"
    plain = load(write_spec(layers % "", "[3, 8, 8]"))
    noted = load(write_spec(layers % ", was: conv1", "[3, 8, 8]"))
    assert list(plain.nodes) == list(noted.nodes)
    assert plain.types == noted.types
    assert (plain.renamed, noted.renamed) == ({}, {"conv1": "stem"})


def test_a_head_may_have_had_another_name(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        "archspec: 1\ninput: [3, 8, 8]\nlayers: [conv: 8, conv: 4]\n"
        "heads: {side: {from: conv1, was: aux, layers: [{conv: 2, name: c, was: conv1}]}}\n"
    )
    graph = load(path)
    assert graph.present_name("aux.conv1.bias") == graph.present_name("side.conv1.bias") == "side.c.bias"
    assert graph.present_name("conv1.bias") == "conv1.bias"


def test_a_layer_left_out_claims_nothing(write_spec: Callable[..., Path]) -> None:
    layers = "- {conv: 8, name: a, was: x, when: 1 > 2}\n- {conv: 8, name: b, was: x}"
    assert load(write_spec(layers, "[3, 8, 8]")).renamed == {"x": "b"}


def test_the_resolved_spec_keeps_it(write_spec: Callable[..., Path]) -> None:
    graph = load(write_spec("- {conv: 8, name: stem, was: [conv1, c]}", "[3, 8, 8]"))
    assert graph.resolved["layers"] == [{"conv": 8, "name": "stem", "was": ["conv1", "c"]}]


@pytest.mark.parametrize(
    ("layers", "code", "said", "place"),
    [
        ("- {conv: 8, name: a, was: a}", "E172", "'a' is this layer's name now", (6, 29)),
        ("- {conv: 8, name: a, was: conv2}\n- conv: 8", "E172", "'a' cannot have been 'conv2'", (6, 29)),
        ("- {conv: 8, name: a, was: b}\n- {conv: 8, name: b, was: a}", "E172", "'a' cannot have been 'b'", (6, 29)),
        ("- {conv: 8, name: a, was: g}\n- {layers: [conv: 8], name: g}", "E172", "'g'", (6, 29)),
        ("- {conv: 8, name: a, was: x}\n- {conv: 8, name: b, was: x}", "E173", "both 'a' and 'b'", (7, 29)),
        ("- {conv: 8, repeat: 2, was: 'x${0 * $index}'}", "E173", "both 'conv1.0' and 'conv1.1'", (6, 31)),
        ("- {conv: 8, was: true}", "E174", "the name that this layer had", (6, 20)),
        ("- {conv: 8, was: []}", "E174", "the name that this layer had", (6, 20)),
        ("- {conv: 8, was: [[a]]}", "E174", "the name that this layer had", (6, 20)),
        ("- {conv_bn: 8, was: {conv: {a: b}}}", "E174", "the name that this layer had", (6, 23)),
        ("- {conv: 8, was: a b}", "E174", "'a b' is not a name", (6, 20)),
        ("- {conv: 8, was: a..b}", "E174", "'a..b' is not a name", (6, 20)),
        ("- {conv_bn: 8, was: {convv: c}}", "E174", "nothing inside 'conv_bn1' is called 'convv'", (6, 31)),
        ("- {residual: [conv: 3], was: a}", "E175", "adds nothing to names", (6, 32)),
        ("- {branches: [[], [conv: 3]], join: add, was: a}", "E175", "adds nothing to names", (6, 49)),
        ("- {conv: 8, was: 3}", "E174", "the name that this layer had", (6, 20)),
    ],
)
def test_what_nobody_can_mean_is_refused(
    layers: str, code: str, said: str, place: tuple[int, int], write_spec: Callable[..., Path]
) -> None:
    with pytest.raises(SpecError) as caught:
        load(write_spec(layers, "[3, 8, 8]", use="std"))
    first = caught.value.diagnostics[0]
    assert first.code == code
    assert said in first.message
    assert first.span is not None
    assert (first.span.line, first.span.column) == place
    assert {d.code for d in caught.value.diagnostics} == {code}


def test_a_misspelt_part_is_told_the_nearest(write_spec: Callable[..., Path]) -> None:
    with pytest.raises(SpecError, match="did you mean 'conv'"):
        load(write_spec("- {conv_bn: 8, was: {convv: c}}", "[3, 8, 8]", use="std"))


def test_it_is_told_beside_other_mistakes(write_spec: Callable[..., Path]) -> None:
    with pytest.raises(SpecError) as caught:
        load(write_spec("- {conv: 8, name: a, was: conv2}\n- conv: 8\n- rellu", "[3, 8, 8]"))
    assert {d.code for d in caught.value.diagnostics} == {"E172", "E130"}


def test_layers_handed_to_a_block_are_put_in_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        "archspec: 1\ninput: [3, 8, 8]\nblocks: {b: {params: {body: layers}, layers: [{$body: {}, was: x}]}}\n"
        "layers: [b: {body: [conv: 8]}]\n"
    )
    with pytest.raises(SpecError, match="E117"):
        load(path)


def test_a_misspelt_variable_of_the_loop_is_told(write_spec: Callable[..., Path]) -> None:
    with pytest.raises(SpecError, match=r"did you mean '\$index'"):
        load(write_spec("- {conv: 8, repeat: 2, was: 'c${$iindex + 1}'}", "[3, 8, 8]"))
