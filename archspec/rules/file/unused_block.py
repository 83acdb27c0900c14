"""W304: a block is never called

No list of layers that the network reaches calls it, in any variant. A file that only holds blocks is not asked, nor
are the blocks that `use` brings.

Bad:

    archspec: 1
    input: [3, 32, 32]
    blocks:
      stem:
        layers: [{conv: {out: 16, kernel: 3}}, relu]
      down:
        layers: [{conv: {out: 32, kernel: 3, stride: 2, padding: 1}}, relu]
    layers:
      - stem
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    blocks:
      stem:
        layers: [{conv: {out: 16, kernel: 3}}, relu]
      down:
        layers: [{conv: {out: 32, kernel: 3, stride: 2, padding: 1}}, relu]
    layers:
      - stem
      - down
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec.errors import Diagnostic
from archspec.rules.file import SpecFile
from archspec.rules.telling import warning
from archspec.spec import walk

CODE = "W304"


def check(file: SpecFile) -> Iterator[Diagnostic]:
    """Blocks of this file that nothing reached calls. Where a variable names who is called, nobody can tell."""
    if not file.graphs or file.chooses_blocks:
        return
    for name, block in file.own_blocks.items():
        if name not in file.words:
            callers = (other for other, b in file.own_blocks.items() for layer in walk(b.layers) if layer.word == name)
            by = next(callers, None)
            never = f"is called only by '{by}', which is never called" if by not in (None, name) else "is never called"
            yield warning(CODE, f"block '{name}' {never}", block.span, f"remove it, or call it: `- {name}: …`")
