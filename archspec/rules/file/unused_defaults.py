"""W308: `defaults` are for layers that the network does not have

The numbers meant for them reach no layer: the network normalises with another operator than the one named, say. All
variants are looked at.

Bad:

    archspec: 1
    input: [3, 32, 32]
    defaults: {layer_norm: {eps: 1e-3}}
    layers:
      - conv: {out: 16, kernel: 3, bias: false}
      - batch_norm
      - relu
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    defaults: {batch_norm: {eps: 1e-3}}
    layers:
      - conv: {out: 16, kernel: 3, bias: false}
      - batch_norm
      - relu
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec import source
from archspec.errors import Diagnostic
from archspec.rules.file import SpecFile, entries
from archspec.rules.telling import warning

CODE = "W308"


def check(file: SpecFile) -> Iterator[Diagnostic]:
    """Operators with defaults of which no network has a layer, and that the text does not even mention."""
    if not file.graphs:
        return
    built = file.operators()
    there = ", ".join(sorted(built - {"input"}))
    variants = (variant for _, variant in entries(file.tree.get("variants")))
    for stated in (file.tree, *variants):
        defaults = stated.get("defaults") if isinstance(stated, source.Mapping) else None
        for key, _ in defaults.entries if isinstance(defaults, source.Mapping) else ():
            # one that is mentioned waits behind a `when`, or in a variable
            if key.text not in built and key.text not in file.words:
                yield warning(CODE, f"no layer here is a '{key.text}'", key.span, f"there are {there}")
