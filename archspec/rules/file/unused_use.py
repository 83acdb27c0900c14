"""W307: `use` brings a file of which no block is called

It costs the reader a look into that file. `use` brings blocks alone: no layers, no variables, no defaults.

Bad:

    archspec: 1
    input: [3, 32, 32]
    use: std
    layers:
      - conv: {out: 16, kernel: 3}
      - relu
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    use: std
    layers:
      - conv_act: {out: 16, kernel: 3}
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from archspec import source
from archspec.build.uses import file_of
from archspec.errors import Diagnostic
from archspec.rules.file import SpecFile, words
from archspec.rules.telling import warning
from archspec.source import Scalar

CODE = "W307"


def check(file: SpecFile) -> Iterator[Diagnostic]:
    """Items of `use` whose file has no block that this one mentions.

    A block of a file that is used by a used one may have come by any of them: then nothing is said. Nor is it
    where a variable names who is called.
    """
    use = file.tree.get("use")
    items = use.items if isinstance(use, source.Sequence) else (use,) if use is not None else ()
    if not file.graphs or file.chooses_blocks:
        return
    called = {*file.words, *words(file.tree.get("blocks"))}
    here = Path(file.tree.span.file)
    needed = {Path(file.spec.blocks[name].span.file).resolve() for name in called & file.spec.blocks.keys()}
    files = {item.text: file_of(item.text, here).resolve() for item in items if isinstance(item, Scalar)}
    if needed - {*files.values(), here.resolve()}:
        return
    for item in items:
        if isinstance(item, Scalar) and files[item.text] not in needed:
            brought = [name for name, b in file.spec.blocks.items() if Path(b.span.file).resolve() == files[item.text]]
            hint = f"remove it, or call one of its blocks: {', '.join(sorted(brought)[:8])}" if brought else "remove it"
            yield warning(CODE, f"no block of '{item.text}' is called here", item.span, hint)
