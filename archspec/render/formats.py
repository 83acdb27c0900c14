"""A summary for other programs and documents: JSON, CSV and Markdown."""

from __future__ import annotations

from archspec.analysis.summary import Summary, written
from archspec.render.rows import by_figure, lines
from archspec.render.units import binary, decimal, grouped
from archspec.tensor import TensorType

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


def csv(summary: Summary) -> str:
    """Every layer of the deployed graph on a line, exact figures, never folded. Shapes are `64x112x112`.

    What depends on a size that the input leaves open is a formula: `64xceil(H/2)xceil(W/2)`.
    """
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in summary.rows:
        c, span = row.counts, row.node.span
        writer.writerow(
            (
                row.name,
                row.node.op.word,
                " ".join(str(tap) for tap in row.node.inputs),
                " ".join(_shape(t) for t in row.outputs),
                c.params,
                c.trainable_params,
                c.buffers,
                written(c.macs),
                written(c.flops),
                written(c.elementwise_ops),
                written(c.activation_bytes),
                span.file,
                span.line,
                span.column,
            )
        )
    return text.getvalue().removesuffix("\n")


def _shape(tensor: TensorType) -> str:
    """`64x112x112`; `300*256x7x7` where an image has 300 of them."""
    times = f"{tensor.regions}*" if tensor.regions > 1 else ""
    return times + "x".join(str(written(n)) for n in tensor.shape)


def markdown(summary: Summary, depth: int | None = None, sort: str | None = None) -> str:
    """The table as GitHub-flavoured Markdown, with a line of totals."""
    header, rows = _cells(summary, depth, sort)
    align = [":--", ":--", "--:", "--:", "--:", "--:", ":--"]
    sums = [f"**{cell}**" if cell == "total" else cell for cell in rows[-1]]
    return "\n".join(
        "| " + " | ".join(map(_cell, cells)) + " |" for cells in (header, align[: len(header)], *rows[:-1], sums)
    )


def latex(summary: Summary, depth: int | None = None, sort: str | None = None) -> str:
    """The table as a LaTeX tabular with the rules of booktabs, with a line of totals."""
    header, rows = _cells(summary, depth, sort)
    from archspec.render.comparison import latex

    return latex(header, [*rows[:-1], rows[-1]], left=2)


def _cells(summary: Summary, depth: int | None, sort: str | None) -> tuple[list[str], list[list[str]]]:
    """Titles, and the cells of input, lines and totals; `from` where a line has it."""
    found = by_figure(lines(summary, depth), sort)
    t = summary.figures(summary.totals)
    inputs = ", ".join(f"{name} {x}" for name, x in summary.inputs.items())
    header = ("layer", "operation", "output", "params", "MACs", "memory", "from")
    body = [
        (
            line.name,
            line.what,
            line.output,
            grouped(line.counts.params),
            decimal(line.counts.macs),
            line.memory or binary(line.counts.activation_bytes, 1),
            line.sources,
        )
        for line in found
    ]
    sums = ("total", "", "", grouped(t.params), decimal(t.macs), binary(t.activation_bytes), "")
    rows = [(inputs, "input", "", "", "", binary(_input_bytes(summary), 1), ""), *body, sums]
    wanted = [i for i in range(len(header)) if i < 6 or any(row[i] for row in body)]
    return [header[i] for i in wanted], [[row[i] for i in wanted] for row in rows]


def _input_bytes(summary: Summary) -> int:
    return summary.batch * sum(t.at(summary.graph.example).nbytes for t in summary.inputs.values())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
