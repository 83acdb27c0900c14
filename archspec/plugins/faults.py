"""Mistakes in a plugin, told where they are: the line of the plugin and what Python says of it, without a traceback."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Collection

from archspec.errors import Diagnostic, Span

FILES: set[str] = set()
"""Files that plugins were loaded from: what goes wrong in one of them is no fault of archspec."""


def fault(code: str, what: str, error: BaseException, files: Collection[str], hint: str | None = None) -> Diagnostic:
    """A diagnostic of what a plugin raised: '<what> raised <error>', at the last of its lines that was running."""
    return Diagnostic(code, f"{what} raised {named(error)}", raised_at(error, files), hint)


def blame(error: BaseException) -> Diagnostic | None:
    """What to tell of an exception that passed through a plugin; None where none is involved."""
    if raised_at(error, FILES) is None:
        return None
    return fault("E556", "the plugin", error, FILES, "the mistake is the plugin's: `archspec plugin FILE` tests it")


def named(error: BaseException) -> str:
    """An exception in one line: `IndexError: tuple index out of range`."""
    said = " ".join(str(error).partition("For further information visit")[0].split())
    said = said if len(said) <= 300 else said[:299] + "…"
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def raised_at(error: BaseException, files: Collection[str]) -> Span | None:
    """The innermost line of one of these files that an exception came through."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename in files and frame.lineno is not None:
            start, end = frame.colno or 0, frame.end_colno or 0
            one_line = frame.end_lineno in (None, frame.lineno)
            return at(frame.filename, frame.lineno, start + 1, max(1, end - start) if one_line else 1)
    return None


def at(file: str, line: int, column: int | None = None, length: int | None = None) -> Span:
    """A place in a Python file: without a column, all of the line."""
    text = linecache.getline(file, line).rstrip("\n")
    indent = len(text) - len(text.lstrip())
    return Span(file, line, column or indent + 1, length or max(1, len(text.strip())), text)
