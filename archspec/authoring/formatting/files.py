"""Files brought into the layout in place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archspec import source
from archspec.authoring.formatting import format
from archspec.errors import SpecError
from archspec.files import replacing
from archspec.form import no_mapping
from archspec.source import Mapping, Value
from archspec.source.text import decode


@dataclass(frozen=True, slots=True)
class Formatted:
    """A text as it was and as it is in archspec's layout. `file` is what messages call it."""

    file: str
    before: str
    after: str

    @property
    def changed(self) -> bool:
        return self.before != self.after

    def diff(self) -> str:
        """What changes, as `diff -u` shows it."""
        from difflib import unified_diff

        old, new = (text.splitlines(keepends=True) for text in (self.before, self.after))
        lines = unified_diff(old, new, self.file, f"{self.file} (formatted)")
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def read_formatted(file: str) -> Formatted:
    """A file and its layout; nothing is written. Raises SpecError where it cannot be read, is not YAML, or is neither
    a spec nor a run file."""
    _refuse_other(source.read(file))  # says what is wrong with it
    return _formatted(Path(file).read_bytes(), file)


def formatted(data: bytes, file: str) -> Formatted:
    """The same for what was read elsewhere, in UTF-8."""
    _refuse_other(source.parse(decode(data, file), file))
    return _formatted(data, file)


def _refuse_other(tree: Value) -> None:
    """Raises SpecError E101 where a file holds no mapping."""
    if not isinstance(tree, Mapping):
        raise SpecError(no_mapping(tree))


def _formatted(data: bytes, file: str) -> Formatted:
    text = decode(data, file)
    return Formatted(file, text, format(text, file))


def write_formatted(one: Formatted) -> None:
    """Put the new layout in the file's place, whole or not at all; its permissions and links to it stay."""
    path = Path(one.file).resolve()
    with replacing(path) as written:
        written.write_bytes(one.after.encode())
        written.chmod(path.stat().st_mode & 0o7777)
