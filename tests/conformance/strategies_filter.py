"""Arguments and inputs for fixed kernels, and what elementary functions make of them.

The three tables are as in `strategies_windows`. A kernel's numbers are the layer's `weight`, which the tests fill with
values of their own; that a fresh layer holds what was written is for the tests of its lowering.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from hypothesis import strategies as st
from strategies_windows import CONV, Case, channels, images, padded, paddings, per_axis, rank_of, sides, some, spread
from torch import Tensor
from weights import Refused, Weights


def filter_(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    """One channel after the other, each with the one kernel; or with its own, and summed."""
    image, rank = x[0], rank_of(x[0])
    sizes = torch.tensor(args["kernel"]).shape
    summed = len(sizes) == rank + 1
    if len(sizes) - summed != rank or (summed and sizes[0] != image.shape[1]):
        raise Refused("a kernel of other axes")
    stride, dilation = spread("stride", args.get("stride", 1), rank), spread("dilation", args.get("dilation", 1), rank)
    padding = args.get("padding", "valid")
    around = sides(0 if padding == "valid" else padding, image.shape[2:], sizes[-rank:], stride, dilation)
    wide = padded(image, around)
    weight = weights("weight", 1, *sizes) if summed else weights("weight", 1, 1, *sizes)
    parts = [
        CONV[rank](wide[:, c : c + 1], weight[:, c : c + 1] if summed else weight, None, stride, 0, dilation)
        for c in range(image.shape[1])
    ]
    return torch.stack(parts).sum(0) if summed else torch.cat(parts, 1)


@st.composite
def filters(draw: st.DrawFn) -> Case:
    shape = draw(images(channels))
    rank = len(shape) - 1
    axes = min(max(1, draw(st.sampled_from([rank] * 8 + [rank + 1, 1]))), 3)
    sizes = [draw(st.integers(1, 4)) for _ in range(axes)]
    if draw(st.booleans()):
        sizes = [draw(st.sampled_from([shape[0]] * 8 + [1, 2])), *sizes]
    kernel: Any = draw(st.integers(-3, 3) | st.floats(-1, 1))
    for size in reversed(sizes):
        kernel = [kernel] * size
    options = some(
        scale=st.floats(-2, 2),
        stride=per_axis(rank, 1, 3),
        padding=paddings(rank),
        dilation=per_axis(rank, 1, 3),
    )
    return {"kernel": kernel} | draw(options), (shape,)


def magnitude(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    if len({y.shape for y in x}) > 1:
        raise Refused("shapes differ")
    return sum((y * y for y in x), torch.zeros_like(x[0])).sqrt()


@st.composite
def several(draw: st.DrawFn) -> Case:
    """One to four inputs, most often of one shape."""
    sizes = st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple)
    shape = draw(sizes)
    other = st.sampled_from([shape] * 9 + [draw(sizes)])
    return {}, (shape, *(draw(other) for _ in range(draw(st.integers(0, 3)))))


STRATEGIES = {"filter": filters(), "magnitude": several()}
ORACLES = {"filter": filter_, "magnitude": magnitude}
ELEMENTWISE = {
    "filter": lambda args, x, y: 0,
    "magnitude": lambda args, x, y: (len(x) + len(x) - 1 + 1) * math.prod(y[0]),  # squares, sums, a root
}
