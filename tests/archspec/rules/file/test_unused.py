"""W303 to W309: what is written and used by nothing, all variants counted."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import archspec
from archspec.errors import Diagnostic

Told = Callable[[str], list[Diagnostic]]
LAYERS = "layers: [conv: 8, relu, global_avg_pool, linear: 10]\n"


def said(found: list[Diagnostic]) -> list[tuple[str, str]]:
    return [(d.code, d.message) for d in found]


# variables


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("input: [3, $v, $v]\n" + LAYERS, id="in the input"),
        pytest.param("input: [3, 8, 8]\n" + LAYERS.replace("10", "2*$v"), id="in an expression"),
        pytest.param("input: [3, 8, 8]\n" + LAYERS.replace("relu", "{relu: {}, name: act$v}"), id="in a name"),
        pytest.param("input: [3, 8, 8]\n" + LAYERS.replace("relu", '{relu: {}, name: "act${$v + 1}"}'), id="in ${}"),
        pytest.param("input: [3, 8, 8]\n" + LAYERS.replace("relu", "{relu: {}, when: $v > 1}"), id="in a condition"),
        pytest.param("input: [3, 8, 8]\ndefaults: {conv: {init: {normal: $v}}}\n" + LAYERS, id="in defaults"),
        pytest.param(
            "input: [3, 8, 8]\n" + LAYERS + "heads: {aux: {from: relu1, layers: [global_avg_pool, linear: 2 + $v]}}\n",
            id="in a head",
        ),
    ],
)  # fmt: skip
def test_a_variable_is_used_wherever_it_may_stand(told: Told, text: str) -> None:
    assert told("vars: {v: 8}\n" + text) == []


def test_a_variable_is_used_by_what_a_used_variable_is_computed_from(told: Told) -> None:
    text = "input: [3, 8, 8]\n" + LAYERS.replace("10", "$c")
    assert told("vars: {a: 2, b: $a + 1, c: 3 * $b}\n" + text) == []
    unused = told("vars: {a: 2, b: $a + 1, c: 3}\n" + text)
    assert said(unused) == [
        ("W303", "variable 'a' is used only by 'b', which is used nowhere"),
        ("W303", "variable 'b' is used nowhere"),
    ]


def test_a_variable_that_only_a_variant_uses_is_used(told: Told) -> None:
    text = "input: [3, 8, 8]\nvars: {base: 4, width: 8}\n" + LAYERS.replace("8", "$width")
    assert [d.code for d in told(text)] == ["W303"]
    assert told("variants: {wide: {width: 4 * $base}}\n" + text) == []


def test_a_variable_and_a_parameter_of_one_name(told: Told) -> None:
    text = """
    input: [3, 8, 8]
    vars: {width: 8}
    blocks:
      stem:
        params: {width: 4}
        layers: [conv: $width, relu]
    layers: [stem, global_avg_pool, linear: 10]
    """
    (found,) = told(text)
    assert found.hint == "block 'stem' has a parameter of that name, and sees nothing else: `- stem: {width: $width}`"
    assert told(textwrap.dedent(text).replace("[stem,", "[stem: $width,")) == []


# blocks


def test_a_block_that_only_an_uncalled_one_calls(told: Told) -> None:
    text = """
    input: [3, 8, 8]
    blocks:
      inner: {layers: [conv: 8]}
      outer: {layers: [inner]}
      itself: {layers: [relu, {itself: {}, when: false}]}
    layers: [conv: 8, relu, global_avg_pool, linear: 10]
    """
    assert said(told(text)) == [
        ("W304", "block 'inner' is called only by 'outer', which is never called"),
        ("W304", "block 'outer' is never called"),
        ("W304", "block 'itself' is never called"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("layers: [one: {}, relu]", id="in layers"),
        pytest.param("layers: [conv: 8, {name: a, relu: {}}]\nheads: {h: {from: a, layers: [one]}}", id="in a head"),
        pytest.param("layers: [{residual: {body: [one], shortcut: [conv: 8]}}, relu]", id="in a residual"),
        pytest.param(
            "layers: [{one: {}, when: $x}, relu]\nvars: {x: true}\nvariants: {v: {x: false}}", id="in a variant"
        ),
        pytest.param("vars: {kind: one}\nlayers: [$kind: {}, relu]", id="by a variable"),
        pytest.param("vars: {kind: conv}\nlayers: [$kind: 8, relu]", id="by a variable as --set may give it"),
        pytest.param("layers: [two: {body: [one]}, relu]", id="in layers that are passed to a block"),
    ],
)
def test_a_block_is_called_wherever_layers_are(told: Told, text: str) -> None:
    blocks = "blocks:\n  one: {layers: [conv: {out: 8, kernel: 1}]}\n"
    if "two" in text:
        blocks += "  two: {params: {body: layers}, layers: [$body]}\n"
    assert told(f"input: [3, 8, 8]\ntask: embed\n{blocks}{text}\n") == []


# parameters and loop variables


def test_a_parameter_that_another_one_is_computed_from_is_used(told: Told) -> None:
    text = "input: [3, 8, 8]\nblocks: {b: {params: {a: 2, c: 4 * $a, d: 1}, layers: [conv: $c]}}\nlayers: [b, relu]\n"
    assert said(told("task: embed\n" + text)) == [("W305", "block 'b' does nothing with its parameter 'd'")]


def test_blocks_of_which_one_is_chosen_take_the_same_parameters(told: Told) -> None:
    text = """
    input: [3, 8, 8]
    task: embed
    vars: {block: plain}
    blocks:
      plain: {params: {out: int, groups: 1}, layers: [conv: $out]}
      grouped: {params: {out: int, groups: 1}, layers: [conv: {out: $out, groups: $groups}]}
    layers: [$block: 8, relu]
    """
    assert told(text) == []


@pytest.mark.parametrize(
    ("loop", "idle"),
    [
        ("{conv: $w, each: {w: [8, 8], s: [1, 2]}}", ["s"]),
        ("{conv: $w, each: {columns: [w, s, k], rows: [[8, 1, 3], [8, 2, 3]]}}", ["s", "k"]),
        ("{conv: $w, name: conv$s, each: {w: [8, 8], s: [1, 2]}}", []),
        ("{conv: 8, each: {row: 1..3}}", []),  # only counts
        ("{conv: $row.0, each: {columns: [w, s], as: row, rows: [[8, 1], [8, 2]]}}", []),
        ("{layers: [$word: {}], each: {word: [relu6, tanh], i: 1..2}}", ["i"]),
        ("{branches: [{each: {w: [8, 4], s: [1, 2]}, layers: [conv: $w]}], join: concat}", ["s"]),
    ],
)
def test_lists_that_a_loop_walks_for_nothing(told: Told, loop: str, idle: list[str]) -> None:
    found = told(f"input: [3, 8, 8]\ntask: embed\nlayers: [conv: 8, relu, {loop}, tanh]\n")
    assert [d.message.split("'")[3] for d in found if d.code == "W306"] == idle


# other files, defaults, inputs


@pytest.mark.parametrize(
    ("use", "layers", "idle"),
    [
        ("std", "conv_act: 8, relu6", []),
        ("std", "mine: 8, relu6", ["std"]),
        ("[std, mine.yaml]", "mine: 8, relu6", ["std"]),
        ("[std, mine.yaml]", "conv_act: 8, mine: 8", []),
        ("[std, alexnet]", "conv_act: 8, relu6", ["alexnet"]),
        ("mine.yaml", "conv_act: 8, relu6", []),  # a block of the file that the used one uses
        ("mine.yaml", "$word: 8, relu6", []),
    ],
)
def test_files_of_which_no_block_is_called(told: Told, tmp_path: Path, use: str, layers: str, idle: list[str]) -> None:
    mine = "archspec: 1\nuse: std\nblocks: {mine: {params: {out: int}, layers: [conv: $out, tanh]}}\n"
    (tmp_path / "mine.yaml").write_text(mine, encoding="utf-8")
    own = "blocks: {mine: {params: {out: int}, layers: [conv: $out, tanh]}}\n" if "mine.yaml" not in use else ""
    words = "vars: {word: conv_act}\n" if "$word" in layers else ""
    found = told(f"input: [3, 8, 8]\ntask: embed\nuse: {use}\n{words}{own}layers: [{layers}]\n")
    assert [d.message.split("'")[1] for d in found if d.code == "W307"] == idle


@pytest.mark.parametrize(
    ("layers", "idle"),
    [
        ("conv: 8, relu", True),
        ("conv: 8, {batch_norm: {}, when: $on}", False),  # a switch that is off
        ("conv: 8, {residual: {body: [conv: 4], shortcut: project}}, relu", False),  # brings one
    ],
)
def test_defaults_for_layers_that_are_nowhere(told: Told, layers: str, idle: bool) -> None:
    switch = "vars: {on: false}\n" if "$on" in layers else ""
    found = told(
        f"input: [3, 8, 8]\ntask: embed\n{switch}defaults: {{batch_norm: {{eps: 1e-3}}}}\nlayers: [{layers}]\n"
    )
    assert [d.code for d in found if d.code == "W308"] == ["W308"] * idle


def test_inputs_that_something_takes(told: Told) -> None:
    text = "inputs: {a: [3, 8, 8], b: [3, 8, 8]}\ntask: embed\n"
    assert said(told(text + "layers: [conv: 8, relu]\n")) == [("W309", "input 'b' is read by no layer")]
    for layers in ("[conv: 8, relu, {conv: 8, from: b}, add: [$prev, relu1]]", "[add: [a, b], relu]"):
        assert told(f"{text}layers: {layers}\n") == []
    assert told(text + "layers: [conv: 8, {relu: {}, name: c}]\noutputs: {x: c, y: b}\n") == []


def test_the_zoo_is_used_to_the_last_word() -> None:
    assert archspec.check("unet") == archspec.check("lenet5") == []
