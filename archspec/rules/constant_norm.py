"""W324: a normalisation of single values

Layer normalisation subtracts from each value the mean over the channels at its place. Of one channel the mean is the
value itself: what comes out is the shift alone, whatever comes in (Ba, Kiros and Hinton 2016, arXiv:1607.06450, eq. 3).

Bad:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - conv: {out: 1, kernel: 3, padding: same}
      - layer_norm
      - conv: {out: 16, kernel: 3, padding: same}
      - relu
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - conv: {out: 8, kernel: 3, padding: same}
      - layer_norm
      - conv: {out: 16, kernel: 3, padding: same}
      - relu
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec.errors import Diagnostic
from archspec.graph import TypedGraph
from archspec.rules.telling import about, by_place

CODE = "W324"


def check(graph: TypedGraph) -> Iterator[Diagnostic]:
    """Layer normalisations over one channel. (Groups and instances of one value are refused where they are typed.)"""
    norms = (node for node in graph.layers() if node.op.word == "layer_norm")
    for nodes in by_place(node for node in norms if graph.input_types(node)[0].channels == 1):
        message = "one value minus its mean is 0: what comes out does not depend on what comes in"
        yield about(CODE, nodes, message, "normalise where there are more channels; or leave it out")
