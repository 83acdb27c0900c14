"""Written names that are paths: as if groups of those names stood around the layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archspec import SpecError, load
from archspec.graph import TypedGraph


def build(tmp_path: Path, layers: str) -> TypedGraph:
    path = tmp_path / "paths.yaml"
    path.write_text(f"archspec: 1\nname: paths\nuse: std\ninput: [3, 16, 16]\nlayers:\n{layers}", encoding="utf-8")
    return load(path)


def wiring(graph: TypedGraph) -> list[Any]:
    return [(node.name, node.op, [str(tap) for tap in node.inputs], node.shares) for node in graph.layers()]


def test_paths_are_the_names_that_groups_give(tmp_path: Path) -> None:
    groups = build(
        tmp_path,
        """
  - conv_bn: {out: 4, kernel: 3}
    name: stem
  - layers:
      - layers:
          - conv: 4
          - relu
        name: skip
      - max_pool: 2
    repeat: 2
    name: enc
  - concat: enc.*
    when: false
  - upsample: {to: enc.0.skip}
  - add: [$prev, enc.0.skip]
""",
    )
    paths = build(
        tmp_path,
        """
  - conv: {out: 4, kernel: 3, padding: same, bias: false}
    name: stem.conv
  - {batch_norm: {}, name: stem.norm}
  - {relu: {}, name: stem.act}
  - {conv: 4, name: enc.0.skip.conv1}
  - {relu: {}, name: enc.0.skip.relu1}
  - {max_pool: 2, name: enc.0.max_pool1}
  - {conv: 4, name: enc.1.skip.conv1}
  - {relu: {}, name: enc.1.skip.relu1}
  - {max_pool: 2, name: enc.1.max_pool1}
  - upsample: {to: enc.0.skip}
  - add: [$prev, enc.0.skip.relu1]
    name: add1
""",
    )
    assert wiring(paths) == wiring(groups)
    assert list(paths.scopes) == list(groups.scopes)
    assert [scope.index for scope in paths.scopes.values()] == [scope.index for scope in groups.scopes.values()]


def test_a_path_in_front_of_a_block_a_loop_and_a_share(tmp_path: Path) -> None:
    graph = build(
        tmp_path,
        """
  - conv_bn: {out: 3, kernel: 3, act: none}
    repeat: 2
    name: body.first
  - share: body.first
    name: body.second
  - conv: $width
    each: {width: [4, 8]}
    name: tail.$index
  - concat: tail.*
""",
    )
    assert [name for name in graph.nodes if name.endswith("conv")] == [
        "body.first.0.conv", "body.first.1.conv", "body.second.0.conv", "body.second.1.conv",
    ]  # fmt: skip
    assert graph.nodes["body.second.1.conv"].shares == "body.first.1.conv"
    assert [str(tap) for tap in graph.nodes["concat1"].inputs] == ["tail.0", "tail.1"]
    assert graph.types["concat1"][0].channels == 12


def test_a_dot_begins_at_the_outermost_list(tmp_path: Path) -> None:
    graph = build(
        tmp_path,
        """
  - {conv: 4, name: seen}
  - layers:
      - {conv: 4, name: seen}
      - add: [seen, .seen]
      - add: [$prev, .seen:0]
      - {share: .seen, from: .input}
    name: inner
""",
    )
    taken = {name: [str(tap) for tap in node.inputs] for name, node in graph.nodes.items()}
    assert taken["inner.add1"] == ["inner.seen", "seen"]
    assert taken["inner.add2"] == ["inner.add1", "seen"]
    assert taken["inner.share1"] == ["input"] and graph.nodes["inner.share1"].shares == "seen"


def test_scopes_are_called_what_their_names_tell(tmp_path: Path) -> None:
    graph = build(
        tmp_path,
        """
  - {conv: 4, name: stage.0.block.0.conv_bn2.conv}
  - {relu: {}, name: stage.0.block.0.relu1}
  - {conv: 4, name: stage.0.block.1.branch1.a}
  - {conv: 4, name: stage.0.block.1.shortcut.conv}
""",
    )
    assert {path: scope.word for path, scope in graph.scopes.items()} == {
        "stage": "group",
        "stage.0": "group",
        "stage.0.block": "group",
        "stage.0.block.0": "block",
        "stage.0.block.0.conv_bn2": "conv_bn",
        "stage.0.block.1": "group",
        "stage.0.block.1.branch1": "branch",
        "stage.0.block.1.shortcut": "shortcut",
    }


@pytest.mark.parametrize(
    ("layers", "code", "message"),
    [
        ("  - {relu: {}, name: a..b}", "E112", "'a..b' is not a name"),
        ("  - {relu: {}, name: 1.a}", "E112", "'1.a' is not a name"),
        ("  - {relu: {}, name: a.b-c}", "E112", "'a.b-c' is not a name"),
        ("  - {relu: {}, name: a.}", "E112", "'a.' is not a name"),
        ("  - {relu: {}, name: a.b}\n  - {tanh: {}, name: a.b}", "E113", "two layers of this list are called 'a.b'"),
        ("  - {relu: {}, name: a.b}\n  - {tanh: {}, name: a}", "E113", "two layers of this list are called 'a'"),
        ("  - {relu: {}, name: a}\n  - {tanh: {}, name: a.b}", "E113", "'a' is a layer of this list"),
        ("  - {layers: [relu], name: a}\n  - {tanh: {}, name: a.b}", "E113", "'a' is a layer of this list"),
        ("  - {relu: {}, name: a.b}\n  - {add: [$prev, a.c]}", "E121", "no layer here is called 'a.c'"),
        ("  - {relu: {}, name: a.b}\n  - {add: [$prev, .b]}", "E121", "no layer here is called '.b'"),
        ("  - {relu: {}, name: a.b, when: false}\n  - {add: [$prev, a.b]}", "E121", "left out"),
        ("  - {relu: {}, name: a.b}\n  - {share: a}", "E170", "not a part that can run again"),
    ],
)
def test_paths_that_are_refused(layers: str, code: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        build(tmp_path, layers + "\n")
    (found,) = caught.value.diagnostics
    assert found.code == code and message in found.message


@pytest.mark.parametrize(
    "layers",
    [
        "  - {relu: {}, name: shortcut}\n  - residual: {body: [conv: 5], shortcut: project}",
        "  - {layers: [relu], name: add1}\n  - residual: [conv: 3]",
        "  - branches: [[relu], []]\n    join: add\n  - {layers: [relu], name: add1}",
    ],
)
def test_what_holds_layers_is_no_layer_itself(layers: str, tmp_path: Path) -> None:
    """Else names would not tell the one from the other: `add1` and `add1.relu1`."""
    with pytest.raises(SpecError) as caught:
        build(tmp_path, layers + "\n")
    assert [d.code for d in caught.value.diagnostics] == ["E113"]


def test_expressions_in_references_reach_the_neighbour(tmp_path: Path) -> None:
    """`${…}` in a reference is replaced as in names, also in the middle of a path and behind a leading dot."""
    found = build(
        tmp_path,
        """
  - relu: {}
    name: col$i.x
    from: input
    each: {i: 0..2}
  - add: ["col${$i}.x", "col${$i + 1}.x"]
    name: pair$i
    each: {i: [0, 1]}
  - conv: 3
    name: last$i
    from: ".pair${1 - $i}"
    each: {i: [0, 1]}
""",
    )
    taken = {node.name: [str(tap) for tap in node.inputs] for node in found.layers()}
    assert taken["pair0"] == ["col0.x", "col1.x"] and taken["pair1"] == ["col1.x", "col2.x"]
    assert taken["last0"] == ["pair1"] and taken["last1"] == ["pair0"]


def test_a_slice_takes_some_instances(tmp_path: Path) -> None:
    found = build(
        tmp_path,
        """
  - layers: [{conv: 3, name: x}]
    name: col
    repeat: 3
  - concat: $col.*.x[1:]
""",
    )
    assert [str(tap) for tap in found.nodes["concat1"].inputs] == ["col.1.x", "col.2.x"]


def test_an_expression_in_a_reference_that_leads_nowhere_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no layer here is called 'x2'"):
        build(tmp_path, '  - relu: {}\n    name: x1\n  - relu: {}\n    from: "x${1 + 1}"\n')
