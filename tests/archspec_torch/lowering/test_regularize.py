"""Regularisers in training: what is dropped, how often, and what the rest is scaled by."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archspec.ops import REGISTRY
from archspec.tensor import TensorType
from archspec_torch.lowering import Site, lower


def build(word: str, p: float, *shape: int) -> nn.Module:
    op, types = REGISTRY[word](p=p), (TensorType(shape),)
    return lower(Site(op, types, op.infer(types))).train()


@pytest.mark.parametrize("p", [0.0, 0.3])
def test_drop_path_is_stochastic_depth_by_row(p: float) -> None:
    ops = pytest.importorskip("torchvision.ops")
    x = torch.randn(16, 3, 2, 2)
    torch.manual_seed(5)
    expected = ops.StochasticDepth(p, "row").train()(x)
    torch.manual_seed(5)
    assert torch.equal(build("drop_path", p, 3, 2, 2)(x), expected)


@pytest.mark.parametrize(("word", "axes"), [("dropout", 4), ("spatial_dropout", 2), ("drop_path", 1)])
def test_what_is_dropped_together(word: str, axes: int) -> None:
    torch.manual_seed(0)
    x = torch.ones(40, 30, 4, 4)
    y = build(word, 0.25, 30, 4, 4)(x)
    assert set(y.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    whole = y.flatten(axes).amin(-1) == y.flatten(axes).amax(-1) if axes < 4 else None
    assert whole is None or whole.all()
    units = y[(..., *[0] * (4 - axes))] if axes < 4 else y
    dropped = (units == 0).double().mean().item()
    spread = (0.25 * 0.75 / units.numel()) ** 0.5
    assert abs(dropped - 0.25) < 5 * spread
    if axes > 1:
        finer = y[(..., *[0] * (4 - axes))].flatten(axes - 1)
        assert (finer.amin(-1) != finer.amax(-1)).any(), "more than that is dropped together"


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_spatial_dropout_of_every_rank(rank: int) -> None:
    torch.manual_seed(0)
    y = build("spatial_dropout", 0.5, 50, *[3] * rank)(torch.ones(4, 50, *[3] * rank)).flatten(2)
    assert torch.equal(y.amin(-1), y.amax(-1))
    assert 60 < (y.amax(-1) == 0).sum() < 140


@pytest.mark.parametrize("word", ["dropout", "spatial_dropout", "drop_path"])
def test_evaluation_hands_on_the_tensor_itself(word: str) -> None:
    x = torch.randn(2, 3, 4, 4)
    assert build(word, 0.5, 3, 4, 4).eval()(x).data_ptr() == x.data_ptr()
