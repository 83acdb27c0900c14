"""Arguments and inputs for the operators that slide no window, and what elementary functions make of them.

`STRATEGIES[word]` draws (arguments, input shapes without the batch axis), some of which must be refused.
`ORACLES[word](args, inputs, weights)` takes the arguments as written (defaults left out), tensors with their batch
axis and a `Weights`, and returns the output, or a tuple of several, in evaluation mode; it raises, as torch does or
by `Refused`, exactly where the operator is to refuse. The oracles are formulas over elementary torch functions,
with the language's own limits spelled out; they share nothing with rules or lowerings.
`ELEMENTWISE[word](args, inputs, outputs)` counts the operations per example that the formula needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from weights import Refused, Weights

Args = Mapping[str, Any]
Shape = tuple[int, ...]
Drawn = tuple[dict[str, Any], tuple[Shape, ...]]
Tensors = Sequence[Tensor]
Oracle = Callable[[Args, Tensors, Weights], Any]

channels = st.integers(1, 6)
NOTHING: st.SearchStrategy[dict[str, Any]] = st.just({})


STRATEGIES: dict[str, st.SearchStrategy[Drawn]] = {}
ORACLES: dict[str, Oracle] = {}


def cases(word: str, drawn: st.SearchStrategy[Drawn], oracle: Oracle) -> None:
    """Enters a word: arguments and shapes from `drawn`, results from the oracle."""
    assert word not in STRATEGIES, f"two strategies for '{word}'"
    STRATEGIES[word], ORACLES[word] = drawn, oracle


def refuse(when: bool) -> None:
    """The language refuses these arguments or shapes."""
    if when:
        raise Refused


def spatial(least: int = 0, most: int = 3) -> st.SearchStrategy[Shape]:
    return st.lists(st.integers(1, 7), min_size=least, max_size=most).map(tuple)


@st.composite
def shapes(draw: st.DrawFn, least: int = 0, most: int = 3, multiple: int = 1) -> Shape:
    """(channels, *spatial) of `least` to `most` spatial axes, channels a multiple of `multiple`."""
    return (multiple * draw(channels), *draw(spatial(least, most)))


def some(**options: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the arguments; the others are left to their defaults."""
    return st.fixed_dictionaries({}, optional=options)


def number(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, width=32)


def alone(args: st.SearchStrategy[dict[str, Any]] = NOTHING) -> st.SearchStrategy[Drawn]:
    """One input of any shape."""
    return st.tuples(args, shapes().map(lambda shape: (shape,)))


@st.composite
def several(draw: st.DrawFn, args: st.SearchStrategy[dict[str, Any]] = NOTHING) -> Drawn:
    """Two to four inputs, most often of one shape."""
    shape = draw(shapes())
    other = st.sampled_from([shape] * 9 + [draw(shapes())])
    return draw(args), (shape, *(draw(other) for _ in range(draw(st.integers(1, 3)))))


@st.composite
def per_axis(draw: st.DrawFn, rank: int, low: int, high: int) -> int | list[int]:
    """One number for all axes, or one an axis, now and then one too many."""
    one = st.integers(low, high)
    size = draw(st.sampled_from([rank] * 9 + [min(rank + 1, 3)]))
    return draw(one | st.lists(one, min_size=max(1, size), max_size=max(1, size)))


def spread(value: int | Sequence[int], x: Tensor) -> tuple[int, ...]:
    """One number for each spatial axis."""
    rank = x.ndim - 2
    refuse(rank == 0 or (not isinstance(value, int) and len(value) != rank))
    return (value,) * rank if isinstance(value, int) else tuple(value)


def along(x: Tensor, axis: int) -> list[int]:
    """The shape that lays one number an entry out along an axis of x."""
    return [-1 if i == axis else 1 for i in range(x.ndim)]


def of_one(oracle: Callable[[Args, Tensor, Weights], Any]) -> Oracle:
    """An oracle for a layer that takes one tensor."""
    return lambda args, x, w: oracle(args, x[0], w)


# ---- activations


def pointwise(formula: Callable[..., Tensor], **defaults: Any) -> Oracle:
    """An oracle from a formula of one tensor and the arguments."""
    return lambda args, x, w: formula(x[0], **{**defaults, **args})


def prelu(args: Args, x: Tensor, w: Weights) -> Tensor:
    slope = w("weight", 1 if args.get("shared", False) else x.shape[1])
    return torch.where(x > 0, x, slope.reshape(along(x, 1)) * x)


def gelu(x: Tensor, approximate: str) -> Tensor:
    if approximate == "tanh":
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def softmax(x: Tensor) -> Tensor:
    raised = (x - x.max(1, keepdim=True).values).exp()
    return raised / raised.sum(1, keepdim=True)


def maxout(args: Args, x: Tensor, w: Weights) -> Tensor:
    pieces = args.get("pieces", 2)
    return torch.stack([x[:, j::pieces] for j in range(pieces)]).max(0).values


@st.composite
def maxouts(draw: st.DrawFn) -> Drawn:
    pieces = draw(st.integers(2, 4))
    args = {} if pieces == 2 and draw(st.booleans()) else {"pieces": pieces}
    return args, (draw(shapes(multiple=draw(st.sampled_from([pieces] * 5 + [1])))),)


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

cases("relu", alone(), pointwise(lambda x: (x + x.abs()) / 2))
cases("relu6", alone(), pointwise(lambda x: x.clamp(0, 6)))
cases(
    "leaky_relu",
    alone(some(slope=number(0, 2))),
    pointwise(lambda x, slope: torch.where(x > 0, x, slope * x), slope=0.01),
)
cases("prelu", alone(some(shared=st.booleans(), slope=number(-1, 1))), of_one(prelu))
cases(
    "elu",
    alone(some(alpha=number(0, 2))),
    pointwise(lambda x, alpha: torch.where(x > 0, x, alpha * (x.exp() - 1)), alpha=1.0),
)
cases("selu", alone(), pointwise(lambda x: SELU_SCALE * torch.where(x > 0, x, SELU_ALPHA * (x.exp() - 1))))
cases("silu", alone(), pointwise(lambda x: x / (1 + (-x).exp())))
cases("gelu", alone(some(approximate=st.sampled_from(["none", "tanh"]))), pointwise(gelu, approximate="none"))
cases("mish", alone(), pointwise(lambda x: x * torch.tanh(torch.log(1 + x.exp()))))
cases("sigmoid", alone(), pointwise(lambda x: 1 / (1 + (-x).exp())))
cases("tanh", alone(), pointwise(lambda x: 1 - 2 / ((2 * x).exp() + 1)))
cases("hard_sigmoid", alone(), pointwise(lambda x: (x + 3).clamp(0, 6) / 6))
cases("hard_swish", alone(), pointwise(lambda x: x * (x + 3).clamp(0, 6) / 6))
cases("hard_tanh", alone(), pointwise(lambda x: x.clamp(-1, 1)))
cases(
    "softplus",
    alone(some(beta=number(0.125, 3))),
    pointwise(lambda x, beta: (1 + (beta * x).exp()).log() / beta, beta=1.0),
)
cases(
    "threshold",
    alone(st.fixed_dictionaries({"at": number(-2, 2)}, optional={"value": number(-2, 2)})),
    pointwise(lambda x, at, value: torch.where(x > at, x, torch.full_like(x, value)), value=0.0),
)
cases("softmax", alone(), pointwise(softmax))
cases("log_softmax", alone(), pointwise(lambda x: softmax(x).log()))
cases("maxout", maxouts(), of_one(maxout))


# ---- merges


def cropped(args: Args, tensors: Tensors) -> list[Tensor]:
    """Tensors cut at both ends to the smallest of each spatial axis, where the arguments ask for it."""
    if args.get("crop", "none") == "none":
        return list(tensors)
    refuse(len({x.ndim for x in tensors}) > 1)
    cut = []
    for x in tensors:
        for axis in range(2, x.ndim):
            size = min(y.shape[axis] for y in tensors)
            first = math.floor((x.shape[axis] - size) / 2)
            x = x.movedim(axis, 0)[first : first + size].movedim(0, axis)
        cut.append(x)
    return cut


def add(args: Args, x: Tensors, w: Weights) -> Tensor:
    parts = cropped(args, x)
    refuse(len({(part.ndim, part.shape[1]) for part in parts}) > 1)
    refuse(len({part.shape for part in parts if set(part.shape[2:]) != {1}}) > 1)
    return torch.stack(torch.broadcast_tensors(*parts)).sum(0)


def concat(args: Args, x: Tensors, w: Weights) -> Tensor:
    return torch.cat(cropped(args, x), 1)


def multiply(args: Args, x: Tensors, w: Weights) -> Tensor:
    refuse(len({part.ndim for part in x}) > 1)
    return torch.stack(torch.broadcast_tensors(*x)).prod(0)


def weighted_add(args: Args, x: Tensors, w: Weights) -> Tensor:
    share = w("weight", len(x))
    kind = args.get("normalize", "relu")
    if kind == "relu":
        share = share.clamp(min=0)
        share = share / (args.get("eps", 1e-4) + share.sum())
    elif kind == "softmax":
        share = share.exp() / share.exp().sum()
    return torch.einsum("i,i...->...", share, torch.stack(list(x)))


def split(args: Args, x: Tensor, w: Weights) -> Any:
    parts = args["parts"]
    if isinstance(parts, int):
        refuse(x.shape[1] % parts > 0)
        parts = [x.shape[1] // parts] * parts
    refuse(sum(parts) != x.shape[1])
    ends = [sum(parts[: i + 1]) for i in range(len(parts))]
    found = tuple(x[:, end - size : end] for end, size in zip(ends, parts, strict=True))
    return found if len(found) > 1 else found[0]


def take_channels(args: Args, x: Tensor, w: Weights) -> Tensor:
    first, end = args["channels"]
    refuse(not first < end <= x.shape[1])
    return x.narrow(1, first, end - first)


def channel_shuffle(args: Args, x: Tensor, w: Weights) -> Tensor:
    groups, count = args["groups"], x.shape[1]
    refuse(count % groups > 0)
    source = [0] * count
    for i in range(groups):
        for j in range(count // groups):
            source[j * groups + i] = i * (count // groups) + j
    return x[:, source]


@st.composite
def adds(draw: st.DrawFn) -> Drawn:
    shape = draw(shapes())
    rank, many = len(shape) - 1, draw(st.integers(2, 4))
    if draw(st.booleans()):
        return {"crop": "center"}, tuple((shape[0], *draw(spatial(rank, rank))) for _ in range(many))
    flat, odd = (shape[0], *[1] * rank), draw(shapes())
    one = st.sampled_from([shape] * 10 + [flat] * 5 + [odd])
    return {}, tuple(draw(one) for _ in range(many))


@st.composite
def concats(draw: st.DrawFn) -> Drawn:
    axes, many = draw(spatial()), draw(st.integers(2, 4))
    if draw(st.booleans()):
        own = spatial(len(axes), draw(st.sampled_from([len(axes)] * 5 + [3])))
        return {"crop": "center"}, tuple((draw(channels), *draw(own)) for _ in range(many))
    one = st.sampled_from([axes] * 9 + [draw(spatial())])
    return {}, tuple((draw(channels), *draw(one)) for _ in range(many))


@st.composite
def products(draw: st.DrawFn) -> Drawn:
    shape = draw(shapes())
    one = st.tuples(*(st.sampled_from([n, n, 1]) for n in shape))
    odd = st.just(draw(shapes()))
    return {}, tuple(draw(st.one_of(*[one] * 9, odd)) for _ in range(draw(st.integers(2, 4))))


@st.composite
def splits(draw: st.DrawFn) -> Drawn:
    axes, odd = draw(spatial()), draw(st.sampled_from([0] * 5 + [1]))
    if draw(st.booleans()):
        parts = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
        return {"parts": parts}, ((sum(parts) + odd, *axes),)
    count = draw(st.integers(1, 4))
    return {"parts": count}, ((count * draw(channels) + odd, *axes),)


@st.composite
def shuffles(draw: st.DrawFn) -> Drawn:
    groups = draw(st.integers(1, 4))
    return {"groups": groups}, (draw(shapes(multiple=draw(st.sampled_from([groups] * 5 + [1])))),)


cases("add", adds(), add)
cases("concat", concats(), concat)
cases("multiply", products(), multiply)
cases("mean", several(), lambda args, x, w: torch.stack(list(x)).mean(0))
cases("max", several(), lambda args, x, w: torch.stack(list(x)).max(0).values)
cases(
    "weighted_add",
    several(some(normalize=st.sampled_from(["relu", "softmax", "none"]), eps=number(2**-13, 0.125))),
    weighted_add,
)
cases(
    "scale",
    alone(st.fixed_dictionaries({"factor": number(-2, 2) | st.integers(-2, 2)})),
    pointwise(lambda x, factor: x * factor),
)
cases("split", splits(), of_one(split))
cases(
    "slice",
    alone(st.fixed_dictionaries({"channels": st.tuples(st.integers(0, 3), st.integers(1, 6)).map(list)})),
    of_one(take_channels),
)
cases("channel_shuffle", shuffles(), of_one(channel_shuffle))


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


# ---- regularisers, which in evaluation mode do nothing


def maps_kept(args: Args, x: Tensor, w: Weights) -> Tensor:
    refuse(x.ndim == 2)
    return x


chance = some(p=st.sampled_from([0, 0.125, 0.5, 0.875]))
cases("dropout", alone(chance), pointwise(lambda x, p: x, p=0.5))
cases("spatial_dropout", alone(chance), of_one(maps_kept))
cases("drop_path", alone(chance), pointwise(lambda x, p: x, p=0.0))


# ---- counting

Count = Callable[[Args, Sequence[Shape], Sequence[Shape]], int]


def each(n: int) -> Count:
    """So many operations for each element of the output."""
    return lambda args, x, y: n * sum(math.prod(shape) for shape in y)


def upsampled(args: Args, x: Sequence[Shape], y: Sequence[Shape]) -> int:
    if args.get("mode", "nearest") == "nearest":
        return 0
    corners = 2 ** (len(x[0]) - 1)
    return math.prod(y[0]) * (corners + corners - 1)


NOTHING_TO_DO = (
    *("concat", "split", "slice", "channel_shuffle", "dropout", "spatial_dropout", "drop_path"),
    *("identity", "flatten", "reshape", "pad", "crop", "subsample", "pixel_shuffle", "space_to_depth"),
)
ELEMENTWISE: dict[str, Count] = {
    **dict.fromkeys(NOTHING_TO_DO, each(0)),
    **dict.fromkeys(("relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "silu", "gelu", "mish"), each(1)),
    **dict.fromkeys(("sigmoid", "tanh", "hard_sigmoid", "hard_swish", "hard_tanh", "softplus"), each(1)),
    **dict.fromkeys(("threshold", "scale"), each(1)),
    **dict.fromkeys(("softmax", "log_softmax"), each(3)),
    "maxout": lambda args, x, y: math.prod(x[0]) - math.prod(y[0]),
    **dict.fromkeys(("add", "multiply", "max"), lambda args, x, y: (len(x) - 1) * math.prod(y[0])),
    "mean": lambda args, x, y: len(x) * math.prod(y[0]),
    "weighted_add": lambda args, x, y: (2 * len(x) - 1) * math.prod(y[0]),
    "upsample": upsampled,
}
