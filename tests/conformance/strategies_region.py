"""Arguments and inputs for layers that take regions out of an image, and what elementary functions make of them.

Boxes are numbers around 0 here, turned and outside the features as often as not: strides below 1 spread them out.
The tables are those of `strategies_other`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from elementary import Args, Count, Drawn, Tables, Tensors, channels, each, per_axis, refuse, shapes, some, spread
from hypothesis import strategies as st
from torch import Tensor
from weights import Weights

TABLES = Tables()
STRATEGIES, ORACLES, cases = TABLES.strategies, TABLES.oracles, TABLES.cases


@st.composite
def regions(draw: st.DrawFn, **options: st.SearchStrategy[object]) -> Drawn:
    """Mostly a plane and R×4 boxes; now and then other axes."""
    features = draw(st.one_of(*[shapes(2, 2)] * 9, shapes()))
    boxes = (draw(channels), *draw(st.sampled_from([(4,)] * 12 + [(5,), (), (2, 2)])))
    args = {"size": draw(per_axis(2, 1, 4)), "stride": draw(st.floats(0.125, 2, width=32)), **draw(some(**options))}
    return args, (features, boxes)


def planes(args: Args, x: Tensors) -> tuple[int, int]:
    """The output's height and width; refused are all but planes and boxes of four numbers."""
    features, boxes = x
    refuse(features.ndim != 4 or boxes.ndim != 3 or boxes.shape[-1] != 4)
    height, width = spread(args["size"], features)
    return height, width


def align(args: Args, x: Tensors, w: Weights) -> Tensor:
    """The mean of points, each interpolated along one axis and then the other."""
    height, width = planes(args, x)
    points, aligned = args.get("sampling", 2), args.get("aligned", False)
    found = []
    for features, boxes in zip(*x, strict=True):
        for box in boxes:
            x1, y1, x2, y2 = ((n / args["stride"]) - (0.5 if aligned else 0.0) for n in box)
            rows = interpolation(y1, y2, height, points, features.shape[1], aligned)
            columns = interpolation(x1, x2, width, points, features.shape[2], aligned)
            found.append(rows @ features @ columns.T)
    return torch.stack(found)


def interpolation(start: Tensor, end: Tensor, bins: int, points: int, cells: int, aligned: bool) -> Tensor:
    """(bins, cells): how much each cell of an axis counts in each bin."""
    length = end - start if aligned else (end - start).clamp(min=1.0)
    place = start + length * (torch.arange(bins * points, dtype=start.dtype) + 0.5) / (bins * points)
    inside = (place >= -1) & (place <= cells)
    near = place.clamp(0, cells - 1)
    weight = (1 - (near[:, None] - torch.arange(cells, dtype=start.dtype)).abs()).clamp(min=0)  # a tent at each cell
    return (weight * inside[:, None]).reshape(bins, points, cells).mean(1)


def pool(args: Args, x: Tensors, w: Weights) -> Tensor:
    """The largest of the cells in each bin of the rounded box."""
    height, width = planes(args, x)
    found = []
    for features, boxes in zip(*x, strict=True):
        for box in boxes.tolist():
            x1, y1, x2, y2 = (rounded(n * (1 / args["stride"])) for n in box)
            across = parts(x1, x2, width, features.shape[2])
            found += [
                torch.stack([largest(features, rows, columns) for columns in across])
                for rows in parts(y1, y2, height, features.shape[1])
            ]
    count = x[1].shape[0] * x[1].shape[1]
    return torch.stack(found).reshape(count, height, width, -1).permute(0, 3, 1, 2)


def rounded(n: float) -> int:
    """To the nearest whole number, halves away from 0."""
    return int(math.copysign(math.floor(abs(n) + 0.5), n))


def parts(first: int, last: int, bins: int, cells: int) -> list[range]:
    """The cells of each bin that are there."""
    step = max(last - first + 1, 1) / bins
    ends = [(math.floor(i * step) + first, math.ceil((i + 1) * step) + first) for i in range(bins)]
    return [range(min(max(low, 0), cells), min(max(high, 0), cells)) for low, high in ends]


def largest(features: Tensor, rows: Sequence[int], columns: Sequence[int]) -> Tensor:
    """(C,) of (C, H, W): 0 where there is no cell."""
    if not rows or not columns:
        return features.new_zeros(features.shape[0])
    return features[:, rows.start : rows.stop, columns.start : columns.stop].amax((1, 2))


cases("roi_align", regions(sampling=st.integers(1, 3), aligned=st.booleans()), align)
cases("roi_pool", regions(), pool)


def sampled(args: Args, x: Sequence[tuple[int, ...]], y: Sequence[tuple[int, ...]]) -> int:
    points = args.get("sampling", 2) ** 2
    return math.prod(y[0]) * (points * (4 + 3) + (points - 1) + 1)  # products and sums a point, sums, a division


ELEMENTWISE: dict[str, Count] = {"roi_align": sampled, "roi_pool": each(0)}
