"""Several networks side by side: a line a network, in the terminal, in Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from shutil import get_terminal_size
from typing import Any

from archspec.analysis.counts import depth
from archspec.analysis.summary import Summary, written
from archspec.analysis.weight_file import weight_file_bytes
from archspec.errors import did_you_mean, fail
from archspec.render.units import binary, cells_wide, decimal, grouped, shape

Column = tuple[str, Callable[[Summary], Any], Callable[[Any], str]]


def _peak(summary: Summary) -> int:
    return summary.training.memory.peak.bytes if summary.training else 0


def _largest(summary: Summary) -> int:
    return (summary.training.largest or 0) if summary.training else 0


COLUMNS: dict[str, Column] = {
    "params": ("params", lambda s: s.totals.params, grouped),
    "layers": ("layers", lambda s: len(s.rows), grouped),
    "depth": ("depth", lambda s: depth(s.graph), grouped),
    "macs": ("MACs", lambda s: s.figures(s.totals).macs, decimal),
    "flops": ("FLOPs", lambda s: s.figures(s.totals).flops, decimal),
    "activations": ("activations", lambda s: s.figures(s.totals).activation_bytes, binary),
    "inference": ("inference", lambda s: s.inference.peak.bytes, binary),
    "file": ("weight file", lambda s: weight_file_bytes(s.graph), binary),
    "training": ("training", _peak, binary),
    "precision": ("precision", lambda s: s.precision, str),
    "batch": ("largest batch", _largest, grouped),
}
"""Name to title, figure, and how a person reads it."""

USUAL = ("params", "depth", "macs", "activations", "inference", "file")
LEAST = ("activations", "inference", "depth", "weight file", "input", "precision")
"""What a narrow table leaves out, first to last."""
ESCAPED = str.maketrans({c: f"\\{c}" for c in "_&%$#{}"})


def comparison(
    summaries: Sequence[Summary], format: str = "table", sort: str | None = None, width: int | None = None
) -> str:
    """The networks as text, in the order given or, with `sort`, those with most of a figure first.

    A table wider than `width`, that of the terminal, leaves out what matters least.

    Raises SpecError E571 for an unknown format, E577 for a figure to sort by that is none.
    """
    columns = [*USUAL]
    if all(s.training for s in summaries):
        columns += ["precision", "training"]
        columns += ["batch"] if all(s.training and s.training.budget for s in summaries) else []
    if sort is not None:
        sort = "activations" if sort == "memory" else sort  # as the layers' table calls it
        if sort not in COLUMNS or sort == "precision":
            figures = [name for name in COLUMNS if name != "precision"]
            raise fail("E577", f"networks cannot be sorted by '{sort}'", hint=did_you_mean(sort, figures))
        summaries = sorted(summaries, key=lambda s: -COLUMNS[sort][1](s))
    if format == "csv":
        head = ["name", "input", *columns]
        rows = [[s.name, _input(s, "x"), *(str(COLUMNS[c][1](s)) for c in columns)] for s in summaries]
        return "\n".join(",".join(row) for row in [head, *rows])
    head = ["network", "input", *(COLUMNS[c][0] for c in columns)]
    rows = [[s.name, _input(s), *(COLUMNS[c][2](COLUMNS[c][1](s)) for c in columns)] for s in summaries]
    if format == "table":
        _leave_out(head, rows, get_terminal_size((100, 24)).columns if width is None else width)
    writers = {"table": _table, "markdown": _markdown, "latex": latex}
    if format not in writers:
        raise fail("E571", f"there is no format '{format}'", hint=f"formats: {', '.join([*writers, 'csv', 'json'])}")
    return writers[format](head, rows)


def to_json(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """Name, input and totals of each network."""
    wanted = {"name", "inputs", "outputs", "totals", "open"}
    return [{key: data for key, data in summary.to_json().items() if key in wanted} for summary in summaries]


def _input(summary: Summary, by: str = "×") -> str:
    types = list(summary.inputs.values())
    return ", ".join(shape(t.shape) if by == "×" else by.join(str(written(n)) for n in t.shape) for t in types)


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


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    align = [":--", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, align, *rows])


def latex(head: list[str], rows: list[list[str]], left: int = 1) -> str:
    """A tabular with the rules of booktabs, the first columns to the left."""
    spec = "l" * left + "r" * (len(head) - left)
    body = [" & ".join(_latex_cell(cell) for cell in row) + r" \\" for row in rows]
    top = " & ".join(map(_latex_cell, head)) + r" \\"
    return "\n".join(
        [rf"\begin{{tabular}}{{{spec}}}", r"\toprule", top, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
    )


def _latex_cell(text: str) -> str:
    escaped = text.translate(ESCAPED)
    for sign, command in (
        ("×", r"$\times$"),
        ("⌈", r"$\lceil$"),
        ("⌉", r"$\rceil$"),
        ("·", r"$\cdot$"),
        ("≤", r"$\le$"),
        ("–", "--"),
    ):
        escaped = escaped.replace(sign, command)
    return escaped
