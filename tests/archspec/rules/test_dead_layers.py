"""W312: layers whose output reaches no output of the network."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import networkx
import pytest

import archspec
from archspec.errors import Diagnostic
from archspec.rules.dead_layers import _stretches, check

Told = Callable[[str], list[Diagnostic]]


def test_the_stretch_is_told_at_its_beginning_with_its_size_and_its_end(told: Told) -> None:
    text = """
    input: [3, 32, 32]
    use: std
    layers:
      - conv_act: {out: 8, kernel: 3}
        name: stem
      - conv_bn: {out: 16, kernel: 3}
      - max_pool: 2
        name: last
      - conv_act: {out: 8, kernel: 3}
        from: stem
      - global_avg_pool
      - linear: 10
    """
    (found,) = told(text)
    # the convolution 3·3·8·16 and the norm's 2·16
    assert found.message == "conv_bn1.conv: it and 3 layers behind it reach no output, with 1,184 parameters"
    assert found.hint == "take 'last' up by `from`, `add`, `concat` or `outputs`"
    assert found.span is not None and found.span.line == 7  # the call, not the inside of the standard block


BESIDE = """
input: [3, 32, 32]
layers:
  - conv: 8
    name: a
  - relu: {}
    name: b
  - conv: 8
    from: a
    name: c
  - relu
  - global_avg_pool
  - linear: 10
    name: d
"""


def test_an_output_a_head_or_another_reader_keeps_layers_alive(told: Told) -> None:
    assert [d.code for d in told(BESIDE)] == ["W312"]
    assert told(BESIDE + "outputs: {features: b, scores: d}\n") == []
    assert told(BESIDE + "heads: {aux: {from: b, only: train, layers: [global_avg_pool, linear: 10]}}\n") == []
    assert told(BESIDE.replace("  - relu\n", "  - add: [b, c]\n  - relu\n")) == []


def test_what_a_loop_leaves_behind_is_told_once(told: Told) -> None:
    text = """
    input: [8, 32, 32]
    blocks:
      leaky:
        layers:
          - conv: {out: 8, kernel: 3, padding: same}
            name: kept
          - sigmoid
          - identity: {}
            from: kept
          - relu
    layers:
      - leaky
        repeat: 3
      - global_avg_pool
      - linear: 10
    """.replace("- leaky\n", "- leaky: {}\n")
    (found,) = told(text)
    assert found.message == "leaky1.0.sigmoid1 (and 2 more like it): it reaches no output"


def test_weights_that_a_living_layer_shares_are_not_wasted(told: Told) -> None:
    text = """
    inputs: {left: [1, 8, 8], right: [1, 8, 8]}
    layers:
      - layers: [conv: {out: 4, kernel: 3}, relu, global_avg_pool, linear: 3]
        name: encoder
      - share: encoder
        from: right
        name: other
    """
    (found,) = told(text)  # the encoder of `left` is computed and forgotten; its weights serve `right`
    assert found.message == "encoder.conv1: it and 3 layers behind it reach no output"


@pytest.mark.parametrize("seed", range(20))
def test_on_random_graphs_it_finds_what_networkx_does(seed: int, write_spec: Callable[..., Path]) -> None:
    rng = random.Random(seed)
    names = [f"n{i}" for i in range(40)]
    lines = ["- conv: 4\n  name: n0"]
    for i, name in enumerate(names[1:], 1):
        sources = rng.sample(names[max(0, i - 6) : i], k=min(i, rng.choice([1, 1, 2])))
        lines.append(f"- add: [{', '.join(sources)}]" if len(sources) == 2 else f"- relu: {{}}\n  from: {sources[0]}")
        lines.append(f"  name: {name}")
    graph = archspec.load(write_spec("\n".join(lines), "[3, 8, 8]"))
    view = graph.networkx()
    (output,) = (tap.node for tap in graph.outputs.values())
    dead = set(names) - networkx.ancestors(view, output) - {output}
    expected = {frozenset(part) for part in networkx.weakly_connected_components(view.subgraph(dead))}
    found = _stretches([graph.nodes[name] for name in names if name in dead])
    assert {frozenset(node.name for node in stretch) for stretch in found} == expected
    assert len(list(check(graph))) == len(expected)
