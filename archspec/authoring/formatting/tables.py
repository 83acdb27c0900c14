"""Rows of a table: lists or mappings of one make, one below the other, whose columns were set by hand.

    rows:
      - [1,  16, 3]
      - [6, 112, 5]

Such columns stay columns: numbers end below each other, text begins so.
"""

from __future__ import annotations

from collections.abc import Sequence

from archspec.authoring.formatting.inline import Cells, cells
from archspec.authoring.formatting.tree import Group, Item


def aligned(items: Sequence[Item], room: int) -> list[str | None]:
    """For each item of a list its line, where it is the row of a table; `room` is what a line may take."""
    found: list[str | None] = [None] * len(items)
    if not any(isinstance(item.value, Group) and item.value.spaced for item in items):
        return found
    tables: dict[tuple[str, ...], dict[int, Cells]] = {}
    for i, item in enumerate(items):
        row = cells(item.value) if isinstance(item.value, Group) and item.value.flow and not item.value.bare else None
        if row is not None:
            tables.setdefault(row.between, {})[i] = row
    for rows in tables.values():
        spaced = any(isinstance(value := items[i].value, Group) and value.spaced for i in rows)
        lines = _columns(list(rows.values()))
        if spaced and max(map(len, lines)) <= room:
            for i, line in zip(rows, lines, strict=True):
                found[i] = line
    return found


def _columns(rows: Sequence[Cells]) -> list[str]:
    """The rows with their cells in columns."""
    widths = [max(map(len, column)) for column in zip(*(row.texts for row in rows), strict=True)]
    lines = []
    for row in rows:
        line, owed = row.between[0], 0
        for text, width, after in zip(row.texts, widths, row.between[1:], strict=True):
            number = text[:1].isdigit() or text[:1] in "+-."
            line += " " * (owed + (width - len(text) if number else 0)) + text + after
            owed = 0 if number else width - len(text)
        lines.append(line)
    return lines
