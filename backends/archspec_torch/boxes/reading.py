"""Texts, JSON and numbers of annotation files, held to bounds: what is wrong is told with its line (E640)."""

from __future__ import annotations

import gc
import json
import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from archspec.errors import Diagnostic, Span, SpecError
from archspec_torch.boxes.annotated import Box, wrong

LARGEST = 1e7
"""No coordinate of a pixel is beyond it."""
BYTES = 4 << 30
"""No annotation file is longer."""
DEEPEST = 50
"""Elements of XML, lists and keys of YAML that may be in one another."""
TOLD = 20
"""Mistakes that an error lists."""
_SPACE = re.compile(r"[ \t\r\n]*")
_LONG = re.compile(r'"(?:[^"\\]|\\.)*"|(-?\d{1000,})')
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(NaN|-?Infinity)')


def text_of(path: Path) -> str:
    """The file as text. Raises SpecError E640: not there, no file, not UTF-8, too long."""
    try:
        if not path.is_file():
            raise wrong(path, 1, "there is no such file")
        if path.stat().st_size > BYTES:
            raise wrong(path, 1, f"the file is longer than {BYTES >> 30} GiB")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise wrong(path, line, f"byte {error.start + 1} is not UTF-8 text") from None
    except OSError as error:
        raise wrong(path, 1, f"cannot be read: {error.strerror or error}") from None


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage is collected in the block: among a million new objects it finds none, and looks at all again and
    again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class Document:
    """A JSON file, decoded strictly: no NaN or infinity. Raises SpecError E640 with line and column."""

    def __init__(self, path: Path):
        self.path, self.text = path, text_of(path)
        self.decoder = json.JSONDecoder(parse_constant=self._constant)
        self._lines: list[int] | None = None
        self._constants = False

    def value(self) -> Any:
        """The whole document as one value."""
        with self._faults():
            found = self.decoder.decode(self.text)
        if self._constants:
            raise self._no_numbers(0, len(self.text))
        return found

    def members(self) -> dict[str, list[tuple[Any, int]]]:
        """The members of the object that the document is, those that are lists: their items, each with its offset.

        In the place of an item with NaN or an infinity stands the SpecError that tells of each: see `Fields`.
        """
        found: dict[str, list[tuple[Any, int]]] = {}
        with self._faults():
            at = self._expect("{", self._skip(0), 'an object: {"images": …}')
            if self.text[at : at + 1] == "}":
                return found
            while True:
                begin = at
                key, at = self.decoder.raw_decode(self.text, at)
                if not isinstance(key, str) or key in found:
                    raise self.wrong(begin, f"{key!r:.60} stands twice or is no key")
                at = self._expect(":", self._skip(at), "':'")
                if self.text[at : at + 1] == "[":
                    found[key], at = self._items(at + 1)
                else:
                    begin = at
                    _, at = self.decoder.raw_decode(self.text, at)
                    if self._constants:
                        raise self._no_numbers(begin, at)
                at = self._skip(at)
                if self.text[at : at + 1] == "}":
                    break
                at = self._expect(",", at, "',' or '}'")
            if self._skip(at + 1) != len(self.text):
                raise self.wrong(self._skip(at + 1), "something stands behind the document's end")
        return found

    def items(self, at: int = 0) -> list[tuple[Any, int]]:
        """The same of the list that the document is, or that is at an offset in it."""
        with self._faults():
            return self._items(self._expect("[", self._skip(at), "a list"))[0]

    def _items(self, at: int) -> tuple[list[tuple[Any, int]], int]:
        found: list[tuple[Any, int]] = []
        at = self._skip(at)
        if self.text[at : at + 1] == "]":
            return found, at + 1
        text, decode, skip = self.text, self.decoder.raw_decode, self._skip
        while True:
            item, end = decode(text, at)
            found.append((self._no_numbers(at, end) if self._constants else item, at))
            at = skip(end)
            if text[at : at + 1] == "]":
                return found, at + 1
            at = self._expect(",", at, "',' or ']'")

    def place(self, at: int) -> tuple[int, int]:
        """Line and column, from 1, of an offset in the text."""
        if self._lines is None:
            self._lines = [-1, *(match.start() for match in re.finditer("\n", self.text))]
        line = bisect_right(self._lines, at - 1)
        return line, at - self._lines[line - 1]

    def member(self, at: int, key: str) -> int:
        """The offset of the value under a key of the object at an offset; that of the object where it has no such."""
        found, here = at, self._skip(at + 1)
        while self.text[here : here + 1] == '"':
            name, here = self.decoder.raw_decode(self.text, here)
            here = self._skip(self._skip(here) + 1)
            found = here if name == key else found
            _, here = self.decoder.raw_decode(self.text, here)
            here = self._skip(self._skip(here) + 1)
        return found

    def wrong(self, at: int, message: str, hint: str | None = None) -> SpecError:
        """A mistake at an offset of the text, to be raised."""
        line, column = self.place(at)
        return wrong(self.path, line, message, hint, column)

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        return match.end() if match else at

    def _expect(self, sign: str, at: int, what: str) -> int:
        if not self.text.startswith(sign, at):
            raise self.wrong(at, f"expected {what}" + (", and the file ends" if at >= len(self.text) else ""))
        return self._skip(at + 1)

    def _constant(self, name: str) -> float:
        self._constants = True
        return math.nan

    def _no_numbers(self, at: int, end: int) -> SpecError:
        """What tells of each NaN and infinity in a part of the text, to be raised."""
        self._constants = False
        found = []
        for match in _CONSTANT.finditer(self.text, at, end):
            if match[1]:
                line, column = self.place(match.start())
                span = Span(str(self.path), line, column, len(match[1]))
                found.append(Diagnostic("E640", f"{match[1]} is no number of JSON", span))
                if len(found) == TOLD:
                    break
        return SpecError(found)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except json.JSONDecodeError as error:
            ends = error.pos >= len(self.text.rstrip())
            why = "the file ends before the document does" if ends else f"{error.msg[0].lower()}{error.msg[1:]}"
            raise wrong(self.path, error.lineno, f"not JSON: {why}", column=error.colno) from None
        except RecursionError:
            raise wrong(self.path, 1, "the document is nested too deep") from None
        except ValueError:  # a whole number of more digits than Python reads
            places = (match.start() for match in _LONG.finditer(self.text) if match[1])
            raise self.wrong(next(places, 0), "a number has too many digits") from None


class Fields:
    """An object of a document, whose fields are asked for by name and kind.

    Raises SpecError E640: a record that is none; what `Document.members` puts in the place of one.
    """

    def __init__(self, record: Any, document: Document, at: int, what: str):
        if isinstance(record, SpecError):
            raise record
        if not isinstance(record, Mapping):
            raise document.wrong(at, f"{what} is {kind(record)}, not an object")
        self.record, self.document, self.at, self.what = record, document, at, what

    def get(self, key: str) -> Any:
        if key not in self.record:
            raise self.wrong(f"{self.what} has no '{key}'")
        return self.record[key]

    def wrong(self, message: str, key: str | None = None) -> SpecError:
        """A mistake of the record, or of what stands under a key, to be raised."""
        return self.document.wrong(self.at if key is None else self.document.member(self.at, key), message)

    def span(self, key: str) -> Span:
        """Where the value under a key is."""
        return Span(str(self.document.path), *self.document.place(self.document.member(self.at, key)))

    def whole(self, key: str, least: int | None = None) -> int:
        value = self.get(key)
        if type(value) is int and (0 if least is None else least) <= value < 2**63:
            return value
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
            raise self.no(key, value, "a whole number")
        if least is not None and value < least:
            raise self.no(key, value, f"a whole number from {least}")
        return value

    def number(self, key: str) -> float:
        return finite(self.get(key), lambda value: self.no(key, value, "a number"))

    def text(self, key: str) -> str:
        value = self.get(key)
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise self.no(key, value, "a text")
        return value

    def flag(self, key: str) -> bool:
        value = self.record.get(key, 0)
        if value not in (0, 1):
            raise self.no(key, value, "0 or 1")
        return bool(value)

    def xywh(self, key: str) -> Box:
        """Four numbers, the last two not below 0."""
        value = self.get(key)
        if not isinstance(value, list) or len(value) != 4:
            raise self.no(key, value, "four numbers [x, y, width, height]")
        x, y, w, h = value
        if not type(x) is type(y) is type(w) is type(h) is float or not max(abs(x), abs(y), w, h) <= LARGEST:
            x, y, w, h = (finite(one, lambda v: self.no(key, v, "four numbers")) for one in value)
        if w < 0 or h < 0:
            raise self.no(key, value, "a box whose width and height are 0 or more")
        return x, y, w, h

    def corners(self, key: str) -> Box:
        """x, y, width and height of a box whose corners x1, y1, x2, y2 are given."""
        value = self.get(key)
        if not isinstance(value, list) or len(value) != 4:
            raise self.no(key, value, "four numbers [x1, y1, x2, y2]")
        x1, y1, x2, y2 = (finite(one, lambda v: self.no(key, v, "four numbers")) for one in value)
        if x2 < x1 or y2 < y1:
            raise self.no(key, value, "a box with x1 ≤ x2 and y1 ≤ y2")
        return x1, y1, x2 - x1, y2 - y1

    def no(self, key: str, value: Any, wanted: str) -> SpecError:
        said = shown(value)
        return self.wrong(f"'{key}' of {self.what} is {said}, not {wanted}", key)


def finite(value: Any, no: Any) -> float:
    """A finite number below `LARGEST`, else what `no(value)` makes is raised."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise no(value)
    return float(value)


def from_text(text: str, no: Any) -> float:
    """The same, of a number in a text."""
    try:
        value = float(text) if len(text) < 400 else math.inf
    except ValueError:
        raise no(text) from None
    return finite(value, lambda _: no(text))


def shown(value: Any) -> str:
    """A value as a message quotes it, cut to a length; a long number is not spelt out, as that may be refused."""
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of more than 30 digits"
    if isinstance(value, list | dict):
        return f"{kind(value)} of {len(value)}" if len(value) > 4 else json.dumps(value, default=str)[:80]
    return repr(value)[:80]


def kind(value: Any) -> str:
    names = {list: "a list", dict: "an object", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def folded(name: str) -> str:
    """A path of an annotation file on any system: its separators slashes."""
    return name.replace("\\", "/")
