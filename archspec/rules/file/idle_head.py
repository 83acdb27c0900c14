"""W316: a head with weight 0 that is there to be trained

Its loss is multiplied by 0: its weights stay as they were initialised, and nothing reaches the layers before it. A
head without weights of its own, that gives out features, may well have weight 0.

Bad:

    archspec: 1
    input: [3, 32, 32]
    use: std
    layers:
      - conv_act: {out: 16, kernel: 3}
        name: early
      - conv_act: {out: 32, kernel: 3}
      - global_avg_pool
      - linear: 10
    heads:
      aux: {from: early, only: train, weight: 0, layers: [global_avg_pool, linear: 10]}

Good:

    archspec: 1
    input: [3, 32, 32]
    use: std
    layers:
      - conv_act: {out: 16, kernel: 3}
        name: early
      - conv_act: {out: 32, kernel: 3}
      - global_avg_pool
      - linear: 10
    heads:
      aux: {from: early, only: train, weight: 0.3, layers: [global_avg_pool, linear: 10]}
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec.errors import Diagnostic
from archspec.graph import TypedGraph
from archspec.rules.file import SpecFile
from archspec.rules.telling import counted, warning

CODE = "W316"


def check(file: SpecFile) -> Iterator[Diagnostic]:
    """Heads of weight 0 that exist only in training, or have weights of their own to learn."""
    for head in file.spec.heads:
        learned = max((_params(graph, head.name) for graph in file.graphs), default=0)
        if head.weight == 0 and file.graphs and (learned or head.only_train):
            what = f"its {counted(learned, 'parameter')} never learn" if learned else "it does nothing"
            hint = "give its loss a weight: `weight: 0.3`; or remove it"
            yield warning(CODE, f"head '{head.name}' has weight 0: {what}", head.span, hint)


def _params(graph: TypedGraph, head: str) -> int:
    """Parameters of the layers under a head's name."""
    own = (node for node in graph.layers() if node.name.startswith(f"{head}.") and node.shares is None)
    weights = (weight for node in own for weight in node.op.weights(graph.input_types(node)).values())
    return sum(weight.numel for weight in weights if weight.kind == "parameter")
