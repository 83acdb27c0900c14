"""Arguments and inputs for the operators that normalise, and what their definitions make of them.

The tables are those of `strategies_windows`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from hypothesis import strategies as st
from strategies_windows import Case, Count, Oracle, channels, images, rank_of, some
from torch import Tensor
from torch.nn import functional as F
from weights import Refused, Weights


def _per_channel(value: Tensor, x: Tensor) -> Tensor:
    return value.reshape(-1, *[1] * (x.ndim - 2))


def _affine(y: Tensor, weights: Weights, wanted: bool) -> Tensor:
    if not wanted:
        return y
    count = y.shape[1]
    return y * _per_channel(weights("weight", count), y) + _per_channel(weights("bias", count), y)


def _standard(x: Tensor, axes: Sequence[int], eps: float) -> Tensor:
    centred = x - x.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True) + eps).sqrt()


def batch_norm(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    if x[0].ndim > 5:
        raise Refused("four spatial axes")
    count = x[0].shape[1]
    if not args.get("frozen", False):
        weights("num_batches_tracked")
    mean, variance = weights("running_mean", count), weights("running_var", count)
    y = (x[0] - _per_channel(mean, x[0])) / (_per_channel(variance, x[0]) + args.get("eps", 1e-5)).sqrt()
    return _affine(y, weights, args.get("affine", True))


def layer_norm(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    return _affine(_standard(x[0], [1], args.get("eps", 1e-5)), weights, args.get("affine", True))


def group_norm(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    groups, image, affine = args.get("groups", 32), x[0], args.get("affine", True)
    F.group_norm(image[:1], groups)  # refuses what does not divide, and one value a group
    parts = image.reshape(image.shape[0], groups, -1)
    return _affine(_standard(parts, [2], args.get("eps", 1e-5)).reshape(image.shape), weights, affine)


def instance_norm(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    rank_of(x[0])
    F.instance_norm(x[0][:1])  # refuses one value a channel
    axes = list(range(2, x[0].ndim))
    return _affine(_standard(x[0], axes, args.get("eps", 1e-5)), weights, args.get("affine", False))


def lrn(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    size, image = args.get("size", 5), x[0]
    F.local_response_norm(image, size)  # refuses vectors
    energy = []
    for c in range(image.shape[1]):
        first = c - size // 2
        energy.append(image[:, max(first, 0) : first + size].square().sum(1))
    total = torch.stack(energy, 1)
    return image / (args.get("k", 1.0) + args.get("alpha", 1e-4) / size * total) ** args.get("beta", 0.75)


def l2_norm(args: Mapping[str, Any], x: Sequence[Tensor], weights: Weights) -> Tensor:
    image = x[0]
    length = image.square().sum(1, keepdim=True).sqrt()
    y = image / torch.maximum(length, torch.full_like(length, args.get("eps", 1e-12)))
    return y if args.get("scale") is None else y * _per_channel(weights("weight", image.shape[1]), image)


eps = st.floats(2**-20, 0.125, width=32)


@st.composite
def group_norms(draw: st.DrawFn) -> Case:
    groups = draw(st.integers(1, 5))
    shape = draw(images(st.integers(1, 8)))
    if draw(st.booleans()):
        shape = (groups * draw(st.integers(1, 3)), *shape[1:])
    return {"groups": groups} | draw(some(eps=eps, affine=st.booleans())), (shape,)


def norms(**options: st.SearchStrategy[Any]) -> st.SearchStrategy[Case]:
    return st.tuples(some(**options), images(channels).map(lambda shape: (shape,)))


ELEMENTWISE: dict[str, Count] = {
    "batch_norm": lambda args, x, y: 2 * math.prod(x[0]),
    "layer_norm": lambda args, x, y: (5 + 2 * args.get("affine", True)) * math.prod(x[0]),
    "group_norm": lambda args, x, y: (5 + 2 * args.get("affine", True)) * math.prod(x[0]),
    "instance_norm": lambda args, x, y: (5 + 2 * args.get("affine", False)) * math.prod(x[0]),
    "l2_norm": lambda args, x, y: (3 if args.get("scale") is None else 4) * math.prod(x[0]),
    "lrn": lambda args, x, y: (2 * args.get("size", 5) + 3) * math.prod(x[0]),
}

_ALL: dict[str, tuple[st.SearchStrategy[Case], Oracle]] = {
    "batch_norm": (
        norms(eps=eps, momentum=st.floats(0, 1, width=32), affine=st.booleans(), frozen=st.booleans()),
        batch_norm,
    ),
    "layer_norm": (norms(eps=eps, affine=st.booleans()), layer_norm),
    "group_norm": (group_norms(), group_norm),
    "instance_norm": (norms(eps=eps, affine=st.booleans()), instance_norm),
    "l2_norm": (norms(eps=eps, scale=st.floats(-3, 30, width=32)), l2_norm),
    "lrn": (
        norms(
            size=st.integers(1, 8),
            alpha=st.floats(0, 1, width=32),
            beta=st.floats(0, 2, width=32),
            k=st.floats(0.5, 2, width=32),
        ),
        lrn,
    ),
}
STRATEGIES = {word: cases for word, (cases, _) in _ALL.items()}
ORACLES = {word: oracle for word, (_, oracle) in _ALL.items()}
