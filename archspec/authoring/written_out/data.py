"""Values as they stand in a spec written out: numbers exact, text that reads back as itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from archspec.authoring.formatting.scalars import is_text
from archspec.authoring.formatting.tree import Group, Item, Leaf
from archspec.graph import Tap

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.\w+)*", re.ASCII)
_KEYWORDS = frozenset(("and", "or", "not", "if", "else", "true", "false"))


def text(content: str) -> Leaf:
    """Text, in quotes where it would be read as something else."""
    return Leaf(content, "plain" if is_text(content) else "quoted")


def texts(contents: Sequence[str]) -> Leaf | Group:
    """One text, or a list of several."""
    return text(contents[0]) if len(contents) == 1 else listing([text(one) for one in contents])


def value(data: Any) -> Leaf | Group:
    """Plain data of a spec as it is."""
    return _tree(data, text)


def argument(data: Any) -> Leaf | Group:
    """An argument, whose texts are expressions."""
    return _tree(data, lambda content: text(_expression(content)))


def reference(tap: Tap, of_several: bool, dot: str = "") -> str:
    """One output of a layer as `from` names it, behind a dot where it is told from the outermost list on."""
    name = f"{dot}{tap.node}:{tap.port}" if of_several else f"{dot}{tap.node}"
    return _expression(name) if name.partition(":")[0] in _KEYWORDS else name


def _expression(content: str) -> str:
    """An expression whose value is that text."""
    if _WORD.fullmatch(content) and content not in _KEYWORDS:
        return content
    quote = '"' if "'" in content else "'"
    return f"{quote}{content}{quote}"


def _tree(data: Any, content: Any) -> Leaf | Group:
    if isinstance(data, bool):
        return Leaf("true" if data else "false")
    if isinstance(data, int | float):
        return Leaf(repr(data))
    if isinstance(data, Mapping):
        return mapping({key: _tree(item, content) for key, item in data.items()})
    if isinstance(data, list | tuple):
        return listing([_tree(item, content) for item in data])
    found: Leaf = content(str(data))
    return found


def mapping(pairs: Mapping[str, Leaf | Group], flow: bool = True) -> Group:
    return Group(True, [Item(item, text(key)) for key, item in pairs.items()], flow=flow)


def listing(items: list[Leaf | Group], flow: bool = True) -> Group:
    return Group(False, [Item(item) for item in items], flow=flow)
