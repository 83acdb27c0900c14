"""The operations that are timed to know a machine: of every kind a few sizes, small and large, thick and thin.

They are chosen by size, not taken from networks: channels from 16 to 2048, images from 7×7 to 112×112, so that what
a call costs, what computing costs and what moving costs can each be told from the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from archspec.analysis.work import Work, layer_work
from archspec.ops.base import REGISTRY
from archspec.tensor import TensorType
from archspec_torch.lowering import Site, lower

CONVS = (  # (in, out, size, kernel, stride)
    *((16, 16, 32, 3, 1), (32, 64, 14, 3, 1), (64, 64, 28, 3, 1), (64, 64, 56, 3, 1), (128, 128, 28, 3, 1)),
    *((256, 256, 14, 3, 1), (512, 512, 7, 3, 1), (192, 192, 8, 3, 1), (128, 256, 56, 3, 2), (256, 512, 14, 3, 2)),
    *((3, 64, 224, 7, 2), (3, 32, 224, 3, 2), (3, 64, 112, 3, 1), (48, 64, 28, 5, 1), (64, 128, 112, 3, 1)),
    (512, 512, 28, 3, 1),
)
POINTWISE = (  # (in, out, size)
    *((16, 96, 56), (24, 144, 28), (96, 24, 28), (64, 256, 28), (256, 64, 28), (256, 1024, 14), (1024, 256, 14)),
    *((512, 2048, 7), (2048, 512, 7), (112, 672, 7), (256, 128, 56), (32, 192, 112), (480, 20, 1), (20, 480, 1)),
    *((128, 2048, 1), (576, 96, 14), (384, 384, 17), (1280, 32, 14)),
)
THIN = ((1, 1, 224, 3), (1, 1, 56, 3), (1, 6, 28, 5), (3, 3, 112, 3), (3, 6, 56, 5), (32, 3, 56, 3))
"""(in, out, size, kernel)"""
GROUPED = ((128, 28, 32), (256, 14, 32), (512, 14, 32), (1024, 7, 32), (128, 56, 32), (512, 28, 32))  # (channels, …)
DEPTHWISE = (  # (channels, size, kernel, stride)
    *((32, 112, 3, 1), (96, 112, 3, 2), (144, 56, 3, 1), (192, 28, 5, 1), (480, 14, 5, 1), (672, 14, 3, 1)),
    *((672, 14, 5, 2), (1152, 7, 5, 1), (960, 7, 3, 1), (240, 28, 3, 2), (144, 112, 3, 1)),
)
TRANSPOSED = ((128, 64, 14), (256, 128, 14), (128, 64, 56), (256, 128, 28), (512, 256, 28))  # (in, out, size)
LINEAR = ((64, 10), (512, 512), (400, 120), (1024, 1000), (2048, 1000), (4096, 1000), (4096, 4096), (9216, 2048))
MAPS = ((64, 7), (256, 7), (1024, 7), (64, 28), (256, 14), (512, 28), (64, 56), (256, 56), (64, 112))
"""(channels, size) of tensors that simple operations take."""

LARGEST = 2**20
LARGE = (368, 440)
"""Sizes at which 64 channels take more than 32 MiB."""


@dataclass(frozen=True)
class Probe:
    """One operation to time: the module, the tensors it takes, and what it computes and moves."""

    work: Work
    module: nn.Module
    tensors: tuple[Tensor, ...]


def probes() -> list[Probe]:
    """Every probe, its weights and inputs drawn from torch's random generator."""
    found = [_probe(word, args, shapes) for word, args, shapes in _cases()]
    batches = [
        _probe("linear", {"out": out}, ((features,),), batch) for features, out in LINEAR[1:6] for batch in (8, 64)
    ]
    return found + batches  # one example alone cannot tell what weights cost from what computing does


Shape = tuple[int, ...]


def _cases() -> Iterator[tuple[str, Mapping[str, Any], tuple[Shape, ...]]]:
    """Operator, arguments, shapes of the inputs."""
    plain = {"bias": False}
    for cin, out, size, kernel, stride in CONVS:
        args = {"out": out, "kernel": kernel, "stride": stride, "padding": kernel // 2, **plain}
        yield "conv", args, ((cin, size, size),)
    for cin, out, size in POINTWISE:
        yield "conv", {"out": out, "kernel": 1, **plain}, ((cin, size, size),)
    for cin, out, size, kernel in THIN:
        args = {"out": out, "kernel": kernel, "padding": kernel // 2, **plain}
        yield "conv", args, ((cin, size, size),)
    for size in (32, 112, 224):
        yield "depthwise", {"kernel": 3, "padding": 1, **plain}, ((3, size, size),)
    for channels, size, groups in GROUPED:
        args = {"out": channels, "kernel": 3, "padding": 1, "groups": groups, **plain}
        yield "conv", args, ((channels, size, size),)
    for channels, size, kernel, stride in DEPTHWISE:
        args = {"kernel": kernel, "stride": stride, "padding": kernel // 2, **plain}
        yield "depthwise", args, ((channels, size, size),)
    for cin, out, size in TRANSPOSED:
        yield "conv_transpose", {"out": out, "kernel": 2, "stride": 2}, ((cin, size, size),)
    for features, out in LINEAR:
        yield "linear", {"out": out}, ((features,),)
    for channels, size in MAPS:
        x = (channels, size, size)
        yield "batch_norm", {}, (x,)
        yield "relu", {}, (x,)
        yield "silu", {}, (x,)
        yield "add", {}, (x, x)
        yield "multiply", {}, (x, (channels, 1, 1))
        yield "concat", {}, (x, x)
        yield "global_avg_pool", {}, (x,)
        yield "flatten", {}, (x,)
    for size in LARGE:
        x = (64, size, size)
        yield "conv", {"out": 64, "kernel": 3, "padding": 1, **plain}, ((8, size, size),)
        yield "conv", {"out": 64, "kernel": 1, **plain}, ((16, size, size),)
        yield "depthwise", {"kernel": 3, "padding": 1, **plain}, (x,)
        yield "conv_transpose", {"out": 64, "kernel": 2, "stride": 2}, ((32, size // 2, size // 2),)
        yield "batch_norm", {}, (x,)
        yield "add", {}, (x, x)
        yield "concat", {}, ((32, size, size), (32, size, size))
        yield "max_pool", {"kernel": 2, "stride": 2}, (x,)
    for channels, size in MAPS[3:]:
        x = (channels, size, size)
        yield "max_pool", {"kernel": 3, "stride": 2, "padding": 1}, (x,)
        yield "avg_pool", {"kernel": 2, "stride": 2}, (x,)
    for channels, size in ((192, 28), (256, 14), (64, 28)):
        yield "max_pool", {"kernel": 3, "stride": 1, "padding": 1}, ((channels, size, size),)
        yield "max_pool", {"kernel": 2, "stride": 2}, ((channels, size, size),)
        yield "avg_pool", {"kernel": 3, "stride": 1, "padding": 1}, ((channels, size, size),)
        yield "lrn", {}, ((channels, size, size),)


def _probe(word: str, args: Mapping[str, Any], shapes: tuple[Shape, ...], batch: int = 1) -> Probe:
    op = REGISTRY[word].model_validate(args)
    inputs = tuple(TensorType(shape) for shape in shapes)
    outputs = op.infer(inputs)
    in_place = op.storage == "activation" or (word == "add" and math.prod(shapes[0]) < LARGEST)  # as most are
    module = lower(Site(op, inputs, outputs, in_place)).eval()
    return Probe(
        layer_work(op, inputs, outputs, word, batch), module, tuple(torch.randn(batch, *shape) for shape in shapes)
    )
