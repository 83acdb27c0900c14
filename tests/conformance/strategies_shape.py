"""Arguments and inputs for the layers that rearrange and resample, and what elementary functions make of them.

The tables are those of `strategies_other`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from elementary import (
    Args,
    Count,
    Drawn,
    Shape,
    Tables,
    Tensors,
    alone,
    along,
    channels,
    each,
    of_one,
    per_axis,
    pointwise,
    refuse,
    shapes,
    some,
    spread,
)
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from weights import Weights

TABLES = Tables()
STRATEGIES, ORACLES, cases = TABLES.strategies, TABLES.oracles, TABLES.cases


# ---- rearrangements


def reshape(args: Args, x: Tensor, w: Weights) -> Tensor:
    return torch.stack([one.reshape(args["shape"]) for one in x])


def pad(args: Args, x: Tensor, w: Weights) -> Tensor:
    size, mode = args.get("size", 0), args.get("mode", "zeros")
    for axis, side in enumerate(spread(size, x) if size != 0 else (), start=2):
        before, after = (side, side) if isinstance(side, int) else side
        count = x.shape[axis]
        refuse(mode == "reflect" and max(before, after) >= count)
        place = torch.arange(-before, count + after, device=x.device)
        inside = ((place >= 0) & (place < count)).to(x.dtype).reshape(along(x, axis))
        if mode == "reflect":
            place = count - 1 - (count - 1 - place.abs()).abs()
        x = x.index_select(axis, place.clamp(0, count - 1))
        if mode == "zeros":
            x = x * inside
    before, after = (x.new_zeros(x.shape[0], n, *x.shape[2:]) for n in args.get("channels", [0, 0]))
    return torch.cat([before, x, after], 1)


def crop(args: Args, tensors: Tensors, w: Weights) -> Tensor:
    x, *like = tensors
    refuse(("size" in args) == bool(like) or any(y.ndim != x.ndim for y in like))
    wanted = spread(list(like[0].shape[2:]) if like else args["size"], x)
    begin = spread(args["offset"], x) if "offset" in args else None
    for axis, size in enumerate(wanted, start=2):
        spare = x.shape[axis] - size
        first = spare // 2 if begin is None else begin[axis - 2]
        refuse(not 0 <= first <= spare)
        x = x.index_select(axis, torch.arange(first, first + size, device=x.device))
    return x


def upsample(args: Args, tensors: Tensors, w: Weights) -> Tensor:
    x, *like = tensors
    refuse(("size" in args) + ("scale" in args) + len(like) != 1 or any(y.ndim != x.ndim for y in like))
    if "scale" in args:
        wanted = tuple(n * by for n, by in zip(x.shape[2:], spread(args["scale"], x), strict=True))
    else:
        wanted = spread(list(like[0].shape[2:]) if like else args["size"], x)
    refuse(any(m < n for n, m in zip(x.shape[2:], wanted, strict=True)))
    mode = args.get("mode", "nearest")
    if mode == "nearest":
        for axis, m in enumerate(wanted, start=2):
            x = x.index_select(axis, torch.arange(m, device=x.device) * x.shape[axis] // m)
        return x
    name = {1: "linear", 2: "bilinear", 3: "trilinear"}[x.ndim - 2]
    refuse(mode not in ("linear", name))
    # torch weighs in float32 whatever the tensors hold, so no formula agrees with it to the last digit
    scale = tuple(float(n) for n in spread(args["scale"], x)) if "scale" in args else None
    size = None if scale else wanted
    return F.interpolate(x, size, scale, name, args.get("align_corners", False))


def subsample(args: Args, x: Tensor, w: Weights) -> Tensor:
    for axis, stride in enumerate(spread(args["stride"], x), start=2):
        x = x.index_select(axis, torch.arange(0, x.shape[axis], stride, device=x.device))
    return x


def pixel_shuffle(args: Args, x: Tensor, w: Weights) -> Tensor:
    s = args["scale"]
    refuse(x.ndim != 4 or x.shape[1] % s**2 > 0)
    n, c, height, width = x.shape
    out = x.new_zeros(n, c // s**2, height * s, width * s)
    for i in range(s):
        for j in range(s):
            out[:, :, i::s, j::s] = x[:, i * s + j :: s * s]
    return out


def space_to_depth(args: Args, x: Tensor, w: Weights) -> Tensor:
    b = args["block"]
    refuse(x.ndim != 4 or any(n % b for n in x.shape[2:]))
    n, c, height, width = x.shape
    out = x.new_zeros(n, c * b**2, height // b, width // b)
    for i in range(b):
        for j in range(b):
            out[:, i * b + j :: b * b] = x[:, :, i::b, j::b]
    return out


@st.composite
def reshapes(draw: st.DrawFn) -> Drawn:
    shape = draw(shapes())
    values, new = math.prod(shape) * draw(st.sampled_from([1] * 9 + [2])), []
    for _ in range(draw(st.integers(0, 3))):
        left = values // math.prod(new)
        new.append(draw(st.sampled_from([n for n in range(1, left + 1) if left % n == 0])))
    new = list(draw(st.permutations([*new, values // math.prod(new)])))
    if draw(st.booleans()):
        new[draw(st.integers(0, len(new) - 1))] = -1
    return {"shape": new}, (shape,)


@st.composite
def pads(draw: st.DrawFn) -> Drawn:
    shape = draw(shapes())
    mode = st.sampled_from(["zeros", "reflect", "replicate"])
    args = draw(some(mode=mode, channels=st.lists(st.integers(0, 3), min_size=2, max_size=2)))
    if draw(st.booleans()):
        most = 3 if args.get("mode") != "reflect" else max(1, min(shape[1:], default=1) - 1)
        side = st.integers(0, most) | st.lists(st.integers(0, most), min_size=2, max_size=2)
        rank = max(1, len(shape) - 1)
        args["size"] = draw(st.integers(0, most) | st.lists(side, min_size=rank, max_size=rank))
    return args, (shape,)


@st.composite
def crops(draw: st.DrawFn) -> Drawn:
    shape = draw(shapes())
    slack = draw(st.sampled_from([0] * 9 + [2]))
    wanted = [draw(st.integers(1, n + slack)) for n in shape[1:]]
    args: dict[str, Any] = {}
    inputs: tuple[Shape, ...] = (shape,)
    kind = draw(st.sampled_from(["to"] * 4 + ["size"] * 4 + ["one size"] * 4 + ["neither"]))
    if kind == "to":
        inputs = (shape, (draw(channels), *wanted))
    elif kind == "size" and wanted:
        args["size"] = wanted
    elif kind == "one size":
        args["size"] = min(wanted, default=1)
    if draw(st.booleans()):
        spare = [max(0, n - m) + slack for n, m in zip(shape[1:], wanted, strict=True)]
        args["offset"] = [draw(st.integers(0, n)) for n in spare] if spare else 0
    return args, inputs


@st.composite
def upsamples(draw: st.DrawFn) -> Drawn:
    shape = draw(shapes())
    rank = len(shape) - 1
    less = draw(st.sampled_from([0] * 9 + [1]))
    larger = [draw(st.integers(max(1, n - less), n + 9)) for n in shape[1:]]
    kinds = ["scale"] * 3 + ["size"] * 3 + ["one size"] * 3 + ["to"] * 3 + ["both", "neither"]
    kind = draw(st.sampled_from(kinds))
    args: dict[str, Any] = {}
    if kind in ("scale", "both"):
        args["scale"] = draw(per_axis(rank, 1, 3))
    if kind in ("size", "both") and larger:
        args["size"] = larger
    if kind == "one size":
        args["size"] = max(larger, default=1)
    if draw(st.booleans()):
        word = {1: "linear", 2: "bilinear", 3: "trilinear"}.get(rank, "linear")
        args["mode"] = draw(st.sampled_from(["linear", word, word, "trilinear"]))
        args |= draw(some(align_corners=st.booleans()))
    elif draw(st.booleans()):
        args |= {"mode": "nearest"} | draw(some(align_corners=st.just(False)))
    return args, (shape, (draw(channels), *larger)) if kind == "to" else (shape,)


@st.composite
def subsamples(draw: st.DrawFn) -> Drawn:
    shape = draw(shapes())
    return {"stride": draw(per_axis(len(shape) - 1, 1, 4))}, (shape,)


@st.composite
def pixel_shuffles(draw: st.DrawFn) -> Drawn:
    scale = draw(st.integers(1, 3))
    plane = shapes(2, 2, multiple=draw(st.sampled_from([scale**2] * 5 + [1])))
    return {"scale": scale}, (draw(st.one_of(*[plane] * 9, shapes(multiple=scale**2))),)


@st.composite
def blocks(draw: st.DrawFn) -> Drawn:
    block, odd = draw(st.integers(1, 3)), draw(st.sampled_from([0] * 9 + [1]))
    shape = draw(st.one_of(*[shapes(2, 2)] * 9, shapes()))
    return {"block": block}, ((shape[0], *(n * block + odd for n in shape[1:])),)


cases("identity", alone(), pointwise(lambda x: x))
cases("flatten", alone(), pointwise(lambda x: torch.stack([one.reshape(-1) for one in x])))
cases("reshape", reshapes(), of_one(reshape))
cases("pad", pads(), of_one(pad))
cases("crop", crops(), crop)
cases("upsample", upsamples(), upsample)
cases("subsample", subsamples(), of_one(subsample))
cases("pixel_shuffle", pixel_shuffles(), of_one(pixel_shuffle))
cases("space_to_depth", blocks(), of_one(space_to_depth))


def upsampled(args: Args, x: Sequence[Shape], y: Sequence[Shape]) -> int:
    if args.get("mode", "nearest") == "nearest":
        return 0
    corners = 2 ** (len(x[0]) - 1)
    return math.prod(y[0]) * (corners + corners - 1)


NOTHING_TO_DO = ("identity", "flatten", "reshape", "pad", "crop", "subsample", "pixel_shuffle", "space_to_depth")
ELEMENTWISE: dict[str, Count] = {**dict.fromkeys(NOTHING_TO_DO, each(0)), "upsample": upsampled}
