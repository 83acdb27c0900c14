"""The pixels that a cell sees are those that its gradient reaches."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

import archspec
from archspec.graph import Tap

CASES = [
    ("lenet5", None, "conv2", (4, 3)),
    ("alexnet", None, "max_pool3", (3, 2)),
    ("zfnet", None, "conv_act5", (6, 6)),
    ("vgg16", "3x224x224", "stage.3", (7, 8)),
    ("nin", None, "stage.1.pool", (3, 4)),
    ("googlenet", "3x224x224", "inception_4b", (7, 6)),
    ("resnet18", "3x320x320", "stage.2", (10, 9)),
    ("resnet50", "3x320x320", "stage.2.block.3", (9, 10)),
    ("resnet20_cifar", None, "stage.1", (8, 7)),
    ("mobilenet_v2", None, "stage.2", (12, 14)),  # deeper, sums of ones are beyond the 6 of its activations
    ("unet", None, "dec.2", (60, 50)),
]


def probed(graph: archspec.TypedGraph, layer: str, cell: tuple[int, ...]) -> list[tuple[int, int]]:
    """First and last pixel, an axis, with a gradient of one cell; all weights positive, maxima averaged."""
    network = archspec.compile(replace(graph, outputs={"probe": Tap(layer)}, heads={})).eval().double()
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.reset_parameters()
        elif hasattr(module, "weight") and isinstance(module.weight, torch.Tensor) and module.weight.dim() > 1:
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
        if isinstance(module, nn.MaxPool2d):
            size, stride, padding, ceil = module.kernel_size, module.stride, module.padding, module.ceil_mode
            pool = nn.AvgPool2d(size, stride, padding, ceil_mode=ceil)
            module.forward = pool.forward
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("bias"):
                value.zero_()
    shape = graph.types[graph.inputs[0]][0].shape
    images = torch.ones((1, *shape), dtype=torch.float64, requires_grad=True)
    found = network(images)
    found = found if torch.is_tensor(found) else next(iter(found.values()))
    found[(0, slice(None), *cell)].sum().backward()
    reached = images.grad[0].abs().sum(0) > 0
    rows, columns = (reached.any(1).nonzero().flatten(), reached.any(0).nonzero().flatten())
    return [(int(axis.min()), int(axis.max())) for axis in (rows, columns)]


@pytest.mark.parametrize(("name", "size", "layer", "cell"), CASES, ids=[case[0] for case in CASES])
def test_a_cell_sees_what_its_gradient_reaches(name, size, layer, cell):
    graph = archspec.load(name, input=size)
    view = archspec.where(graph, layer, cell)
    assert probed(graph, view.layer, cell) == list(view.inside)


def test_a_dilated_and_a_transposed_convolution(write_spec):
    layers = (
        "- conv: {out: 2, kernel: 3, stride: 2, padding: 1}\n- conv: {out: 2, kernel: 3, dilation: 3, padding: 3}\n"
        "- conv_transpose: {out: 2, kernel: 4, stride: 2, padding: 1}\n  name: up"
    )
    graph = archspec.load(write_spec(layers, input="[1, 40, 40]"))
    for cell in ((20, 20), (13, 26), (0, 39)):
        assert probed(graph, "up", cell) == list(archspec.where(graph, "up", cell).inside)
