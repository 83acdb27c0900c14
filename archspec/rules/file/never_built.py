"""W310: a layer is never built

Its `when` is false, or its loop empty, whatever the spec's variables are. A condition that depends on a variable or
on a parameter is a switch, and switches may be off; this one has no other position.

Bad:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - layers:
          - conv: {out: $width, kernel: 3, padding: same}
          - relu
          - max_pool: 2
            when: $index == 3
        each: {width: [16, 32, 64]}
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - layers:
          - conv: {out: $width, kernel: 3, padding: same}
          - relu
          - max_pool: 2
            when: $index < 2
        each: {width: [16, 32, 64]}
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from archspec import source
from archspec.errors import Diagnostic, Frame, SpecError
from archspec.expressions import parse_expression
from archspec.ops import REGISTRY
from archspec.rules.file import Position, SpecFile, mentions, position, words
from archspec.rules.telling import warning
from archspec.source import Scalar, Value
from archspec.spec import Layer, walk

CODE = "W310"


def check(file: SpecFile) -> Iterator[Diagnostic]:
    """Layers that no setting of the variables builds, the outermost of those inside one another."""
    if not file.graphs:
        return
    built = _places(file)
    called = {scope.word for graph in file.graphs for scope in graph.scopes.values()}
    for block, layers in file.stretches:
        if block is None or block.name in called:
            yield from _unbuilt(layers, frozenset(), built)


def _unbuilt(layers: tuple[Layer, ...], known: frozenset[str], built: set[Position]) -> Iterator[Diagnostic]:
    """`known` are the variables of the loops around whose values are written in the text."""
    for layer in layers:
        inside = known
        if layer.repeat is not None or layer.each is not None:
            constant = set(mentions(layer.repeat, layer.each)) <= known
            inside = known | {"index", *words(layer.each)} if constant else known - {"index"}
        if cause := _cause(layer, inside, built):
            yield warning(CODE, f"'{layer.word}' is never built: {cause}", (layer.when or layer).span, "remove it")
        else:
            for inner in (layer.body, layer.branches, layer.shortcut_layers):
                yield from _unbuilt(inner, inside, built)


def _cause(layer: Layer, known: frozenset[str], built: set[Position]) -> str | None:
    """Why a layer is never built, where that is certain.

    A constant says so itself. A condition on the instance of a loop is seen by what it left in the networks: nothing
    of a layer that would have left something.
    """
    if layer.when is not None:
        names = set(mentions(layer.when))
        text = layer.when.text if isinstance(layer.when, Scalar) else "…"
        if _constant(layer.when) is False:
            return f"`when: {text}` is false"
        if names and names <= known and _leaves_a_trace(layer) and not _traced(layer, built):
            return f"`when: {text}` is false in every instance"
    if layer.repeat is not None and _constant(layer.repeat) == 0:
        return "it is repeated 0 times"
    lists = [value for _, value in layer.each.entries] if layer.each is not None else []
    return "its loop is empty" if any(_constant(value) == [] for value in lists) else None


def _constant(value: Value) -> object:
    """What a value is whatever the variables are; None where it depends on them, or is a list that is not empty."""
    if isinstance(value, Scalar) and not any(mentions(value)):
        if not isinstance(value.value, str):
            return value.value
        with suppress(SpecError):
            return parse_expression(value.value, value.span).evaluate({})
    return [] if isinstance(value, source.Sequence) and not value.items else None


def _leaves_a_trace(layer: Layer) -> bool:
    """Whether the graph would have a layer of it for certain, its own condition met: `act: none` has none, nor has
    a path that a residual drops because there is no sum."""
    if layer.body or layer.branches:
        inner = (*layer.body, *layer.branches)
        return any(
            one.when is None and one.repeat is None and one.each is None and _leaves_a_trace(one) for one in inner
        )
    return layer.word in REGISTRY and layer.word != "drop_path"


def _traced(layer: Layer, built: set[Position]) -> bool:
    """Whether the layer, or one inside it, is in a network."""
    spans = (span for one in walk((layer,)) for span in (one.span, one.join and one.join.span) if span)
    return any(position(span) in built for span in spans)


def _places(file: SpecFile) -> set[Position]:
    """Where the text was that became a layer, or that one of those was entered through."""
    found: set[Position] = set()
    for graph in file.graphs:
        seen: set[int] = set()
        for node in graph.nodes.values():
            found.add(position(node.span))
            frame: Frame | None = node.trail
            while frame is not None and id(frame) not in seen:
                seen.add(id(frame))
                found.add(position(frame.span))
                frame = frame.outer
        found |= {position(scope.span) for scope in graph.scopes.values()}
    return found
