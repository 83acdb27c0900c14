"""The columns a table can have, by the names that `--columns` takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from archspec.analysis.receptive import Field
from archspec.analysis.summary import Summary, number
from archspec.errors import did_you_mean, fail
from archspec.render.rows import Line
from archspec.render.units import NOTHING, binary, cells_wide, clipped, decimal, grouped
from archspec.tensor import BYTES, at

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


def _train_flops(summary: Summary, found: Sequence[Line]) -> list[str]:
    sizes = summary.graph.example
    return [decimal(2 * at(sum(summary.train_macs[layer] for layer in line.layers), sizes)) for line in found]


def _of_field(figure: Callable[[Field], str]) -> Cells:
    def cells(summary: Summary, found: Sequence[Line]) -> list[str]:
        texts = ([figure(axis) for axis in summary.fields[line.layers[-1]]] for line in found)
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
    "weights": ("weights", lambda _, found: [binary(line.counts.weight_bytes, 1) for line in found]),
    "gradients": (
        "gradients",
        lambda _, found: [binary(BYTES["float32"] * line.counts.trainable_params, 1) for line in found],
    ),
    "saved": ("saved", _saved),
    "train_flops": ("train FLOPs", _train_flops),
    "field": ("field", _of_field(lambda axis: f"{'≤ ' if axis.varies else ''}{axis.size}")),
    "stride": ("stride", _of_field(lambda axis: str(number(axis.jump)))),
}


def sums(summary: Summary) -> dict[str, str]:
    """What a line of totals has in each column that can be summed; of the deployed network, as its lines."""
    totals, example = summary.figures(summary.totals), summary.graph.example
    layers = [row.name for row in summary.rows]
    return {
        "params": grouped(totals.params),
        "macs": decimal(totals.macs),
        "memory": binary(totals.activation_bytes),
        "flops": decimal(totals.flops),
        "elementwise": decimal(totals.elementwise_ops),
        "buffers": grouped(totals.buffers),
        "weights": binary(totals.weight_bytes),
        "gradients": binary(BYTES["float32"] * totals.trainable_params),
        "saved": binary(at(sum(summary.saved[name] for name in layers), example)),
        "train_flops": decimal(2 * at(sum(summary.train_macs[name] for name in layers), example)),
    }


def check(names: Sequence[str]) -> Sequence[str]:
    """The names of columns as they are. Raises SpecError E579 for an unknown one."""
    for name in names:
        if name not in KNOWN:
            raise fail("E579", f"there is no column '{name}'", hint=did_you_mean(name, [*KNOWN], "columns"))
    return names


def chosen(found: Sequence[Line], wanted: Sequence[str] | None) -> Sequence[str]:
    """The columns wanted, or the usual ones: `from` where a line has it. Raises SpecError E579 for an unknown one."""
    if wanted is not None:
        return check(wanted)
    return USUAL if any(line.sources for line in found) else USUAL[:-1]


def columns(
    summary: Summary, found: Sequence[Line], names: list[str], wanted: Sequence[str] | None = None
) -> list[Column]:
    """The names of the lines, and the columns wanted in their order. Raises SpecError E579 for an unknown one."""
    made = ((name, *KNOWN[name]) for name in chosen(found, wanted))
    shown = [Column(title, cells(summary, found), name not in ("operation", "from")) for name, title, cells in made]
    return [Column("layer", names), *shown]
