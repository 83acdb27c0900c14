"""A YAML text as it is laid out: values with their style, and every comment beside what it speaks of.

`archspec.source` keeps what a text means and where; this keeps what a person wrote around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

BLANK = ""
"""A blank line among the comments above an item."""

Kind = Literal["plain", "quoted", "literal", "alias"]


@dataclass(slots=True)
class Leaf:
    """A scalar, or the name of an alias. `text` is what it says, without quotes."""

    text: str
    kind: Kind = "plain"
    anchor: str | None = None


@dataclass(slots=True)
class Group:
    """A list or a mapping."""

    mapping: bool
    items: list[Item] = field(default_factory=list)
    flow: bool = False
    """Whether it stands on one line, in brackets or braces, where it fits."""
    joined: bool = False
    """A block to be put on one line, where that line is short."""
    bare: bool = False
    """The mapping of one pair in a flow list that is written without braces: `[conv: 64]`."""
    spaced: bool = False
    """Whether spaces were put in to make columns."""
    anchor: str | None = None
    below: list[str] = field(default_factory=list)
    """Comments after the last item."""

    def get(self, key: str) -> Item | None:
        """The item under a key."""
        return next((item for item in self.items if item.key is not None and item.key.text == key), None)


@dataclass(slots=True)
class Item:
    """An item of a list, or a key of a mapping and its value."""

    value: Leaf | Group
    key: Leaf | None = None
    above: list[str] = field(default_factory=list)
    """Comments and blank lines before it, a line each."""
    beside: Comment | None = None
    """The comment at the end of its line: of its key's where the value begins on the next."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment behind something, with its `#`; its column, from 0, and how many spaces stand before it."""

    text: str
    column: int
    gap: int


def comments(item: Item) -> Iterator[str]:
    """Every comment of an item and of all that is in it."""
    waiting = [item]
    while waiting:
        one = waiting.pop()
        yield from (line for line in one.above if line != BLANK)
        if one.beside is not None:
            yield one.beside.text
        if isinstance(one.value, Group):
            yield from (line for line in one.value.below if line != BLANK)
            waiting += one.value.items
