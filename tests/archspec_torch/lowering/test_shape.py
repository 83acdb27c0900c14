"""Rearrangements as modules: by definition, at other sizes than they were built for, traced and exported."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archspec.ops import REGISTRY
from archspec.tensor import TensorType
from archspec_torch.lowering import Site, lower


def build(word: str, args: dict[str, Any], *shapes: tuple[int, ...]) -> nn.Module:
    op, types = REGISTRY[word](**args), tuple(TensorType(shape) for shape in shapes)
    return lower(Site(op, types, op.infer(types)))


def interpolated(row: Tensor, size: int, align_corners: bool) -> Tensor:
    """Linear interpolation of one row, point by point."""
    n, found = len(row), []
    for i in range(size):
        if align_corners:
            point = i * (n - 1) / (size - 1) if size > 1 else 0.0
        else:
            point = max(0.0, (i + 0.5) * n / size - 0.5)
        low = min(int(point), n - 1)
        high = min(low + 1, n - 1)
        found.append(row[low] + (point - low) * (row[high] - row[low]))
    return torch.stack(found)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [4, 5, 8, 13])
def test_linear_upsampling_by_definition(size: int, align_corners: bool) -> None:
    rows, columns = torch.randn(4), torch.randn(3)
    image = rows[:, None] * columns
    args = {"size": [size, 7], "mode": "bilinear", "align_corners": align_corners}
    y = build("upsample", args, (1, 4, 3))(image[None, None])
    expected = interpolated(rows, size, align_corners)[:, None] * interpolated(columns, 7, align_corners)
    torch.testing.assert_close(y[0, 0], expected, rtol=1e-4, atol=1e-5)


def test_nearest_upsampling_repeats_cells() -> None:
    x = torch.tensor([[[1.0, 2.0, 3.0]]])
    assert build("upsample", {"scale": 2}, (1, 3))(x).flatten().tolist() == [1, 1, 2, 2, 3, 3]
    assert build("upsample", {"size": 5}, (1, 3))(x).flatten().tolist() == [1, 1, 2, 2, 3]


def test_sizes_follow_the_tensors() -> None:
    x, like = torch.randn(2, 3, 6, 7), torch.randn(2, 1, 11, 9)
    assert build("upsample", {}, (3, 4, 4), (1, 8, 8))(x, like).shape == (2, 3, 11, 9)
    assert build("upsample", {"scale": 2}, (3, 4, 4))(x).shape == (2, 3, 12, 14)
    assert build("crop", {}, (3, 8, 8), (1, 4, 4))(like, x).shape == (2, 1, 6, 7)
    assert build("subsample", {"stride": 2}, (3, 4, 4))(x).shape == (2, 3, 3, 4)
    assert build("reshape", {"shape": [3, -1]}, (3, 4, 4))(x).shape == (2, 3, 42)
    assert build("flatten", {}, (3, 4, 4))(x).shape == (2, 126)


def test_empty_batches() -> None:
    assert build("reshape", {"shape": [3, -1]}, (3, 4, 4))(torch.zeros(0, 3, 4, 4)).shape == (0, 3, 16)
    assert build("flatten", {}, (3, 4, 4))(torch.zeros(0, 3, 4, 4)).shape == (0, 48)


def test_channels_are_padded_with_zeros_in_every_mode() -> None:
    x = torch.ones(1, 2, 3, 3)
    for mode in ("zeros", "reflect", "replicate"):
        y = build("pad", {"channels": [1, 2], "mode": mode}, (2, 3, 3))(x)
        assert y.sum((0, 2, 3)).tolist() == [0, 9, 9, 0, 0]


def test_shuffles_undo_each_other() -> None:
    x = torch.randn(2, 3, 6, 6)
    deep = build("space_to_depth", {"block": 3}, (3, 6, 6))(x)
    assert torch.equal(build("pixel_shuffle", {"scale": 3}, (27, 2, 2))(deep), x)


TRACED: list[tuple[str, dict[str, Any], tuple[tuple[int, ...], ...]]] = [
    ("reshape", {"shape": [-1, 2]}, ((4, 6),)),
    ("pad", {"size": 1, "mode": "reflect", "channels": [1, 0]}, ((4, 6, 6),)),
    ("crop", {"size": 3}, ((4, 6, 6),)),
    ("crop", {}, ((4, 6, 6), (1, 5, 5))),
    ("upsample", {"mode": "bilinear"}, ((4, 6, 6), (3, 9, 9))),
    ("subsample", {"stride": 2}, ((4, 6, 6),)),
    ("add", {"crop": "center"}, ((4, 6, 6), (4, 3, 4))),
    ("weighted_add", {}, ((4, 6), (4, 6))),
    ("split", {"parts": 2}, ((4, 6),)),
    ("channel_shuffle", {"groups": 2}, ((4, 6),)),
    ("maxout", {}, ((4, 6),)),
    ("drop_path", {"p": 0.5}, ((4, 6),)),
]


@pytest.mark.parametrize(("word", "args", "shapes"), TRACED, ids=lambda value: value if isinstance(value, str) else "")
def test_traced_whole_and_exported(word: str, args: dict[str, Any], shapes: tuple[tuple[int, ...], ...]) -> None:
    module = build(word, args, *shapes).eval()
    inputs = tuple(torch.randn(2, *shape) for shape in shapes)
    expected = module(*inputs)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(module, fullgraph=True, backend="eager")(*inputs), expected)
    torch.testing.assert_close(torch.export.export(module, inputs).module()(*inputs), expected)
