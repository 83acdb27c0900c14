"""W323: an input whose channels seem to stand last

An input is `[channels, height, width]`, as in torch. `[224, 224, 3]` is how TensorFlow and most image files have it:
read here it is 224 channels of 224×3 pixels.

Bad:

    archspec: 1
    input: [64, 64, 3]
    layers:
      - conv: {out: 16, kernel: 3, padding: same}
      - relu
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 64, 64]
    layers:
      - conv: {out: 16, kernel: 3, padding: same}
      - relu
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec.errors import Diagnostic
from archspec.graph import TypedGraph
from archspec.rules.telling import about

CODE = "W323"

COLORS = (1, 3, 4)
"""Channels that images come with: grey, colour, colour with transparency."""
LEAST = 16
"""From so many on a number is rather a side than a number of channels."""


def check(graph: TypedGraph) -> Iterator[Diagnostic]:
    """Inputs of two spatial axes that end in a number of colours and begin with two equal sides."""
    for name in graph.inputs:
        x = graph.types[name][0]
        if x.rank == 2 and x.shape[-1] in COLORS and x.shape[0] == x.shape[1] and not x.open and x.channels >= LEAST:
            first, _, colors = x.shape
            message = f"{first} channels of {first}×{colors} pixels"
            hint = f"channels come first: [{colors}, {first}, {first}]"
            yield about(CODE, [graph.nodes[name]], message, hint)
