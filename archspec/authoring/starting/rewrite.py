"""The text of a spec made into the text of another: renamed, one of its variants written in, the others gone.

The text is edited where it must be and stays as it is elsewhere, comments and layout included. That the result
says what it should is not hoped for: it is read again and compared.
"""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from archspec import overrides, source
from archspec.errors import SpecError
from archspec.source.text import decode
from archspec.spec import ORDER

DROPPED = ("variants", "cite", "assert")
"""What speaks of the original: the citation is its own, and its counts hold until the first change."""
WIDTH = 110
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Edit = tuple[int, int, str]
"""A stretch of the text, from its first character to behind its last, and what takes its place."""

Entries = dict[str, tuple[yaml.Node, int, int]]
"""The keys of a mapping, each with its value, where its line begins, and where the last line of the value ends."""


class Idle(NamedTuple):
    """What a variant of a spec does not need: codes that it need not allow, and blocks that it does not call."""

    codes: frozenset[str] = frozenset()
    blocks: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.codes or self.blocks)


NOTHING = Idle()


def likeness(path: Path, variant: str | None, target: Path, origin: str | None, idle: Idle = NOTHING) -> str:
    """The text of the spec `target`, named after its file, that begins as the network of another file.

    Where `origin` is given, the first line says that this is what it was begun from, and cites it. Paths under
    `use` lead on to the same files; what is `idle` is left out. Raises SpecError where the original cannot be read.
    """
    tree = source.read(path)
    assert isinstance(tree, source.Mapping)  # it was loaded before
    plain = source.to_plain(tree)
    chosen = source.to_plain(overrides.with_variant(tree, variant)) if variant is not None else plain
    wanted = {key: value for key, value in chosen.items() if key not in DROPPED} | {"name": target.stem}
    if "use" in wanted:
        wanted["use"] = _led_on(wanted["use"], path.parent, target.parent)
    if idle.codes:
        wanted["allow"] = [code for code in wanted["allow"] if code not in idle.codes]
    if idle.blocks:
        wanted["blocks"] = {name: block for name, block in wanted["blocks"].items() if name not in idle.blocks}
    wanted = {key: value for key, value in wanted.items() if value or key not in ("allow", "blocks")}
    cited = f" ({chosen['cite']})" if "cite" in chosen else ""
    told = textwrap.wrap(f"Begun from {origin}{cited}.", WIDTH) if origin is not None else []
    comment = "".join(f"# {line}\n" for line in told)
    try:
        text = edited(decode(path.read_bytes(), str(path)), plain, wanted)
        if _same(source.to_plain(source.parse(text, str(target))), wanted):
            return comment + text
    except (SpecError, LookupError):
        pass  # an anchor went with what was left out: the spec is written anew
    return comment + source.dump({key: wanted[key] for key in sorted(wanted, key=_place)})


def _led_on(use: Any, folder: Path, target: Path) -> Any:
    if isinstance(use, list):
        return [_led_on(item, folder, target) for item in use]
    is_path = str(use).endswith((".yaml", ".yml"))
    return Path(os.path.relpath(folder / use, target)).as_posix() if is_path else use


def edited(text: str, plain: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The text of a spec, which says `plain`, changed so that it says `wanted`.

    Keys that go take the comment above them along; those that come follow their place in a spec.
    Raises LookupError where keys do not begin lines of their own.
    """
    root: Any = yaml.compose(text, Loader=_LOADER)
    entries = _entries(text, root, 0, len(text))
    edits = list(_removals(text, entries, wanted))
    for key, (node, _, end) in entries.items():
        if key in wanted:
            edits += _changes(text, node, end, plain[key], wanted[key])
    for key in sorted(wanted.keys() - entries.keys(), key=_place):
        before = [end for other, (_, _, end) in entries.items() if _place(other) < _place(key)]
        at = max(before, default=0)
        edits.append((at, at, f"{key}: {flow(wanted[key])}\n"))
    pieces, at = [], 0
    for begin, end, new in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [text[at:begin], new]
        at = end
    return "".join([*pieces, text[at:]]).rstrip("\n") + "\n"


def _place(key: str) -> int:
    return ORDER.index(key) if key in ORDER else len(ORDER)


def _entries(text: str, mapping: Any, column: int, end: int) -> Entries:
    """The keys of a mapping that ends before `end`. Raises LookupError where they do not begin lines in that column."""
    begins = [key.start_mark.index - column for key, _ in mapping.value]
    margin = " " * column
    aligned = all(key.start_mark.column == column for key, _ in mapping.value)
    if not aligned or any(text[begin : begin + column] != margin for begin in begins):
        raise LookupError("keys do not begin lines")
    found = {}
    for (key, node), begin, after in zip(mapping.value, begins, [*begins[1:], end], strict=True):
        lines = text[begin:after].splitlines(keepends=True)
        # blank lines, and comments no further in than the keys, belong to what follows
        while not lines[-1].strip() or (lines[-1].lstrip().startswith("#") and _indent(lines[-1]) <= column):
            lines.pop()
        found[str(key.value)] = (node, begin, begin + len("".join(lines)))
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _removals(text: str, entries: Entries, wanted: Mapping[str, Any]) -> Iterator[Edit]:
    """The keys of a mapping that go, each with the comment above it; of the blank lines around them, those above stay,
    if anything is above."""
    stretches: list[tuple[int, int]] = []
    first = min(_with_comment(text, begin) for _, begin, _ in entries.values())
    for begin, end in (entries[key][1:] for key in entries if key not in wanted):
        begin = _with_comment(text, begin)
        if stretches and not text[stretches[-1][1] : begin].strip():
            begin = stretches.pop()[0]
        stretches.append((begin, end))
    for begin, end in stretches:
        if text[:begin].endswith("\n\n") or begin == first:
            end += len(text[end:]) - len(text[end:].lstrip("\n"))
        yield begin, end, ""


def _with_comment(text: str, begin: int) -> int:
    """Where the comment above a key begins; the one at the head of the file is about all of it."""
    above = text[:begin].splitlines(keepends=True)
    comment = list(takewhile(lambda line: line.lstrip().startswith("#"), reversed(above)))
    return begin - len("".join(comment)) if len(comment) < len(above) else begin


def _changes(text: str, node: yaml.Node, end: int, old: Any, new: Any) -> Iterator[Edit]:
    """What changes a value that ends with the line before `end`: values and keys of a mapping that gets no others,
    items of a list that keeps its length, else all of it."""
    if _same(old, new):
        return
    if isinstance(node, yaml.MappingNode) and isinstance(new, dict) and old.keys() == new.keys():
        for key, inner in node.value:
            yield from _changes(text, inner, end, old[key.value], new[key.value])
    elif isinstance(node, yaml.MappingNode) and not node.flow_style and new and new.keys() < old.keys():
        inside = _entries(text, node, node.start_mark.column, end)
        yield from _removals(text, inside, new)
        for key in new:
            yield from _changes(text, *inside[key][::2], old[key], new[key])
    elif isinstance(node, yaml.SequenceNode) and isinstance(new, list) and len(old) == len(new):
        for inner, before, after in zip(node.value, old, new, strict=True):
            yield from _changes(text, inner, end, before, after)
    else:
        yield node.start_mark.index, _end(node), flow(new)


def _end(node: yaml.Node) -> int:
    """Where a value ends. (What libyaml calls the end of a block is the beginning of what follows.)"""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        return _end(last[1] if isinstance(node, yaml.MappingNode) else last)
    return int(node.end_mark.index)


def _same(one: Any, other: Any) -> bool:
    """Whether two plain values are written the same: to Python, 1, 1.0 and true are equal."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def flow(plain: Any) -> str:
    """A value in one line: `{width: 1.1, depths: [2, 2]}`."""
    if isinstance(plain, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(value)}" for key, value in plain.items()) + "}"
    if isinstance(plain, list):
        return "[" + ", ".join(map(flow, plain)) + "]"
    text = source.dump([plain]).strip()  # in brackets, so that a comma is quoted; quoted text comes as an item
    return text.removeprefix("- ") if text.startswith("- ") else text[1:-1]
