"""A page of Markdown for a terminal: wrapped, tables aligned, examples indented."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator

Paint = Callable[[str, str], str]
HEADINGS = {"Bad": "31;1", "Good": "32;1"}
"""Colours of headings; all others are bold."""

_TABLE = re.compile(r"\|.*\n\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*(?:\n|$)")
"""How a table begins: a row, and below it the row of dashes. Text may begin with `|x|` as well."""
_SPAN = re.compile(r"`[^`]+`")
_NARROWEST = 8
"""Columns of a table are not made narrower than this."""
_WHOLE = 40
"""Code within text up to this length stands in one line."""


def page(text: str, width: int = 80, color: bool = False) -> str:
    """Markdown as text of at most that many columns, save where an example's line is longer."""
    paint: Paint = (lambda code, shown: f"\x1b[{code}m{shown}\x1b[0m") if color else (lambda code, shown: shown)
    return "\n".join(line.rstrip() for line in _lines(text, width, paint)).strip("\n")


def _lines(text: str, width: int, paint: Paint) -> Iterator[str]:
    for fence, body in _parts(text):
        if fence:
            yield from (f"    {line}" for line in body.splitlines())
            yield ""
            continue
        for paragraph in re.split(r"\n{2,}", body.strip("\n")):
            yield from _paragraph(paragraph, width, paint)
            yield ""


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """The text in turns outside and inside of fences."""
    for i, part in enumerate(re.split(r"^```\w*\n(.*?)^```$", text, flags=re.S | re.M)):
        if part.strip():
            yield i % 2 == 1, part


def _paragraph(text: str, width: int, paint: Paint) -> Iterator[str]:
    if text.startswith("#"):
        title = text.lstrip("# ")
        yield from (paint(HEADINGS.get(title, "1"), line) for line in _wrapped(title, width))
    elif _TABLE.match(text):
        yield from _table(text.split("\n"), width)
    elif text.startswith("- "):
        for item in re.split(r"\n(?=- )", text):
            yield from (_code(line, paint) for line in _wrapped(_inline(item[2:]), width, "- ", "  "))
    else:
        yield from (_code(line, paint) for line in _wrapped(_inline(text), width))


def _inline(text: str) -> str:
    """Text without Markdown's marks, but for those of code, inside of which no line is broken if it is short."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    parts = re.split(r"(`[^`]+`)", text)
    parts[::2] = [part.replace("**", "").replace("\\*", "*") for part in parts[::2]]
    parts[1::2] = [re.sub(r"\s+", "\xa0", part) if len(part) <= _WHOLE else part for part in parts[1::2]]
    return "".join(parts)


def _wrapped(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    lines = textwrap.wrap(
        re.sub(r"[ \n]+", " ", text).strip(" "),
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )
    return [line.replace("\xa0", " ") for line in lines]


def _code(line: str, paint: Paint) -> str:
    return _SPAN.sub(lambda match: paint("36", match[0]), line)


def _table(lines: list[str], width: int) -> Iterator[str]:
    """Columns two apart, as wide as they need; the widest ones wrap where there is no room.

    There are as many as the row of dashes has; cells that a row lacks are empty, and what it has beyond them stays
    in its last one.
    """
    right = [rule.strip().endswith(":") for rule in lines[1].strip().strip("|").split("|")]
    bare = [_inline(line).replace("\xa0", " ").replace("`", "").strip() for line in (lines[0], *lines[2:])]
    inside = [line.removeprefix("|").removesuffix("|").split(" | ", len(right) - 1) for line in bare]
    rows = [[*(cell.strip() for cell in cells), *[""] * (len(right) - len(cells))] for cells in inside]
    widths = [max(1, *(len(row[i]) for row in rows)) for i in range(len(right))]
    while sum(widths) + 2 * len(widths) - 2 > width and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    for row in rows:
        cells = [_wrapped(cell, n) or [""] for cell, n in zip(row, widths, strict=True)]
        for i in range(max(map(len, cells))):
            shown = (cell[i] if i < len(cell) else "" for cell in cells)
            yield "  ".join(
                text.rjust(n) if at_right else text.ljust(n)
                for text, n, at_right in zip(shown, widths, right, strict=True)
            )
        if row is rows[0]:
            yield "  ".join("─" * n for n in widths)
