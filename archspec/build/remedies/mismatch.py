"""Tensors that do not meet: which they are, where each comes from, what made them differ, what would make them meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from archspec.build.remedies.refusal import Refusal
from archspec.build.remedies.ways import Ways
from archspec.errors import Diagnostic, Related, Span
from archspec.graph import Tap
from archspec.ops.base import Operator, OperatorError, per_image, typed
from archspec.ops.merge import Merge
from archspec.ops.windows import AXES
from archspec.tensor import TensorType

if TYPE_CHECKING:
    from archspec.build.expand import Expansion

MAX_REMEDIED = 3
"""Errors for which a remedy is searched; the others are told without."""
MAX_STEPS = 4
JOINED = {
    "add": "be added",
    "weighted_add": "be added",
    "multiply": "be multiplied",
    "concat": "be joined along their channels",
    "subtract": "be subtracted",
    "mean": "be averaged",
    "max": "be compared",
}


def explained(expansion: Expansion, diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The errors of a failed expansion; those of layers that refused, with places and what would work."""
    if not expansion.refused:
        return list(diagnostics)
    from archspec.build.remedies.search import Search, improved

    search = Search(expansion, {expansion.identity(d) for d in diagnostics})
    found, remedied = [], 0
    for d in diagnostics:
        refusal = expansion.refused.get(expansion.identity(d))
        if refusal is not None and refusal.types:
            d = _told(d, refusal, expansion)
            if remedied < MAX_REMEDIED:
                remedied += 1
                d = improved(d, search.remedies(refusal))
        found.append(d)
    return found


def _told(d: Diagnostic, refusal: Refusal, expansion: Expansion) -> Diagnostic:
    """The diagnostic with the tensors that meet, by name and place."""
    ways = Ways.to(refusal.taps, expansion.nodes, expansion.types)
    show = _Shown(expansion, ways)
    if not isinstance(refusal.op, Merge):
        message = f"{refusal.op.word} at {refusal.path}"
        rest = refusal.error.message.removeprefix(f"{refusal.op.word} ")
        message += f"{':' if rest == refusal.error.message else ''} {rest}"
        hint = None if (d.hint or "").startswith("input ") else d.hint  # told with its place
        return replace(d, message=message, hint=hint, related=tuple(show.behind(refusal)))
    if refusal.error.code != "E310" or any(t.open for t in refusal.types):
        # the message says at which sizes
        hint = None if refusal.error.code == "E310" else d.hint
        return replace(d, hint=hint, related=tuple(show.meeting(refusal.taps[0], refusal.taps[1], refusal.op.word)))
    i, j = _pair(refusal)
    a, b = refusal.types[i], refusal.types[j]
    verb = JOINED.get(refusal.op.word, "meet")
    message = f"{refusal.op.word} at {refusal.path}: {a} and {b} cannot {verb}: {difference(a, b, refusal.op.word)}"
    if refusal.shortcut is not None:
        other = "its input" if refusal.shortcut == "identity" else "the shortcut"
        message = f"residual at {refusal.path}: the body gives {a}, {other} is {b}: {difference(a, b, 'add')}"
    # what an operator guesses would help is no better than a guess, save that sizes mend nothing about regions
    hint = d.hint if a.regions != b.regions else None
    return replace(
        d, message=message, hint=hint, related=tuple(show.meeting(refusal.taps[i], refusal.taps[j], refusal.op.word))
    )


def _pair(refusal: Refusal) -> tuple[int, int]:
    """The first two inputs that do not go together, found by trying."""
    types = refusal.types
    for j in range(1, len(types)):
        for i in range(j):
            try:
                typed(refusal.op, (types[i], types[j]))
            except OperatorError:
                return i, j
    return 0, 1


def difference(a: TensorType, b: TensorType, word: str) -> str:
    """What keeps two tensors apart: `channels 64 ≠ 128, height 28 ≠ 14`."""
    if a.dtype != b.dtype:
        return f"one holds {a.dtype}, the other {b.dtype}"
    if a.regions != b.regions:
        return f"one is there {per_image(a)}, the other {per_image(b)}"
    if a.rank != b.rank:
        return " and ".join(f"{t} has {t.rank or 'none'}{' spatial axes' * (t is a)}" for t in (a, b))
    channels = [("channels", a.channels, b.channels)] if word != "concat" else []
    axes = [*channels, *zip(AXES.get(a.rank, ()), a.spatial, b.spatial, strict=True)]
    return ", ".join(f"{name} {p} ≠ {q}" for name, p, q in axes if p != q)


class _Shown:
    """Nodes as a user knows them: by what the file itself wrote, not by what a standard block is made of."""

    def __init__(self, expansion: Expansion, ways: Ways):
        self.expansion, self.ways = expansion, ways
        self.file = expansion.spec.tree.span.file

    def name(self, node: str) -> tuple[str, Span]:
        """The longest part of a node's path that stands in the file, and where."""
        span = self.ways.nodes[node].span
        parts = node.split(".")
        for end in range(len(parts) - 1, 0, -1):
            if span.file == self.file:
                break
            scope = self.expansion.scopes.get(".".join(parts[:end]))
            if scope is not None and scope.span.file == self.file:
                return scope.path, scope.span
        return node, span

    def meeting(self, one: Tap, other: Tap, word: str) -> Iterator[Related]:
        """Both tensors, what changed them since they parted, and where that was."""
        a, b = (self.ways.types[tap.node][tap.port] for tap in (one, other))
        compared = ("rank", "spatial", *(["channels"] if word != "concat" else []))
        aspects = [name for name in compared if getattr(a, name) != getattr(b, name)]
        fork = self.ways.fork(one, other)
        for tap in (one, other):
            yield from self.tensor(tap, fork, aspects[:1] if aspects[:1] == ["rank"] else aspects)
        if fork is not None and fork not in (one.node, other.node):
            name, span = self.name(fork)
            yield Related(f"both come from {name}, {' and '.join(map(str, self.ways.types[fork]))}", span)

    def behind(self, refusal: Refusal) -> Iterator[Related]:
        """The tensors that a layer takes, and what gave them the sizes that it refuses."""
        about = {"groups", "parts", "channels", "pieces", "out"}
        aspects = ["channels"] if refusal.error.argument in about else ["spatial"]
        if not refusal.types[0].rank or refusal.error.argument is None:
            aspects = ["rank"]
        for tap in refusal.taps[:2]:
            yield from self.tensor(tap, None, aspects)

    def tensor(self, tap: Tap, fork: str | None, aspects: list[str]) -> Iterator[Related]:
        """What gives a tensor, and the last few layers behind a fork that changed it in these aspects."""
        name, span = self.name(tap.node)
        steps: dict[str, tuple[Span, TensorType, TensorType, str]] = {}
        for node in self.ways.between(fork, tap):
            inputs, after = self.ways.inputs_of(node), self.ways.types[node][0]
            made = [a for a in aspects if inputs and getattr(inputs[0], a) != getattr(after, a)]
            if not made:
                continue
            shown, place = self.name(node)
            before = steps[shown][1] if shown in steps else inputs[0]
            steps[shown] = place, before, after, reason(self.ways.nodes[node].op, made)
        kind = self.ways.types[tap.node][tap.port]
        last = steps.pop(name, None)
        yield Related(f"{name} gives {kind}" + (f", from {last[1]} by {last[3]}" if last else ""), span)
        for shown, (place, before, after, why) in list(reversed(steps.items()))[:MAX_STEPS]:
            yield Related(f"{shown} gives {after}, from {before} by {why}", place)
        if len(steps) > MAX_STEPS:
            yield Related(f"… and {len(steps) - MAX_STEPS} more before that, the first", next(iter(steps.values()))[0])


def reason(op: Operator, aspects: list[str]) -> str:
    """The arguments that change a tensor: `stride 2`, `kernel 3 without padding`, `stride 2 and out 48`."""
    found = [_of_size(op)] if "spatial" in aspects and "rank" not in aspects else []
    if "channels" in aspects and hasattr(op, "out"):
        found.append(f"out {op.out}")
    return " and ".join(filter(None, found)) or op.word


def _of_size(op: Operator) -> str:
    """The argument that changes the size."""
    stride = getattr(op, "stride", None) or (getattr(op, "kernel", 1) if op.category == "pool" else 1)
    if stride != 1:
        return f"stride {_plain(stride)}"
    for argument in ("scale", "size"):
        if getattr(op, argument, None):
            return f"{argument} {_plain(getattr(op, argument))}"
    kernel = getattr(op, "kernel", 1)
    if kernel == 1:
        return ""
    padding = getattr(op, "padding", 0)
    padded = "without padding" if padding in (0, "valid") else f"with padding {_plain(padding)}"
    return f"kernel {_plain(kernel)} {padded}"


def _plain(value: object) -> str:
    return "×".join(map(str, value)) if isinstance(value, tuple) else str(value)
