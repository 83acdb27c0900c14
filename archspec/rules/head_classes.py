"""W315: a head scores other classes than the network

An image has one label, and the loss of every head is computed with it: a head with fewer scores than there are
classes fails on the first label beyond them, one with more learns that the rest never occur. Often the head has the
number written out, and the network a variable.

Bad:

    archspec: 1
    input: [3, 32, 32]
    use: std
    vars: {classes: 10}
    layers:
      - conv_act: {out: 16, kernel: 3}
        name: early
      - conv_act: {out: 32, kernel: 3}
      - global_avg_pool
      - linear: $classes
    heads:
      aux: {from: early, only: train, weight: 0.3, layers: [global_avg_pool, linear: 1000]}

Good:

    archspec: 1
    input: [3, 32, 32]
    use: std
    vars: {classes: 10}
    layers:
      - conv_act: {out: 16, kernel: 3}
        name: early
      - conv_act: {out: 32, kernel: 3}
      - global_avg_pool
      - linear: $classes
    heads:
      aux: {from: early, only: train, weight: 0.3, layers: [global_avg_pool, linear: $classes]}
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec.errors import Diagnostic
from archspec.graph import TypedGraph
from archspec.rules.scores import head_scores, main_scores
from archspec.rules.telling import about

CODE = "W315"


def check(graph: TypedGraph) -> Iterator[Diagnostic]:
    """Heads with a loss whose number of scores differs from the main output's."""
    main = main_scores(graph)
    classes = graph.type_of(main).channels if main is not None else 0
    for name, tap in head_scores(graph).items():
        own = graph.type_of(tap).channels
        if own != classes:
            message = f"head '{name}' gives {own:,} scores, the network {classes:,}: one label is for both"
            yield about(CODE, [graph.nodes[tap.node]], message, "the same variable in both: `linear: $classes`")
