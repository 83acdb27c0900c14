"""The pixels that a cell sees are those that its gradient reaches."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

import archspec
from archspec.analysis.receptive import fields
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


Span = tuple[int, int]


def probed(graph: archspec.TypedGraph, layer: str, cell: tuple[int, ...]) -> list[Span]:
    """First and last pixel, an axis, with a gradient of one cell."""
    (found,) = all_probed(graph, layer, [cell])
    return found


def all_probed(graph: archspec.TypedGraph, layer: str, cells: list[tuple[int, ...]]) -> list[list[Span]]:
    """The same of several cells; all weights positive, maxima averaged."""
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
    spans = []
    for cell in cells:
        (gradient,) = torch.autograd.grad(found[(0, slice(None), *cell)].sum(), images, retain_graph=True)
        reached = gradient[0].abs().sum(0) > 0
        rows, columns = (reached.any(1).nonzero().flatten(), reached.any(0).nonzero().flatten())
        spans.append([(int(axis.min()), int(axis.max())) for axis in (rows, columns)])
    return spans


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


THIN = ["vars.widths=[2, 2, 2, 2]", "vars.bottom=2"]
BEHIND_UPSAMPLING = [
    ("unet", "1x236x236", THIN, "dec.1", range(4, 12)),
    ("unet", "1x236x236", THIN, "conv1", range(12, 28)),
    ("unet@same", "1x256x256", THIN, "dec.2.up", range(56, 72)),
    ("unet@same", "1x256x256", THIN, "conv1", range(120, 136)),
    ("fcn_resnet50", "3x144x144", ["vars.depths=[1, 1, 1, 1]"], "upsample1", range(64, 72)),
]


@pytest.mark.parametrize(
    ("name", "size", "changes", "layer", "cells"), BEHIND_UPSAMPLING, ids=[f"{c[0]}-{c[3]}" for c in BEHIND_UPSAMPLING]
)
def test_behind_an_upsampling_the_field_is_the_largest_of_the_cells(name, size, changes, layer, cells):
    """Cells whose fields lie within the image, one for each place among those that repeat."""
    graph = archspec.load(name, overrides=changes, input=size)
    views = [archspec.where(graph, layer, (cell, cell)) for cell in cells]
    spans = all_probed(graph, views[0].layer, [(cell, cell) for cell in cells])
    assert spans == [list(view.inside) for view in views]
    seen = [last - first + 1 for (first, last), _ in spans]
    field = fields(graph)[views[0].layer][0]
    assert max(seen) == field.size
    assert field.varies == (len({*seen}) > 1)
    assert spans[-1][0][0] - spans[0][0][0] == pytest.approx((len(cells) - 1) * field.jump, abs=field.size)


UPSAMPLINGS = [
    "- upsample: 2",
    "- upsample: {scale: 2, mode: bilinear}",
    "- upsample: {scale: 3, mode: bilinear}",
    "- upsample: {size: 31}",
    "- upsample: {size: 31, mode: bilinear}",
    "- upsample: {size: 37, mode: bilinear, align_corners: true}",
    "- conv_transpose: {out: 2, kernel: 3, stride: 2, padding: 1}",
    "- conv_transpose: {out: 2, kernel: 3, stride: 3, dilation: 2}",
    "- conv_transpose: {out: 2, kernel: 5, stride: 2, dilation: 3}",
    "- pixel_shuffle: 2",
]


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_shows_what_it_repeats_of_the_image(mode, stride, write_spec):
    layers = (
        f"- conv: {{out: 2, kernel: 3, stride: {stride}}}\n- pad: {{size: [[4, 2], 3], mode: {mode}}}\n"
        "- conv: {out: 2, kernel: 2}\n- conv: {out: 2, kernel: 3, padding: 1}\n  name: last"
    )
    graph = archspec.load(write_spec(layers, "[1, 15, 15]"))
    rows, columns = graph.types["last"][0].spatial
    cells = [(y, x) for y in range(rows) for x in range(columns)]
    assert all_probed(graph, "last", cells) == [list(archspec.where(graph, "last", cell).inside) for cell in cells]


@pytest.mark.parametrize("norm", ["instance_norm", "group_norm: 2", "batch_norm"])
def test_a_norm_over_positions_sees_all_of_them(norm, write_spec):
    layers = f"- conv: {{out: 4, kernel: 3, padding: 1}}\n- {norm}\n- conv: {{out: 2, kernel: 3}}\n  name: last"
    graph = archspec.load(write_spec(layers, "[1, 12, 12]"))
    cells = [(0, 0), (4, 5), (9, 9)]
    assert all_probed(graph, "last", cells) == [list(archspec.where(graph, "last", cell).inside) for cell in cells]
    assert fields(graph)["last"][0].jump == 1


def test_of_several_inputs_it_says_which_it_speaks_of(write_spec):
    layers = "- conv: {out: 2, kernel: 3, padding: same}\n  from: right\n  name: last"
    path = write_spec(layers, "null", inputs="{left: [1, 9, 9], right: [1, 8, 8]}")
    path.write_text(path.read_text().replace("input: null\n", ""))
    view = archspec.where(archspec.load(path), "last", (7, 0))
    assert (view.input, view.image, view.to_json()["input"]) == ("right", (8, 8), "right")


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_every_cell_behind_every_kind_of_upsampling(upsampling, write_spec):
    layers = f"- conv: {{out: 4, kernel: 3, stride: 2}}\n{upsampling}\n- conv: {{out: 2, kernel: 2}}\n  name: last"
    graph = archspec.load(write_spec(layers, input="[1, 39, 39]"))
    cells = [(at, at) for at in range(graph.types["last"][0].spatial[0])]
    spans = all_probed(graph, "last", cells)
    assert spans == [list(archspec.where(graph, "last", cell).inside) for cell in cells]
    field = fields(graph)["last"][0]
    assert max(last - first + 1 for (first, last), _ in spans) == field.size
