"""`share` and `map`: one set of weights, several places. Parameters are counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import SpecError, load, summarize


def build(tmp_path: Path, text: str):
    path = tmp_path / "t.yaml"
    path.write_text("archspec: 1\nname: t\n" + text)
    return load(path)


def test_share_runs_a_named_part_again_with_the_same_weights(tmp_path):
    text = """
inputs: {left: [1, 8, 8], right: [%d, 8, 8]}
layers:
  - layers:
      - layers: [conv: {out: 4, kernel: 3}, relu]
        repeat: 1
        name: unit
      - flatten
    name: encoder
  - share: encoder
    from: right
    name: again
  - concat: [encoder, again]
  - linear: 2
"""
    graph = build(tmp_path, text % 1)
    assert graph.nodes["again.unit.0.conv1"].shares == "encoder.unit.0.conv1"
    assert graph.nodes["again.flatten1"].shares is None
    assert [str(t) for t in graph.nodes["again.unit.0.conv1"].inputs] == ["right"]
    assert graph.types["concat1"][0].shape == (2 * 4 * 6 * 6,)
    # 4 filters of 3×3 with biases once, and 288 × 2 weights with 2 biases
    assert summarize(graph).totals.params == 4 * 9 + 4 + 288 * 2 + 2
    with pytest.raises(SpecError) as caught:
        build(tmp_path, text % 2)
    (d,) = caught.value.diagnostics
    assert d.code == "E171" and "weight 4×2×3×3" in d.message and "weight 4×1×3×3" in d.message


def test_share_of_a_loop_and_of_one_layer(tmp_path):
    text = """
input: [3, 8, 8]
layers:
  - conv: {out: 3, kernel: 3, padding: same}
    repeat: 2
    name: chain
  - share: chain
  - share: chain.0
    name: once
  - share: once
"""
    graph = build(tmp_path, text)
    assert [node.name for node in graph.layers()] == ["chain.0", "chain.1", "share1.0", "share1.1", "once", "share3"]
    assert [node.shares for node in graph.layers()] == [None, None, "chain.0", "chain.1", "chain.0", "chain.0"]


def test_map_shares_but_for_layers_marked_own(tmp_path):
    """RetinaNet's head (Lin et al. 2017): the same convolutions on every level, normalised apart."""
    text = """
input: [3, 8, 8]
layers:
  - branches: [[conv: 4], [max_pool: 2, conv: 4]]
    join: none
  - map:
      - conv: {out: 4, kernel: 3, padding: same, bias: false}
      - batch_norm: {}
        own: true
    name: head
"""
    graph = build(tmp_path, text)
    assert [graph.types[f"head.{i}.batch_norm1"][0].shape for i in (0, 1)] == [(4, 8, 8), (4, 4, 4)]
    assert graph.nodes["head.1.conv1"].shares == "head.0.conv1" and graph.nodes["head.1.batch_norm1"].shares is None
    assert summarize(graph).totals.params == 2 * (3 * 4 + 4) + 4 * 4 * 9 + 2 * 8
    assert {name: str(tap) for name, tap in graph.outputs.items()} == {
        "branch1": "head.0.batch_norm1",
        "branch2": "head.1.batch_norm1",
    }


def test_shared_weights_are_one_tensor_in_torch(tmp_path):
    torch = pytest.importorskip("torch")
    import archspec

    text = """
inputs: {left: [1, 6, 6], right: [1, 6, 6]}
layers:
  - layers: [conv: {out: 2, kernel: 3}, flatten]
    name: encoder
  - share: encoder
    from: right
    name: other
outputs: [encoder, other]
"""
    model = archspec.compile(build(tmp_path, text))
    x = torch.rand(2, 1, 6, 6)
    assert list(model.state_dict()) == ["encoder.conv1.weight", "encoder.conv1.bias"]
    given = model(left=x, right=2 * x)
    weight, bias = model.state_dict().values()
    assert torch.allclose(given["other"], torch.nn.functional.conv2d(2 * x, weight, bias).flatten(1))
