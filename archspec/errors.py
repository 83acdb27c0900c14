"""What went wrong, and where: spans of source text, diagnostics, and the one exception users meet.

Every message a person reads about their input is a `Diagnostic`: a stable code, a place, the
numbers, and what would work. Functions collect as many as they can before raising `SpecError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a text the user wrote. `line` and `column` count from 1; `text` is the whole line."""

    file: str
    line: int
    column: int
    length: int = 1
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of the trail from the top of a spec into blocks and repeats: what was entered, where."""

    label: str
    span: Span
    outer: Frame | None = None

    def frames(self) -> list[Frame]:
        """This frame and those around it, innermost first."""
        found: list[Frame] = []
        frame: Frame | None = self
        while frame is not None:
            found.append(frame)
            frame = frame.outer
        return found


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing to tell the user. `span` is None only where no text is at fault (a missing file)."""

    code: str
    message: str
    span: Span | None = None
    hint: str | None = None
    trail: Frame | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        return format_diagnostic(self)

    def to_json(self) -> dict[str, Any]:
        """The keys editors read: code, severity, message, hint, file, line, column, length, trail."""
        span = self.span
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "hint": self.hint,
            "file": span.file if span else None,
            "line": span.line if span else None,
            "column": span.column if span else None,
            "length": span.length if span else None,
            "trail": [
                {"label": f.label, "file": f.span.file, "line": f.span.line, "column": f.span.column}
                for f in (self.trail.frames() if self.trail else [])
            ],
        }


class SpecError(Exception):
    """The input is wrong: one or more diagnostics. The command line prints them and exits with 1."""

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]):
        found = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        self.diagnostics: tuple[Diagnostic, ...] = found
        super().__init__("\n\n".join(format_diagnostic(d) for d in found))

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[Diagnostic, ...]]]:
        return type(self), (self.diagnostics,)


def fail(
    code: str, message: str, span: Span | None = None, hint: str | None = None, trail: Frame | None = None
) -> SpecError:
    """A `SpecError` of one diagnostic, to be raised: `raise fail("E101", …)`."""
    return SpecError(Diagnostic(code, message, span, hint, trail))


def suggest(word: str, known: Iterable[str]) -> str | None:
    """The known word closest to a misspelt one, or None where nothing is near."""
    import difflib  # only the mistaken wait for it

    candidates = [k for k in known if k]
    near = difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    if not near:
        near = difflib.get_close_matches(word.lower(), [k.lower() for k in candidates], n=1, cutoff=0.6)
        near = [k for k in candidates if near and k.lower() == near[0]]
    return near[0] if near else None


def did_you_mean(word: str, known: Sequence[str], what: str = "known") -> str:
    """A hint for an unknown word: the nearest known one, or the list of those there are."""
    near = suggest(word, known)
    if near is not None:
        return f"did you mean '{near}'?"
    if not known:
        return f"there are no {what}"
    shown = ", ".join(sorted(known)[:12]) + (", …" if len(known) > 12 else "")
    return f"{what}: {shown}"


def format_diagnostic(diagnostic: Diagnostic, color: bool = False) -> str:
    """The diagnostic as text: place, message, source line with caret, trail, hint."""

    def paint(code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if color else text

    tint = "31;1" if diagnostic.severity == "error" else "33;1"
    head = f"{paint(tint, diagnostic.severity)} {diagnostic.code}: {_one_cell_each(diagnostic.message)}"
    span = diagnostic.span
    if span is None:
        lines = [head]
    else:
        lines = [f"{paint('1', str(span))}: {head}"]
        if span.text.strip():
            shown, column = _clip(_one_cell_each(span.text.rstrip()), span.column)
            caret = "^" * max(1, min(span.length, len(shown) - column + 1))
            number = str(span.line)
            lines.append(f"  {number} | {shown}")
            lines.append(f"  {' ' * len(number)} | {' ' * (column - 1)}{paint(tint, caret)}")
    frames = diagnostic.trail.frames() if diagnostic.trail else []
    shown_frames = frames if len(frames) <= 8 else [*frames[:5], None, *frames[-2:]]
    for frame in shown_frames:
        lines.append(f"  in {frame.label} ({frame.span})" if frame else f"  … {len(frames) - 7} more …")
    if diagnostic.hint:
        lines.append(f"  {paint('36', 'help')}: {diagnostic.hint}")
    return "\n".join(lines)


def _one_cell_each(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _clip(text: str, column: int, width: int = 120) -> tuple[str, int]:
    """The part of a long line around its column, and the column within it."""
    if len(text) <= width:
        return text, column
    start = max(0, min(column - 1 - width // 2, len(text) - width))
    return text[start : start + width], column - start
