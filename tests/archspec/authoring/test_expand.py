"""`archspec expand`: what is written out is the same network, layer for layer, and written out again the same text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec import SpecError, expand, load, summarize, zoo
from archspec.graph import TypedGraph


def identity(graph: TypedGraph) -> dict[str, Any]:
    """All that makes a network what it is, with every order that counts."""
    return {
        "name": (graph.name, graph.task),
        "layers": [(n.name, n.op.word, n.op, n.inputs, n.phase, n.shares) for n in graph.nodes.values()],
        "types": list(graph.types.items()),
        "inputs": graph.inputs,
        "outputs": list(graph.outputs.items()),
        "heads": [(h.name, h.phase, h.weight) for h in graph.heads.values()],
        "scopes": list(graph.scopes),
        "former": {name: graph.present_name(name) for name in graph.renamed},
    }


def assert_the_same(graph: TypedGraph, text: str, folder: Path) -> TypedGraph:
    path = folder / "written_out.yaml"
    path.write_text(text, encoding="utf-8")
    again = load(path)
    ours, theirs = identity(graph), identity(again)
    ours.pop("former"), theirs.pop("former")
    for what, found in ours.items():
        assert theirs[what] == found, what
    assert summarize(again).totals == summarize(graph).totals
    assert expand(path) == text
    assert archspec.format(text) == text
    return again


@pytest.mark.parametrize("name", [entry.name for entry in zoo.entries()])
def test_networks_of_the_zoo_written_out_are_the_same(name: str, tmp_path: Path) -> None:
    graph = load(name)
    again = assert_the_same(graph, expand(name), tmp_path)
    if "assert" in graph.resolved:
        assert again.resolved["assert"] == graph.resolved["assert"]


SPECS = {
    "bundles": """
input: [8, 16, 16]
layers:
  - split: [2, 6]
    name: parts
  - conv: 4
    from: parts:0
  - branches:
      - layers: [conv: 4]
        name: left
      - layers: [max_pool: {kernel: 3, stride: 1, padding: same}, conv: 4]
        name: right
        from: parts:1
      - []
    join: none
    name: fork
  - add: [$prev:2, fork:left]
  - concat: [parts:1, $prev, fork.right]
  - split: 2
    name: last
""",
    "a bundle at the end": """
input: [8, 4, 4]
layers:
  - branches:
      - [conv: 2]
      - layers: [split: 2]
        name: halves
    join: none
    name: both
""",
    "outputs of a mapped bundle": """
inputs: {a: [3, 8, 8], b: [3, 4, 4]}
layers:
  - map:
      - conv: 4
      - batch_norm: {}
        own: true
      - relu
    from: [a, b]
    name: head
""",
    "shared": """
inputs: {left: [1, 12, 12], right: [1, 12, 12]}
use: std
layers:
  - layers:
      - conv_act: {out: 4, kernel: 3}
        repeat: 2
        name: unit
      - residual: [conv_bn: {out: 4, kernel: 3, act: none}]
    name: encoder
  - share: encoder
    from: right
    name: other
  - weighted_add: [encoder, other]
    name: fuse
  - share: fuse
  - share: encoder.unit
    from: left
    name: third.time
outputs: {twice: third.time, left: encoder, fused: fuse}
""",
    "heads": """
input: [3, 32, 32]
use: std
vars: {classes: 10, deep: false}
layers:
  - conv: {out: 8, kernel: 3}
  - relu
  - conv: {out: 8, kernel: 3, stride: 2}
  - global_avg_pool
  - linear: $classes
heads:
  early:
    from: conv1
    layers:
      - residual: [conv: 8, relu]
      - global_avg_pool
      - linear: $classes
  aux:
    from: conv2
    only: train
    weight: 0.3
    layers: [conv: 8, {add: [$prev, conv2]}, global_avg_pool, linear: $classes]
  second: {from: aux.add1, only: train, layers: [global_avg_pool, linear: 2]}
  features:
    from: relu1
    layers:
      - conv: 4
        when: $deep
  pair:
    from: [conv1, relu1]
    weight: 1e-3
    layers: [concat]
assert: [params > 10, {always: params < 100_000}]
""",
    "tables and parameters": """
input: [3, 33, 33]
use: std
blocks:
  twice:
    params: {body: layers, again: {rate: 0.5}}
    layers:
      - $body
      - $body
      - dropout: $again.rate
  row:
    params: {kind: name, cells: {}, with: {act: relu}}
    layers:
      - $kind: {out: $cells.width, kernel: $cells.kernel}
      - act: $with.act
layers:
  - row: {kind: conv_bn, cells: $cells}
    each:
      columns: [width, kernel]
      rows:
        - [4, 3]
        - [6, 5]
      as: cells
    name: stage
  - twice:
      body:
        - residual:
            body:
              - conv: {out: 6, kernel: 3, padding: [[1, 1], [0, 2]], init: {normal: 1e-5}}
              - scale: 1/8
              - drop_path: 0.1
            shortcut: when_same
        - act: {leaky_relu: {slope: 0.1}}
  - conv: {out: $width, kernel: [1, 3], padding: [0, 1], dilation: 2}
    each: {width: [4, 2]}
    name: w$width
    when: $width > 2
  - act: none
  - layers: []
    when: false
""",
    "encoder and decoder": """
input: [1, 37, 53]
use: std
vars: {widths: [4, 8]}
layers:
  - layers:
      - conv_act: {out: $width, kernel: 3}
        name: skip
      - max_pool: 2
    each: {width: $widths}
    name: enc
  - conv_act: 16
  - layers:
      - upsample: {to: $skip, mode: bilinear}
      - concat: {of: [$skip, $prev], crop: center}
      - conv_act: $width
    each: {width: reverse($widths), skip: reverse($enc.*.skip)}
    name: dec
  - crop: {to: enc.1.skip}
  - conv: 2
task: segment
cite: "A. Author: U, 'V' and \\"W\\" # 2015"
""",
    "names that are words of expressions": """
input: [3, 8, 8]
layers:
  - conv: 4
    name: if
  - relu: {}
    name: "true"
  - split: 2
    name: not
  - conv: 4
    from: "'not:1'"
    name: "null"
  - add: [$prev, "'if'"]
    name: max
  - multiply: [max, "'true'"]
    name: null_
heads:
  else: {from: "'not:0'", layers: [identity]}
""",
    "only heads": """
input: [3, 8, 8]
layers:
  - conv: 4
    when: 1 > 2
heads:
  flat: {from: input, layers: [flatten]}
""",
    "open sizes": """
input: [3, 32*H + 1, W]
layers:
  - conv: {out: 4, kernel: 3, stride: 2, padding: same}
  - upsample: {to: input}
""",
}


@pytest.mark.parametrize("name", SPECS)
def test_every_part_of_the_language_written_out_is_the_same(name: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(f"archspec: 1\nname: sample\n{SPECS[name]}", encoding="utf-8")
    assert_the_same(load(path), expand(path), tmp_path)


def test_what_a_small_network_is_written_out_to(tmp_path: Path) -> None:
    """By hand: names are paths, all arguments are there, `from` only where the line above does not flow in."""
    path = tmp_path / "small.yaml"
    path.write_text(
        """
archspec: 1
name: small
input: [3, 8, 8]
vars: {width: 4}
defaults: {batch_norm: {eps: 1e-3}}
blocks:
  unit:
    params: {out: int}
    layers:
      - residual:
          body:
            - conv: {out: $out, bias: false}
            - batch_norm
          shortcut: project
layers:
  - unit: $width
  - identity: {}
    from: input
    name: aside
  - flatten: {}
    from: unit1
  - linear: $width / 2
assert: [params == 554]
""",
        encoding="utf-8",
    )
    assert (
        expand(path)
        == """\
# Written out by `archspec expand small.yaml`.
# Every layer by its name, with all its arguments; no variables, blocks, loops or defaults.
archspec: 1
name: small
input: [3, 8, 8]

layers:
  - conv: {out: 4, kernel: 1, stride: 1, padding: valid, dilation: 1, groups: 1, bias: false, init: default}
    name: unit1.conv1
  - batch_norm: {eps: 0.001, momentum: 0.1, affine: true, frozen: false}
    name: unit1.batch_norm1
  - conv: {out: 4, kernel: 1, stride: 1, padding: valid, dilation: 1, groups: 1, bias: false, init: default}
    name: unit1.shortcut.conv
    from: input
  - batch_norm: {eps: 0.001, momentum: 0.1, affine: true, frozen: false}
    name: unit1.shortcut.norm
  - add: {of: [unit1.batch_norm1, unit1.shortcut.norm], crop: none}
    name: unit1.add1

  - identity: {}
    name: aside
    from: input
  - flatten: {}
    name: flatten1
    from: unit1.add1
  - linear: {out: 2, bias: true, init: default}
    name: linear1

assert: [params == 554]
"""
    )


def test_former_names_go_along(tmp_path: Path) -> None:
    text = """
archspec: 1
name: renamed
input: [3, 8, 8]
use: std
layers:
  - conv_bn: {out: 4, kernel: 3}
    name: stem
    was: {conv: conv1, norm: batch_norm1}
  - layers:
      - conv: 4
        name: one
        was: first
      - relu
    repeat: 2
    name: stage
    was: [body, trunk]
heads:
  aux: {from: stem, was: side, layers: [conv: 2]}
"""
    path = tmp_path / "renamed.yaml"
    path.write_text(text, encoding="utf-8")
    graph = load(path)
    again = assert_the_same(graph, expand(path), tmp_path)
    names = {
        "conv1": "stem.conv",
        "batch_norm1": "stem.norm",
        "body.1.one": "stage.1.one",
        "stage.0.first": "stage.0.one",
        "trunk.0.first": "stage.0.one",
        "side.conv1": "aux.conv1",
    }
    for old, present in names.items():
        assert graph.present_name(old) == again.present_name(old) == present
        assert graph.present_name(f"{old}.weight") == again.present_name(f"{old}.weight") == f"{present}.weight"


def test_variants_and_overrides_are_written_in(tmp_path: Path) -> None:
    assert_the_same(load("resnet50", "18"), expand("resnet50", "18"), tmp_path)
    text = expand("lenet5", classes=3, input="1x36x36")
    graph = load("lenet5", classes=3, input="1x36x36")
    again = assert_the_same(graph, text, tmp_path)
    assert "assert" not in again.resolved
    assert text.startswith("# Written out by `archspec expand lenet5 --set vars.classes=3 --input 1x36x36`.\n")


def test_assertions_that_always_hold_stay(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(f"archspec: 1\nname: sample\n{SPECS['heads']}", encoding="utf-8")
    (tmp_path / "less.yaml").write_text(expand(path, classes=5), encoding="utf-8")
    assert load(tmp_path / "less.yaml").resolved["assert"] == [{"always": "params < 100_000"}]


def test_tables_fold_as_they_did(run_archspec: Any, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(expand("resnet50"), encoding="utf-8")
    lines = [line.split() for line in run_archspec("summarize", "x.yaml").stdout.splitlines()]
    theirs = [line.split() for line in run_archspec("summarize", "resnet50").stdout.splitlines()]
    assert [line[0] for line in lines if line] == [line[0] for line in theirs if line]
    assert [line[-4:] for line in lines] == [line[-4:] for line in theirs]
    assert ["stage.2.block.1–5", "block", "×5"] in [line[:3] for line in lines]


def test_what_is_too_large_to_be_read_again_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.yaml"
    path.write_text("archspec: 1\nname: long\ninput: [4, 8, 8]\nlayers:\n  - conv: 4\n    repeat: 20000\n")
    with pytest.raises(SpecError) as caught:
        expand(path)
    (found,) = caught.value.diagnostics
    assert found.code == "E532" and "20,000 layers" in found.message


def test_the_command(run_archspec: Any, tmp_path: Path) -> None:
    done = run_archspec("expand", "lenet5", "-o", "out.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "out.yaml\n", "")
    text = (tmp_path / "out.yaml").read_text(encoding="utf-8")
    assert run_archspec("expand", "lenet5").stdout == text == expand("lenet5")
    assert run_archspec("check", "out.yaml", "--strict").stdout == "out.yaml: ok\n"
    again = run_archspec("expand", "out.yaml", "-o", "out.yaml")
    assert again.returncode == 1 and "E533" in again.stderr
    assert (tmp_path / "out.yaml").read_text(encoding="utf-8") == text
    other = run_archspec("expand", "lenet5", "--set", "vars.classes=3")
    assert other.returncode == 0 and "2 assertions of the spec skipped" in other.stderr
    assert "assert" not in other.stdout
    wrong = run_archspec("expand", "lenet5", "--set", "vars.klasses=3")
    assert wrong.returncode == 1 and "E512" in wrong.stderr and not wrong.stdout


def test_warnings_are_allowed_as_far_as_they_are_given(tmp_path: Path) -> None:
    """VGG's biases before batch normalisation are meant; without batch normalisation there is nothing to allow."""
    for name, allowed in (("vgg16_bn", ["W317"]), ("vgg16", None)):
        path = tmp_path / f"{name}.yaml"
        path.write_text(expand(name), encoding="utf-8")
        assert load(path).resolved.get("allow") == allowed
        assert archspec.check(path, strict=True) == []
