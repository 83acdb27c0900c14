"""The parser's own errors, told in plain sentences."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import yaml

from archspec.errors import Diagnostic, Span
from archspec.source.scalars import shorten
from archspec.source.text import Text
from archspec.source.values import Scalar

Report = Callable[[str, str, Span, str | None], None]
MAX_PIECES = 20
"""An expression is looked for in no more list items than this, so that the search stays linear."""
_BARE_LAYER = re.compile(r"\s*- [\w$]+")
_CLOSE_DASH = re.compile(r"(\s*)-([A-Za-z_$].*)")
MISSING_SPACE = "a space is missing after '-'"
QUOTE = "text with brackets, braces, commas, ': ' or ' #' needs quotes"


def cut_expression(items: list[Any], report: Report) -> list[Any]:
    """Put together again what commas cut in `[max(1, $a)]`, reporting each such expression once."""
    opened = [_open(item) for item in items]
    if max(opened, default=0) <= 0:
        return items
    whole: list[Any] = []
    at = 0
    while at < len(items):
        end, balance = at + 1, opened[at]
        while balance > 0 and end < min(len(items), at + MAX_PIECES) and _plain(items[end]):
            balance += opened[end]
            end += 1
        if opened[at] > 0 and balance == 0:
            text = ", ".join(piece.text for piece in items[at:end])
            first, last = items[at].span, items[end - 1].span
            length = last.column + last.length - first.column if last.line == first.line else first.length
            span = replace(first, length=length)
            report(
                "E003",
                f"'{shorten(text)}' is cut at its comma",
                span,
                "quote it: commas inside braces need quotes",
            )
            whole.append(Scalar(text, text, span))
            at = end
        else:
            whole.append(items[at])
            at += 1
    return whole


def _plain(item: Any) -> bool:
    return isinstance(item, Scalar) and not item.quoted


def _open(item: Any) -> int:
    """Parentheses an unquoted text opens and does not close."""
    return item.text.count("(") - item.text.count(")") if _plain(item) else 0


def explain(error: yaml.YAMLError, source: Text) -> Diagnostic:
    """A diagnostic of one of PyYAML's errors (libyaml's words and those of the Python parser alike)."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return Diagnostic("E001", f"this is not YAML: {error}", Span(source.file, 1, 1))
    line, column = mark.line, mark.column
    if line >= len(source.lines) and source.lines:
        line, column = len(source.lines) - 1, len(source.lines[-1])
    span = source.span(line, column, line, column + 1)
    opened = getattr(error, "context_mark", None)
    start = source.span(opened.line, opened.column, opened.line, opened.column + 1) if opened else span
    problem = str(getattr(error, "problem", None) or "")
    context = str(getattr(error, "context", None) or "")
    for number in dict.fromkeys((start.line - 1, line - 1, line)):
        close = _CLOSE_DASH.match(source.lines[number]) if 0 <= number < len(source.lines) else None
        if close is not None and "flow" not in context and "quoted" not in context:
            place = source.span(number, close.end(1), number, close.end(1) + 1)
            written = shorten(close[2].partition(" #")[0].rstrip())
            return Diagnostic("E001", MISSING_SPACE, place, f"write `- {written}`")
    message, hint, place = _words(problem, context, span, start)
    above = source.lines[line - 1].partition(" #")[0].rstrip() if line else ""
    if "mapping values are not allowed" in problem and _BARE_LAYER.fullmatch(above):
        message = "a modifier stands under a layer without ':'"
        hint = f"write `{above.strip()}: {{}}` where modifiers follow"
    return Diagnostic("E001", message, place, hint)


def _words(problem: str, context: str, span: Span, start: Span) -> tuple[str, str | None, Span]:
    """Message, hint and the better of the two places: where reading stopped, or what began there."""
    here = span.text[span.column - 1 : span.column]
    before = span.text[: span.column - 1]
    where = f"line {start.line}, column {start.column}"
    if "\t" in (here, span.text[:1]) or (not before.strip() and "\t" in before):
        tab = replace(span, column=span.text.index("\t") + 1, length=1)
        return "a tab indents this line", "indent with spaces", tab
    if "flow sequence" in context or "flow mapping" in context:
        bracket, closing = ("[", "]") if "sequence" in context else ("{", "}")
        if here in ("[", "{", "]", "}") and here != closing:
            return f"'{here}' is unexpected inside the '{bracket}' of {where}", QUOTE, span
        if here == "" or "stream end" in problem or span.line > start.line:
            return (
                f"this '{bracket}' is not closed",
                f"add '{closing}', or a comma before line {span.line}",
                start,
            )
        return f"a comma or '{closing}' is missing here, after the '{bracket}' of {where}", QUOTE, span
    if "quoted scalar" in context and ("end of stream" in problem or "document" in problem):
        return (
            "this quote is never closed",
            f"add {start.text[start.column - 1 : start.column]} at its end",
            start,
        )
    if "escape" in problem or "hexdecimal" in problem or "hexadecimal" in problem:
        return "this escape is unknown in double quotes", r"use single quotes, or \\ for a backslash", span
    if "mapping values are not allowed" in problem:
        if ": " not in before and "- " not in before:
            return (
                "this key is indented like more of the text above it",
                "indent it like the keys beside it",
                span,
            )
        return (
            "': ' makes a key of the text before it, but no key can stand here",
            "put quotes around the whole text",
            span,
        )
    if "could not find expected ':'" in problem or "expected ':'" in problem:
        return "this line is no 'key: value'", "is a ':' missing, or its space, or a quote?", start
    if "cannot start any token" in problem:
        return f"a value cannot start with {here or 'this'}", "put quotes around it", span
    if "block mapping" in context:
        quote = before.rstrip()[-1:] in ("'", '"')
        if quote:
            return "text follows a closing quote", "put quotes around the whole expression", span
        hint = f"indent it like the line above, or start it at column {start.column} like the mapping"
        return f"this does not fit the mapping that starts at {where}", hint, span
    if "block collection" in context or "block sequence" in context:
        return f"this does not fit the list that starts at {where}", "indent its '-' like the others", span
    if "sequence entries are not allowed" in problem:
        return "a list item '-' cannot stand here", "put it on a line of its own", span
    if "anchor" in context or "alias" in context:
        return "'&' and '*' at the start of text are YAML's anchors", "put quotes around the text", start
    if "tag" in context:
        return "'!' at the start of text is a YAML tag", "put quotes around the text", start
    return f"this is not YAML: {problem}{' ' + context if context else ''}", None, span
