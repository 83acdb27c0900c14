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
from typing import Any, NoReturn

from archspec_torch.boxes.annotated import Box, wrong

LARGEST = 1e7
"""No coordinate of a pixel is beyond it."""
BYTES = 4 << 30
"""No annotation file is longer."""
_SPACE = re.compile(r"[ \t\r\n]*")


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
    """A JSON file, decoded strictly: a key once, no NaN or infinity. Raises SpecError E640."""

    def __init__(self, path: Path):
        self.path, self.text = path, text_of(path)
        self.decoder = json.JSONDecoder(parse_constant=self._constant)
        self._lines: list[int] | None = None

    def value(self) -> Any:
        """The whole document as one value."""
        with self._faults():
            return self.decoder.decode(self.text)

    def members(self) -> dict[str, list[tuple[Any, int]]]:
        """The members of the object that the document is, those that are lists: their items, each with its line."""
        found: dict[str, list[tuple[Any, int]]] = {}
        with self._faults():
            at = self._expect("{", self._skip(0), 'an object: {"images": …}')
            if self.text[at : at + 1] == "}":
                return found
            while True:
                key, at = self.decoder.raw_decode(self.text, at)
                if not isinstance(key, str) or key in found:
                    raise wrong(self.path, self.line(at), f"{key!r:.60} stands twice or is no key")
                at = self._expect(":", self._skip(at), "':'")
                if self.text[at : at + 1] == "[":
                    found[key], at = self._items(at + 1)
                else:
                    _, at = self.decoder.raw_decode(self.text, at)
                at = self._skip(at)
                if self.text[at : at + 1] == "}":
                    break
                at = self._expect(",", at, "',' or '}'")
            if self._skip(at + 1) != len(self.text):
                raise wrong(self.path, self.line(at), "something stands behind the document's end")
        return found

    def _items(self, at: int) -> tuple[list[tuple[Any, int]], int]:
        found: list[tuple[Any, int]] = []
        at = self._skip(at)
        if self.text[at : at + 1] == "]":
            return found, at + 1
        text, decode, line, skip = self.text, self.decoder.raw_decode, self.line, self._skip
        while True:
            item, end = decode(text, at)
            found.append((item, line(at)))
            at = skip(end)
            if text[at : at + 1] == "]":
                return found, at + 1
            at = self._expect(",", at, "',' or ']'")

    def line(self, at: int) -> int:
        """The line, from 1, of a place in the text."""
        if self._lines is None:
            self._lines = [match.start() for match in re.finditer("\n", self.text)]
        return bisect_right(self._lines, at - 1) + 1

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        return match.end() if match else at

    def _expect(self, sign: str, at: int, what: str) -> int:
        if not self.text.startswith(sign, at):
            raise wrong(
                self.path, self.line(at), f"expected {what}" + (", and the file ends" if at >= len(self.text) else "")
            )
        return self._skip(at + 1)

    def _constant(self, name: str) -> NoReturn:
        raise wrong(self.path, 1, f"{name} is no number of JSON")

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except json.JSONDecodeError as error:
            ends = error.pos >= len(self.text.rstrip())
            why = "the file ends before the document does" if ends else f"{error.msg[0].lower()}{error.msg[1:]}"
            raise wrong(self.path, error.lineno, f"not JSON: {why} (column {error.colno})") from None
        except RecursionError:
            raise wrong(self.path, 1, "the document is nested too deep") from None
        except ValueError:  # a whole number of more digits than Python reads
            raise wrong(self.path, 1, "a number has too many digits") from None


class Fields:
    """One record of a file, a JSON object or a row, whose fields are asked for by name and kind."""

    def __init__(self, record: Any, path: Path, line: int, what: str):
        if not isinstance(record, Mapping):
            raise wrong(path, line, f"{what} is {kind(record)}, not an object")
        self.record, self.path, self.line, self.what = record, path, line, what

    def get(self, key: str) -> Any:
        if key not in self.record:
            raise wrong(self.path, self.line, f"{self.what} has no '{key}'")
        return self.record[key]

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

    def no(self, key: str, value: Any, wanted: str) -> Exception:
        said = shown(value)
        return wrong(self.path, self.line, f"'{key}' of {self.what} is {said}, not {wanted}")


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
