"""W303: a variable is used nowhere

Setting it changes nothing, in the file, in a variant or on the command line. Often the number stands in the layers
a second time, or a block has a parameter of the same name: a block sees its parameters alone, so a variable has to
be passed to it. What only another unused variable mentions is unused too.

Bad:

    archspec: 1
    input: [3, 32, 32]
    vars: {classes: 10, width: 64}
    layers:
      - conv: {out: 64, kernel: 3}
      - relu
      - global_avg_pool
      - linear: $classes

Good:

    archspec: 1
    input: [3, 32, 32]
    vars: {classes: 10, width: 64}
    layers:
      - conv: {out: $width, kernel: 3}
      - relu
      - global_avg_pool
      - linear: $classes
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec import source
from archspec.errors import Diagnostic
from archspec.rules.file import SpecFile, entries, mentions, reached
from archspec.rules.telling import warning

CODE = "W303"


def check(file: SpecFile) -> Iterator[Diagnostic]:
    """Variables that neither the network's text mentions nor a variable that it mentions. All variants count."""
    variables = file.tree.get("vars")
    if not isinstance(variables, source.Mapping):
        return
    leads_to = {name: list(mentions(value)) for name, value in variables.items()}
    elsewhere = (value for key, value in file.tree.items() if key not in ("vars", "variants", "blocks"))
    roots = list(mentions(*elsewhere))
    for _, variant in entries(file.tree.get("variants")):
        for key, value in entries(variant):
            leads_to.get(key, roots).extend(mentions(value))
    used = reached(roots, leads_to)
    for name, _ in variables.entries:
        if name.text not in used:
            by = next((other for other, names in leads_to.items() if name.text in names and other != name.text), None)
            where = f"only by '{by}', which is used nowhere" if by else "nowhere"
            yield warning(CODE, f"variable '{name.text}' is used {where}", name.span, _hint(name.text, file))


def _hint(name: str, file: SpecFile) -> str:
    block = next((block.name for block in file.own_blocks.values() if name in block.params), None)
    if block is None:
        return f"write `${name}` where it belongs, or remove it"
    return f"block '{block}' has a parameter of that name, and sees nothing else: `- {block}: {{{name}: ${name}}}`"
