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
from typing import Any

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


def likeness(
    path: Path, variant: str | None, target: Path, origin: str | None, idle: frozenset[str] = frozenset()
) -> str:
    """The text of the spec `target`, named after its file, that begins as the network of another file.

    Where `origin` is given, the first line says that this is what it was begun from, and cites it. Paths under
    `use` lead on to the same files; `idle` are codes that it need not allow. Raises SpecError where the original
    cannot be read.
    """
    tree = source.read(path)
    assert isinstance(tree, source.Mapping)  # it was loaded before
    plain = source.to_plain(tree)
    chosen = source.to_plain(overrides.with_variant(tree, variant)) if variant is not None else plain
    wanted = {key: value for key, value in chosen.items() if key not in DROPPED} | {"name": target.stem}
    if "use" in wanted:
        wanted["use"] = _led_on(wanted["use"], path.parent, target.parent)
    if idle:
        wanted["allow"] = [code for code in wanted["allow"] if code not in idle]
        wanted = {key: value for key, value in wanted.items() if key != "allow" or value}
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
    entries = _entries(text)
    gone = [(begin, end) for key, (_, begin, end) in entries.items() if key not in wanted]
    edits = list(_removals(text, gone))
    for key, (node, _, _) in entries.items():
        if key in wanted:
            edits += _changes(node, plain[key], wanted[key])
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


def _entries(text: str) -> dict[str, tuple[yaml.Node, int, int]]:
    """The keys of a spec: the value's node, where the key begins, and where the last line of its value ends."""
    root: Any = yaml.compose(text, Loader=_LOADER)
    begins = [key.start_mark.index for key, _ in root.value]
    if any(key.start_mark.column for key, _ in root.value):
        raise LookupError("keys do not begin lines")
    found = {}
    for (key, node), begin, after in zip(root.value, begins, [*begins[1:], len(text)], strict=True):
        lines = text[begin:after].splitlines(keepends=True)
        # blank lines and comments at the left edge belong to what follows
        while not lines[-1].strip() or lines[-1].startswith("#"):
            lines.pop()
        found[str(key.value)] = (node, begin, begin + len("".join(lines)))
    return found


def _removals(text: str, gone: list[tuple[int, int]]) -> Iterator[Edit]:
    """The keys that go, each with the comment above it; of the blank lines around them, those above stay."""
    stretches: list[tuple[int, int]] = []
    for begin, end in gone:
        begin = _with_comment(text, begin)
        if stretches and not text[stretches[-1][1] : begin].strip():
            begin = stretches.pop()[0]
        stretches.append((begin, end))
    for begin, end in stretches:
        if text[:begin].endswith("\n\n") or begin == 0:
            end += len(text[end:]) - len(text[end:].lstrip("\n"))
        yield begin, end, ""


def _with_comment(text: str, begin: int) -> int:
    """Where the comment above a key begins; the one at the head of the file is about all of it."""
    above = text[:begin].splitlines(keepends=True)
    comment = list(takewhile(lambda line: line.startswith("#"), reversed(above)))
    return begin - len("".join(comment)) if len(comment) < len(above) else begin


def _changes(node: yaml.Node, old: Any, new: Any) -> Iterator[Edit]:
    """What changes a value: values of a mapping that keeps its keys, items of a list that keeps its length, else
    all of it."""
    if _same(old, new):
        return
    if isinstance(node, yaml.MappingNode) and isinstance(new, dict) and old.keys() == new.keys():
        for key, inner in node.value:
            yield from _changes(inner, old[key.value], new[key.value])
    elif isinstance(node, yaml.SequenceNode) and isinstance(new, list) and len(old) == len(new):
        for inner, before, after in zip(node.value, old, new, strict=True):
            yield from _changes(inner, before, after)
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
