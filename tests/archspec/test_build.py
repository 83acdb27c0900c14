"""Expansion: names, loops, branches, residuals, taps, heads. Expected names and shapes are worked by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import SpecError, load

HEADER = "archspec: 1\nname: t\n"


def build(tmp_path: Path, text: str, **kwargs):
    path = tmp_path / "t.yaml"
    path.write_text(HEADER + text)
    return load(path, **kwargs)


def errors(tmp_path: Path, text: str, **kwargs):
    with pytest.raises(SpecError) as caught:
        build(tmp_path, text, **kwargs)
    return caught.value.diagnostics


def names(graph) -> list[str]:
    return [node.name for node in graph.layers()]


def shape(graph, name: str) -> tuple[int, ...]:
    return graph.types[name][0].shape


def test_layers_chain_and_are_numbered_by_word(tmp_path):
    graph = build(tmp_path, "input: [3, 8, 8]\nlayers: [conv: 4, relu, conv: 5, flatten, linear: 10]")
    assert names(graph) == ["conv1", "relu1", "conv2", "flatten1", "linear1"]
    assert shape(graph, "conv2") == (5, 8, 8) and shape(graph, "linear1") == (10,)
    assert graph.outputs == {"linear1": ("linear1", 0)}


def test_repeat_and_each_add_an_index(tmp_path):
    graph = build(
        tmp_path,
        """
input: [1, 8, 8]
layers:
  - layers: [conv: $w, relu]
    each: {w: [2, 3]}
    name: stage
  - conv: 7
    repeat: 2
""",
    )
    assert names(graph) == ["stage.0.conv1", "stage.0.relu1", "stage.1.conv1", "stage.1.relu1", "conv1.0", "conv1.1"]
    assert graph.scopes["stage.1"].index == 1


def test_loop_variable_in_a_name(tmp_path):
    graph = build(tmp_path, "input: [1, 8, 8]\nlayers:\n  - conv: $l\n    each: {l: 3..5}\n    name: p$l")
    assert names(graph) == ["p3", "p4", "p5"]


def test_empty_and_reversed_ranges(tmp_path):
    text = "input: [1, 8, 8]\nlayers:\n  - conv: 2\n  - conv: $l\n    each: {l: %s}\n    name: p$l"
    assert names(build(tmp_path, text % "1..0")) == ["conv1"]
    assert names(build(tmp_path, text % "reverse(2..4)")) == ["conv1", "p4", "p3", "p2"]


def test_table_rows_are_variables(tmp_path):
    graph = build(
        tmp_path,
        """
input: [1, 8, 8]
layers:
  - conv: {out: $c, kernel: $k, padding: same}
    name: m_$letter
    each:
      columns: [letter, c, k]
      rows:
        - [a, 4, 3]
        - [b, 6, 5]
""",
    )
    assert names(graph) == ["m_a", "m_b"]
    assert [node.op.kernel for node in graph.layers()] == [3, 5]


def test_residual_adds_no_segment_and_projects_where_channels_or_stride_change(tmp_path):
    graph = build(
        tmp_path,
        """
input: [8, 8, 8]
use: std
blocks:
  basic:
    params: {width: int, stride: 1}
    layers:
      - residual:
          body:
            - conv_bn: {out: $width, kernel: 3, stride: $stride}
            - conv_bn: {out: $width, kernel: 3, act: none}
          shortcut: project
      - relu
layers:
  - basic: 8
  - basic: {width: 16, stride: 2}
""",
    )
    assert names(graph)[:7] == [
        "basic1.conv_bn1.conv", "basic1.conv_bn1.norm", "basic1.conv_bn1.act",
        "basic1.conv_bn2.conv", "basic1.conv_bn2.norm", "basic1.add1", "basic1.relu1",
    ]  # fmt: skip
    assert names(graph)[-4:] == ["basic2.shortcut.conv", "basic2.shortcut.norm", "basic2.add1", "basic2.relu1"]
    assert shape(graph, "basic2.add1") == (16, 4, 4)
    assert [str(t) for t in graph.nodes["basic2.add1"].inputs] == ["basic2.conv_bn2.norm", "basic2.shortcut.norm"]


def test_identity_residual_must_keep_the_shape(tmp_path):
    (d,) = errors(tmp_path, "input: [4, 8, 8]\nlayers:\n  - residual: [conv: 8]")
    assert "8×8×8" in d.message and "4×8×8" in d.message and "project" in (d.hint or "")
    assert d.span and d.span.line == 5


def test_when_same_adds_only_where_shapes_agree(tmp_path):
    text = "input: [4, 8, 8]\nlayers:\n  - residual: {body: [conv: %d], shortcut: when_same}"
    assert names(build(tmp_path, text % 4)) == ["conv1", "add1"]
    assert names(build(tmp_path, text % 5)) == ["conv1"]


def test_stochastic_depth_goes_where_nothing_is_added(tmp_path):
    """Huang et al. 2016 drop a residual's body; without the sum every example would be dropped whole."""
    text = "input: [4, 8, 8]\nlayers:\n  - residual: {body: [conv: %d, drop_path: 0.5], shortcut: when_same}"
    assert names(build(tmp_path, text % 4)) == ["conv1", "drop_path1", "add1"]
    graph = build(tmp_path, text % 5 + "\n  - add: [$prev, drop_path1]")
    assert names(graph) == ["conv1", "add2"]
    assert [str(t) for t in graph.nodes["add2"].inputs] == ["conv1", "conv1"]


def test_branches_join_and_count_on(tmp_path):
    graph = build(
        tmp_path,
        """
input: [4, 8, 8]
layers:
  - branches:
      - [conv: 2]
      - layers: [conv: 3, relu]
        when: 1 > 0
      - layers: [conv: 9]
        when: 1 > 2
      - []
    join: concat
  - branches: [[conv: 2], [conv: 2]]
    join: add
""",
    )
    assert names(graph) == [
        "branch1.conv1", "branch2.conv1", "branch2.relu1", "concat1", "branch5.conv1", "branch6.conv1", "add1",
    ]  # fmt: skip
    assert shape(graph, "concat1") == (2 + 3 + 4, 8, 8)


def test_a_loop_in_branches_makes_one_branch_a_row(tmp_path):
    graph = build(
        tmp_path,
        """
input: [4, 8, 8]
layers:
  - branches:
      - layers: [conv: $c]
        each: {c: [1, 2]}
      - layers: [conv: $c]
        each: {c: [3, 4]}
        name: lat$c
    join: none
  - concat: [lat3, lat4]
""",
    )
    assert names(graph) == ["branch1.conv1", "branch2.conv1", "lat3.conv1", "lat4.conv1", "concat1"]
    assert shape(graph, "concat1") == (7, 8, 8)


def test_unet_taps_over_all_instances(tmp_path):
    graph = build(
        tmp_path,
        """
input: [1, 16, 16]
layers:
  - layers:
      - conv: {out: $w, kernel: 3, padding: same}
        name: skip
      - max_pool: 2
    each: {w: [4, 8]}
    name: enc
  - layers:
      - upsample: 2
      - concat: {of: [$skip, $prev]}
    each: {skip: reverse($enc.*.skip)}
    name: dec
""",
    )
    assert [str(t) for t in graph.nodes["dec.0.concat1"].inputs] == ["enc.1.skip", "dec.0.upsample1"]
    assert shape(graph, "dec.1.concat1") == (4 + 8 + 8, 16, 16)


def test_from_takes_an_earlier_layer_and_paths_reach_inside(tmp_path):
    graph = build(
        tmp_path,
        """
input: [1, 8, 8]
layers:
  - layers: [conv: 2, {conv: 3, name: here}]
    name: g
  - conv: 5
    from: g.here
  - add: [$prev, conv1]
""",
    )
    assert [str(t) for t in graph.nodes["conv1"].inputs] == ["g.here"]
    assert [str(t) for t in graph.nodes["add1"].inputs] == ["conv1", "conv1"]


def test_blocks_see_only_their_parameters(tmp_path):
    text = "input: [1, 8, 8]\nvars: {w: 4}\nblocks:\n  b:\n    layers: [conv: $w]\nlayers: [b]"
    (d,) = errors(tmp_path, text)
    assert "w" in d.message and d.span.line == 7 and d.trail is not None and "b1" in d.trail.label


def test_in_is_the_blocks_input_and_arguments_belong_to_the_caller(tmp_path):
    graph = build(
        tmp_path,
        """
input: [8, 4, 4]
blocks:
  inner:
    params: {mid: int}
    layers: [conv: $mid, conv: $in.channels]
  outer:
    layers: [conv: 6, inner: $in.channels / 4]
layers: [outer]
""",
    )
    assert [node.op.out for node in graph.layers()] == [6, 2, 6]


def test_block_inputs_outputs_and_connection_by_name(tmp_path):
    graph = build(
        tmp_path,
        """
input: [4, 8, 8]
blocks:
  swap:
    inputs: [a, b]
    outputs: {b: x, a: y}
    layers:
      - conv: 2
        from: a
        name: x
      - conv: 3
        from: b
        name: y
layers:
  - split: 2
    name: s
  - swap: {}
    repeat: 2
    name: w
  - concat: [w:a, w:b]
""",
    )
    assert [str(t) for t in graph.nodes["w.0.y"].inputs] == ["s:1"]
    assert [str(t) for t in graph.nodes["w.1.x"].inputs] == ["w.0.y"]
    assert shape(graph, "concat1") == (5, 8, 8)


def test_layers_as_a_parameter_and_a_block_by_name(tmp_path):
    graph = build(
        tmp_path,
        """
input: [4, 8, 8]
vars: {kind: wrap}
blocks:
  wrap:
    params: {inside: layers, n: 1}
    layers:
      - conv: 3
      - $inside
layers:
  - $kind: {inside: [conv: 5, relu]}
""",
    )
    assert names(graph) == ["wrap1.conv1", "wrap1.conv2", "wrap1.relu1"]


def test_heads_exist_only_in_training(tmp_path):
    from archspec.passes.deploy import deploy

    graph = build(
        tmp_path,
        """
input: [4, 8, 8]
layers: [{conv: 4, name: mid}, conv: 2]
heads:
  aux: {from: mid, only: train, weight: 0.3, layers: [conv: 7]}
""",
    )
    assert list(graph.outputs) == ["conv2", "aux"] and graph.heads["aux"].weight == 0.3
    assert graph.nodes["aux.conv1"].phase == "train"
    assert names(deploy(graph)) == ["mid", "conv2"] and list(deploy(graph).outputs) == ["conv2"]


def test_act_none_and_act_with_arguments(tmp_path):
    graph = build(
        tmp_path, "input: [4, 8, 8]\nlayers: [act: none, act: relu, act: {leaky_relu: {slope: 0.3}}, act: {elu: {}}]"
    )
    assert names(graph) == ["act2", "act3", "act4"]
    assert graph.nodes["act3"].op.slope == 0.3


def test_defaults_fill_what_is_left_out_and_never_structure(tmp_path):
    text = "input: [4, 8, 8]\ndefaults: {batch_norm: {eps: 1e-3}}\nlayers: [batch_norm, batch_norm: {eps: 1e-4}]"
    graph = build(tmp_path, text)
    assert [node.op.eps for node in graph.layers()] == [1e-3, 1e-4]
    (d,) = errors(tmp_path, "input: [4, 8, 8]\ndefaults: {conv: {kernel: 3}}\nlayers: [conv: 2]")
    assert "kernel" in d.message and d.span.line == 4


def test_variants_and_overrides(tmp_path):
    text = """
input: [3, 8, 8]
vars: {classes: 10, widths: [4, 8]}
variants:
  big: {widths: [16], assert: [params == 64]}
blocks:
  c:
    params: {out: int, kernel: 1}
    layers: [conv: {out: $out, kernel: $kernel}]
layers:
  - c: $w
    each: {w: $widths}
assert: [params == 56]
"""
    assert [n.op.out for n in build(tmp_path, text).layers()] == [4, 8]
    assert [n.op.out for n in build(tmp_path, text, variant="big").layers()] == [16]
    changed = build(tmp_path, text, overrides=["vars.widths.1=5", "blocks.c.kernel=3"])
    assert [(n.op.out, n.op.kernel) for n in changed.layers()] == [(4, 3), (5, 3)]
    assert "skipped" in changed.notes[0]
    assert [n.op.out for n in build(tmp_path, text, widths=[2]).layers()] == [2]
    assert build(tmp_path, text, input="1x9x9").types["input"][0].shape == (1, 9, 9)
    (d,) = errors(tmp_path, text, overrides=["vars.wdths=[1]"])
    assert "wdths" in d.message and "widths" in d.hint and d.span.file.startswith("--set")


def test_an_assertion_that_fails_tells_the_fact(tmp_path):
    (d,) = errors(tmp_path, "input: [3, 8, 8]\nlayers: [conv: 2]\nassert: [params == 9]")
    assert d.code == "E401" and "params is 8" in d.hint and d.span.line == 5


@pytest.mark.parametrize("edit", ["assert=[params < 8]", "assert.0=params < 8", "assert=[{always: params < 8}]"])
def test_an_assertion_that_is_an_override_is_held_to(edit, tmp_path):
    (tmp_path / "net.yaml").write_text("archspec: 1\ninput: [3, 8, 8]\nlayers: [conv: 2]\nassert: [params == 8]")
    with pytest.raises(SpecError, match="E401"):
        load(tmp_path / "net.yaml", overrides=[edit])
    held = load(tmp_path / "net.yaml", overrides=[edit.replace("< 8", "< 9")])
    assert held.notes == ()


def test_always_holds_under_overrides(tmp_path):
    text = "input: [3, 8, 8]\nvars: {w: 2}\nlayers: [conv: $w]\nassert: [params == 8, {always: params < 10}]"
    (d,) = errors(tmp_path, text, overrides=["w=3"])
    assert "params is 12" in d.hint


@pytest.mark.parametrize(
    ("text", "line", "said", "hint"),
    [
        ("input: [3, 8, 8]\nlayers: [cnv: 2]", 4, "unknown layer 'cnv'", "'conv'"),
        ("input: [3, 8, 8]\nlayers: [conv: {out: 2, kernal: 3}]", 4, "kernal", "'kernel'"),
        ("input: [3, 8, 8]\nlayers: [conv_bn: 2]", 4, "conv_bn", "use: std"),
        ("input: [3, 8, 8]\nlayer: [conv: 2]", 4, "layer", "'layers'"),
        ("input: [3, 8, 8]\nlayers: [conv: {out: $wdth}]\nvars: {width: 2}", 4, "wdth", "width"),
        ("input: [3, 8, 8]\nlayers:\n  - conv: 2\n    from: nowhere", 6, "nowhere", ""),
        ("input: [3, 8, 8]\nlayers:\n  - conv: 2\n    each: {a: [1], b: [1, 2]}", 6, "a has 1, b has 2", ""),
        ("input: [3, 8, 8]\nlayers:\n  - conv: 2\n    repeat: 1.5", 6, "whole number", ""),
        ("input: [3, 8, 8]\nlayers: [conv: {out: 7 / 2}]", 4, "out", ""),
        ("input: [3, 8, 8]\nlayers: [flatten, linear: 2, conv: 3]", 4, "conv", ""),
        ("input: [3, 8, 8]\nlayers:\n  - {conv: 2, name: a}\n  - {conv: 2, name: a}", 6, "called 'a'", ""),
        ("input: [3, h, w]\nlayers: [conv: 2]", 3, "'h' is no size", "upper-case letter"),
        ("input: [3, 8, 8]\nlayers:\n  - conv: 2\n    when: 3", 6, "true or false", ""),
        ("input: [3, 8, 8]\nvars: {i: 1}\nlayers:\n  - conv: $i\n    each: {i: [1]}", 7, "hide", ""),
        ("input: [3, 8, 8]\nlayers:\n  - branches: [[conv: 1], []]", 5, "join", "concat"),
        ("input: [3, 8, 8]\nlayers: [conv: {out: 2, stride: 0}]", 4, "stride", ""),
        ("input: [3, 8, 8]\nlayers: [act: rellu]", 4, "rellu", "relu"),
    ],
)
def test_mistakes_are_placed_and_explained(tmp_path, text, line, said, hint):
    found = errors(tmp_path, text)
    assert [d.span.line for d in found] == [line], found
    assert said in found[0].message and hint in (found[0].hint or "")


def test_all_mistakes_at_once(tmp_path):
    text = """
input: [3, 8, 8]
blocks:
  unused:
    layers: [rlu]
layers:
  - conv: {out: 4, kernal: 3}
  - conv: {out: 4, kernel: 9}
  - lineer: 10
"""
    found = errors(tmp_path, text)
    assert sorted(d.span.line for d in found) == [7, 9, 11]


def test_those_who_use_a_layer_in_error_are_not_errors_too(tmp_path):
    text = """
input: [3, 8, 8]
layers:
  - cnv: 4
    name: a
  - layers: [conv: {out: $x, name: inner}]
    name: b
  - conv: 2
    from: a
  - concat: [a, b.inner]
"""
    assert [(d.code, d.span.line) for d in errors(tmp_path, text)] == [("E130", 6), ("E202", 8), ("E301", 8)]


def test_mistakes_of_form_do_not_hide_those_in_layers(tmp_path):
    found = errors(tmp_path, "input: [3, 8, 8]\nasert: 3\nlayers: [lineer: 10]")
    assert [(d.span.line, d.message) for d in found] == [(4, "unknown key 'asert'"), (5, "unknown layer 'lineer'")]


def test_one_mistake_in_a_loop_is_one_message(tmp_path):
    found = errors(tmp_path, "input: [3, 8, 8]\nlayers:\n  - conv: {out: $x}\n    repeat: 50")
    assert len(found) == 1


def test_recursion_and_huge_repeats_are_refused(tmp_path):
    (d,) = errors(tmp_path, "input: [3, 8, 8]\nblocks:\n  b:\n    layers: [b]\nlayers: [b]")
    assert d.message == "blocks call each other, 64 deep here: b → b"
    (d,) = errors(tmp_path, "input: [3, 8, 8]\nlayers:\n  - conv: 2\n    repeat: 10**9")
    assert "1,000,000,000" in d.message


def test_shape_errors_carry_the_trail(tmp_path):
    text = """
input: [3, 8, 8]
blocks:
  down:
    layers: [max_pool: 3]
layers:
  - down: {}
    repeat: 3
    name: d
"""
    (d,) = errors(tmp_path, text)
    assert "d.2" in str(d) or "d.1" in str(d)
    assert "block 'down'" in str(d)
