"""W306: a loop walks a list and does nothing with it

Other variables of the same loop are used, this one is not: the strides of a table were not passed on, say. A loop
of which no variable is used only counts, and is left alone.

Bad:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - layers: [{conv: {out: $width, kernel: 3, padding: same}}, relu]
        each: {width: [16, 32, 64], stride: [1, 2, 2]}
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - layers: [{conv: {out: $width, kernel: 3, stride: $stride, padding: same}}, relu]
        each: {width: [16, 32, 64], stride: [1, 2, 2]}
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec import source
from archspec.errors import Diagnostic
from archspec.rules.file import SpecFile, mentions
from archspec.rules.telling import warning
from archspec.source import Scalar

CODE = "W306"


def check(file: SpecFile) -> Iterator[Diagnostic]:
    """Loop variables that their layer does not mention, where it mentions another of the same loop."""
    for layer in file.layers():
        if layer.each is None:
            continue
        used = set(mentions(layer.args, layer.name, layer.origin, layer.when, layer.join))
        names = _variables(layer.each)
        idle = [name for name in names if name.text not in used]
        if len(idle) < len(names):
            for name in idle:
                message = f"the loop over '{layer.word}' walks '{name.text}' and does nothing with it"
                yield warning(CODE, message, name.span, f"write `${name.text}` where it belongs, or remove it")


def _variables(each: source.Mapping) -> list[Scalar]:
    """The names a loop gives to the values of its row: none of its own where whole rows are passed."""
    if each.get("rows") is None:
        return [key for key, _ in each.entries]
    columns = each.get("columns")
    if each.get("as") is not None or not isinstance(columns, source.Sequence):
        return []
    return [column for column in columns.items if isinstance(column, Scalar)]
