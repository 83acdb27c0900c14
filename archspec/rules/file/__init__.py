"""A spec file as a whole, as rules see it: its text, and the networks that it describes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from archspec import source
from archspec.errors import Span
from archspec.graph import TypedGraph
from archspec.source import Scalar, Value
from archspec.spec import Block, Layer, Spec, walk

Position = tuple[str, int, int]
"""File, line and column."""

_VARIABLE = re.compile(r"\$([^\W\d]\w*)")
_WORD = re.compile(r"[^\W\d]\w*")
_REFERENCES = ("name", "from", "was")
"""Modifiers whose words are layers of the network, not of the vocabulary."""


@dataclass(frozen=True)
class SpecFile:
    """The spec as written, no variant chosen, and the network of it and of each of its variants (none where the
    file only holds blocks)."""

    spec: Spec
    graphs: tuple[TypedGraph, ...]

    @property
    def tree(self) -> source.Mapping:
        return self.spec.tree

    @cached_property
    def own_blocks(self) -> dict[str, Block]:
        """The blocks written in this file: those that `use` brings are other people's."""
        return {name: self.spec.blocks[name] for name, _ in entries(self.tree.get("blocks"))}

    @cached_property
    def stretches(self) -> list[tuple[Block | None, tuple[Layer, ...]]]:
        """Every list of layers of this file, and the block it belongs to: none for the network's own and a head's."""
        lists = [self.spec.layers, *(head.layers for head in self.spec.heads)]
        return [*((None, layers) for layers in lists), *((block, block.layers) for block in self.own_blocks.values())]

    def layers(self) -> Iterator[Layer]:
        """Every layer written in this file, those inside others too."""
        return (layer for _, stretch in self.stretches for layer in walk(stretch))

    @cached_property
    def chooses_blocks(self) -> bool:
        """Whether some layer is a block or operator that a variable names (`- $block: {…}`), so that the text
        alone does not tell who is called. (A parameter of type `layers` holds layers, and names nobody.)"""
        for block, stretch in self.stretches:
            for layer in walk(stretch):
                if layer.word.startswith("$"):
                    kind = block.params.get(layer.word[1:]) if block else None
                    if not (isinstance(kind, Scalar) and kind.value == "layers"):
                        return True
        return False

    @cached_property
    def words(self) -> frozenset[str]:
        """The words by which the network calls layers: of its lists and heads, its variables, whose values may be
        names, and of every block they reach."""
        tree = self.tree
        found: set[str] = set()
        pending = [tree.get(key) for key in ("layers", "heads", "detect", "vars", "variants")]
        while pending:
            new = set(words(pending.pop())) - found
            found |= new
            pending += [self._text(name) for name in new & self.spec.blocks.keys()]
        return frozenset(found)

    def _text(self, block: str) -> Value:
        own = self.tree.get("blocks")
        text = own.get(block) if isinstance(own, source.Mapping) and block in self.own_blocks else None
        return text or self.spec.block_texts[block]

    def operators(self) -> frozenset[str]:
        """The words of all operators that some network of this file has."""
        return frozenset(node.op.word for graph in self.graphs for node in graph.nodes.values())


def position(span: Span) -> Position:
    return span.file, span.line, span.column


def entries(value: Value | None) -> Iterator[tuple[str, Value]]:
    """Keys and values, where it is a mapping."""
    return value.items() if isinstance(value, source.Mapping) else iter(())


def words(value: Value | None, references: bool = False) -> Iterator[str]:
    """The words in every key and text of a value; with `references` those that are names of layers too."""
    if isinstance(value, Scalar):
        yield from _WORD.findall(value.text)
    elif isinstance(value, source.Sequence):
        for item in value.items:
            yield from words(item, references)
    elif value is not None:
        for key, item in value.items():
            yield key
            if references or key not in _REFERENCES:
                yield from words(item, references)


def mentions(*values: Value | None) -> Iterator[str]:
    """The names that stand behind a `$`, in keys and in texts."""
    for value in values:
        if isinstance(value, Scalar):
            yield from _VARIABLE.findall(value.text)
        elif isinstance(value, source.Sequence):
            yield from mentions(*value.items)
        elif value is not None:
            for key, item in value.entries:
                yield from mentions(key, item)


def reached(roots: Iterable[str], then: Mapping[str, Iterable[str]]) -> set[str]:
    """All names that can be reached from some of them; `then` is what each of them leads to."""
    found: set[str] = set()
    pending = list(roots)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += then.get(name, ())
    return found
