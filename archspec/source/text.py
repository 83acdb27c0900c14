"""A file's bytes → text, with its lines and a way to point into them."""

from __future__ import annotations

import os
import re
import select
import stat
from pathlib import Path

from archspec.errors import Diagnostic, Span, SpecError, fail
from archspec.source.values import Value

MAX_BYTES = 2_000_000
PATIENCE = 10
"""Seconds for which a pipe of the shell may be silent."""


def _printable(char: str) -> bool:
    """What YAML calls printable; anything else would only confuse whoever reads the file."""
    code = ord(char)
    return (
        0x20 <= code <= 0x7E
        or char in "\t\n\r\x85"
        or 0xA0 <= code <= 0xD7FF
        or (0xE000 <= code <= 0xFFFD and code != 0xFEFF)
        or code >= 0x10000
    )


class Text:
    """The lines of a source; spans share them."""

    def __init__(self, text: str, file: str):
        self.file = file
        # YAML 1.1 breaks lines where str.splitlines does, once control characters are refused.
        self.lines = text.splitlines()

    def span(self, line: int, column: int, end_line: int, end_column: int) -> Span:
        """From zero-based places to a span, cut at the end of its first line."""
        text = self.lines[line] if line < len(self.lines) else ""
        if end_line > line:
            end_column = len(text.rstrip())
        return Span(self.file, line + 1, column + 1, max(1, end_column - column), text)


def read(path: str | os.PathLike[str], *, imported: bool = False) -> Value:
    """Read and parse a YAML file; from the command line it may come through a pipe that the shell made (`/dev/stdin`,
    `<(…)`), but not where another file names it.

    Raises SpecError: E501 no such file, E502 a directory, E503 unreadable or no file, E011 not UTF-8, E013 too large,
    E523 `imported` and no spec, of which nothing is quoted; those of `parse`.
    """
    from archspec.source.compose import parse

    file = os.fspath(path)
    try:
        data = _bytes(file, imported)
    except FileNotFoundError:
        raise fail("E501", f"there is no file {file}", hint=_neighbour(file)) from None
    except IsADirectoryError:
        raise fail("E502", f"{file} is a directory", hint="name a .yaml file in it") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise fail("E503", f"cannot read {file}: {why}") from None
    if imported and not _IS_SPEC.search(data):
        hint = "only a file that says `archspec: 1` is brought in by `use`"
        raise fail("E523", f"{file} is no spec", hint=hint)  # what it is instead is nobody's business
    if len(data) > MAX_BYTES:
        before = data[:MAX_BYTES]
        span = Span(file, before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
        raise fail("E013", f"{file} is larger than {MAX_BYTES:,} bytes", span, "is it a spec? one that needs loops?")
    return parse(decode(data, file), file)


_IS_SPEC = re.compile(rb"^(?:\xef\xbb\xbf)?[ \t{]*[\"']?archspec[\"']?[ \t]*:", re.MULTILINE)


_OF_THE_SHELL = re.compile(r"/dev/(?:stdin|fd/\d+)|/proc/(?:self|\d+)/fd/\d+")
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def _refuse_what_is_no_file(file: str, mode: int, imported: bool) -> None:
    """Raises SpecError E503 for what may never end or answer; a pipe of the shell has a writer, and is read."""
    kind = _KINDS.get(stat.S_IFMT(mode))
    if kind is None or (kind == "a pipe" and not imported and _OF_THE_SHELL.fullmatch(file)):
        return
    hint = None if imported else "name a .yaml file; a spec may also be piped in: `… | archspec check /dev/stdin`"
    raise fail("E503", f"{file} is {kind}, not a file", hint=hint)


def _bytes(file: str, imported: bool) -> bytes:
    """What a file holds, and one byte more than allowed where it holds more. Raises OSError, ValueError, SpecError."""
    _refuse_what_is_no_file(file, os.stat(file).st_mode, imported)  # a socket cannot even be opened
    # without O_NONBLOCK a pipe put in the place of the file just now would hold us here for ever
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(file, flags), "rb", buffering=0) as stream:
        kind = os.fstat(stream.fileno()).st_mode
        if stat.S_ISREG(kind):
            return stream.read(MAX_BYTES + 1)
        if stat.S_ISDIR(kind):
            raise IsADirectoryError
        _refuse_what_is_no_file(file, kind, imported)
        pieces: list[bytes] = []
        while sum(map(len, pieces)) <= MAX_BYTES:
            if not select.select([stream], [], [], PATIENCE)[0]:
                raise fail("E503", f"nothing came out of {file} for {PATIENCE} seconds")
            if not (piece := stream.read(MAX_BYTES + 1)):
                break
            pieces.append(piece)
        return b"".join(pieces)


_LINE_END = re.compile(r"\r\n?|\n")
"""What ends a line to editors: not the form feeds and separators at which `splitlines` divides too."""


def decode(data: bytes, file: str) -> str:
    """UTF-8 bytes, with or without a byte order mark, as text. Raises SpecError E011 with the place."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or data[:256].count(0) > len(data[:256]) // 4:
        raise fail("E011", f"{file} is UTF-16 or UTF-32 text, or binary", Span(file, 1, 1), "save it as UTF-8 text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        body = data.removeprefix(b"\xef\xbb\xbf")
        before = _LINE_END.split(body[: error.start].decode("utf-8", "replace"))
        shown = _LINE_END.split(body.decode("utf-8", "replace"))[len(before) - 1]
        what = f"byte 0x{body[error.start]:02x} is not UTF-8 text"
        span = Span(file, len(before), len(before[-1]) + 1, 1, shown)
        raise fail("E011", what, span, "save the file as UTF-8 (it may be Latin-1 or a binary file)") from None


def check_characters(text: str, source: Text) -> None:
    """Refuse NUL and other control characters, which no editor shows. Raises SpecError E011."""
    odd = {char for char in set(text) if not _printable(char)}  # characters once each: far faster than a pattern
    if not odd:
        return
    found: list[Diagnostic] = []
    for number, line in enumerate(text.split("\n")):
        at = next((i for i, char in enumerate(line) if char in odd), None)
        if at is not None:
            char = line[at]
            hint = (
                "is this UTF-16 text, or a binary file?"
                if char == "\0"
                else "delete it, or write it as an escape in double quotes"
            )
            name = "NUL" if char == "\0" else f"control character U+{ord(char):04X}"
            shown = line.encode("utf-8", "replace").decode()
            found.append(
                Diagnostic(
                    "E011",
                    f"{name} in the text",
                    Span(source.file, number + 1, at + 1, 1, shown),
                    hint,
                )
            )
            if char == "\0" or len(found) == 20:
                break  # where one NUL is, there are many
    raise SpecError(found)


def _neighbour(file: str) -> str | None:
    """The file of nearly the same name beside a missing one."""
    from archspec.errors import suggest

    path = Path(file)
    try:
        names = [p.name for p in list(path.parent.iterdir())[:1000] if p.suffix in (".yaml", ".yml")]
    except (OSError, ValueError):
        return None
    near = suggest(path.name, names)
    return f"did you mean {path.parent / near}?" if near else None
