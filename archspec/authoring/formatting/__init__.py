"""Specs and run files in one layout: `archspec format`, and whatever else writes YAML for people."""

from __future__ import annotations

from collections import Counter
from typing import Any

from archspec import source
from archspec.authoring.formatting.layout import write_layout
from archspec.authoring.formatting.reading import read_layout
from archspec.authoring.formatting.style import arrange
from archspec.authoring.formatting.tree import comments
from archspec.source import Mapping, Scalar, Sequence, Value
from archspec.spec import MODIFIERS, STRUCTURAL

__all__ = ["format"]


def format(text: str, file: str = "<text>") -> str:
    """A spec, a run file or other YAML in archspec's layout. `file` is what messages call it.

    Comments stay with what they speak of, one blank line between two stays, numbers stay as written. What the
    text means does not change: that is checked. Line ends are those of the text. Raises SpecError where the text
    is no YAML that archspec reads.
    """
    before = source.parse(text, file)
    text = text.removeprefix("\ufeff")
    ends = "\r\n" if "\r\n" in text else "\n"
    layout = read_layout(text.replace("\r\n", "\n").replace("\r", "\n"))
    remarks = Counter(comments(layout))
    arrange(layout)
    new = write_layout(layout)
    if meaning(source.parse(new, file)) != meaning(before) or Counter(comments(read_layout(new))) != remarks:
        raise RuntimeError(f"the layout of {file} would change what it says, so it is left as it is")
    return new.replace("\n", ends)


def meaning(value: Value) -> Any:
    """What a text says: values as they were written, free of layout.

    Free too of the order of keys where that says nothing (at the top, and in a layer beside its modifiers) and
    of braces that hold no arguments.
    """
    return _meaning(value, top=True)


def _meaning(value: Value, top: bool = False) -> Any:
    if isinstance(value, Scalar):
        return type(value.value).__name__, value.text
    if isinstance(value, Sequence):
        return [_meaning(item) for item in value.items]
    keys = value.keys()
    if len(keys) == 1 and keys[0] not in STRUCTURAL and value.get(keys[0]) == Mapping((), value.entries[0][1].span):
        return "str", keys[0]
    pairs = [(key, _meaning(item)) for key, item in value.items()]
    return sorted(pairs, key=lambda pair: pair[0]) if top or not set(MODIFIERS).isdisjoint(keys) else pairs
