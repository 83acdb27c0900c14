"""W314: a classifier with a single score

The softmax of one score is 1 for every image, so the loss is 0 from the start and nothing is learned. Two classes
are two scores. A network that estimates a number says `task: regress`.

Bad:

    archspec: 1
    input: [3, 32, 32]
    use: std
    layers:
      - conv_act: {out: 16, kernel: 3}
      - global_avg_pool
      - linear: 1

Good:

    archspec: 1
    input: [3, 32, 32]
    use: std
    layers:
      - conv_act: {out: 16, kernel: 3}
      - global_avg_pool
      - linear: 2
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec.errors import Diagnostic
from archspec.graph import TypedGraph
from archspec.rules.scores import scores
from archspec.rules.telling import about

CODE = "W314"


def check(graph: TypedGraph) -> Iterator[Diagnostic]:
    """Outputs with a loss, of one score."""
    for tap in scores(graph):
        if graph.type_of(tap).channels == 1:
            message = "a classifier with one score: its softmax is 1 for every image, and the loss 0"
            hint = "two classes are two scores: `linear: 2`; a network that estimates a number says `task: regress`"
            yield about(CODE, [graph.nodes[tap.node]], message, hint)
