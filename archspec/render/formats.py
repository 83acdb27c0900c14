"""A summary for other programs and documents: JSON, CSV and Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from archspec.analysis.figures import BY_KEY, OF_LAYERS, known
from archspec.analysis.plain import plain, written
from archspec.analysis.summary import Row, Summary
from archspec.render import markup
from archspec.render.rows import lines
from archspec.render.units import NOTHING
from archspec.tensor import TensorType


def json(summary: Summary) -> str:
    """`Summary.to_json()` as text."""
    import json

    return json.dumps(summary.to_json(), indent=2, ensure_ascii=False)


WORDS: Mapping[str, Callable[[Row], object]] = {
    "name": lambda row: row.name,
    "op": lambda row: row.node.op.word,
    "inputs": lambda row: " ".join(str(tap) for tap in row.node.inputs),
    "output": lambda row: " ".join(_shape(t) for t in row.outputs),
    "file": lambda row: row.node.span.file,
    "line": lambda row: row.node.span.line,
    "column": lambda row: row.node.span.column,
}
"""Columns of CSV that are no figures."""
OF_TABLE = {"operation": "op", "output": "output", "from": "inputs"}
"""A table's columns that are no figures, and those of CSV that say the same."""


def csv(summary: Summary, sort: str | None = None, columns: Sequence[str] | None = None) -> str:
    """Every layer of the deployed graph on a line, exact figures, never folded. Shapes are `64x112x112`.

    What depends on a size that the input leaves open is a formula: `64xceil(H/2)xceil(W/2)`. With `columns` the
    layers' names and these figures; without them, those of a device are behind all others. Raises SpecError as
    `archspec.render.columns.figure_of`.
    """
    from archspec.render.columns import figure_of, in_numbers, most_first, sorting

    if columns is None:
        plain = [f.key for f in OF_LAYERS if f.needs != "device"]
        timed = [f.key for f in OF_LAYERS if f.needs == "device" and known(f, summary)]
        names = ["name", "op", "inputs", "output", *plain, "file", "line", "column", *timed]
    else:
        found = ((name, figure_of(summary, name)) for name in columns)
        names = ["name", *(figure.key if figure else OF_TABLE[name] for name, figure in found)]
    rows = list(summary.rows)
    if sort is not None:
        most = sorting(summary, sort)
        rows.sort(key=lambda row: most_first(in_numbers(summary, most, (row.name,))))
    cells = ([WORDS[name](row) if name in WORDS else _exact(summary, name, row) for name in names] for row in rows)
    return markup.csv(names, list(cells))


def _exact(summary: Summary, key: str, row: Row) -> object:
    figure = BY_KEY[key]
    assert figure.layers is not None
    value = plain(figure.layers(summary, (row.name,)))
    return "x".join(map(str, value)) if isinstance(value, list) else value


def _shape(tensor: TensorType) -> str:
    """`64x112x112`; `300*256x7x7` where an image has 300 of them."""
    times = f"{tensor.regions}*" if tensor.regions > 1 else ""
    return times + "x".join(str(written(n)) for n in tensor.shape)


def markdown(
    summary: Summary, depth: int | None = None, sort: str | None = None, columns: Sequence[str] | None = None
) -> str:
    """The table as GitHub-flavoured Markdown, with a line of totals; below it training and times, where asked for."""
    from archspec.render.totals import training

    header, rows, left = _cells(summary, depth, sort, columns)
    rows[-1][0] = f"**{rows[-1][0]}**"
    table = markup.markdown(header, rows, left)
    facts = [f"- {name}: {figure}, {text}" for name, figure, text in training(summary)]
    parts = [table, *(["\n".join(facts)] if facts else [])]
    if summary.time is not None:
        from archspec.render.roofline import markdown

        parts.append(markdown(summary.time))
    return "\n\n".join(parts)


def latex(
    summary: Summary, depth: int | None = None, sort: str | None = None, columns: Sequence[str] | None = None
) -> str:
    """The table as a LaTeX tabular with the rules of booktabs, with a line of totals."""
    return markup.latex(*_cells(summary, depth, sort, columns))


def _cells(
    summary: Summary, depth: int | None, sort: str | None, wanted: Sequence[str] | None
) -> tuple[list[str], list[list[str]], list[bool]]:
    """Titles, the cells of input, lines and totals, and which columns are to the left; `from` where a line has it."""
    from archspec.render import columns

    found = columns.by_figure(summary, lines(summary, depth), sort)
    chosen = columns.chosen(found, wanted)
    shown = columns.columns(summary, found, [line.name for line in found], chosen)
    inputs = ", ".join(f"{name} {x}" for name, x in summary.inputs.items())
    first = {name: columns.summed(summary, name, summary.graph.inputs, 1).removesuffix(NOTHING) for name in chosen}
    totals = [columns.summed(summary, name, tuple(summary.graph.nodes), 2) for name in chosen]
    rows = [
        [inputs, *({**first, "operation": "input"}[name] for name in chosen)],
        *map(list, zip(*(column.cells for column in shown), strict=True)),
        ["total", *totals],
    ]
    return [column.title for column in shown], rows, [not column.right for column in shown]
