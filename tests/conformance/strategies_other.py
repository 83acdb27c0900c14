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
from typing import Any

import torch
from elementary import (
    Args,
    Count,
    Drawn,
    Tables,
    Tensors,
    alone,
    along,
    channels,
    each,
    number,
    of_one,
    pointwise,
    refuse,
    several,
    shapes,
    some,
    spatial,
)
from hypothesis import strategies as st
from torch import Tensor
from weights import Weights

TABLES = Tables()
STRATEGIES, ORACLES, cases = TABLES.strategies, TABLES.oracles, TABLES.cases


# ---- activations


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
cases("abs", alone(), pointwise(lambda x: torch.where(x < 0, -x, x)))
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


def subtract(args: Args, x: Tensors, w: Weights) -> Tensor:
    first, second = x
    refuse(first.ndim != second.ndim)
    return torch.add(first, second.neg())


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
def pairs(draw: st.DrawFn) -> Drawn:
    args, drawn = draw(products())
    return args, drawn[:2]


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
cases("subtract", pairs(), subtract)
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


# ---- regularisers, which in evaluation mode do nothing


def maps_kept(args: Args, x: Tensor, w: Weights) -> Tensor:
    refuse(x.ndim == 2)
    return x


chance = some(p=st.sampled_from([0, 0.125, 0.5, 0.875]))
cases("dropout", alone(chance), pointwise(lambda x, p: x, p=0.5))
cases("spatial_dropout", alone(chance), of_one(maps_kept))
cases("drop_path", alone(chance), pointwise(lambda x, p: x, p=0.0))


# ---- counting

NOTHING_TO_DO = (*("concat", "split", "slice", "channel_shuffle", "dropout", "spatial_dropout", "drop_path"),)
ELEMENTWISE: dict[str, Count] = {
    **dict.fromkeys(NOTHING_TO_DO, each(0)),
    **dict.fromkeys(("relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "silu", "gelu", "mish", "abs"), each(1)),
    **dict.fromkeys(("sigmoid", "tanh", "hard_sigmoid", "hard_swish", "hard_tanh", "softplus"), each(1)),
    **dict.fromkeys(("threshold", "scale"), each(1)),
    **dict.fromkeys(("softmax", "log_softmax"), each(3)),
    "maxout": lambda args, x, y: math.prod(x[0]) - math.prod(y[0]),
    **dict.fromkeys(("add", "multiply", "max"), lambda args, x, y: (len(x) - 1) * math.prod(y[0])),
    "subtract": each(1),
    "mean": lambda args, x, y: len(x) * math.prod(y[0]),
    "weighted_add": lambda args, x, y: (2 * len(x) - 1) * math.prod(y[0]),
}
