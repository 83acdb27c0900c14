"""W326: `map` runs over a single tensor

Then it is a group with a longer name: its layers run once, under `map1.0`. Mostly the bundle was meant that the layers
above make, and one of their tensors was taken. A `map` in a block may be called with as many tensors as its caller has,
and is left alone.

Bad:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - conv: {out: 16, kernel: 3}
      - split: [8, 8]
        name: halves
      - map: [{conv: 8}, relu]
        from: halves:0
      - concat: [halves:1, $prev]
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - conv: {out: 16, kernel: 3}
      - split: [8, 8]
      - map: [{conv: 8}, relu]
      - concat
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from archspec.errors import Diagnostic
from archspec.graph import TypedGraph
from archspec.rules.file import Position, SpecFile, position
from archspec.rules.telling import warning
from archspec.spec import walk

CODE = "W326"


def check(file: SpecFile) -> Iterator[Diagnostic]:
    """Each `map` of the network and its heads that no instance, in no variant, runs over more than one tensor."""
    maps = [
        layer for block, stretch in file.stretches if block is None for layer in walk(stretch) if layer.word == "map"
    ]
    scopes = [_scopes(graph) for graph in file.graphs] if maps else []
    for layer in maps:
        here = position(layer.span)
        tensors = [number for paths in scopes for number in _tensors(paths.get(here, []))]
        if tensors and max(tensors) == 1:
            hint = "write its layers without `map`, or give it the bundle: `from: [a, b]`, or a layer that makes one"
            yield warning(CODE, "`map` runs over one tensor here, as its layers alone would", layer.span, hint)


def _scopes(graph: TypedGraph) -> dict[Position, list[str]]:
    """The paths of the scopes that each `map` of the text has made."""
    found: dict[Position, list[str]] = {}
    for path, scope in graph.scopes.items():
        if scope.word == "map":
            found.setdefault(position(scope.span), []).append(path)
    return found


def _tensors(paths: Collection[str]) -> Iterable[int]:
    """Over how many tensors each instance of a `map` runs: the innermost scopes that it has made hold one each."""
    outer = {path.rpartition(".")[0] for path in paths}
    return Counter(path.rpartition(".")[0] for path in paths if path not in outer).values()
