"""YAML events → values. The events come from libyaml one by one; the tree is put together here,
without recursion, so that no input can exhaust the stack, and every error can be collected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from archspec.errors import Diagnostic, Span, SpecError, fail, in_text_order
from archspec.source.scalars import NULLS, Trap, resolve, shorten
from archspec.source.syntax import MISSING_SPACE, cut_expression, explain
from archspec.source.text import MAX_BYTES, Text, check_characters
from archspec.source.values import MAX_DEPTH, Mapping, Scalar, Sequence, Value, is_lost, lost

MAX_VALUES = 100_000
"""Values after aliases are expanded: what whoever walks the tree will meet."""
MAX_ERRORS = 100

_QUOTES = frozenset("'\"|>")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str, file: str) -> Value:
    """Text of one YAML document as a value. `file` is what messages call it.

    Raises Unreadable with everything found wrong, in order: E001 syntax, E002 duplicate key, E003 no value,
    E004 leading zero, E005 base 60, E006 tag, E007 merge key, E008 anchor, E009 several documents, E010 too
    large, E011 characters, E012 key that is no text, E013 too large or deep, E014 nothing in it.
    """
    if len(text) > MAX_BYTES:
        raise fail("E013", f"{file} is larger than {MAX_BYTES:,} characters", Span(file, 1, 1))
    text = text.removeprefix("\ufeff")
    source = Text(text, file)
    check_characters(text, source)
    tree = _Tree(source)
    whole = True
    try:
        tree.take(yaml.parse(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        told = explain(error, source)
        whole = False
        with suppress(_Enough):
            tree.cut()
        if told.message == MISSING_SPACE:  # of a list that it begins, the key above has no value
            tree.found = [d for d in tree.found if d.code != "E003" or not _just_above(d.span, told.span)]
        tree.found.append(told)
    except _Enough:
        tree.root = None
    if tree.found:
        raise Unreadable(in_text_order(tree.found, file), tree.root, whole)
    if tree.root is None:
        raise fail(
            "E014",
            f"{file} is empty",
            Span(file, 1, 1),
            "the smallest spec: archspec: 1, name, input, layers",
        )
    return tree.root


class Unreadable(SpecError):
    """A text with mistakes, and what can be read of it nonetheless: `tree`, with Lost where a value is missing.

    It is None where nothing is sound; where it is not `whole`, reading ended at a mistake in the syntax.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic], tree: Value | None = None, whole: bool = True):
        super().__init__(diagnostics)
        self.tree, self.whole = tree, whole


class _Enough(Exception):
    """No point in reading on: the document is out of bounds, or has too many errors."""


class _Null:
    """Where a value should be."""

    __slots__ = ("span",)

    def __init__(self, span: Span):
        self.span = span


class _Open:
    """A list or mapping being filled. A mapping's keys and values alternate in `parts`."""

    __slots__ = ("anchor", "count", "flow", "height", "mapping", "parts", "span", "tagged")

    def __init__(self, mapping: bool, span: Span, flow: bool, anchor: str | None, count: int, tagged: bool):
        self.mapping, self.span, self.flow, self.anchor, self.tagged = mapping, span, flow, anchor, tagged
        self.parts: list[Any] = []
        self.count = count  # values in the document before this one
        self.height = 0  # levels below


class _Tree:
    """What has been read so far: the open collections, the anchors, and everything found wrong."""

    def __init__(self, source: Text):
        self.source = source
        self.root: Value | None = None
        self.found: list[Diagnostic] = []
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Value, int, int]] = {}  # value, expanded size, height
        self.count = 0
        self.documents = 0

    def error(self, code: str, message: str, span: Span, hint: str | None = None) -> None:
        self.found.append(Diagnostic(code, message, span, hint))
        if len(self.found) >= MAX_ERRORS:
            raise _Enough

    def stop(self, code: str, message: str, span: Span, hint: str | None = None) -> _Enough:
        self.error(code, message, span, hint)
        return _Enough()

    def span(self, event: Any) -> Span:
        start, end = event.start_mark, event.end_mark
        return self.source.span(start.line, start.column, end.line, end.column)

    def take(self, events: Iterator[Any]) -> None:
        """Read all events."""
        for event in events:
            kind = type(event)
            if kind is ScalarEvent:
                self.scalar(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self.start(event, kind is MappingStartEvent)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self.end()
            elif kind is AliasEvent:
                self.alias(event)
            elif kind is DocumentStartEvent:
                self.documents += 1
                if self.documents > 1:
                    hint = "one file holds one spec: put the second one in its own file"
                    raise self.stop("E009", "a second document starts here", self.span(event), hint)

    def cut(self) -> None:
        """Make a tree of what stood before the place where reading ended: of the open collections the outer two."""
        if not self.open or not self.open[0].mapping:
            self.root = None
            return
        end = lost(self.open[-1].span)
        first, *inner = self.open
        if inner and len(first.parts) % 2:
            second = inner[0]
            if not second.mapping or len(second.parts) % 2:
                second.parts.append(end)
            first.parts.append(self.mapping(second) if second.mapping else self.sequence(second))
        elif len(first.parts) % 2:
            first.parts.append(end)
        root = self.mapping(first)
        self.root = root if isinstance(root, Mapping) else None

    def scalar(self, event: Any) -> None:
        span, text = self.span(event), event.value
        quoted = event.style in _QUOTES
        tagged = self.tag(event, span)
        self.grow(1, span)
        if self.expects_key():
            if text == "":
                self.error("E012", "this key is empty", span)
            elif text == "<<" and not quoted:
                hint = "write the entries out; blocks, variables and variants are how a spec repeats itself"
                self.error("E007", "merge keys (<<) are not part of the language", span, hint)
            self.add(Scalar(text, text, span, quoted), event.anchor, 1, 0)
            return
        if tagged:
            self.add(lost(span), event.anchor, 1, 0)
            return
        if quoted:
            self.add(Scalar(text, text, span, True), event.anchor, 1, 0)
            return
        if text in NULLS:
            self.add(_Null(span), None, 1, 0)
            return
        value = resolve(text)
        if isinstance(value, Trap):
            self.error(value.code, value.message, span, value.hint)
            self.add(lost(span), event.anchor, 1, 0)
            return
        self.add(Scalar(value, text, span), event.anchor, 1, 0)

    def start(self, event: Any, mapping: bool) -> None:
        mark = event.start_mark
        span = self.source.span(mark.line, mark.column, mark.line, mark.column + 1)
        tagged = self.tag(event, span)
        self.grow(1, span)
        if len(self.open) >= MAX_DEPTH:
            raise self.stop("E013", f"nested deeper than {MAX_DEPTH} levels", span)
        self.open.append(_Open(mapping, span, bool(event.flow_style), event.anchor, self.count - 1, tagged))

    def end(self) -> None:
        done = self.open.pop()
        value = self.mapping(done) if done.mapping else self.sequence(done)
        value = lost(done.span) if done.tagged else value
        self.add(value, done.anchor, self.count - done.count, done.height + 1)

    def alias(self, event: Any) -> None:
        span, name = self.span(event), event.anchor
        if any(frame.anchor == name for frame in self.open):
            raise self.stop("E008", f"*{shorten(name)} stands inside what it repeats", span)
        if name not in self.anchors:
            hint = (
                "quote text that starts with *" if not self.anchors else f"anchors: {', '.join(list(self.anchors)[:8])}"
            )
            self.error("E008", f"there is no anchor &{shorten(name)} before this", span, hint)
            self.anchors[name] = (lost(span), 1, 0)
        value, size, height = self.anchors[name]
        self.grow(size, span)
        if len(self.open) + height > MAX_DEPTH:
            raise self.stop("E013", f"nested deeper than {MAX_DEPTH} levels, aliases included", span)
        self.add(value, None, size, height)

    def tag(self, event: Any, span: Span) -> bool:
        """Whether a value has a tag, which is told: what it stands for is not known."""
        if event.tag is not None:
            name = event.tag.replace("tag:yaml.org,2002:", "!!")
            hint = "a spec is plain data: delete the tag, or quote text that starts with !"
            self.error("E006", f"the tag {shorten(name)} is not allowed", span, hint)
            return True
        return False

    def grow(self, by: int, span: Span) -> None:
        self.count += by
        if self.count > MAX_VALUES:
            hint = "aliases are counted as often as they are used; loops (repeat, each) have no such bound"
            raise self.stop("E013", f"more than {MAX_VALUES:,} values", span, hint)

    def expects_key(self) -> bool:
        return bool(self.open) and self.open[-1].mapping and len(self.open[-1].parts) % 2 == 0

    def add(self, value: Any, anchor: str | None, size: int, height: int) -> None:
        """Put a finished value where it belongs. `size` and `height` are remembered for its aliases."""
        if anchor is not None:
            self.anchors[anchor] = (value, size, height)
        if not self.open:
            if isinstance(value, _Null):
                raise self.stop("E014", f"{self.source.file} is empty", value.span)
            self.root = value
            return
        frame = self.open[-1]
        frame.height = max(frame.height, height)
        if self.expects_key() and not isinstance(value, Scalar):
            hint = "quote text with braces or brackets; names in $…, not {{…}}"
            self.found = [d for d in self.found if d.code != "E003" or not _within(d.span, value.span)]  # says less
            self.error("E012", "a list or mapping cannot be a key", value.span, hint)
            value = Scalar("", "", value.span)
        frame.parts.append(value)

    def sequence(self, done: _Open) -> Sequence:
        items: list[Value] = []
        for item in cut_expression(done.parts, self.error) if done.flow else done.parts:
            if isinstance(item, _Null):
                self.error("E003", "this list item has no value", item.span, "write [] or {} for an empty one")
                items.append(lost(item.span))
            else:
                items.append(item)
        return Sequence(tuple(items), done.span)

    def mapping(self, done: _Open) -> Value:
        """The mapping; lost where a key of it could not be read, since any may be meant. Of a key that stands
        twice the value is lost."""
        parts = done.parts
        pairs = list(zip(parts[::2], parts[1::2], strict=True))
        if done.flow and any(isinstance(value, _Null) for _, value in pairs):
            pairs = self.rejoin(pairs)
        entries: dict[str, tuple[Scalar, Value]] = {}
        sound = True
        for key, value in pairs:
            name = str(key.value)
            if isinstance(value, _Null) and done.flow and not key.quoted:
                close = _CLOSE.fullmatch(name)
                if close is not None:
                    hint = f"write `{close[1]}: {shorten(close[2])}`"
                    self.error("E003", f"a space is missing after '{close[1]}:'", key.span, hint)
                    entries.setdefault(close[1], (Scalar(close[1], close[1], key.span), lost(key.span)))
                    continue
                if _VALUE.match(name):
                    what = f"'{shorten(name)}' is a value without a name"
                    alone = f"a value alone needs no braces, `{shorten(name)}`; else " if len(pairs) == 1 else ""
                    self.error("E003", what, key.span, f"{alone}write its name before it, `…: {shorten(name)}`")
                    sound = False
                    continue
            if not name or is_lost(key) or (name == "<<" and not key.quoted):
                sound = False
                continue  # not a key, as has been said
            if name in entries:
                first = entries[name][0]
                hint = f"the first is at {first.span}; keep one of them"
                message = f"the key '{shorten(name)}' stands twice: here and in line {first.span.line}"
                self.error("E002", message, key.span, hint)
                entries[name] = (first, lost(first.span))
            else:
                entries[name] = (key, lost(key.span) if isinstance(value, _Null) else value)
            if isinstance(value, _Null):
                layer = key is pairs[0][0] and bool(self.open) and not self.open[-1].mapping
                below = [str(other.value) for other, _ in pairs[1:] if str(other.value) not in _EXAMPLES]
                hint = _fill(name, done.flow, layer)
                if layer and below and not done.flow:
                    hint = f"what belongs to '{shorten(name)}' is indented further than it: {_listed(below)}"
                self.error("E003", f"the key '{shorten(name)}' has no value", key.span, hint)
        return Mapping(tuple(entries.values()), done.span) if sound else lost(done.span)

    def rejoin(self, pairs: list[tuple[Scalar, Any]]) -> list[tuple[Scalar, Any]]:
        """`{out: round_to($c, 8)}`: the comma made a key `8)` of the rest. Say so once."""
        kept: list[tuple[Scalar, Any]] = []
        pieces: list[Any] = []
        for key, value in [*pairs, (None, None)]:
            if isinstance(value, _Null):
                pieces.append(key)
                continue
            if kept and pieces:
                whole = cut_expression([kept[-1][1], *pieces], self.error)
                kept[-1] = (kept[-1][0], whole[0])
                pieces = whole[1:]
            kept.extend((piece, _Null(piece.span)) for piece in pieces)
            pieces = []
            if key is not None:
                kept.append((key, value))
        return kept


_CLOSE = re.compile(r"([A-Za-z_]\w*):(\S+)")
_VALUE = re.compile(r"\$\w|\d")
"""What stands in braces where a key should: `kernel:3`, whose space is missing, and a value alone."""
_EXAMPLES = {
    "act": "`act: none` for no activation, else its name, `act: relu`",
    "name": "`name: stem`, or leave the key out",
    "from": "`from: stem`, or leave the key out",
    "when": "`when: $depth > 1`, or leave the key out",
    "repeat": "`repeat: 3`, or leave the key out",
    "each": "`each: {width: [64, 128]}`, or leave the key out",
    "join": "`join: concat`",
    "own": "`own: true`, or leave the key out",
    "was": "`was: conv1`, or leave the key out",
    "input": "`input: [3, 224, 224]`",
    "task": "`task: classify`, or leave the key out",
}
"""What to write behind keys for which {} and [] are no values."""


def _fill(name: str, flow: bool, layer: bool) -> str:
    """What would be a value for a key without one; what each layer takes is not known here."""
    shown = shorten(name)
    if name in _EXAMPLES:
        return f"write {_EXAMPLES[name]}"
    if layer:
        inside = "" if flow else f"lines that belong to '{shown}' are indented further; "
        return f"{inside}write its arguments, `- {shown}: …`; one that needs none stands alone, `- {shown}`"
    if flow:
        return f"write a value after '{shown}:', or leave the key out; commas inside braces need quotes"
    return f"write a value, or indent the lines that belong to '{shown}' further; or leave the key out"


def _listed(names: list[str]) -> str:
    """A few names in a row, as they are told."""
    return ", ".join(f"'{shorten(name)}'" for name in names[:4]) + (", …" if len(names) > 4 else "")


def _within(inner: Span | None, outer: Span) -> bool:
    """Whether a place stands behind another one in the same line."""
    return inner is not None and inner.line == outer.line and inner.column > outer.column


def _just_above(span: Span | None, other: Span | None) -> bool:
    """Whether a place is in the line above another one."""
    return span is not None and other is not None and span.line == other.line - 1
