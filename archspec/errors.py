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


def trail_to_json(trail: Frame | None) -> list[dict[str, Any]]:
    """The steps of a trail, innermost first, as editors read them."""
    frames = trail.frames() if trail else []
    return [{"label": f.label, "file": f.span.file, "line": f.span.line, "column": f.span.column} for f in frames]


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that has to do with what is wrong: what is there, and where."""

    label: str
    span: Span


@dataclass(frozen=True, slots=True)
class Fix:
    """An edit that was tried and works, or a known word for a misspelt one: `text` in the place of what `span` covers.

    Editors offer it under its title.
    """

    span: Span
    text: str
    title: str = ""

    def applied(self, source: str) -> str:
        """The whole text of the file, edited."""
        lines = source.splitlines(keepends=True)
        line, start = lines[self.span.line - 1], self.span.column - 1
        lines[self.span.line - 1] = line[:start] + self.text + line[start + self.span.length :]
        return "".join(lines)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing to tell the user. `span` is None only where no text is at fault (a missing file)."""

    code: str
    message: str
    span: Span | None = None
    hint: str | None = None
    trail: Frame | None = None
    severity: Severity = "error"
    related: tuple[Related, ...] = ()
    fixes: tuple[Fix, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.hint, Suggestion) and self.span is not None and not self.fixes:
            object.__setattr__(self, "fixes", self.hint.fixes(self.span))

    def __str__(self) -> str:
        return format_diagnostic(self)

    def to_json(self) -> dict[str, Any]:
        """The keys editors read: code, severity, message, hint, file, line, column, length, trail, related, fixes."""
        span = self.span
        return {
            "code": self.code,
            "severity": self.severity,
            "message": _sentence(self.message),
            "hint": self.hint and _sentence(self.hint),
            "file": span.file if span else None,
            "line": span.line if span else None,
            "column": span.column if span else None,
            "length": span.length if span else None,
            "trail": trail_to_json(self.trail),
            "related": [
                {"label": r.label, "file": r.span.file, "line": r.span.line, "column": r.span.column}
                for r in self.related
            ],
            "fixes": [
                {
                    "title": f.title,
                    "text": f.text,
                    "file": f.span.file,
                    "line": f.span.line,
                    "column": f.span.column,
                    "length": f.span.length,
                }
                for f in self.fixes
            ],
        }


class SpecError(Exception):
    """The input is wrong: one or more diagnostics. The command line prints them and exits with 1."""

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]):
        found = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        self.diagnostics: tuple[Diagnostic, ...] = found
        super().__init__(format_diagnostics(found))

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[Diagnostic, ...]]]:
        return type(self), (self.diagnostics,)


def fail(
    code: str, message: str, span: Span | None = None, hint: str | None = None, trail: Frame | None = None
) -> SpecError:
    """A `SpecError` of one diagnostic, to be raised: `raise fail("E101", …)`."""
    return SpecError(Diagnostic(code, message, span, hint, trail))


def in_text_order(diagnostics: Iterable[Diagnostic], file: str = "") -> list[Diagnostic]:
    """By place: those without one first, then those of one file, then those of others."""

    def place(d: Diagnostic) -> tuple[bool, str, int, int]:
        return (d.span.file != file, d.span.file, d.span.line, d.span.column) if d.span else (False, "", 0, 0)

    return sorted(diagnostics, key=place)


def each_once(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The first of those that say the same of the same place, whatever the trail that led there."""
    found: dict[tuple[str, str, str], Diagnostic] = {}
    for d in diagnostics:
        found.setdefault((d.code, str(d.span), d.message), d)
    return list(found.values())


def suggest(word: str, known: Iterable[str]) -> str | None:
    """The known word closest to a misspelt one, or None where nothing is near."""
    from archspec.nearest import nearest  # only the mistaken wait for it

    return next(iter(nearest(word, known)), None)


class Suggestion(str):
    """A hint that names the known words which an unknown one may have been meant as."""

    word: str
    known: tuple[str, ...]

    def __add__(self, more: str) -> Suggestion:
        longer = Suggestion(str(self) + more)
        longer.word, longer.known = self.word, self.known
        return longer

    def fixes(self, span: Span) -> tuple[Fix, ...]:
        """Each known word in the place of the unknown one, where that stands in what `span` covers."""
        import re

        end = span.column - 1 + span.length
        found = re.compile(rf"(?<!\w){re.escape(self.word)}(?!\w)").search(span.text, span.column - 1, end)
        if found is None:
            return ()
        place = Span(span.file, span.line, found.start() + 1, len(self.word), span.text)
        return tuple(Fix(place, known, f"write '{known}'") for known in self.known)


ALL_NAMED = 400
"""Characters up to which a list of names is told whole; of a longer one the first twelve."""


def did_you_mean(word: str, known: Sequence[str], what: str = "known") -> str:
    """A hint for an unknown word: the nearest known one (several, equally near), a Suggestion; or the list of those
    there are. Where mistakes are too many for each to be looked up, only how many words there are."""
    from archspec.effort import spend_words
    from archspec.nearest import nearest  # only the mistaken wait for them
    from archspec.synonyms import misspelt_synonym, synonym

    if not spend_words(min(len(known), 2_000)):
        return f"there are {len(known):,} {what}"
    same = synonym(word, known)
    if not (near := [same] if same else nearest(word, known)) and (same := misspelt_synonym(word, known)):
        near = [same]
    if near:
        hint = Suggestion("did you mean " + " or ".join(f"'{k}'" for k in near) + "?")
        hint.word, hint.known = word, tuple(near)
        return hint
    if not known:
        return f"there are no {what}"
    listed = sorted(known)
    shown = listed if len(", ".join(listed)) <= ALL_NAMED else listed[:12]
    return f"{what}: {', '.join(shown)}{', …' if len(shown) < len(listed) else ''}"


MAX_SHOWN = 20
"""Diagnostics that are printed in full; of the others their number is told."""
MAX_WIDTH, MAX_TEXT = 120, 600
"""Characters shown of a source line, and of a sentence that may quote what the user wrote."""


def format_diagnostics(diagnostics: Sequence[Diagnostic], color: bool = False) -> str:
    """Diagnostics as text, a blank line between two: the first of them, and how many more there are."""
    texts = [format_diagnostic(d, color) for d in diagnostics[:MAX_SHOWN]]
    if len(diagnostics) > MAX_SHOWN:
        texts.append(f"… and {len(diagnostics) - MAX_SHOWN} more")
    return "\n\n".join(texts)


def format_diagnostic(diagnostic: Diagnostic, color: bool = False) -> str:
    """The diagnostic as text: place, message, source line with caret, related places, trail, hint."""

    def paint(code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if color else text

    tint = "31;1" if diagnostic.severity == "error" else "33;1"
    head = f"{paint(tint, diagnostic.severity)} {diagnostic.code}: {_sentence(diagnostic.message)}"
    span = diagnostic.span
    if span is None:
        lines = [head]
    else:
        lines = [f"{paint('1', _place(span))}: {head}"]
        if not span.text.isspace() and span.text:
            shown, column = _clip(span.text, span.column)
            shown = _one_cell_each(shown.rstrip())
            caret = "^" * max(1, min(span.length, len(shown) - column + 1))
            number = str(span.line)
            lines.append(f"  {number} | {shown}")
            lines.append(f"  {' ' * len(number)} | {' ' * (column - 1)}{paint(tint, caret)}")
    lines += [f"  {_sentence(related.label)} ({_place(related.span)})" for related in diagnostic.related]
    frames = diagnostic.trail.frames() if diagnostic.trail else []
    shown_frames = frames if len(frames) <= 8 else [*frames[:5], None, *frames[-2:]]
    for frame in shown_frames:
        if frame is None:
            lines.append(f"  … {len(frames) - 7} more …")
        else:
            lines.append(f"  in {_sentence(frame.label, MAX_WIDTH)} ({_place(frame.span)})")
    if diagnostic.hint:
        lines.append(f"  {paint('36', 'help')}: {_sentence(diagnostic.hint)}")
    return "\n".join(lines)


def _sentence(text: str, most: int = MAX_TEXT) -> str:
    """A sentence of bounded length, its control characters blanked: what it quotes is the user's."""
    end = min(79, most // 3)
    return _one_cell_each(text if len(text) <= most else f"{text[: most - end - 1]}…{text[-end:]}")


def _place(span: Span) -> str:
    return f"{_sentence(span.file)}:{span.line}:{span.column}"


def _one_cell_each(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _clip(text: str, column: int, width: int = MAX_WIDTH) -> tuple[str, int]:
    """The part of a long line around its column, and the column within it."""
    if len(text) <= width:
        return text, column
    start = max(0, min(column - 1 - width // 2, len(text) - width))
    return text[start : start + width], column - start
