"""A 1×1 convolution on one of two tensors that are added: it brings channels and size to those of the other."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.build.remedies.origins import Origins
from archspec.build.remedies.refusal import Refusal
from archspec.build.remedies.structure import Found
from archspec.ops.merge import Merge
from archspec.source import Mapping, Scalar, Sequence
from archspec.source.edits import with_input_through, with_layer_before
from archspec.tensor import TensorType

MAX_STRIDE = 8
WORDS = ("add", "weighted_add", "mean", "max")


def projections(refusal: Refusal, origins: Origins) -> Iterator[Found]:
    """The larger of two tensors projected to the smaller, as `shortcut: project` of a residual does it."""
    entry = origins.entries.get(refusal.span)
    if entry is None or entry.joins or not isinstance(entry.item, Mapping) or not isinstance(refusal.op, Merge):
        return
    named = entry.args.get("of") if isinstance(entry.args, Mapping) else entry.args
    here = entry.word.text in WORDS and entry.word.span.file == origins.file
    if not here or not isinstance(named, Sequence) or len(named.items) != 2 or len(refusal.types) != 2:
        return
    large = max((0, 1), key=lambda i: refusal.types[i].spatial)
    stride = _stride(refusal.types[large], refusal.types[1 - large])
    reference, other = named.items[large], named.items[1 - large]
    if stride is None or not isinstance(reference, Scalar) or not isinstance(other, Scalar):
        return
    args: dict[str, object] = {"out": refusal.types[1 - large].channels, **({"stride": stride} if stride > 1 else {})}
    word = "conv"
    if "conv_bn" in origins.spec.blocks:
        word, args = "conv_bn", {**args, "act": "none"}
    shown = f"{word}: {{{', '.join(f'{key}: {value}' for key, value in args.items())}}}"
    line = entry.word.span.line
    if reference.text == "$prev":
        yield (
            f"`- {shown}` before line {line}",
            with_layer_before(entry.item, entry.word, {word: args}, shown),
            1,
            large,
        )
        return
    if other.text == "$prev":  # it is the projection now: what it was has a name
        local = refusal.taps[1 - large].node.removeprefix(refusal.path.rpartition(".")[0]).removeprefix(".")
        other = Scalar(name := local.partition(".")[0], name, other.span)
    previous = Scalar("$prev", "$prev", reference.span)
    taken = Sequence((previous, other) if large == 0 else (other, previous), named.span)
    edit = with_input_through(entry.item, entry.word, {word: args}, reference, taken)
    yield f"`- {shown}` from {reference.text} before line {line}, in the place of {reference.text}", edit, 1, large


def _stride(large: TensorType, small: TensorType) -> int | None:
    """The stride with which a 1×1 convolution brings one size to another, where there is one."""
    if large.rank != small.rank or not large.rank:
        return None
    for stride in range(1, MAX_STRIDE + 1):
        if all(-(-p // stride) == q for p, q in zip(large.spatial, small.spatial, strict=True)):
            return stride
    return None
