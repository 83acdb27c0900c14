"""Layout → text: two spaces a level, items of a list indented by two, one line where it is short enough."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from archspec.authoring.formatting.inline import anchored, inline, key_head, leaf_text
from archspec.authoring.formatting.tables import aligned
from archspec.authoring.formatting.tree import BLANK, Comment, Group, Item, Leaf

LONGEST = 120
"""What is written on one line in brackets or braces is broken into lines where it is longer."""
JOINED = 100
"""Arguments written line by line are put on one where it is no longer."""


class Line(NamedTuple):
    """A line of text, and the comment that goes behind it."""

    text: str
    beside: Comment | None = None


def write_layout(root: Item) -> str:
    """The text of a document. Every comment is there; blank lines never stand two together."""
    lines = _indented(root.above, 0)
    value = root.value
    if isinstance(value, Group) and value.items and _on_one_line(value, 0) is None:
        lines += [Line(root.beside.text)] if root.beside is not None else []
        lines += _block(value, 0)
    else:
        lines += _entry(root, 0, "")
    kept = [line for i, line in enumerate(lines) if line.text != BLANK or (i > 0 and lines[i - 1].text != BLANK)]
    return "\n".join(_with_comments(kept)).rstrip("\n") + "\n"


def _block(group: Group, indent: int) -> list[Line]:
    """The lines of a list or mapping, one item after the other."""
    lines: list[Line] = []
    rows = [None] * len(group.items) if group.mapping else aligned(group.items, LONGEST - indent - 2)
    for i, (item, row) in enumerate(zip(group.items, rows, strict=True)):
        lines += _indented(item.above[1:] if i == 0 and item.above[:1] == [BLANK] else item.above, indent)
        if row is not None:
            lines.append(Line(f"{' ' * indent}- {row}", item.beside))
        else:
            lines += _entry(item, indent, "- " if item.key is None else key_head(item.key, flow=False))
    return lines + _indented(group.below, indent)


def _entry(item: Item, indent: int, head: str) -> list[Line]:
    """The lines of an item. `head` is its dash, or its key and colon."""
    value, margin = item.value, " " * indent
    if isinstance(value, Leaf):
        sign, text = _literal(value) or (leaf_text(value, flow=False), [])
        return [Line(f"{margin}{head}{sign}", item.beside), *_indented(text, indent + 2)]
    if not value.items:
        empty = anchored(value.anchor, "{}" if value.mapping else "[]")
        return [*_indented(value.below, indent), Line(f"{margin}{head}{empty}", item.beside)]
    line = _on_one_line(value, indent + len(head))
    if line is not None:
        return [Line(f"{margin}{head}{line}", item.beside)]
    inside = _block(value, indent + 2)
    if head != "- " or value.anchor is not None:
        return [Line(f"{margin}{head}{anchored(value.anchor, '')}".rstrip(), item.beside), *inside]
    # the first line inside stands behind the dash, and comments before it stand before the dash
    first = next(i for i, line in enumerate(inside) if line.text and not line.text.lstrip().startswith("#"))
    above = _indented([line.text.lstrip() for line in inside[:first]], indent)
    above[:0] = _indented([item.beside.text] if item.beside is not None else [], indent)
    opening = Line(f"{margin}- {inside[first].text[indent + 2 :]}", inside[first].beside)
    return [*above, opening, *inside[first + 1 :]]


def _on_one_line(group: Group, indent: int) -> str | None:
    """A list or mapping in brackets or braces, where it is written so, may be, and fits."""
    if group.bare or not (group.flow or group.joined):
        return None
    text = inline(group)
    most = LONGEST if group.flow else JOINED
    return text if text is not None and indent + len(text) <= most else None


def _literal(leaf: Leaf) -> tuple[str, list[str]] | None:
    """The sign and the lines of a text of several, where it was written line by line and can be again."""
    lines = leaf.text.removesuffix("\n").split("\n")
    safe = lines[0] and lines[-1] and not lines[0].startswith(" ") and all(line.isprintable() for line in lines)
    if leaf.kind != "literal" or "\n" not in leaf.text or not safe:
        return None
    return anchored(leaf.anchor, "|" if leaf.text.endswith("\n") else "|-"), lines


def _indented(lines: list[str], indent: int) -> list[Line]:
    return [Line(f"{' ' * indent}{line}" if line else BLANK) for line in lines]


def _with_comments(lines: list[Line]) -> Iterator[str]:
    """The lines with their comments, as far apart as they were. Those of lines one below the other that were set into
    one column stand in one again, as far behind the longest line as they were."""
    for column, run in groupby(lines, key=lambda line: None if line.beside is None else line.beside.column):
        if column is None:
            yield from (line.text for line in run)
            continue
        together = [(line.text, line.beside) for line in run if line.beside is not None]
        gaps = [beside.gap for _, beside in together]
        width = max(len(text) for text, _ in together) + min(gaps) if max(gaps) > 1 else 0
        yield from (f"{f'{text} '.ljust(width)}{beside.text}" for text, beside in together)
