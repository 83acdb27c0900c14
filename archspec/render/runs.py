"""Runs side by side as text: a row for each setting that differs and each figure, a column a run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from archspec.errors import fail
from archspec.render.units import cells_wide, clipped, decimal, grouped
from archspec.run.figures import shown, title

if TYPE_CHECKING:
    from archspec.comparing import RunComparison

LABEL, VALUE = 30, 24
"""Characters shown of a row's name, and of a value."""


def runs_table(found: RunComparison, format: str = "text", width: int | None = None) -> str:
    """The comparison as `text`, `markdown` or `csv`; text has as many runs beside each other as the terminal holds.

    CSV has a line a run, numbers unrounded. Raises SpecError E571 for another format.
    """
    if format == "csv":
        return _csv(found)
    rows = _rows(found)
    if format == "markdown":
        heads = ["", *(run.name for run in found.runs)]
        lines = [heads, [":--", *["--:"] * len(found.runs)], *([name, *cells] for name, cells in rows if cells)]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    if format != "text":
        raise fail("E571", f"there is no format '{format}'", hint="formats: text, markdown, csv, json")
    text = "\n\n".join(_blocks(found, rows, width or get_terminal_size((80, 24)).columns))
    return "\n\n".join([text, _told(found)])


def _rows(found: RunComparison) -> list[tuple[str, list[str]]]:
    """Names and cells; a name without cells is a heading."""
    rows: list[tuple[str, list[str]]] = []
    if len(found.runs) > 1:
        rows.append(("what differs" if found.differences else "the same in all settings", []))
        rows += [(name, [_value(value) for value in values]) for name, values in found.differences.items()]
    rows.append(("what was reached", []))
    for name, told in found.figures.items():
        rows.append((told, [_figure(name, run.figures.get(name)) for run in found.runs]))
    return rows


def _blocks(found: RunComparison, rows: list[tuple[str, list[str]]], width: int) -> list[str]:
    names = [clipped(run.name, VALUE, keep_end=True) for run in found.runs]
    shown = [(clipped(name, LABEL, keep_end=True), [clipped(cell, VALUE) for cell in cells]) for name, cells in rows]
    label = max(cells_wide(name) + 2 for name, _ in shown)
    columns = [
        max(cells_wide(row[i]) for row in [names, *(cells for _, cells in shown if cells)]) for i in range(len(names))
    ]
    blocks, start = [], 0
    while start < len(names):
        end = start + 1
        while end < len(names) and label + sum(w + 2 for w in columns[start : end + 1]) <= width:
            end += 1
        blocks.append(_block(names, shown, label, columns, range(start, end)))
        start = end
    return blocks


def _block(
    names: Sequence[str], rows: list[tuple[str, list[str]]], label: int, columns: Sequence[int], part: range
) -> str:
    def line(name: str, cells: Sequence[str]) -> str:
        padded = (" " * (columns[i] - cells_wide(cells[i])) + cells[i] for i in part)
        return (name + " " * (label - cells_wide(name)) + "  ".join(["", *padded])).rstrip()

    lines = [line("", names)]
    lines.append("─" * max(map(cells_wide, lines)))
    lines += [line(f"  {name}", cells) if cells else name for name, cells in rows]
    return "\n".join(lines)


def _told(found: RunComparison) -> str:
    """The best run, in words; the one within the budget, where there is one."""
    lines = []
    if found.best is not None:
        lines.append(f"best by {title(found.merit)}: {found.best.name}")
    if found.budget_ms is not None and found.chosen is not None:
        run, latency = found.chosen, found.chosen.figures["latency_ms"] or 0.0
        lines.append(f"best by {title(found.merit)} within {found.budget_ms:g} ms: {run.name} ({latency:.2f} ms)")
    return "\n".join(lines)


def _value(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _figure(name: str, value: float | int | None) -> str:
    if value is None:
        return "–"
    if name.startswith(("val_", "train_", "test_")):
        return shown(name, value)
    if name == "macs":
        return decimal(int(value))
    if name == "seconds":
        return f"{value:.2f} s"
    return f"{value:.2f} ms" if name == "latency_ms" else grouped(int(value))


def _csv(found: RunComparison) -> str:
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(["run", *found.differences, *found.figures])
    for i, run in enumerate(found.runs):
        settings = [values[i] if values[i] is None else _value(values[i]) for values in found.differences.values()]
        rows.writerow([run.name, *settings, *(run.figures.get(name) for name in found.figures)])
    return written.getvalue().rstrip("\n")
