"""Memory of a forward pass without gradients, told by the graph, against torch's tracker on the compiled network."""

from __future__ import annotations

import pytest
import torch
from torch.distributed._tools.mem_tracker import MemTracker

import archspec
from archspec.analysis.memory import inference_memory
from archspec_torch.compiler import compile

NETWORKS = ("cifar_pattern", "alexnet", "zfnet", "lenet5", "resnet18", "mobilenet_v2", "googlenet")


@pytest.mark.parametrize("name", NETWORKS)
def test_the_peak_of_inference_is_torch_s(name: str) -> None:
    """Max pools (places of the largest), local response normalisation, branches, in-place activations."""
    graph = archspec.load(name)
    network = compile(graph).eval()
    images = torch.randn(3, *graph.types[graph.inputs[0]][0].shape)
    tracker = MemTracker()
    tracker.track_external(network, images)
    with torch.no_grad(), tracker:
        network(images)
    peak = sum(device["Total"] for device in tracker.get_tracker_snapshot("peak").values())
    told = inference_memory(graph, 3)
    heads = sum(w.nbytes for layer in graph.weights.values() for w in layer.values()) - told.weights
    assert told.peak.bytes + heads == peak
