"""Tensors that meet: what of them fits together, what they give, and what would make the others fit."""

from collections.abc import Sequence
from functools import reduce

from archspec.ops.base import Operator, OperatorError, Part, Types
from archspec.ops.shape import narrowed
from archspec.tensor import TensorType, larger, smaller


def conflict(
    inputs: Types, i: int, j: int, *, crop: bool = False, channels: bool = True, stretch: bool = False
) -> OperatorError:
    """The refusal of two inputs that do not meet, with what would make them.

    `crop`: `crop: center` is an argument; `channels`: they must be equal; `stretch`: axes of size 1 fit any.
    """
    a, b = inputs[min(i, j)], inputs[max(i, j)]
    first, second = min(i, j) + 1, max(i, j) + 1
    message = f"input {first} is {a}, input {second} is {b}"
    if a.rank != b.rank:
        return OperatorError(message, hint=_on_axes(a, b))
    if a.open or b.open:
        return OperatorError(message, hint="`padding: same` in the convolutions before them")
    hints = []
    pairs = list(zip(a.spatial, b.spatial, strict=True))
    sizes_differ = any(p != q and not (stretch and 1 in (p, q)) for p, q in pairs)
    if sizes_differ:
        (big, large), (small, little) = sorted(((first, a), (second, b)), key=lambda x: x[1].spatial, reverse=True)
        pairs = list(zip(large.spatial, little.spatial, strict=True))
        factors = {p / q for p, q in pairs} if all(little.spatial) else set()
        if len(factors) == 1 and (factor := factors.pop()).is_integer():
            up = f"`upsample: {factor:g}` on input {small}"
            hints.append(f"a stride of {factor:g} on the way to input {big}, or {up}")
        else:
            cut = "`crop: center` here" if crop else f"`crop: {{to: …}}` on input {big}"
            hints.append(f"`padding: same` in the convolutions before them, or {cut}")
    if channels and a.channels != b.channels:
        hints.append(f"`conv: {a.channels}` on input {second}, which has {b.channels} channels")
        if sizes_differ:
            hints.append("around a residual body, `shortcut: project` does both")
    return OperatorError(message, hint="; ".join(hints))


def _on_axes(a: TensorType, b: TensorType) -> str:
    flat = a if a.rank < b.rank else b
    if flat.rank:
        return "they need the same number of axes"
    ones = ", 1" * max(a.rank, b.rank)
    return (
        f"{flat} features are not stretched over positions: `global_avg_pool: {{keep: true}}` keeps the "
        f"axes, `reshape: [{flat}{ones}]` brings them back"
    )


def same_dtype(inputs: Types) -> None:
    for i, x in enumerate(inputs):
        if x.dtype != inputs[0].dtype:
            raise OperatorError(f"input 1 holds {inputs[0].dtype}, input {i + 1} holds {x.dtype}")


def centred(inputs: Types, crop: str) -> Types:
    """The inputs cut to the smallest of them along each spatial axis, where `crop: center` asks for it."""
    if crop == "none" or len({x.rank for x in inputs}) > 1:
        return inputs
    smallest = tuple(reduce(smaller, sizes) for sizes in zip(*(x.spatial for x in inputs), strict=True))
    return tuple(TensorType((x.channels, *smallest), x.dtype) for x in inputs)


def _stretch(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether two shapes are one once their axes of size 1 are stretched."""
    return len(a) == len(b) and all(_fits(p, q) for p, q in zip(a, b, strict=True))


def _fits(p: int, q: int) -> bool:
    """Whether two sizes are equal or one of them is 1; of open sizes that is asked last."""
    return any(isinstance(n, int) and n == 1 for n in (p, q)) or p == q or 1 in (p, q)


def stretched(inputs: Types) -> Types:
    """What tensors give whose axes of size 1 are stretched to those of the others."""
    same_dtype(inputs)
    shape = inputs[0].shape
    for i, x in enumerate(inputs):
        if not _stretch(shape, x.shape):
            j = next(j for j in range(i) if not _stretch(inputs[j].shape, x.shape))
            raise conflict(inputs, j, i, stretch=True)
        shape = tuple(larger(p, q) for p, q in zip(shape, x.shape, strict=True))
    return (TensorType(shape, inputs[0].dtype),)


def cuts_of(inputs: Types, crop: str) -> tuple[list[Part], list[int]]:
    """The cuts that `crop: center` asks for, and the positions of what is left of each input."""
    steps: list[Part] = []
    left = [*range(len(inputs))]
    for i, (x, shown) in enumerate(zip(inputs, centred(inputs, crop), strict=True)):
        if crop != "none" and x.rank:
            steps += narrowed(x.spatial, shown.spatial, i, len(inputs) + len(steps))
            left[i] = len(inputs) + len(steps) - 1
    return steps, left


def before_summed(inputs: Types, outputs: Types, wanted: tuple[bool, ...]) -> int:
    """Bytes of the gradient of an input that was stretched, before it is summed to the input's size."""
    stretched = any(taken and x.shape != outputs[0].shape for x, taken in zip(inputs, wanted, strict=True))
    return outputs[0].nbytes if stretched else 0


def in_turn(op: Operator, taken: Sequence[int], made: int) -> list[Part]:
    """The first two of the tensors, then what comes of it with the next, and so on; `made`: position of the first."""
    steps = [Part(op, (taken[0], taken[1]))]
    return steps + [Part(op, (made + i, one)) for i, one in enumerate(taken[2:])]
