"""Text → its layout: every value with its style, every comment with what it belongs to.

A comment behind something belongs to it. One on a line of its own belongs to what follows, unless it is
indented like the items of a list or mapping that ends before it: then it is a remark at their end. One behind the
dash of an item belongs to that item.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from archspec.authoring.formatting.tree import BLANK, Comment, Group, Item, Kind, Leaf

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COMMENT = re.compile(r"#[^\n\x85\u2028\u2029]*")
_KINDS: dict[str, Kind] = {"'": "quoted", '"': "quoted", "|": "literal", ">": "literal"}


def read_layout(text: str) -> Item:
    """The layout of a document that `archspec.source.parse` accepts, whose lines end in newlines alone."""
    reader = _Reader(text)
    for event in yaml.parse(text, Loader=_LOADER):
        reader.take(event)
    assert reader.root is not None  # what holds nothing is not accepted
    return reader.root


@dataclass(slots=True)
class _Remark:
    """A comment on a line of its own, not yet attached."""

    lines: list[str]
    column: int


@dataclass(slots=True)
class _Open:
    """A list or mapping being read. `column`: of its items, from 0, or None before the first is known."""

    group: Group
    flow: bool
    column: int | None
    has_key: bool = False
    """Whether a key was read whose value comes next."""
    led: bool = False
    """Whether a space follows its bracket."""


def _comment(text: str, before: str) -> Comment:
    """A comment with what stands before it on its line."""
    return Comment(text, len(before), len(before) - len(before.rstrip()))


class _Reader:
    def __init__(self, text: str):
        self.text = text
        self.root: Item | None = None
        self.open: list[_Open] = []
        self.closed: list[_Open] = []
        """Blocks that ended since the last item, innermost first."""
        self.waiting: list[_Remark] = []
        self.at = 0
        """Up to here comments have been looked for."""
        self.last: Item | None = None
        self.end_of_last = 0
        """What a comment belongs to that begins behind this place, on the same line."""

    def take(self, event: Any) -> None:
        kind, begin, end = type(event), event.start_mark.index, event.end_mark.index
        self.columns(begin, kind is MappingEndEvent or kind is SequenceEndEvent)
        self.gap(begin)
        if kind is ScalarEvent or kind is AliasEvent:
            self.leaf(event, begin, end)
            self.at = end
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            self.start(event, kind is MappingStartEvent)
            if event.flow_style:
                self.at = self.end_of_last = end
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            frame = self.open.pop()
            if frame.flow:
                frame.group.below += self.settle(None)
                self.last = self.open[-1].group.items[-1] if self.open else self.root
                self.at = self.end_of_last = end
            else:
                self.closed.append(frame)
        elif kind is StreamEndEvent:
            assert self.root is not None
            value = self.root.value
            rest = value.below if isinstance(value, Group) else self.root.above
            rest += self.settle(-1)

    # comments

    def gap(self, end: int) -> None:
        """Find the comments between what was read last and what comes next."""
        for match in _COMMENT.finditer(self.text, self.at, end):
            begin, text = match.start(), match.group().rstrip()
            before = self.text[self.line_start(begin) : begin]
            if before.startswith("%"):
                continue  # a directive
            if self.last is not None and "\n" not in self.text[self.end_of_last : begin]:
                self.behind(self.last, text, before)
            else:
                lines = [BLANK, text] if self.blank_before(begin) else [text]
                # behind the dash of an item it is about that item, whatever ended in its column
                self.waiting.append(_Remark(lines, len(before.rstrip()) - 1 if before.strip() else len(before)))
        self.at = max(self.at, end)

    def columns(self, end: int, closing: bool) -> None:
        """Notice columns set by hand: two spaces between values, or one behind the bracket and none before its end."""
        outermost = next((frame.group for frame in self.open if frame.flow), None)
        between = self.text[self.at : end]
        if outermost is None or "\n" in between:
            return
        frame = self.open[-1]
        if not frame.group.items:
            frame.led = bool(between) and not between.strip(" ")
        elif "  " in between or (closing and frame.led and not between):
            outermost.spaced = True

    def behind(self, item: Item, text: str, before: str) -> None:
        """Attach a comment to what stands before it on its line."""
        if item.beside is None:
            item.beside = _comment(text, before)
            if self.open and item.value is self.open[-1].group:
                self.open[-1].group.flow = False  # behind its bracket: one line has no place for it
        elif isinstance(item.value, Group):
            item.value.below.append(text)
        else:
            item.above.append(text)

    def settle(self, column: int | None) -> list[str]:
        """Give the waiting comments to the blocks that ended before them; the lines of the others are returned.

        `column` is that of the item that follows, None where no block can have ended. A later comment never goes
        further in than an earlier one.
        """
        left: list[str] = []
        outward = 0 if column is not None else len(self.closed)
        for remark in self.waiting:
            while outward < len(self.closed):
                own = self.closed[outward].column
                if own is not None and column is not None and column < own <= remark.column:
                    break
                outward += 1
            (self.closed[outward].group.below if outward < len(self.closed) else left).extend(remark.lines)
        self.waiting = []
        self.closed = []
        return left

    def line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def blank_before(self, at: int) -> bool:
        """Whether the line before that of a place is blank."""
        end = self.line_start(at) - 1
        return end > 0 and not self.text[self.line_start(end) : end].strip()

    # values

    def leaf(self, event: Any, begin: int, end: int) -> None:
        if type(event) is AliasEvent:
            leaf = Leaf(str(event.anchor), "alias")
        else:
            leaf = Leaf(event.value, _KINDS.get(event.style or "", "plain"), event.anchor)
        frame = self.open[-1] if self.open else None
        if frame is not None and frame.group.mapping and not frame.has_key:
            if frame.column is None:
                frame.column = begin - self.line_start(begin)
            self.last = self.new_item(frame, begin, Leaf(""), leaf)
            frame.has_key = True
        else:
            self.last = self.item(leaf, begin)
            self.last.above += self.settle(None)
        self.end_of_last = end
        if leaf.kind == "literal":  # a comment may stand behind its sign; what follows is in lines of its own
            match = _COMMENT.search(self.text[begin:end].partition("\n")[0])
            if match:
                column = begin + match.start() - self.line_start(begin)
                self.last.beside = Comment(match.group().rstrip(), column, gap=1)
            self.last = None

    def start(self, event: Any, mapping: bool) -> None:
        flow, begin = bool(event.flow_style), event.start_mark.index
        bare = flow and (begin == event.end_mark.index or self.text[event.end_mark.index - 1] not in "{[")
        group = Group(mapping, flow=flow, bare=bare, anchor=event.anchor)
        item = self.item(group, begin)
        if flow:
            item.above += self.settle(None)
            group.flow = item.beside is None  # a comment between a key and its brace is inside
            self.last = item
        column = None if event.anchor is not None else begin - self.line_start(begin)
        self.open.append(_Open(group, flow, column))

    def item(self, value: Leaf | Group, begin: int) -> Item:
        """The item that a value belongs to: the key before it, a new one of a list, or the whole document."""
        if not self.open:
            self.root = Item(value)
            return self.root
        frame = self.open[-1]
        if frame.group.mapping:
            item = frame.group.items[-1]
            item.value, frame.has_key = value, False
            return item
        if frame.column is None:
            line = self.text[self.line_start(begin) : begin]
            frame.column = len(line) - len(line.lstrip())  # where its '-' stands
        return self.new_item(frame, begin, value)

    def new_item(self, frame: _Open, begin: int, value: Leaf | Group, key: Leaf | None = None) -> Item:
        """An item begins: what waits stands above it, or at the end of what ended before it."""
        item = Item(value, key, self.settle(frame.column))
        starts_line = not self.text[self.line_start(begin) : begin].strip(" -?")
        if not frame.flow and starts_line and self.blank_before(begin):
            item.above.append(BLANK)
        frame.group.items.append(item)
        return item
