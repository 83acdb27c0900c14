"""W318: an activation that changes nothing

What enters it lies where it leaves every value as it is: behind a ReLU nothing is negative, and a second one has
nothing to do. Pooling, concatenation and addition keep that, so the first is often some layers away. At the end of
a residual it points at a body that ends in its own ReLU: then the sum can only grow from block to block, which is
not the residual of the paper (He et al. 2015, arXiv:1512.03385, figure 2); `act: none` there mends it.

Bad:

    archspec: 1
    input: [16, 32, 32]
    use: std
    layers:
      - conv_bn: {out: 16, kernel: 3}
      - residual:
          - conv_bn: {out: 16, kernel: 3}
          - conv_bn: {out: 16, kernel: 3}
      - relu
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [16, 32, 32]
    use: std
    layers:
      - conv_bn: {out: 16, kernel: 3}
      - residual:
          - conv_bn: {out: 16, kernel: 3}
          - conv_bn: {out: 16, kernel: 3, act: none}
      - relu
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from archspec.errors import Diagnostic
from archspec.graph import Node, TypedGraph
from archspec.rules.ranges import KEEPS, ranges, sources
from archspec.rules.telling import about, by_place, place

CODE = "W318"


def check(graph: TypedGraph) -> Iterator[Diagnostic]:
    """Activations whose input they keep, where that is so for most of the layers that the same text became.

    The first instance of a loop often takes what the others do not: that alone is no mistake of the text.
    """
    bounds = ranges(graph)
    activations = [node for node in graph.layers() if node.op.word in KEEPS]
    found = [node for node in activations if bounds[node.inputs[0].node].within(KEEPS[node.op.word])]
    written = Counter(map(place, activations)) if found else {}
    for idle in by_place(found):
        first = idle[0]
        if 2 * len(idle) > written[place(first)]:
            before = bounds[first.inputs[0].node]
            message = f"{first.op.word} changes nothing: its input is {before}, behind {_told(sources(graph, first))}"
            summed = graph.nodes[first.inputs[0].node].op.word == "add"
            hint = "end the body of the residual with `act: none`" if summed else "remove one of the two"
            yield about(CODE, idle, message, hint)


def _told(activations: list[Node]) -> str:
    shown = " and ".join(f"{node.op.word} {node.name}" for node in activations[:2])
    return shown if len(activations) <= 2 else f"{shown} and {len(activations) - 2} more"
