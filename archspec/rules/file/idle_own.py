"""W325: `own: true` where no weights are shared

`map` runs layers with the same weights on every tensor of a bundle, and `own: true` makes an exception of one. Outside
a `map` every layer has weights of its own, and a layer without weights has none to keep apart.

Bad:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - conv: {out: 16, kernel: 3}
        own: true
      - relu
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - conv: {out: 16, kernel: 3}
      - split: [8, 8]
      - map:
          - conv: {out: 8, kernel: 3, bias: false}
          - batch_norm: {}
            own: true
          - relu
      - concat
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from archspec.errors import Diagnostic
from archspec.graph import Node, TypedGraph
from archspec.rules.file import Position, SpecFile, position
from archspec.rules.telling import warning

CODE = "W325"


def check(file: SpecFile) -> Iterator[Diagnostic]:
    """Layers of this file with `own: true` that stand in no `map`, or have nothing that could be shared.

    A part that `share` runs again may have such layers too: of files with a `share` nothing is said.
    """
    layers = list(file.layers())
    if any(layer.word == "share" for layer in layers):
        return
    own = [layer for layer in layers if layer.own]
    built = _built(file, {position(layer.span) for layer in own}) if own else {}
    for layer in own:
        if made := built.get(position(layer.span)):
            if not any(_mapped(graph, node.name) for graph, node in made):
                hint = "remove `own`: outside of `map` every layer has weights of its own"
                yield warning(CODE, f"`own` says nothing of '{layer.word}': it stands in no `map`", layer.span, hint)
            elif not any(node.op.weights(graph.input_types(node)) for graph, node in made):
                hint = "remove `own`, or move it to a layer that has weights"
                yield warning(CODE, f"`own` says nothing of '{layer.word}': it has no weights", layer.span, hint)


def _built(file: SpecFile, places: AbstractSet[Position]) -> dict[Position, list[tuple[TypedGraph, Node]]]:
    """What the layers at those places have become: nodes written as one, or entered through one."""
    found: dict[Position, list[tuple[TypedGraph, Node]]] = {}
    for graph in file.graphs:
        for node in graph.layers():
            spans = (node.span, *(frame.span for frame in (node.trail.frames() if node.trail else ())))
            for here in {position(span) for span in spans} & places:
                found.setdefault(here, []).append((graph, node))
    return found


def _mapped(graph: TypedGraph, name: str) -> bool:
    """Whether a node stands inside a `map`."""
    segments = name.split(".")
    around = (graph.scopes.get(".".join(segments[:end])) for end in range(1, len(segments)))
    return any(scope is not None and scope.word == "map" for scope in around)
