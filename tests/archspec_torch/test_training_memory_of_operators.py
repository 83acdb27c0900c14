"""The peak of a training step around every operator, found without running, against what torch's MemTracker sees."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import archspec
from archspec.analysis.training import training_memory
from archspec.ops import REGISTRY, Sample
from archspec.ops.base import Operator

BATCH = 8
SCALARS = 64
"""Bytes that networks of a few hundred may be apart: sums of losses, and the few numbers that weights are made of."""


@pytest.fixture(scope="module")
def tracked_peak(root: Path) -> Callable[[archspec.TypedGraph, int, str], int]:
    found: Any = runpy.run_path(str(root / "benchmarks" / "memory.py"))["tracked_peak"]
    return found


def learns(channels: int, axes: int, takes: str, name: str) -> dict[str, Any]:
    """A layer that keeps the positions."""
    word: dict[str, Any] = {"conv": {"out": channels, "bias": False}} if axes else {"linear": channels}
    return {**word, "from": takes, "name": name}


def around(cls: type[Operator], sample: Sample, learned: set[int]) -> dict[str, Any]:
    """The operator, layers that learn before the inputs at those positions, and one behind each output."""
    named = [argument for argument, how in cls.references.items() if how == "extra"]
    flowing = 1 if named else len(sample.inputs)
    taken = [f"x{i}" for i in range(len(sample.inputs))]
    layers = []
    for i in sorted(learned & {*range(flowing)}):
        layers.append(learns(sample.inputs[i][0], len(sample.inputs[i]) - 1, taken[i], f"before{i}"))
        taken[i] = f"before{i}"
    args = {**sample.args, **dict(zip(named, taken[flowing:], strict=False))}
    layers.append({cls.word: args, "from": taken[:flowing] if flowing > 1 else taken[0], "name": "it"})
    for port, shape in enumerate(sample.outputs):
        takes = f"it:{port}" if len(sample.outputs) > 1 else "it"
        layers.append(learns(4, len(shape) - 1, takes, f"behind{port}"))
    return {
        "archspec": 1,
        "name": "tiny",
        "inputs": {f"x{i}": [*shape] for i, shape in enumerate(sample.inputs)},
        "outputs": {f"behind{port}": f"behind{port}" for port in range(len(sample.outputs))},
        "layers": layers,
    }


def placements(inputs: int) -> Iterator[set[int]]:
    """On data, behind layers that learn, and where one input alone is behind one: the first, the last."""
    yield set()
    yield {*range(inputs)}
    if inputs > 1:
        yield {0}
        yield {inputs - 1}


@pytest.mark.parametrize("word", sorted(word for word, cls in REGISTRY.items() if not cls.answers))
def test_the_peak_around_it_is_what_mem_tracker_sees(word: str, tracked_peak: Any, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    for sample in REGISTRY[word].samples:
        for learned in placements(len(sample.inputs)):
            path = tmp_path / "tiny.yaml"
            path.write_text(yaml.safe_dump(around(REGISTRY[word], sample, learned)))
            graph = archspec.load(path)
            ours = training_memory(graph, BATCH, "sgd", workspace="cpu").peak.bytes
            theirs = tracked_peak(graph, BATCH, "sgd")
            assert abs(ours - theirs) <= max(0.005 * theirs, SCALARS), (dict(sample.args), sample.inputs, learned)


NETWORKS = {
    "joins_by_max": """
- conv: {out: 8, kernel: 3, padding: same, stride: 2}
  name: one
- conv: {out: 8, kernel: 3, padding: same}
  name: two
- relu
- conv: {out: 8, kernel: 3, padding: same}
  name: three
- max: [one, two, three]
""",
    "prelu": "- conv: {out: 8, kernel: 3, padding: same}\n- prelu\n- conv: {out: 8, kernel: 3}\n- prelu\n",
    "pool_on_data": "- max_pool: {kernel: 3, stride: 1, padding: same}\n- conv: 2\n",
    "gates": """
- conv: {out: 8, kernel: 3, padding: same}
- sigmoid: {}
  name: one
- conv: {out: 8, kernel: 3, padding: same}
- sigmoid: {}
  name: two
- multiply: [one, two, one]
""",
    "cut": """
- conv: {out: 8, kernel: 3}
  name: one
- conv: {out: 8, kernel: 3}
- concat: {of: [one, $prev], crop: center}
- conv: {out: 8, kernel: 3, padding: same, stride: 2}
  name: two
- conv: {out: 8, kernel: 3}
- add: {of: [two, $prev], crop: center}
- max_pool: {kernel: 2, padding: [[0, 1], [0, 1]]}
- avg_pool: {kernel: 2, padding: [[0, 1], [0, 1]], ceil: true}
""",
    "norms": """
- conv: {out: 8, kernel: 3}
- l2_norm: {scale: 20.0}
- conv: {out: 8, kernel: 3, padding: same_upper, stride: 2}
- l2_norm
- lrn
- magnitude
- conv: {out: 8, kernel: 3}
- abs
""",
}


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_peak_of_operators_together_is_what_mem_tracker_sees(name, batch, tracked_peak, write_spec):
    graph = archspec.load(write_spec(NETWORKS[name], "[3, 32, 32]", task="segment"))
    ours = training_memory(graph, batch, "momentum", workspace="cpu").peak.bytes
    theirs = tracked_peak(graph, batch, "momentum")
    assert abs(ours - theirs) <= 0.005 * theirs
