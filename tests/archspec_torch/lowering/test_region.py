"""Regions in torch: worked by hand, in batches, in two precisions, and a region network by torch's own count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import archspec
from archspec.ops import REGISTRY
from archspec.ops.base import typed
from archspec.tensor import TensorType
from archspec_torch import compile
from archspec_torch.lowering import Site, lower

SPEC = """
archspec: 1
name: fast_rcnn
task: regress
inputs: {image: [3, 64, 48], boxes: [30, 4]}
layers:
  - conv: {out: 8, kernel: 3, stride: 4, padding: 1}
  - conv: {out: 16, kernel: 3, stride: 2, padding: 1}
  - roi_pool: {regions: boxes, size: 6, stride: $prev.stride}
    name: crop
  - conv: {out: 12, kernel: 3}
  - batch_norm
  - flatten
  - linear: 32
  - relu: {}
    name: shared
  - linear: 21
    name: scores
heads:
  deltas: {from: shared, layers: [linear: 84]}
"""


def module(word: str, **args: Any) -> torch.nn.Module:
    op, inputs = REGISTRY[word](size=2, stride=2, **args), (TensorType((1, 4, 4)), TensorType((1, 4)))
    return lower(Site(op, inputs, typed(op, inputs)))


@pytest.mark.parametrize(
    ("word", "args", "expected"),
    [
        # a box of 2×2 cells: points at ½ and 1½; half a cell back they are at 0 and 1
        ("roi_align", {"sampling": 1}, [[5.5, 6.5], [15.5, 16.5]]),
        ("roi_align", {"sampling": 1, "aligned": True}, [[0.0, 1.0], [10.0, 11.0]]),
        # four points a bin of a linear ramp: their mean is its middle
        ("roi_align", {}, [[5.5, 6.5], [15.5, 16.5]]),
        # cells 0 to 2 in two bins: 0 and 1, 1 and 2
        ("roi_pool", {}, [[11.0, 12.0], [21.0, 22.0]]),
    ],
)
def test_by_hand(word: str, args: dict[str, Any], expected: list[list[float]]) -> None:
    ramp = torch.arange(4.0) + 10 * torch.arange(4.0)[:, None]
    found = module(word, **args)(ramp[None, None], torch.tensor([[[0.0, 0.0, 4.0, 4.0]]]))
    assert found.tolist() == [[expected]]


def test_images_follow_one_another() -> None:
    features = torch.stack([torch.full((1, 4, 4), n) for n in (1.0, 2.0)])
    boxes = torch.tensor([0.0, 0.0, 4.0, 4.0]).expand(2, 3, 4)
    for word in ("roi_align", "roi_pool"):
        found = module(word)(features, boxes)
        assert found.shape == (6, 1, 2, 2) and found.mean((1, 2, 3)).tolist() == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("word", ["roi_align", "roi_pool"])
def test_half_precision_features_keep_exact_boxes(word: str) -> None:
    features = torch.rand(1, 1, 4, 4).bfloat16()
    boxes = torch.tensor([[[0.0, 0.0, 4.02, 6.98]]])
    found, exact = module(word)(features, boxes), module(word)(features.float(), boxes)
    assert found.dtype == torch.bfloat16 and torch.equal(found, exact.bfloat16())


def test_a_network_costs_its_trunk_and_its_head_once_a_region_by_torchs_count(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(SPEC)
    graph = archspec.load(path)
    network = compile(graph).eval()
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        compile(graph).eval()(torch.empty(2, 3, 64, 48), torch.empty(2, 30, 4))
    assert counter.get_total_flops() == archspec.summarize(graph, batch=2).totals.flops
    image, boxes = torch.rand(2, 3, 64, 48), 40 * torch.rand(2, 30, 4)
    with torch.no_grad():
        found = network(image, boxes)
        fewer = network(image, boxes[:, :7])  # how many is a figure of the count: the network takes any number
    assert {name: tuple(y.shape) for name, y in found.items()} == {"scores": (60, 21), "deltas": (60, 84)}
    torch.testing.assert_close(fewer["scores"], found["scores"].unflatten(0, (2, 30))[:, :7].flatten(0, 1))


def test_gradients_reach_the_trunk(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(SPEC)
    network = compile(archspec.load(path)).train()
    boxes = torch.tensor([4.0, 4.0, 40.0, 40.0]).expand(1, 30, 4) + torch.arange(30.0)[:, None] / 5
    sum(y.square().sum() for y in network(torch.rand(1, 3, 64, 48), boxes).values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    assert any(p.grad.abs().sum() > 0 for name, p in network.named_parameters() if name.startswith("conv1"))
