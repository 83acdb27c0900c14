"""Remedies that are no argument: a layer put in, left out or exchanged, a shortcut of another kind, a larger input."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from archspec.build.remedies.between import Found, vectors
from archspec.build.remedies.changes import Change, changed
from archspec.build.remedies.origins import Entry, Origins
from archspec.build.remedies.refusal import Refusal
from archspec.build.remedies.ways import Ways
from archspec.ops.base import OperatorError, typed
from archspec.ops.merge import Merge
from archspec.ops.shape import Input
from archspec.source import Mapping, Scalar, Value
from archspec.source.edits import Edit, renamed, replaced, with_argument, with_layer_before, without_item

MAX_REPLAYED = 500
"""Layers behind a window that does not fit, for a larger input to be looked for."""
MAX_DOUBLINGS = 8
_INSTANCES = re.compile(r"\$[\w.]+\.\*[\w.]*")
"""A reference to all instances of a loop: `$enc.*.skip`."""


def structural(refusal: Refusal, origins: Origins, ways: Ways) -> Iterator[Found]:
    """Remedies worth a trial, none of them tried."""
    entry = origins.entries.get(refusal.span)
    if entry is not None and not entry.joins and entry.word.span.file == origins.file:
        if entry.word.text == "residual":
            yield from _shortcuts(refusal, entry)
        elif entry.word.text == refusal.op.word:
            yield from _beside(refusal, entry, ways)
    yield from vectors(refusal, origins)
    if refusal.types[0].rank == 0:
        yield from _without_flatten(origins, ways)
    if isinstance(refusal.op, Merge):
        yield from _lists_turned(refusal, origins)
        yield from _rounded_input(refusal, origins, ways)
    if refusal.error.argument == "kernel":
        yield from _channels_first(refusal, origins, ways)
        yield from _larger_input(refusal, origins, ways)


def _shortcuts(refusal: Refusal, entry: Entry) -> Iterator[Found]:
    line = entry.word.span.line
    now = entry.args.get("shortcut") if isinstance(entry.args, Mapping) else None
    for kind, cost in (("project", 0.5), ("when_same", 1.0)):
        if isinstance(now, Scalar):
            edit = replaced(now, kind, kind)
        else:
            edit = with_argument(entry.item, entry.word, entry.args, ("shortcut", kind, kind), "body")
        if now is None or (isinstance(now, Scalar) and now.text != kind):
            yield f"`shortcut: {kind}` (line {line})", edit, cost, -1


def _beside(refusal: Refusal, entry: Entry, ways: Ways) -> Iterator[Found]:
    """A layer in front of the one that refuses, or another in its place."""
    op, types, line = refusal.op, refusal.types, entry.word.span.line
    if op.word == "linear" and types[0].rank:
        for side, (word, n) in enumerate((("flatten", types[0].numel), ("global_avg_pool", types[0].channels))):
            edit = with_layer_before(entry.item, entry.word, word, word)
            yield f"`- {word}` ({n} features) before line {line}", edit, 1 + 0.2 * side, side
    if isinstance(op, Merge) and len({t.rank for t in types}) == 1:
        for factor in _factors(refusal):
            edit = with_layer_before(entry.item, entry.word, {"upsample": factor}, f"upsample: {factor}")
            yield f"`- upsample: {factor}` before line {line}", edit, 0.8, -1
    if op.category == "conv" and not any(t.rank for name in ways.behind for t in ways.types[name]):
        yield f"`linear` in the place of `{op.word}` (line {line})", renamed(entry.word, "linear"), 1.2, -1
    other = {"upsample": "crop", "crop": "upsample"}.get(op.word)
    if other is not None and len(types) == 2:
        yield f"`{other}` in the place of `{op.word}` (line {line})", renamed(entry.word, other), 1.0, -1


def _factors(refusal: Refusal) -> list[int]:
    """By how much the smaller of what meets would have to grow, where that is a whole number."""
    found = []
    for axis in zip(*(t.spatial for t in refusal.types), strict=True):
        factor, rest = divmod(max(axis), min(axis))
        if rest:
            return []
        found.append(factor)
    return found[:1] if len(set(found)) == 1 and found[0] > 1 else []


def _without_flatten(origins: Origins, ways: Ways) -> Iterator[Found]:
    for name in reversed(ways.behind):
        node = ways.nodes[name]
        entry = origins.entries.get(node.span)
        if node.op.word != "flatten" or entry is None or not ways.inputs_of(name)[0].rank:
            continue
        if isinstance(entry.item, Scalar) and entry.item.span.file == origins.file:
            yield f"leaving out {name} (line {node.span.line})", without_item(entry.item), 1.0, -2
        return


def _lists_turned(refusal: Refusal, origins: Origins) -> Iterator[Found]:
    """A loop over the tensors of another loop, from its last instance to its first: a decoder over its encoder."""
    parts = refusal.path.split(".")
    for end in range(len(parts) - 1, 0, -1):
        scope = origins.scopes.get(".".join(parts[:end]))
        entry = origins.entries.get(scope.span) if scope else None
        for _, value in entry.each.entries if entry is not None and entry.each is not None else ():
            if isinstance(value, Scalar) and value.span.file == origins.file and _INSTANCES.fullmatch(value.text):
                text = f"reverse({value.text})"
                yield f"`{text}` (line {value.span.line})", replaced(value, text, text), 0.7, -3


@dataclass(frozen=True, slots=True)
class _OneInput:
    """The one input that a refused layer comes from, with its sizes in numbers."""

    refusal: Refusal
    origins: Origins
    ways: Ways
    name: str
    written: Value
    shape: tuple[int, ...]

    @classmethod
    def of(cls, refusal: Refusal, origins: Origins, ways: Ways) -> _OneInput | None:
        inputs = [name for name in ways.behind if isinstance(ways.nodes[name].op, Input)]
        written = origins.spec.inputs.get(inputs[0]) if len(inputs) == 1 and len(ways.behind) <= MAX_REPLAYED else None
        op = ways.nodes[inputs[0]].op if inputs else None
        if written is None or not isinstance(op, Input) or not all(isinstance(size, int) for size in op.shape):
            return None  # where it is open, any size will do
        return cls(refusal, origins, ways, inputs[0], written, tuple(op.shape))

    def fits(self, shape: Iterable[int]) -> bool:
        """Whether the layer does not refuse an input of another shape."""
        other = changed(self.ways.nodes[self.name].op, Change("shape", list(shape), 0))
        try:
            return other is not None and bool(typed(self.refusal.op, self.ways.replay({self.name: other})))
        except OperatorError:
            return False

    def found(self, shape: Iterable[int], cost: float, asked: float | None = None) -> Found:
        """That shape in the place of the one written, or asked for on the command line."""
        plain = list(shape)
        text = f"[{', '.join(map(str, plain))}]"
        edit, told = replaced(self.written, plain, text), f"`input: {text}` (line {self.written.span.line})"
        if self.written.span.file != self.origins.file:
            edit, told = Edit(edit.old, edit.new, None), f"`--input {'x'.join(map(str, plain))}`"
        return told, edit, cost if edit.fix or asked is None else asked, -2


def _rounded_input(refusal: Refusal, origins: Origins, ways: Ways) -> Iterator[Found]:
    """The next size that halving leaves no remainder of, where tensors meet that are a few cells apart."""
    one = _OneInput.of(refusal, origins, ways)
    if one is None:
        return
    channels, *sizes = one.shape
    for step in (2**k for k in range(1, MAX_DOUBLINGS)):
        shape = [channels, *(-(-n // step) * step for n in sizes)]
        if shape[1:] != sizes and one.fits(shape):
            yield one.found(shape, 2.05)


def _channels_first(refusal: Refusal, origins: Origins, ways: Ways) -> Iterator[Found]:
    """An image written as height, width, channels."""
    one = _OneInput.of(refusal, origins, ways)
    if one is not None and len(one.shape) == 3 and one.shape[2] <= 4 < min(one.shape[:2]):
        yield one.found((one.shape[2], *one.shape[:2]), 0.1)


def _larger_input(refusal: Refusal, origins: Origins, ways: Ways) -> Iterator[Found]:
    """Larger inputs, along their short sides: the least that the refused window needs, and more for those behind it."""
    one = _OneInput.of(refusal, origins, ways)
    if one is None or len(one.shape) == 1:
        return
    channels, *sizes = one.shape

    def larger(size: int) -> list[int]:
        return [channels, *(max(n, size) for n in sizes)]

    least = _least(min(sizes), lambda size: one.fits(larger(size)))
    for i, size in enumerate(sorted({least, max(sizes), 2 * least, 4 * least} if least is not None else ())):
        # who asks for another size on the command line has the size in mind
        if least is not None and size >= least:
            yield one.found(larger(size), 0.9 + 0.01 * i, 0.4 + 0.01 * i)


def _least(size: int, fits: Callable[[int], bool]) -> int | None:
    """The least size above one that does not fit, by doubling and halving."""
    low, high = size, 2 * size
    for _ in range(MAX_DOUBLINGS):
        if fits(high):
            break
        low, high = high, 2 * high
    else:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high
