"""A summary for other programs and documents: JSON, CSV and Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from archspec.analysis.summary import Row, Summary, number, written
from archspec.render.rows import by_figure, lines
from archspec.render.units import binary
from archspec.tensor import BYTES, TensorType

CSV_COLUMNS = (
    "name",
    "op",
    "inputs",
    "output",
    "params",
    "trainable_params",
    "buffers",
    "macs",
    "flops",
    "elementwise_ops",
    "activation_bytes",
    "file",
    "line",
    "column",
)


def json(summary: Summary) -> str:
    """`Summary.to_json()` as text."""
    import json

    return json.dumps(summary.to_json(), indent=2, ensure_ascii=False)


EXACT: Mapping[str, str] = {
    "operation": "op",
    "output": "output",
    "params": "params",
    "macs": "macs",
    "memory": "activation_bytes",
    "from": "inputs",
    "flops": "flops",
    "elementwise": "elementwise_ops",
    "buffers": "buffers",
    "weights": "weight_bytes",
    "gradients": "gradient_bytes",
    "saved": "saved_bytes",
    "train_flops": "train_flops",
    "field": "receptive_field",
    "stride": "stride",
}
"""A table's columns, and those of CSV with the same figure."""


def csv(summary: Summary, columns: Sequence[str] | None = None) -> str:
    """Every layer of the deployed graph on a line, exact figures, never folded. Shapes are `64x112x112`.

    What depends on a size that the input leaves open is a formula: `64xceil(H/2)xceil(W/2)`. With `columns` the
    layers' names and these figures. Raises SpecError E579 for an unknown column.
    """
    import csv
    import io

    from archspec.render.columns import check

    chosen = CSV_COLUMNS if columns is None else ("name", *(EXACT[name] for name in check(columns)))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(chosen)
    for row in summary.rows:
        figures = _figures(summary, row)
        writer.writerow([figures[name]() for name in chosen])
    return text.getvalue().removesuffix("\n")


def _figures(summary: Summary, row: Row) -> dict[str, Callable[[], object]]:
    """What CSV may say of a layer, found when it is asked for."""
    c, span = row.counts, row.node.span
    return {
        "name": lambda: row.name,
        "op": lambda: row.node.op.word,
        "inputs": lambda: " ".join(str(tap) for tap in row.node.inputs),
        "output": lambda: " ".join(_shape(t) for t in row.outputs),
        "params": lambda: c.params,
        "trainable_params": lambda: c.trainable_params,
        "buffers": lambda: c.buffers,
        "macs": lambda: written(c.macs),
        "flops": lambda: written(c.flops),
        "elementwise_ops": lambda: written(c.elementwise_ops),
        "activation_bytes": lambda: written(c.activation_bytes),
        "weight_bytes": lambda: c.weight_bytes,
        "gradient_bytes": lambda: BYTES["float32"] * c.trainable_params,
        "saved_bytes": lambda: written(summary.saved[row.name]),
        "train_flops": lambda: written(2 * summary.train_macs[row.name]),
        "receptive_field": lambda: "x".join(str(axis.size) for axis in summary.fields[row.name]),
        "stride": lambda: "x".join(str(number(axis.jump)) for axis in summary.fields[row.name]),
        "file": lambda: span.file,
        "line": lambda: span.line,
        "column": lambda: span.column,
    }


def _shape(tensor: TensorType) -> str:
    """`64x112x112`; `300*256x7x7` where an image has 300 of them."""
    times = f"{tensor.regions}*" if tensor.regions > 1 else ""
    return times + "x".join(str(written(n)) for n in tensor.shape)


def markdown(
    summary: Summary, depth: int | None = None, sort: str | None = None, columns: Sequence[str] | None = None
) -> str:
    """The table as GitHub-flavoured Markdown, with a line of totals."""
    header, left, rows = _cells(summary, depth, sort, columns)
    align = [":--" if to_left else "--:" for to_left in left]
    sums = [f"**{cell}**" if cell == "total" else cell for cell in rows[-1]]
    return "\n".join("| " + " | ".join(map(_cell, cells)) + " |" for cells in (header, align, *rows[:-1], sums))


def latex(
    summary: Summary, depth: int | None = None, sort: str | None = None, columns: Sequence[str] | None = None
) -> str:
    """The table as a LaTeX tabular with the rules of booktabs, with a line of totals."""
    header, left, rows = _cells(summary, depth, sort, columns)
    from archspec.render.comparison import latex

    return latex(header, rows, left=next((i for i, to_left in enumerate(left) if not to_left), len(left)))


def _cells(
    summary: Summary, depth: int | None, sort: str | None, wanted: Sequence[str] | None
) -> tuple[list[str], list[bool], list[list[str]]]:
    """Titles, which columns are to the left, and the cells of input, lines and totals; `from` where a line has it."""
    from archspec.render import columns

    found = by_figure(lines(summary, depth), sort)
    chosen = columns.chosen(found, wanted)
    shown = columns.columns(summary, found, [line.name for line in found], chosen)
    inputs = ", ".join(f"{name} {x}" for name, x in summary.inputs.items())
    first = {"operation": "input", "memory": binary(_input_bytes(summary), 1)}
    totals = columns.sums(summary)
    rows = [
        [inputs, *(first.get(name, "") for name in chosen)],
        *map(list, zip(*(column.cells for column in shown), strict=True)),
        ["total", *(totals.get(name, "") for name in chosen)],
    ]
    return [column.title for column in shown], [not column.right for column in shown], rows


def _input_bytes(summary: Summary) -> int:
    return summary.batch * sum(t.at(summary.graph.example).nbytes for t in summary.inputs.values())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
