"""Several networks side by side: a line a network, in the terminal, in Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from shutil import get_terminal_size
from typing import Any

from archspec.analysis.figures import OF_NETWORKS, Figure, known, named
from archspec.analysis.plain import plain
from archspec.analysis.summary import Summary
from archspec.errors import did_you_mean, fail
from archspec.render import markup
from archspec.render.units import cells_wide, numbered, shape, shown
from archspec.tensor import at


def _largest(summary: Summary) -> int:
    return (summary.training.largest or 0) if summary.training else 0


FIGURES = (
    *OF_NETWORKS,
    Figure("train_precision", "precision", "precision", "words", total=lambda s: s.precision),
    Figure("largest_batch", "batch", "largest batch", "values", total=_largest),
)
USUAL = ("params", "depth", "macs", "memory", "inference", "file")
LEAST = ("activations", "inference", "depth", "weight file", "input", "precision")
"""What a narrow table leaves out, first to last."""
FORMATS = ("table", "markdown", "latex", "csv", "json")


def comparison(
    summaries: Sequence[Summary],
    format: str = "table",
    sort: str | None = None,
    width: int | None = None,
    columns: Sequence[str] | None = None,
) -> str:
    """The networks as text, in the order given or, with `sort`, those with most of a figure first.

    A table wider than `width`, that of the terminal, leaves out what matters least, unless `columns` were chosen.
    Where an input leaves sizes open, people are shown figures at an example of them, and CSV has formulas.

    Raises SpecError E571 for an unknown format, E577 for a figure to sort by that is none, E579 for a column that is
    none, E591 for a figure of a device where none was named.
    """
    if format not in FORMATS:
        raise fail("E571", f"there is no format '{format}' of several networks", hint=f"formats: {', '.join(FORMATS)}")
    figures = [_figure(name, summaries, "E579", "networks have no column") for name in columns or _usual(summaries)]
    summaries = _sorted(summaries, sort)
    if format == "csv":
        body = [[s.name, _input(s, "x"), *(_exact(f, s) for f in figures)] for s in summaries]
        return markup.csv(["name", "input", *(f.key for f in figures)], body)
    if format == "json":
        import json

        return json.dumps(to_json(summaries), indent=2, ensure_ascii=False)
    head = ["network", "input", *(f.whole or f.title for f in figures)]
    rows = [[s.name, _input(s), *(_shown(f, s) for f in figures)] for s in summaries]
    left = [True, *(False for _ in head[1:])]
    if format != "table":
        return {"markdown": markup.markdown, "latex": markup.latex}[format](head, rows, left)
    if columns is None:
        _leave_out(head, rows, get_terminal_size((100, 24)).columns if width is None else width)
    notes = [f"{s.name} at {numbered(s.graph.example)}" for s in summaries if s.graph.sizes]
    notes += [f"{s.name} as deployed, without {', '.join(s.training_heads)}" for s in summaries if s.training_heads]
    return "\n".join([_table(head, rows), *(["", *notes] if notes else [])])


def to_json(summaries: Sequence[Summary], sort: str | None = None) -> list[dict[str, Any]]:
    """Name, input and totals of each network. Raises SpecError E577 as `comparison`."""
    wanted = {"name", "inputs", "outputs", "totals", "open", "device"}
    found = (summary.to_json() for summary in _sorted(summaries, sort))
    return [{key: data for key, data in one.items() if key in wanted} for one in found]


def _usual(summaries: Sequence[Summary]) -> list[str]:
    names = [*USUAL]
    if all(s.training for s in summaries):
        names += ["precision", "training"]
        names += ["batch"] if all(s.training and s.training.budget for s in summaries) else []
    return names + (["time"] if all(s.time for s in summaries) else [])


def _figure(name: str, summaries: Sequence[Summary], code: str, told: str) -> Figure:
    """The figure of that name. Raises SpecError with that code, E591 without the device it needs."""
    figure = named(name, FIGURES)
    if figure is None:
        raise fail(code, f"{told} '{name}'", hint=did_you_mean(name, [f.column for f in FIGURES], "figures"))
    if figure.needs == "device" and not all(known(figure, s) for s in summaries):
        raise fail("E591", f"'{name}' is a figure of a device, and none was named", hint="--device h200")
    return figure


def _sorted(summaries: Sequence[Summary], sort: str | None) -> Sequence[Summary]:
    if sort is None:
        return summaries
    figure = _figure(sort, summaries, "E577", "networks cannot be sorted by")
    if figure.unit == "words":
        raise fail("E577", f"networks cannot be sorted by '{sort}'", hint="it is no number: params, macs, memory")
    return sorted(summaries, key=lambda s: -_number(figure, s))


def _number(figure: Figure, summary: Summary) -> Any:
    """The figure; where the input leaves sizes open, at an example of them."""
    assert figure.total is not None
    value = figure.total(summary)
    return value if isinstance(value, str | float | Fraction) else at(value, summary.graph.example)


def _shown(figure: Figure, summary: Summary) -> str:
    return shown(figure.unit, _number(figure, summary))


def _exact(figure: Figure, summary: Summary) -> object:
    """As CSV has it: nothing where a figure has no formula."""
    return plain(figure.total(summary)) if figure.total and known(figure, summary) else ""


def _input(summary: Summary, by: str = "×") -> str:
    types = list(summary.inputs.values())
    return ", ".join(shape(t.shape) if by == "×" else by.join(map(str, plain(t.shape))) for t in types)


def _leave_out(head: list[str], rows: list[list[str]], width: int) -> None:
    for title in LEAST:
        widths = [max(cells_wide(row[i]) for row in [head, *rows]) for i in range(len(head))]
        if sum(widths) + 2 * (len(widths) - 1) > width and title in head:
            at = head.index(title)
            for row in [head, *rows]:
                del row[at]


def _table(head: list[str], rows: list[list[str]]) -> str:
    """Aligned, a line a network: names to the left, figures to the right."""
    widths = [max(cells_wide(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = (
            f"{cell:<{w}}" if i == 0 else f"{cell:>{w}}" for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "─" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(lines)
