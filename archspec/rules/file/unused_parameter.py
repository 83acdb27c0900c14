"""W305: a parameter of a block is used nowhere in it

Whoever passes it changes nothing: a `stride` that never reaches the convolution leaves the image as large as it was.

Bad:

    archspec: 1
    input: [3, 32, 32]
    blocks:
      down:
        params: {out: int, stride: 2}
        layers: [{conv: {out: $out, kernel: 3, padding: same}}, relu]
    layers:
      - down: {out: 16, stride: 2}
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    blocks:
      down:
        params: {out: int, stride: 2}
        layers: [{conv: {out: $out, kernel: 3, stride: $stride, padding: same}}, relu]
    layers:
      - down: {out: 16, stride: 2}
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec import source
from archspec.errors import Diagnostic
from archspec.rules.file import SpecFile, entries, mentions, reached
from archspec.rules.telling import warning

CODE = "W305"


def check(file: SpecFile) -> Iterator[Diagnostic]:
    """Parameters that a block's text does not mention.

    Blocks of which a variable chooses one take the same arguments, whether they need them or not.
    """
    if file.chooses_blocks:
        return
    for name, text in entries(file.tree.get("blocks")):
        params = text.get("params") if isinstance(text, source.Mapping) else None
        if not isinstance(params, source.Mapping):
            continue
        roots = [used for key, value in entries(text) if key != "params" for used in mentions(value)]
        used = reached(roots, {key: list(mentions(value)) for key, value in params.items()})
        for key, _ in params.entries:
            if key.text not in used:
                message = f"block '{name}' does nothing with its parameter '{key.text}'"
                yield warning(CODE, message, key.span, f"write `${key.text}` where it belongs, or remove it")
