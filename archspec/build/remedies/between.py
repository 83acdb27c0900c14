"""A layer put between a tensor and the sum, product or concatenation that takes it, so that it meets the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from archspec.build.remedies.origins import Entry, Origins
from archspec.build.remedies.refusal import Refusal
from archspec.build.remedies.ways import Ways
from archspec.ops.merge import Merge
from archspec.source import Mapping as Written
from archspec.source import Scalar, Sequence, Value
from archspec.source.edits import Edit, replaced, with_input_through, with_layer_before
from archspec.tensor import TensorType

MAX_STRIDE = 8
SUMS = ("add", "subtract", "weighted_add", "mean", "max")

Found: TypeAlias = tuple[str, Edit, float, int]
"""What to do in words, the edit, how unlikely it is meant, and which input it changes (see `Trial`)."""
Layer: TypeAlias = tuple[str, object]
"""A word and its arguments, as plain data."""


def projections(refusal: Refusal, origins: Origins, ways: Ways) -> Iterator[Found]:
    """The larger of two tensors that are added, projected to the smaller, as `shortcut: project` of a residual does it:
    a 1×1 convolution with a stride."""
    if not isinstance(refusal.op, Merge) or refusal.op.word not in SUMS or len(refusal.types) != 2:
        return
    large = max((0, 1), key=lambda i: refusal.types[i].spatial)
    stride = _stride(refusal.types[large], refusal.types[1 - large])
    if stride is None:
        return
    args: dict[str, object] = {"out": refusal.types[1 - large].channels, **({"stride": stride} if stride > 1 else {})}
    written = _as_written(args, refusal, origins, ways)
    block = origins.spec.blocks.get("conv_bn")
    known = block is not None and {"out", "stride", "act"} <= block.params.keys()  # another of that name may be there
    for i, values in enumerate([args] if written == args else [written, args]):
        layer = ("conv_bn", {**values, "act": "none"}) if known else ("conv", values)
        yield from _through(refusal, origins, large, layer, 1 + 0.1 * i)


def _as_written(args: dict[str, object], refusal: Refusal, origins: Origins, ways: Ways) -> dict[str, object]:
    """The arguments by the variables that layers of the same list have them from: in a block they differ from call to
    call."""
    found = dict(args)
    around = refusal.path.split(".")[:-1]
    for node in (ways.nodes[name] for name in ways.behind):
        parts = node.name.split(".")
        scope = origins.scopes.get(".".join(parts[: len(around) + 1]))
        entry = origins.entries.get(scope.span if scope is not None else node.span)
        if parts[: len(around)] != around or entry is None:
            continue
        for name in args:
            value = entry.args.get(name) if isinstance(entry.args, Written) else entry.args if name == "out" else None
            if isinstance(value, Scalar) and value.text.startswith("$") and getattr(node.op, name, None) == args[name]:
                found[name] = value.text
    return found


def vectors(refusal: Refusal, origins: Origins) -> Iterator[Found]:
    """Features that meet a map: they become a map of one cell where that is stretched, or the map is pooled to
    features."""
    if (
        not isinstance(refusal.op, Merge)
        or len(refusal.types) != 2
        or {min(t.rank, 1) for t in refusal.types} != {0, 1}
    ):
        return
    flat = int(refusal.types[1].rank == 0)
    features, cells = refusal.types[flat], refusal.types[1 - flat]
    if refusal.op.word in ("add", "multiply") and features.channels == cells.channels:
        ones = [features.channels, *(1,) * cells.rank]
        yield from _through(refusal, origins, flat, ("reshape", ones), 0.8)
    else:
        yield from _through(refusal, origins, 1 - flat, ("global_avg_pool", None), 0.8)


def _through(refusal: Refusal, origins: Origins, which: int, layer: Layer, cost: float) -> Iterator[Found]:
    """One of two tensors through a layer, wherever they are named: by the sum itself, or as branches."""
    entry = origins.entries.get(refusal.span)
    if entry is None or entry.word.span.file != origins.file:
        return
    if entry.joins:
        yield from _in_an_empty_branch(refusal, entry, which, layer, cost)
        return
    named = entry.args.get("of") if isinstance(entry.args, Written) else entry.args
    written = isinstance(named, Sequence) and len(named.items) == 2 and entry.word.text == refusal.op.word
    if not written or not isinstance(named, Sequence) or not isinstance(entry.item, Written):
        return
    reference, other = named.items[which], named.items[1 - which]
    if not isinstance(reference, Scalar) or not isinstance(other, Scalar):
        return
    shown, line = _shown(layer), entry.word.span.line
    if reference.text == "$prev":
        yield (
            f"`- {shown}` before line {line}",
            with_layer_before(entry.item, entry.word, _plain(layer), shown),
            cost,
            which,
        )
        return
    if other.text == "$prev":  # that is the new layer now: what it was has a name
        inside = refusal.taps[1 - which].node.removeprefix(refusal.path.rpartition(".")[0]).removeprefix(".")
        other = Scalar(name := inside.partition(".")[0], name, other.span)
    previous = Scalar("$prev", "$prev", reference.span)
    taken = Sequence((previous, other) if which == 0 else (other, previous), named.span)
    edit = with_input_through(entry.item, entry.word, (_plain(layer), shown), reference, taken)
    yield f"`- {shown}` from {reference.text} before line {line}, in the place of {reference.text}", edit, cost, which


def _in_an_empty_branch(refusal: Refusal, entry: Entry, which: int, layer: Layer, cost: float) -> Iterator[Found]:
    branches = entry.around.get("branches") if entry.around is not None else None
    if not isinstance(branches, Sequence) or len(branches.items) != len(refusal.types):
        return
    branch = branches.items[which]
    if isinstance(branch, Sequence) and not branch.items:
        shown = f"[{_shown(layer)}]"
        text = f"`{shown}` as branch {which + 1} (line {branch.span.line})"
        yield text, _filled(branch, layer, shown), cost, which


def _filled(branch: Value, layer: Layer, shown: str) -> Edit:
    return replaced(branch, [_plain(layer)], shown)


def _plain(layer: Layer) -> object:
    word, args = layer
    return word if args is None else {word: args}


def _shown(layer: Layer) -> str:
    """A layer as it is written in one line."""
    word, args = layer
    if isinstance(args, Mapping):
        return f"{word}: {{{', '.join(f'{key}: {value}' for key, value in args.items())}}}"
    return word if args is None else f"{word}: {args}"


def _stride(large: TensorType, small: TensorType) -> int | None:
    """The stride with which a 1×1 convolution brings one size to another, where there is one."""
    if large.rank != small.rank or not large.rank:
        return None
    for stride in range(1, MAX_STRIDE + 1):
        if all(-(-p // stride) == q for p, q in zip(large.spatial, small.spatial, strict=True)):
            return stride
    return None
