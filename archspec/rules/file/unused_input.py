"""W309: an input is read by no layer

The first of several inputs flows into the first layer; the others flow nowhere by themselves and are taken by name.

Bad:

    archspec: 1
    inputs: {image: [3, 32, 32], depth: [1, 32, 32]}
    layers:
      - conv: {out: 16, kernel: 3}
      - relu
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    inputs: {image: [3, 32, 32], depth: [1, 32, 32]}
    layers:
      - concat: [image, depth]
      - conv: {out: 16, kernel: 3}
      - relu
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec import source
from archspec.errors import Diagnostic
from archspec.rules.file import SpecFile, words
from archspec.rules.telling import warning

CODE = "W309"


def check(file: SpecFile) -> Iterator[Diagnostic]:
    """Inputs that no network of the file reads or gives back, and whose name is not even mentioned."""
    inputs = file.tree.get("inputs")
    if not isinstance(inputs, source.Mapping) or not file.graphs:
        return
    read = {name for graph in file.graphs for name in graph.inputs if graph.consumers[name]}
    read |= {tap.node for graph in file.graphs for tap in graph.outputs.values()}
    for part in ("layers", "heads", "detect", "vars"):
        read |= set(words(file.tree.get(part), references=True))
    for key, _ in inputs.entries:
        if key.text not in read:
            hint = f"take it by name: `from: {key.text}` on a layer, or in `concat: […]`"
            yield warning(CODE, f"input '{key.text}' is read by no layer", key.span, hint)
