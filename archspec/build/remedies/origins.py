"""Where an argument of a layer was written: in the layer itself, in the call of a block around it, in a loop's list.

Only what stands in the file that is being read can be changed, and only what is written as it is: a number or a word,
not an expression.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from archspec import source
from archspec.errors import Span
from archspec.graph import Scope
from archspec.ops import REGISTRY
from archspec.source import Scalar, Sequence, Value
from archspec.source.edits import Edit, replaced, with_argument, with_join
from archspec.spec import Block, Spec

_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")
_WORD = re.compile(r"[a-z_]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """A layer as it stands in the text: an item of a list, its word, and the arguments behind the word.

    `joins`: it is what a `join:` says, and no item of a list. `each` is its loop.
    """

    item: Value
    word: Scalar
    args: Value | None
    joins: bool = False
    each: source.Mapping | None = None
    around: source.Mapping | None = None
    """The layer whose branches it joins."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one argument can be changed. `value` is None where it is not written, and so would be added.

    `owner` is the path of what has it, or None for a variable of the file; `name` is what it is called there.
    """

    entry: Entry | None
    name: str
    value: Value | None
    owner: str | None
    main: str | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for arguments that one change of the text changes."""
        return (id(self.value),) if self.value is not None else (self.span, self.name)

    @property
    def span(self) -> Span:
        if self.value is not None:
            return self.value.span
        assert self.entry is not None
        return self.entry.word.span

    def edit(self, data: object, text: str) -> Edit:
        """The change of the argument to a value, given as plain data and as text."""
        if self.value is not None:
            return replaced(self.value, data, text)
        assert self.entry is not None
        if self.entry.joins:
            return with_join(self.entry.item, self.name, data, text)
        return with_argument(self.entry.item, self.entry.word, self.entry.args, (self.name, data, text), self.main)


class Origins:
    """The layers of a spec by their place in the text, and from there the origin of every argument."""

    def __init__(self, spec: Spec, scopes: Mapping[str, Scope]):
        self.spec, self.scopes = spec, scopes
        self.file = spec.tree.span.file
        self.entries: dict[Span, Entry] = {}
        for tree in (spec.tree, *spec.block_texts.values()):
            self._index(tree)

    def _index(self, tree: Value) -> None:
        waiting: list[Value] = [tree]
        while waiting:
            value = waiting.pop()
            if isinstance(value, source.Mapping):
                waiting += (inner for _, inner in value.entries)
            elif isinstance(value, Sequence):
                for item in value.items:
                    self._layer(item)
                    waiting.append(item)

    def _layer(self, item: Value) -> None:
        if isinstance(item, Scalar):
            self.entries[item.span] = Entry(item, item, None)
        elif isinstance(item, source.Mapping):
            each = item.get("each")
            loop = each if isinstance(each, source.Mapping) else None
            for word, args in item.entries:
                self.entries[word.span] = Entry(item, word, args, each=loop)
            join = item.get("join")
            if isinstance(join, Scalar):
                self.entries[join.span] = Entry(join, join, None, joins=True, around=item)
            elif isinstance(join, source.Mapping) and len(join.entries) == 1:
                word, args = join.entries[0]
                self.entries[join.span] = Entry(join, word, args, joins=True, around=item)

    def of(self, path: str, span: Span, word: str, argument: str) -> Origin | None:
        """Where an argument of the layer at a path was written, or would be; None where no edit reaches it."""
        entry = self.entries.get(span)
        if entry is None or entry.word.text != word:
            return None
        main = REGISTRY[word].main if word in REGISTRY else None
        return self._written(entry, main, argument, path)

    def _written(self, entry: Entry, main: str | None, argument: str, path: str) -> Origin | None:
        args = entry.args
        value = args.get(argument) if isinstance(args, source.Mapping) else args if argument == main else None
        if value is None:
            nameless = args is not None and not isinstance(args, source.Mapping) and main is None
            here = entry.word.span.file == self.file and not nameless
            return Origin(entry, argument, None, path, main) if here else None
        return self._said(value, entry, argument, path)

    def _said(self, value: Value, entry: Entry | None, name: str, path: str | None) -> Origin | None:
        """The origin of a value as written: itself, or what a lone variable stands for."""
        if isinstance(value, Scalar) and isinstance(value.value, str):
            variable = _VARIABLE.fullmatch(value.text)
            if variable and entry is not None and path is not None:
                return self._variable(variable[1], entry, path)
            if not _WORD.fullmatch(value.text):
                return None
        return Origin(entry, name, value, path) if value.span.file == self.file else None

    def _variable(self, name: str, entry: Entry, path: str) -> Origin | None:
        """The loop of the layer itself, the groups, loops and blocks around it, then the file's variables."""
        parts = path.split(".")
        item = self._of_loop(entry, name, _number(parts[-1]))
        if item is not None:
            return self._said(item, None, name, path)
        for end in range(len(parts) - 1, 0, -1):
            around = ".".join(parts[:end])
            scope = self.scopes.get(around)
            call = self.entries.get(scope.span) if scope else None
            if scope is None or call is None:
                continue
            # an instance in error has no index yet, but its number for a name
            item = self._of_loop(call, name, _number(parts[end - 1]) if scope.index is None else scope.index)
            if item is not None:
                return self._said(item, None, name, around)
            block = self.spec.blocks.get(scope.word)
            if block is not None and not parts[end].isdecimal():
                return self._of_block(block, name, call, around)
        value = self.spec.variables.get(name)
        return self._said(value, None, name, None) if value is not None else None

    def _of_block(self, block: Block, name: str, call: Entry, path: str) -> Origin | None:
        return self._written(call, block.main, name, path) if name in block.params else None

    def _of_loop(self, entry: Entry, name: str, index: int | None) -> Value | None:
        """The item of a loop's list that a variable holds in one instance."""
        if entry.each is None or index is None:
            return None
        columns, rows = entry.each.get("columns"), self._list(entry.each.get("rows"))
        if isinstance(columns, Sequence) and rows is not None:
            names = [c.text for c in columns.items if isinstance(c, Scalar)]
            row = rows.items[index] if index < len(rows.items) else None
            if name not in names or row is None:
                return None
            cells = row.items if isinstance(row, Sequence) else (row,)
            return cells[names.index(name)] if names.index(name) < len(cells) else None
        items = self._list(entry.each.get(name))
        return items.items[index] if items is not None and index < len(items.items) else None

    def _list(self, value: Value | None) -> Sequence | None:
        """A list as written, or the variable of the file that holds it."""
        if isinstance(value, Scalar) and (variable := _VARIABLE.fullmatch(value.text)):
            value = self.spec.variables.get(variable[1])
        return value if isinstance(value, Sequence) else None


def _number(segment: str) -> int | None:
    return int(segment) if segment.isdecimal() else None
