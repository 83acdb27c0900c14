"""Where specs are found: files by path, and the shipped networks by their plain names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from archspec import files, source
from archspec.errors import did_you_mean, fail
from archspec.source import Mapping, Scalar, Value

MAX_NAME = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A network of the zoo: its plain name, its file, and the variant of the file that it is."""

    name: str
    path: Path
    variant: str | None
    cite: str | None


def directory() -> Path:
    """The folder of the shipped specs."""
    return files.shipped("specs")


@cache
def _read(path: Path) -> Value:
    return source.read(path)


def entries() -> list[Entry]:
    """Every network of the zoo, by name."""
    found = [entry for path in _files() for entry in _entries_of(path)]
    return sorted(found, key=lambda entry: entry.name)


def locate(spec: str | Path, also: Sequence[str] = ()) -> tuple[Path, str | None]:
    """File and variant of a SPEC: a path, PATH@VARIANT, a zoo name, or NAME@VARIANT.

    Raises SpecError E501 for a name or file that is not there; `also` are further names that may have been meant.
    """
    text = str(spec)
    if not os.path.exists(text) and (len(text) > MAX_NAME or "\0" in text):  # to the system no name at all
        raise fail("E501", f"there is no network '{text}'")
    name, _, variant = text.rpartition("@") if "@" in text and not Path(text).exists() else (text, "", "")
    path = Path(name)
    if path.is_file() or isinstance(spec, Path) or "/" in name or path.suffix in (".yaml", ".yml"):
        return path, variant or None
    entry = _find(name)
    if entry is None and name and path.exists():
        return path, variant or None  # a folder, a pipe: who opens it tells
    if entry is None:
        known = [*also, *(e.name for e in entries())]
        hint = did_you_mean(name, known, "networks") + " (`archspec list` shows all; a path works too)"
        raise fail("E501", f"there is no network '{name}'", hint=hint)
    return entry.path, variant or entry.variant


def _find(name: str) -> Entry | None:
    """The entry of that name, reading only the files in whose text the name occurs."""
    first = [path for path in _files() if path.stem == name]
    rest = [path for path in _files() if path.stem != name]
    for path in [*first, *rest]:
        if path in first or name in path.read_text(encoding="utf-8"):
            for entry in _entries_of(path):
                if entry.name == name:
                    return entry
    return None


def _files() -> list[Path]:
    return sorted(directory().glob("*.yaml"))


def _entries_of(path: Path) -> list[Entry]:
    """The networks of one file: its own name (unless it only holds blocks), and each variant that states one."""
    tree = _read(path)
    if not isinstance(tree, Mapping) or tree.get("layers") is None:
        return []
    cite = _text(tree, "cite")
    found = [Entry(_text(tree, "name") or path.stem, path, None, cite)]
    variants = tree.get("variants")
    for key, value in variants.entries if isinstance(variants, Mapping) else ():
        name = _text(value, "name") if isinstance(value, Mapping) else None
        if name is not None:
            found.append(Entry(name, path, key.text, _text(value, "cite") or cite))
    return found


def _text(tree: Value, key: str) -> str | None:
    value = tree.get(key) if isinstance(tree, Mapping) else None
    return value.text if isinstance(value, Scalar) else None
