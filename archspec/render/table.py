"""The table that `summarize` prints, for people: aligned, folded to a page, with what dominates below."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from archspec.analysis.summary import Summary
from archspec.errors import fail
from archspec.render import formats
from archspec.render.fold import levels
from archspec.render.rows import Line, lines
from archspec.render.units import NOTHING, binary, decimal, grouped, numbered, share
from archspec.tensor import TensorType

GAP = "  "
NARROWEST, WIDEST = 60, 160
LEAST = {"from": 12, "operation": 14, "layer": 24}
"""Narrower than this a column of words is hard to read; the name is not cut while the others can give."""
NEEDED = {"from": 6, "operation": 6, "layer": 12}
READABLE = ("from", "operation")

BOLD, DIM = "1", "2"


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
        text = _clipped(text, self.width, keep_end=self.title == "layer")
        room = " " * (self.width - cells_wide(text))
        return room + text if self.right else text + room


def render(
    summary: Summary,
    format: str = "table",
    depth: int | None = None,
    width: int | None = None,
    color: bool | None = None,
) -> str:
    """A summary as text: `table`, `markdown`, `csv` or `json`.

    `depth` folds scopes deeper than that many levels in the table and in Markdown; CSV and JSON have
    every layer. `width` and `color` default to those of the terminal. Raises SpecError E571 for an
    unknown format.
    """
    writers: dict[str, Callable[[], str]] = {
        "table": lambda: table(summary, depth, _terminal_width() if width is None else width, _colored(color)),
        "markdown": lambda: formats.markdown(summary, depth),
        "csv": lambda: formats.csv(summary),
        "json": lambda: formats.json(summary),
    }
    if format not in writers:
        raise fail("E571", f"there is no format '{format}'", hint=f"formats: {', '.join(writers)}")
    return writers[format]()


def table(summary: Summary, depth: int | None = None, width: int = 80, color: bool = False) -> str:
    """The table at a width in columns: layers, what they are and cost, totals, what dominates."""
    paint: Callable[[str, str], str] = _paint if color else _plain
    width = min(max(width, NARROWEST), WIDEST)
    found = lines(summary, depth)
    names = [line.name for line in found]
    columns = _columns(found, names)
    headings: list[str] = []
    sources: list[str] = []
    if _over(columns, width) > _slack(columns):  # full names leave no room: scopes become headings
        headings, names = _under_headings(names)
        columns = _columns(found, names)
    if _over(columns, width) > _slack(columns) and columns[-1].title == "from":  # sources get lines of their own
        sources = columns.pop().cells
    if summary.graph.sizes:
        _leave_out(columns, width)
    _fit(columns, width)
    page = sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)
    rule = paint(DIM, "─" * page)
    out = [_heading(summary, paint), "", paint(BOLD, GAP.join(c.shown(c.title) for c in columns).rstrip()), rule]
    heavy = _heavy(found)
    scope = ""
    for i, line in enumerate(found):
        if headings and headings[i] != scope:
            scope = headings[i]
            if scope:
                out.append(paint(DIM, scope))
        cells = [column.shown(column.cells[i]) for column in columns]
        painted = [
            paint(BOLD, cell) if (line.name, column.title) in heavy else _dimmed(cell, column, paint)
            for cell, column in zip(cells, columns, strict=True)
        ]
        out.append(GAP.join(painted).rstrip())
        if sources and sources[i]:
            out.append(paint(DIM, _clipped(f"{'':{len(names[i]) - len(names[i].lstrip())}}  from {sources[i]}", width)))
    out.append(rule)
    out.extend(_totals(summary, paint))
    out.extend(_open(summary, max(page, NARROWEST), paint))
    out.extend(_dominating(summary, found, page, paint))
    out.extend(_notes(summary, found))
    return "\n".join(out)


def cells_wide(text: str) -> int:
    """Terminal cells a text takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _heading(summary: Summary, paint: Callable[[str, str], str]) -> str:
    def listed(types: Mapping[str, TensorType]) -> str:
        if len(types) == 1:
            return str(*types.values())
        return ", ".join(f"{name} {x}" for name, x in types.items())

    inputs, outputs = listed(summary.inputs), listed(summary.outputs)
    batch = f"  batch {summary.batch}" if summary.batch > 1 else ""
    example = f"  figures at {numbered(summary.graph.example)}" if summary.graph.sizes else ""
    return f"{paint(BOLD, summary.name)}  {inputs} → {outputs}{batch}{example}"


def _columns(found: Sequence[Line], names: list[str]) -> list[Column]:
    columns = [
        Column("layer", names),
        Column("operation", [line.what for line in found]),
        Column("output", [line.output for line in found], right=True),
        Column("params", [grouped(line.counts.params) for line in found], right=True),
        Column("MACs", [decimal(line.counts.macs) for line in found], right=True),
        Column("memory", [line.memory or binary(line.counts.activation_bytes, 1) for line in found], right=True),
    ]
    if any(line.sources for line in found):
        columns.append(Column("from", [line.sources for line in found]))
    return columns


def _under_headings(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Each name as the scope that heads it and the rest, indented under it."""
    headings, rests = [], []
    for name in names:
        *scope, rest = levels(name)
        headings.append(".".join(scope))
        rests.append(f"  {rest}" if scope else rest)
    return headings, rests


def _over(columns: Sequence[Column], width: int) -> int:
    return sum(c.width for c in columns) + len(GAP) * (len(columns) - 1) - width


def _slack(columns: Sequence[Column]) -> int:
    """By how much the columns of words can shrink and still be read."""
    return sum(max(0, column.width - LEAST[column.title]) for column in columns if column.title in READABLE)


def _leave_out(columns: list[Column], width: int) -> None:
    """Open sizes make shapes long: where they leave no room for what a layer is, cost goes, which stands below too."""
    for title in ("memory", "MACs"):
        if _over(columns, width) > _slack(columns):
            columns[:] = [column for column in columns if column.title != title]


def _fit(columns: list[Column], width: int) -> None:
    """Make the columns narrow enough: first `from`, then the operation, and the name last."""
    over = _over(columns, width)
    for least in (LEAST, NEEDED):
        for title in ("from", "operation", "layer"):
            column = next((c for c in columns if c.title == title), None)
            if column and over > 0:
                cut = max(0, min(over, column.width - least[title]))
                column.width -= cut
                over -= cut


def _heavy(found: Sequence[Line]) -> set[tuple[str, str]]:
    """The cells that hold a tenth of their column or more."""
    figures = {"params": "params", "MACs": "macs", "memory": "activation_bytes"}
    cells = set()
    for title, figure in figures.items():
        whole = sum(getattr(line.counts, figure) for line in found)
        cells |= {(line.name, title) for line in found if whole and getattr(line.counts, figure) * 10 >= whole}
    return cells


def _totals(summary: Summary, paint: Callable[[str, str], str]) -> list[str]:
    t = summary.figures(summary.totals)
    frozen = t.params - t.trainable_params
    trained = f"{grouped(t.trainable_params)} trainable, {grouped(frozen)} frozen" if frozen else "all trainable"
    each = f", batch {summary.batch}" if summary.batch > 1 else ""
    entries = [
        ("params", grouped(t.params), trained if t.params else ""),
        ("buffers", grouped(t.buffers), f"weights and buffers {binary(t.weight_bytes)}" if t.weight_bytes else ""),
        ("MACs", decimal(t.macs), f"FLOPs {decimal(t.flops)}, element-wise {decimal(t.elementwise_ops)}{each}"),
        ("activations", binary(t.activation_bytes), f"input and all outputs{each}"),
    ]
    if summary.params_with_aux is not None:
        heads = ", ".join(summary.training_heads)
        entries.insert(1, ("in training", grouped(summary.params_with_aux), f"params with {heads}"))
    if not t.buffers:
        size = binary(t.weight_bytes)
        entries = [e if e[0] != "params" or not t.params else (e[0], e[1], f"{e[2]}, {size}") for e in entries]
        entries = [e for e in entries if e[0] != "buffers"]
    label = max(len(e[0]) for e in entries)
    figure = max(len(e[1]) for e in entries)
    return [f"{paint(BOLD, f'{a:<{label}}')}  {b:>{figure}}  {c}".rstrip() for a, b, c in entries]


def _open(summary: Summary, width: int, paint: Callable[[str, str], str]) -> list[str]:
    if not summary.graph.sizes:
        return []
    from archspec.render.open_sizes import open_lines

    return open_lines(summary, width, lambda text: paint(BOLD, text))


def _dominating(summary: Summary, found: Sequence[Line], width: int, paint: Callable[[str, str], str]) -> list[str]:
    """For each cost the lines with most of it, where a line stands out."""
    out: list[str] = []
    totals = summary.figures(summary.totals)
    for title, figure in (("params", "params"), ("MACs", "macs"), ("memory", "activation_bytes")):
        whole = getattr(totals, figure)
        ranked = sorted(found, key=lambda line: -getattr(line.counts, figure))[:3]
        text = f"most {title:<6}  "
        for i, line in enumerate(ranked):
            part = getattr(line.counts, figure)
            entry = f"{', ' if i else ''}{line.name} {share(part, whole)}"
            if not part or part * 20 < whole or cells_wide(text + entry) > max(width, NARROWEST):
                break
            text += entry
        if not text.endswith("  ") and len(found) > 1:
            out.append(paint(DIM, text))
    return ["", *out] if out else []


def _notes(summary: Summary, found: Sequence[Line]) -> list[str]:
    layers = len(summary.rows)
    if not any(line.folded for line in found):
        return []
    return ["", f"{layers:,} layers in {len(found)} lines; --depth N folds less or more"]


def _dimmed(cell: str, column: Column, paint: Callable[[str, str], str]) -> str:
    if column.title in ("operation", "from") or cell.strip() in (NOTHING, "in place", "view"):
        return paint(DIM, cell)
    return cell


def _clipped(text: str, width: int, keep_end: bool = False) -> str:
    """The text cut to a width: its end left out, or its start; `×N` and `frozen` at the end stay."""
    if cells_wide(text) <= width:
        return text
    head, sign, last = text.rpartition(" · " if text.endswith(" · frozen") else " ×")
    mark = last == "frozen" or (last.isdigit() and not head.endswith(","))
    tail = f"{sign}{last}" if mark and not keep_end else ""
    kept = list(head if tail else text)
    while kept and cells_wide("".join(kept)) + cells_wide(tail) > width - 1:
        kept.pop(0 if keep_end else -1)
    return "…" + "".join(kept) if keep_end else "".join(kept).rstrip(" ·,") + "…" + tail


def _paint(code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m"


def _plain(code: str, text: str) -> str:
    return text


def _terminal_width() -> int:
    return shutil.get_terminal_size((100, 24)).columns


def _colored(color: bool | None) -> bool:
    if color is not None:
        return color
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
