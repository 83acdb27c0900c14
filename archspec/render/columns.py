"""The columns a table can have, by the names that `--columns` takes, and the figures that lines are sorted by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archspec.analysis.figures import OF_LAYERS, Figure, known, named
from archspec.analysis.summary import Summary
from archspec.errors import did_you_mean, fail
from archspec.render.rows import Line
from archspec.render.units import cells_wide, clipped, shown
from archspec.tensor import at

WORDS = {"operation": "what", "output": "output", "from": "sources"}
"""Columns that are no figures, and where a line has them."""
KNOWN = ("operation", "output", *(figure.column for figure in OF_LAYERS), "from")
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


def figure_of(summary: Summary, name: str) -> Figure | None:
    """The figure of a column; None for one of words.

    Raises SpecError E579 for an unknown one, E591 for one of a device where there is none.
    """
    if name in WORDS:
        return None
    figure = named(name, OF_LAYERS)
    if figure is None:
        raise fail("E579", f"there is no column '{name}'", hint=did_you_mean(name, KNOWN, "columns"))
    return needed(summary, figure, name)


def needed(summary: Summary, figure: Figure, name: str) -> Figure:
    """The figure, which needs nothing that is not there. Raises SpecError E591."""
    if figure.needs == "device" and not known(figure, summary):
        raise fail("E591", f"'{name}' is a figure of a device, and none was named", hint="--device h200")
    return figure


def by_figure(summary: Summary, found: list[Line], sort: str | None) -> list[Line]:
    """The lines with most of a figure first; as they run where None. Raises SpecError E577 for an unknown figure."""
    if sort is None:
        return found
    figure = sorting(summary, sort)
    return sorted(found, key=lambda line: most_first(in_numbers(summary, figure, line.layers)))


def sorting(summary: Summary, sort: str) -> Figure:
    """The figure to sort layers by. Raises SpecError E577 for an unknown one, E591 without its device."""
    ordered = [figure for figure in OF_LAYERS if figure.unit != "words"]
    figure = named(sort, ordered)
    if figure is None:
        hint = did_you_mean(sort, [figure.column for figure in ordered], "figures")
        raise fail("E577", f"layers cannot be sorted by '{sort}'", hint=hint)
    return needed(summary, figure, sort)


def most_first(value: Any) -> Any:
    """What puts the largest first, of axes the largest of the first axis."""
    return [-axis for axis in value] or [0] if isinstance(value, tuple) else -value


def in_numbers(summary: Summary, figure: Figure, names: Sequence[str]) -> Any:
    """A figure of layers; where the input leaves sizes open, at an example of them."""
    assert figure.layers is not None
    value = figure.layers(summary, names)
    return value if isinstance(value, tuple | str | float) else at(value, summary.graph.example)


def columns(summary: Summary, found: Sequence[Line], names: list[str], chosen: Sequence[str]) -> list[Column]:
    """The names of the lines, and the columns chosen in their order. Raises SpecError as `figure_of`."""
    return [Column("layer", names), *(_column(summary, found, name) for name in chosen)]


def _column(summary: Summary, found: Sequence[Line], name: str) -> Column:
    figure = figure_of(summary, name)
    if figure is None:
        return Column(name, [getattr(line, WORDS[name]) for line in found], right=name == "output")
    return Column(figure.title, [_cell(summary, figure, line) for line in found], right=figure.unit != "words")


def _cell(summary: Summary, figure: Figure, line: Line) -> str:
    if figure.column == "memory" and line.memory:
        return line.memory
    text = shown(figure.unit, in_numbers(summary, figure, line.layers), 1 if figure.unit == "bytes" else 2)
    varies = figure.column == "field" and any(axis.varies for axis in summary.fields[line.layers[-1]])
    return f"≤ {text}" if varies else text


def summed(summary: Summary, name: str, layers: Sequence[str], places: int) -> str:
    """What a line of inputs or of totals has in a column: nothing where figures do not add up, or there are none."""
    figure = figure_of(summary, name)
    if figure is None or figure.unit in ("cells", "words"):
        return ""
    if figure.needs == "device":
        layers = [layer for layer in layers if layer not in summary.inputs]
    return shown(figure.unit, in_numbers(summary, figure, layers), places) if layers else ""


def chosen(found: Sequence[Line], wanted: Sequence[str] | None) -> Sequence[str]:
    """The columns wanted, or the usual ones: `from` where a line has it."""
    if wanted is not None:
        return wanted
    return USUAL if any(line.sources for line in found) else USUAL[:-1]
