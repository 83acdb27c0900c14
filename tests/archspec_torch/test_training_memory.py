"""Memory and cost of training, found without running, against what torch sees when it runs."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import archspec
from archspec import zoo
from archspec.analysis.facts import Facts
from archspec.analysis.training import training_memory
from archspec.analysis.weight_file import weight_file_bytes
from archspec.close import close

SMALL = {"lenet5": None, "resnet18": "3x64x64", "googlenet": "3x96x96", "mobilenet_v2": "3x64x64"}


def small(name: str) -> archspec.TypedGraph:
    return archspec.load(name, input=SMALL[name])


@pytest.fixture(scope="module")
def tracked_peak(root: Path) -> Callable[[archspec.TypedGraph, int, str], int]:
    found: Any = runpy.run_path(str(root / "benchmarks" / "memory.py"))["tracked_peak"]
    return found


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("batch", "optimizer"), [(1, "adam"), (8, "momentum"), (32, "sgd")])
def test_the_peak_is_what_mem_tracker_sees(name, batch, optimizer, tracked_peak):
    graph = small(name)
    ours = training_memory(graph, batch, optimizer, workspace="cpu").peak.bytes
    theirs = tracked_peak(graph, batch, optimizer)
    assert abs(ours - theirs) <= 0.001 * theirs


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("batch", "optimizer"), [(1, "adam"), (8, "momentum"), (32, "sgd")])
def test_the_peak_under_autocast_is_what_mem_tracker_sees(name, batch, optimizer, tracked_peak):
    graph = small(name)
    ours = training_memory(graph, batch, optimizer, "bfloat16", "cpu").peak.bytes
    theirs = tracked_peak(graph, batch, optimizer, "bfloat16")
    assert abs(ours - theirs) <= 0.005 * theirs


def test_the_peak_where_nothing_learns_by_hand(write_spec):
    """A batch of 5×3×16×16 floats, as many out of it, the logarithms of its softmax, the loss; 5×16×16 targets."""
    layers = "- filter: {kernel: [[1, 2, 1]], padding: same}"
    memory = training_memory(archspec.load(write_spec(layers, "[3, 16, 16]", task="segment")), 5, "adam")
    floats = 4 * 5 * 3 * 256
    assert (memory.weights, memory.optimizer, memory.inputs) == (3 * 4, 0, floats + 8 * 5 * 256)
    assert memory.peak.bytes == memory.weights + memory.inputs + 2 * floats + 8
    assert {moment.phase for moment in memory.moments} == {"forward", "loss", "step"}


def test_an_output_that_depends_on_nothing_that_learns_has_no_gradient(write_spec):
    """Both layers' outputs, the scores kept of the one that learns, and for a moment those of the other."""
    layers = (
        "- filter: {kernel: [[1, 2, 1]], padding: same}\n  name: fixed\n"
        "- conv: {out: 3, kernel: 3, padding: same}\n  name: learned"
    )
    graph = archspec.load(write_spec(layers, "[3, 16, 16]", task="segment", outputs="{one: learned, two: fixed}"))
    memory = training_memory(graph, 5, "momentum")
    floats, weights = 4 * 5 * 3 * 256, 4 * (3 * 27 + 3)
    assert (memory.weights, memory.optimizer) == (3 * 4 + weights, weights)
    assert memory.peak.bytes == memory.weights + memory.optimizer + memory.inputs + 4 * floats + 8
    assert [moment.layer for moment in memory.moments if moment.phase == "backward"] == ["learned"]


@pytest.mark.parametrize("name", [entry.name for entry in zoo.entries()])
def test_every_network_of_the_zoo_has_a_step_and_the_optimiser_keeps_what_torch_s_would(name):
    graph = archspec.load(name)
    graph = close(graph, graph.example) if graph.sizes else graph
    with torch.device("meta"):
        learned = [p for p in archspec.compile(graph).parameters() if p.requires_grad]
    floats = 4 * sum(p.numel() for p in learned)
    for optimizer, states in {"sgd": 0, "momentum": floats, "adam": 2 * floats + 4 * len(learned)}.items():
        memory = training_memory(graph, 2, optimizer, workspace="cpu")
        assert memory.optimizer == states
        assert memory.peak.bytes >= memory.weights + memory.optimizer + memory.inputs + floats
        assert ("backward" in {moment.phase for moment in memory.moments}) == bool(learned)


@pytest.mark.parametrize("name", ["lenet5", "mobilenet_v2"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "momentum"])
def test_of_all_parameters_at_once_the_peak_is_what_mem_tracker_sees(name, optimizer, tracked_peak):
    """As on a GPU; but that torch counts steps on the processor there, which is the device here."""
    graph = small(name)
    memory, steps = training_memory(graph, 1, optimizer), 0
    if optimizer != "momentum":
        with torch.device("meta"):
            steps = 4 * len([*archspec.compile(graph).parameters()])
        assert memory.peak.phase == "step"
    theirs = tracked_peak(graph, 1, optimizer, foreach=True)
    assert abs(memory.peak.bytes + steps - theirs) <= 0.001 * theirs


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "optimizer", "budget"), [("resnet18", "adam", 2**28), ("mobilenet_v2", "sgd", 2**27)])
def test_by_mem_tracker_the_batch_told_fits_and_one_more_does_not(name, optimizer, budget, precision, tracked_peak):
    graph = small(name)
    found = archspec.summarize(graph, optimizer=optimizer, workspace="cpu", fit=budget, precision=precision).training
    assert found.largest > 1
    assert tracked_peak(graph, found.largest, optimizer, precision) <= budget
    assert tracked_peak(graph, found.largest + 1, optimizer, precision) > budget


def test_a_budget_of_training_memory_is_the_peak_that_mem_tracker_sees(tracked_peak):
    graph = small("lenet5")
    facts = Facts(archspec.summarize(graph))
    for name, step in (
        ("train_peak_bytes", (1, "sgd", "float32")),
        ("train_peak_bytes.adam.8", (8, "adam", "float32")),
        ("train_peak_bytes.4.bf16.momentum", (4, "momentum", "bfloat16")),
    ):
        assert facts[name] == pytest.approx(tracked_peak(graph, *step, foreach=True), rel=0.005)


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "googlenet"])
def test_train_flops_are_what_torch_counts(name):
    """Where no convolution has groups; of those torch counts the backward pass wrongly."""
    graph = small(name)
    network = archspec.compile(graph).train()
    images = torch.randn(2, *graph.types[graph.inputs[0]][0].shape)
    with FlopCounterMode(display=False) as counter:
        _sum(network(images)).backward()
    assert archspec.summarize(graph, 2).train_flops == counter.get_total_flops()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", SMALL)
def test_saved_bytes_are_the_storages_that_autograd_keeps(name, precision):
    graph, batch = small(name), 3
    images = torch.randn(batch, *graph.types[graph.inputs[0]][0].shape)
    kept, found = kept_by_autograd(archspec.compile(graph).train(), images, precision=precision)
    assert _sum(found).requires_grad
    assert sum(archspec.summarize(graph, batch, precision=precision).saved.values()) == kept


def kept_by_autograd(network: nn.Module, *given: torch.Tensor, precision: str = "float32") -> tuple[int, Any]:
    """Bytes of the storages that the backward pass needs beside inputs and weights, and what the network gives."""
    others = {t.untyped_storage().data_ptr() for t in [*given, *network.parameters(), *network.buffers()]}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in others:
            kept[storage.data_ptr()] = storage
        return tensor

    lower = torch.autocast("cpu", getattr(torch, precision), enabled=precision != "float32")
    with lower, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        found = network(*given)
    return sum(storage.nbytes() for storage in kept.values()), found


REGIONS = """
- conv: {out: 8, kernel: 3, padding: same}
- relu
- POOL: {regions: boxes, size: 3, stride: 1}
- conv: {out: 6, kernel: 3, padding: same}
- batch_norm
- relu
- flatten
- dropout: 0.5
- linear: 7
"""
NORMS = """- instance_norm: {affine: true}
- conv: {out: 6, kernel: 3, padding: same_upper, stride: 2}
- layer_norm
- max_pool: 2
- flatten
"""


@pytest.fixture(params=["roi_align", "roi_pool"])
def regions(request, write_spec) -> Callable[[str], archspec.TypedGraph]:
    """A head behind 5 regions of an image."""

    def write(more: str) -> archspec.TypedGraph:
        inputs = {"inputs": "{image: [3, 12, 12], boxes: [5, 4]}"}
        layers = REGIONS.replace("POOL", request.param).replace("- flatten\n", more)
        path = write_spec(layers, "null", **inputs)
        path.write_text(path.read_text().replace("input: null\n", ""))
        return archspec.load(path)

    return write


def test_behind_regions_what_is_kept_and_computed_is_of_all_of_them(regions):
    regions, batch = regions(NORMS), 3
    given = [torch.rand(batch, 3, 12, 12), 12 * torch.rand(batch, 5, 4)]
    kept, _ = kept_by_autograd(archspec.compile(regions).train(), *given)
    assert sum(archspec.summarize(regions, batch).saved.values()) == kept
    with FlopCounterMode(display=False) as counter:
        _sum(archspec.compile(regions).train()(*given)).backward()
    assert archspec.summarize(regions, batch).train_flops == counter.get_total_flops()


def test_behind_regions_the_peak_is_what_mem_tracker_sees(regions, tracked_peak):
    graph = regions("- flatten\n")
    ours, theirs = training_memory(graph, 4, "adam", workspace="cpu").peak.bytes, tracked_peak(graph, 4, "adam")
    assert abs(ours - theirs) <= 0.005 * theirs


@pytest.mark.parametrize("name", ["lenet5", "resnet50", "densenet121", "googlenet", "mobilenet_v2"])
def test_the_file_of_weights_is_as_large_as_safetensors_makes_it(name):
    graph = archspec.load(name)
    graph = archspec.summarize(graph).graph  # without training heads
    state = {key: value.clone() for key, value in archspec.compile(graph).state_dict().items()}
    assert weight_file_bytes(graph) == len(save(state))


def _sum(found: Any) -> torch.Tensor:
    outputs = [found] if torch.is_tensor(found) else list(found.values())
    return sum((nn.functional.softmax(one, 1).amax() for one in outputs), start=torch.zeros(()))
