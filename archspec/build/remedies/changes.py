"""Other values that an argument could have had: what a person is likely to have meant, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from pydantic import ValidationError

from archspec.ops.arguments import LARGEST
from archspec.ops.base import Operator, Types
from archspec.ops.merge import Merge

KERNELS = (1, 2, 3, 5, 7)
STRIDES = (1, 2, 3, 4)
PER_AXIS = ("kernel", "stride", "padding", "dilation", "output_padding", "scale", "size", "offset")


@dataclass(frozen=True, slots=True)
class Change:
    """Another value of one argument. `cost` orders changes: what is forgotten most often costs least."""

    argument: str
    data: Any
    cost: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """What would help the layer that refuses: numbers of channels, and whether a stride explains the sizes."""

    channels: tuple[int, ...] = ()
    strided: bool = False


def changed(op: Operator, *changes: Change) -> Operator | None:
    """The operator with some changes at once, or None where it may not have these values."""
    written = {name: getattr(op, name) for name in op.model_fields_set}
    try:
        return type(op).model_validate({**written, **{change.argument: change.data for change in changes}})
    except ValidationError:
        return None


def wanted(op: Operator, types: Types) -> Wanted:
    """What would help an operator that refuses inputs of these types."""
    if isinstance(op, Merge):
        sizes = [t.spatial for t in types if t.rank == types[0].rank]
        strided = any(2 * max(axis) >= 3 * min(axis) for axis in zip(*sizes, strict=True))
        return Wanted(tuple(dict.fromkeys(t.channels for t in types)), strided)
    have = types[0].channels
    if isinstance(parts := getattr(op, "parts", None), tuple):
        return Wanted((sum(parts),))
    if isinstance(cut := getattr(op, "channels", None), tuple) and op.word == "slice":
        return Wanted((cut[1],))
    if op.word == "reshape" and (values := prod(getattr(op, "shape", ()))) > 0:
        positions = types[0].numel // have
        return Wanted((values // positions,) if values % positions == 0 else ())
    step = _divisor(op)
    return Wanted((have - have % step, have + step - have % step) if step > 1 and have % step else ())


def _divisor(op: Operator) -> int:
    """What must divide the channels that come in."""
    if op.word == "pixel_shuffle":
        return int(getattr(op, "scale", 1)) ** 2
    found = next((value for name in ("groups", "parts", "pieces") if (value := getattr(op, name, None))), 1)
    return found if isinstance(found, int) else 1


def likely(op: Operator, inputs: Types, help: Wanted) -> Iterator[Change]:
    """Changes of a layer on the way to the one that refuses."""
    x = inputs[0]
    if "padding" in type(op).model_fields:
        yield from _paddings(op, help)
    if "stride" in type(op).model_fields:
        now = getattr(op, "stride", 1) or getattr(op, "kernel", 1)
        yield from (Change("stride", s, (1 if help.strided else 3) + 0.1 * s) for s in STRIDES if s != now)
    if type(kernel := getattr(op, "kernel", None)) is int:
        least = 2 if op.category == "pool" else 1
        yield from (
            Change("kernel", k, 4 + min(1, 0.1 * abs(k - kernel))) for k in KERNELS if k != kernel and k >= least
        )
    if isinstance(ceil := getattr(op, "ceil", None), bool):
        yield Change("ceil", not ceil, 1.5)
    if getattr(op, "dilation", 1) != 1:
        yield Change("dilation", 1, 3.5)
    if "out" in type(op).model_fields:
        yield from (Change("out", c, 1) for c in help.channels if 1 <= c <= LARGEST)
    if getattr(op, "keep", None) is False:
        yield Change("keep", True, 1)
    if op.word == "conv_transpose" and type(getattr(op, "kernel", None)) is int and getattr(op, "stride", 1) != 1:
        yield Change("kernel", getattr(op, "stride", 1), 1.2)  # windows side by side, as a U-Net has them
    if "output_padding" in type(op).model_fields:
        yield from (Change("output_padding", n, 2) for n in (0, 1) if n != getattr(op, "output_padding", 0))
    if op.word == "upsample" and getattr(op, "scale", None) is not None:
        yield from (Change("scale", s, 1.2 + 0.1 * s) for s in (*STRIDES, 8) if s != getattr(op, "scale", 1))
    if op.word in ("upsample", "crop") and type(getattr(op, "size", None)) is int:
        yield from (Change("size", n, 2) for n in dict.fromkeys((*x.spatial, *(2 * n for n in x.spatial))))


def _paddings(op: Operator, help: Wanted) -> Iterator[Change]:
    """`same` where it was forgotten, or its number where the spec writes numbers."""
    now, kernel, dilation = (getattr(op, name, 1) for name in ("padding", "kernel", "dilation"))
    late = 2 if help.strided else 0
    late += isinstance(kernel, int) and kernel % 2 == 0  # with an even window nothing stays the same
    if isinstance(kernel, int) and kernel == 1:
        return
    if isinstance(now, int) and isinstance(kernel, int) and isinstance(dilation, int):
        half = dilation * (kernel - 1) // 2
        yield from (Change("padding", n, late + 1 + 0.1 * abs(n - half)) for n in {half, 0, 1, 2, 3} - {now})
    yield from (Change("padding", word, late + cost) for word, cost in (("same", 1), ("valid", 2)) if word != now)


def own(op: Operator, inputs: Types, help: Wanted) -> Iterator[Change]:
    """Changes of the layer that refuses."""
    x = inputs[0]
    if not isinstance(op, Merge):
        yield from (Change(c.argument, c.data, c.cost - 0.5) for c in likely(op, inputs, help) if c.argument != "out")
    if getattr(op, "crop", None) == "none":
        kept = prod(min(axis) for axis in zip(*(t.spatial for t in inputs), strict=False))
        yield Change("crop", "center", 2 if 2 * kept > max(prod(t.spatial) for t in inputs) else 4)
    if x.channels % (step := _divisor(op)) and op.word != "pixel_shuffle":
        name = next(n for n in ("groups", "parts", "pieces") if getattr(op, n, None))
        useful = set(divisors(x.channels)) - _idle(op, name, x.channels)
        most = 0.4 if name == "groups" else step  # many papers have groups of 32, whatever the channels
        yield from (Change(name, n, 2 + min(most, 0.1 * abs(n - step))) for n in near(step, sorted(useful)))
    groups, out = getattr(op, "groups", 1), getattr(op, "out", None)
    if out is not None and out % groups:
        yield from (Change("out", n, 1) for n in (out - out % groups, out + groups - out % groups) if n)
        yield from (Change("groups", n, 2 + 0.1 * abs(n - groups)) for n in near(groups, divisors(out)))
    if type(kernel := getattr(op, "kernel", None)) is int and x.rank:
        least = 2 if op.category == "pool" else 1
        fitting = sorted({min(x.spatial), *KERNELS[1:]}, reverse=True)
        whole = 1.7 if op.word == "avg_pool" and kernel > 3 else 0  # it was meant to average all of a smaller map
        yield from (Change("kernel", k, 2 - whole + 0.01 * i) for i, k in enumerate(fitting) if least <= k < kernel)
    for name in type(op).model_fields:
        per_axis = getattr(op, name) if name in PER_AXIS else None
        if isinstance(per_axis, tuple) and x.rank and len(per_axis) != x.rank:
            yield Change(name, per_axis[0] if per_axis == per_axis[:1] * len(per_axis) else list(per_axis[: x.rank]), 0)
    if op.word == "reshape":
        yield from _shapes(list(getattr(op, "shape", [])), x.numel)
    if isinstance(parts := getattr(op, "parts", None), tuple) and (rest := x.channels - sum(parts[:-1])) > 0:
        yield Change("parts", [*parts[:-1], rest], 1.5)
    if op.word == "slice":
        first, end = getattr(op, "channels", [0, 0])
        yield Change("channels", [first, min(end, x.channels)], 1)
    if op.word == "crop" and x.rank:
        yield Change("offset", 0, 2)
        yield Change("size", min(x.spatial), 2)
    if op.word == "pad" and x.rank:
        yield from (Change("mode", "replicate", 2), Change("size", min(x.spatial) - 1, 1))
    if op.word == "space_to_depth" and x.rank:
        fits = [n for n in divisors(min(x.spatial)) if n > 1]
        yield from (Change("block", n, 2 + n / 100) for n in near(getattr(op, "block", 1), fits))


def _idle(op: Operator, name: str, channels: int) -> set[int]:
    """Numbers of parts that divide any channels and do nothing: one part, or a shuffle of single channels."""
    if op.word == "channel_shuffle":
        return {1, channels}
    return set() if name == "groups" else {1}


def _shapes(shape: list[int], values: int) -> Iterator[Change]:
    """A shape with one size left to be derived, or one size put right."""
    for i, size in enumerate(shape):
        rest = 1
        for n in (*shape[:i], *shape[i + 1 :]):
            rest *= n
        if rest > 0 and values % rest == 0:
            put_right = [*shape[:i], values // rest, *shape[i + 1 :]]
            square = len(shape) == 3 and put_right[1] == put_right[2]
            yield Change("shape", put_right, 1 - 0.3 * square + 0.1 * (size == -1) + 0.01 * i)
            yield Change("shape", [*shape[:i], -1, *shape[i + 1 :]], 1.05 + 0.01 * i)


def divisors(n: int) -> list[int]:
    """The numbers that divide n, up to a thousand."""
    return [k for k in range(1, min(n, 1000) + 1) if n % k == 0]


def near(number: int, among: list[int], most: int = 3) -> list[int]:
    """Those next to a number."""
    return sorted(among, key=lambda n: abs(n - number))[:most]
