"""Remedies that are no argument: a layer put in, left out or exchanged, a shortcut of another kind, a larger input."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from archspec.build.remedies.changes import Change, changed
from archspec.build.remedies.origins import Entry, Origins
from archspec.build.remedies.refusal import Refusal
from archspec.build.remedies.ways import Ways
from archspec.ops.base import OperatorError, typed
from archspec.ops.merge import Merge
from archspec.ops.shape import Input
from archspec.source import Mapping, Scalar
from archspec.source.edits import Edit, renamed, replaced, with_argument, with_layer_before, without_item

MAX_REPLAYED = 500
"""Layers behind a window that does not fit, for a larger input to be looked for."""
MAX_DOUBLINGS = 8

Found = tuple[str, Edit, float, int]
"""What to do in words, the edit, how unlikely it is meant, and which input it changes (see `Trial`)."""


def structural(refusal: Refusal, origins: Origins, ways: Ways) -> Iterator[Found]:
    """Remedies worth a trial, none of them tried."""
    entry = origins.entries.get(refusal.span)
    if entry is not None and not entry.joins and entry.word.span.file == origins.file:
        if entry.word.text == "residual":
            yield from _shortcuts(refusal, entry)
        elif entry.word.text == refusal.op.word:
            yield from _beside(refusal, entry)
    if refusal.types[0].rank == 0:
        yield from _without_flatten(origins, ways)
    if refusal.error.argument == "kernel":
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


def _beside(refusal: Refusal, entry: Entry) -> Iterator[Found]:
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


def _larger_input(refusal: Refusal, origins: Origins, ways: Ways) -> Iterator[Found]:
    """Larger inputs, along their short sides: the least that the refused window needs, and more for those behind it."""
    inputs = [name for name in ways.behind if isinstance(ways.nodes[name].op, Input)]
    written = origins.spec.inputs.get(inputs[0]) if len(inputs) == 1 and len(ways.behind) <= MAX_REPLAYED else None
    if written is None:
        return
    op = ways.nodes[inputs[0]].op
    assert isinstance(op, Input)
    channels, *sizes = op.shape
    if not all(isinstance(size, int) for size in sizes):
        return  # it is open: any size will do

    def fits(size: int) -> bool:
        larger = changed(op, Change("shape", [channels, *(max(n, size) for n in sizes)], 0))
        try:
            return larger is not None and bool(typed(refusal.op, ways.replay({inputs[0]: larger})))
        except OperatorError:
            return False

    least = _least(min(sizes), fits)
    for i, size in enumerate(sorted({least, max(sizes), 2 * least, 4 * least} if least is not None else ())):
        shape = [channels, *(max(n, size) for n in sizes)]
        text = f"[{', '.join(map(str, shape))}]"
        edit, told = replaced(written, shape, text), f"`input: {text}` (line {written.span.line})"
        if written.span.file != origins.file:
            edit, told = Edit(edit.old, edit.new, None), f"`--input {'x'.join(map(str, shape))}`"
        # who asks for another size on the command line has the size in mind
        if least is not None and size >= least:
            yield told, edit, (0.9 if edit.fix else 0.4) + 0.01 * i, -2


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
