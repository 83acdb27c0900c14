"""The table that `summarize` prints, for people: aligned, folded to a page, with what dominates below."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from textwrap import wrap

from archspec.analysis.summary import Summary
from archspec.errors import fail
from archspec.render import formats
from archspec.render.columns import Column, by_figure, chosen
from archspec.render.columns import columns as make_columns
from archspec.render.fold import levels
from archspec.render.rows import Line, lines
from archspec.render.totals import dominating, totals
from archspec.render.units import NOTHING, clipped, numbered
from archspec.tensor import TensorType

GAP = "  "
NARROWEST, WIDEST = 60, 160
LEAST = {"from": 12, "operation": 14, "layer": 24}
"""Narrower than this a column of words is hard to read; the name is not cut while the others can give."""
NEEDED = {"from": 6, "operation": 6, "layer": 12}
READABLE = ("from", "operation")

BOLD, DIM = "1", "2"


def render(
    summary: Summary,
    format: str = "table",
    depth: int | None = None,
    width: int | None = None,
    color: bool | None = None,
    sort: str | None = None,
    columns: Sequence[str] | None = None,
) -> str:
    """A summary as text: `table`, `markdown`, `latex`, `notes`, `csv` or `json`.

    `sort` puts the lines of a table, Markdown, LaTeX and CSV with most of a figure first; `columns` says which these
    have (`archspec.render.columns.KNOWN`).

    `depth` folds scopes deeper than that many levels in the table, Markdown and LaTeX; CSV and JSON have
    every layer. What training takes and the time on a device, where the summary has them, are below the table and in
    Markdown. `width` and `color` default to those of the terminal. Raises SpecError E571 for an
    unknown format, E577 for an unknown figure, E579 for an unknown column, E591 for one of a device where there is
    none, E578 for a network that the notes' layout has no lines for.
    """
    writers: dict[str, Callable[[], str]] = {
        "table": lambda: _page(
            summary, depth, _terminal_width() if width is None else width, _colored(color), sort, columns
        ),
        "markdown": lambda: formats.markdown(summary, depth, sort, columns),
        "latex": lambda: formats.latex(summary, depth, sort, columns),
        "notes": lambda: _notes_layout(summary),
        "csv": lambda: formats.csv(summary, sort, columns),
        "json": lambda: formats.json(summary),
    }
    if format not in writers:
        raise fail("E571", f"there is no format '{format}'", hint=f"formats: {', '.join(writers)}")
    return writers[format]()


def _page(
    summary: Summary, depth: int | None, width: int, color: bool, sort: str | None, columns: Sequence[str] | None
) -> str:
    """The table, and below it the time on a device where the summary has one."""
    text = table(summary, depth, width, color, sort, columns)
    if summary.time is None:
        return text
    from archspec.render.roofline import section

    return f"{text}\n\n{section(summary.time, min(max(width, NARROWEST), WIDEST))}"


def _notes_layout(summary: Summary) -> str:
    from archspec.render.notes import notes  # few want it

    return notes(summary)


def table(
    summary: Summary,
    depth: int | None = None,
    width: int = 80,
    color: bool = False,
    sort: str | None = None,
    wanted: Sequence[str] | None = None,
) -> str:
    """The table at a width in columns: layers, what they are and cost, totals, what dominates."""
    paint: Callable[[str, str], str] = _paint if color else _plain
    width = min(max(width, NARROWEST), WIDEST)
    found = by_figure(summary, lines(summary, depth), sort)
    wanted = chosen(found, wanted)
    names = [line.name for line in found]
    columns = make_columns(summary, found, names, wanted)
    headings: list[str] = []
    sources: list[str] = []
    if sort is None and _over(columns, width) > _slack(columns):  # full names leave no room: scopes become headings
        headings, names = _under_headings(names)
        columns = make_columns(summary, found, names, wanted)
    if _over(columns, width) > _slack(columns) and columns[-1].title == "from":  # sources get lines of their own
        sources = columns.pop().cells
    if summary.graph.sizes:
        _leave_out(columns, width)
    _fit(columns, width)
    page = sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)
    rule = paint(DIM, "─" * page)
    out = [
        *_heading(summary, width, paint),
        "",
        paint(BOLD, GAP.join(c.shown(c.title) for c in columns).rstrip()),
        rule,
    ]
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
            out.append(paint(DIM, clipped(f"{'':{len(names[i]) - len(names[i].lstrip())}}  from {sources[i]}", width)))
    out.append(rule)
    out.extend(totals(summary, width, paint))
    out.extend(_open(summary, max(page, NARROWEST), paint))
    out.extend(dominating(summary, found, max(page, NARROWEST), paint))
    out.extend(_notes(summary, found))
    return "\n".join(out)


def _heading(summary: Summary, width: int, paint: Callable[[str, str], str]) -> list[str]:
    """Name, inputs and outputs, in lines of at most `width`; an output stays beside its size."""

    def listed(types: Mapping[str, TensorType]) -> str:
        if len(types) == 1:
            return str(*types.values())
        return ", ".join(f"{name}\N{NO-BREAK SPACE}{x}" for name, x in types.items())

    inputs, outputs = listed(summary.inputs), listed(summary.outputs)
    batch = f"  batch {summary.batch}" if summary.batch > 1 else ""
    example = f"  figures at {numbered(summary.graph.example)}" if summary.graph.sizes else ""
    told = f"{summary.name}  {inputs} → {outputs}{batch}{example}"
    first, *more = wrap(told, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    named = paint(BOLD, summary.name) + first.removeprefix(summary.name)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in (named, *more)]


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


def _open(summary: Summary, width: int, paint: Callable[[str, str], str]) -> list[str]:
    if not summary.graph.sizes:
        return []
    from archspec.render.open_sizes import open_lines

    return open_lines(summary, width, lambda text: paint(BOLD, text))


def _notes(summary: Summary, found: Sequence[Line]) -> list[str]:
    layers = len(summary.rows)
    if not any(line.folded for line in found):
        return []
    return ["", f"{layers:,} layers in {len(found)} lines; --depth N folds less or more"]


def _dimmed(cell: str, column: Column, paint: Callable[[str, str], str]) -> str:
    if column.title in ("operation", "from") or cell.strip() in (NOTHING, "in place", "view"):
        return paint(DIM, cell)
    return cell


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
