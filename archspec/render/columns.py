"""The columns a table can have, by the names that `--columns` takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from archspec.analysis.receptive import Field, fields
from archspec.analysis.summary import Summary, number
from archspec.errors import did_you_mean, fail
from archspec.render.rows import Line
from archspec.render.units import NOTHING, binary, cells_wide, clipped, decimal, grouped
from archspec.tensor import at

USUAL = ("operation", "output", "params", "macs", "memory", "from")
"""What a table shows unasked; `from` where a layer reads others than the one before."""


@dataclass(slots=True)
class Column:
    """A column of texts, all of one width, its header first."""

    title: str
    cells: list[str]
    right: bool = False
    width: int = 0

    def __post_init__(self) -> None:
        self.width = max(map(cells_wide, [self.title, *self.cells]))

    def shown(self, text: str) -> str:
        text = clipped(text, self.width, keep_end=self.title == "layer")
        room = " " * (self.width - cells_wide(text))
        return room + text if self.right else text + room


Cells = Callable[[Summary, Sequence[Line]], list[str]]


def _saved(summary: Summary, found: Sequence[Line]) -> list[str]:
    sizes = summary.graph.example
    return [binary(at(sum(summary.saved[layer] for layer in line.layers), sizes), 1) for line in found]


def _of_field(figure: Callable[[Field], str]) -> Cells:
    def cells(summary: Summary, found: Sequence[Line]) -> list[str]:
        seen = fields(summary.graph)
        texts = ([figure(axis) for axis in seen[line.layers[-1]]] for line in found)
        return ["×".join(text if len({*text}) > 1 else text[:1]) or NOTHING for text in texts]

    return cells


KNOWN: Mapping[str, tuple[str, Cells]] = {
    "operation": ("operation", lambda _, found: [line.what for line in found]),
    "output": ("output", lambda _, found: [line.output for line in found]),
    "params": ("params", lambda _, found: [grouped(line.counts.params) for line in found]),
    "macs": ("MACs", lambda _, found: [decimal(line.counts.macs) for line in found]),
    "memory": (
        "memory",
        lambda _, found: [line.memory or binary(line.counts.activation_bytes, 1) for line in found],
    ),
    "from": ("from", lambda _, found: [line.sources for line in found]),
    "flops": ("FLOPs", lambda _, found: [decimal(line.counts.flops) for line in found]),
    "elementwise": ("element-wise", lambda _, found: [decimal(line.counts.elementwise_ops) for line in found]),
    "buffers": ("buffers", lambda _, found: [grouped(line.counts.buffers) for line in found]),
    "saved": ("saved", _saved),
    "field": ("field", _of_field(lambda axis: f"{'≤ ' if axis.varies else ''}{axis.size}")),
    "stride": ("stride", _of_field(lambda axis: str(number(axis.jump)))),
}


def columns(
    summary: Summary, found: Sequence[Line], names: list[str], wanted: Sequence[str] | None = None
) -> list[Column]:
    """The names of the lines, and the columns wanted in their order. Raises SpecError E579 for an unknown one."""
    chosen = USUAL if wanted is None else wanted
    for name in chosen:
        if name not in KNOWN:
            raise fail("E579", f"there is no column '{name}'", hint=did_you_mean(name, [*KNOWN], "columns"))
    if wanted is None and not any(line.sources for line in found):
        chosen = USUAL[:-1]
    made = ((name, *KNOWN[name]) for name in chosen)
    shown = [Column(title, cells(summary, found), name not in ("operation", "from")) for name, title, cells in made]
    return [Column("layer", names), *shown]
