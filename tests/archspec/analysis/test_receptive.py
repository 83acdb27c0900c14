"""Receptive fields against hand-worked numbers and a gradient probe."""

from __future__ import annotations

import pytest

import archspec
from archspec.analysis.receptive import Field, fields, stride
from archspec.analysis.where import where
from archspec.ops.act import Relu
from archspec.ops.merge import Add
from archspec.ops.reach import interpolated, same, slid, spread, whole
from archspec.tensor import TensorType


def field_of(path, layer):
    """(size, jump, start) of the first axis."""
    field = fields(archspec.load(path))[layer][0]
    return field.size, field.jump, field.start


def test_three_stacked_3x3_convolutions_see_7x7(write_spec):
    path = write_spec("- conv: {out: 4, kernel: 3}\n  repeat: 3\n  name: c", input="[4, 32, 32]")
    assert field_of(path, "c.2") == (7, 1, 0)


def test_what_reads_its_own_place_is_known_however_it_was_made():
    """A sum of maps of one size moves nothing, by its rule for maps of several."""
    tensor = TensorType((4, 7, 7))
    reaches = (*Add().reach((tensor, tensor), (tensor,), 1), *Relu().reach((tensor,), (tensor,)))
    assert len(reaches) == 4 and all(reach.unmoved for reach in reaches)
    assert slid(1).unmoved and interpolated(5, 5, align_corners=False).unmoved
    assert not any(reach.unmoved for reach in (same(1), slid(1, 2), slid(3, before=1), whole(1), spread(1, 2, 1, 0)))
    assert [(same(1).low(y), same(1).high(y)) for y in (0, 5)] == [(1, 1), (6, 6)]


@pytest.mark.parametrize(
    ("name", "size", "jump"), [("resnet18", 435, 32), ("resnet50", 427, 32), ("vgg16", 212, 32), ("alexnet", 195, 32)]
)
def test_published_networks(name, size, jump):
    graph = archspec.load(name)
    before = max(f[0].size for n, f in fields(graph).items() if f and graph.types[n][0].spatial[0] > 1)
    assert (before, stride(fields(graph))) == (size, jump)


def test_the_widest_path_counts(write_spec):
    layers = """
    - branches:
        - [conv: {out: 4, kernel: 3, padding: same}]
        - [conv: {out: 4, kernel: 3, padding: 4, dilation: 4}]
      join: concat
      name: join
    """
    graph = archspec.load(write_spec(layers, input="[3, 32, 32]"))
    (last,) = (fields(graph)[tap.node] for tap in graph.outputs.values())
    assert last == (Field(9, 1, -4), Field(9, 1, -4))


def test_global_pooling_sees_everything_and_does_not_count_as_a_stride(write_spec):
    path = write_spec("- conv: {out: 4, kernel: 3, stride: 2}\n- global_avg_pool: {keep: true}", input="[3, 33, 33]")
    graph = archspec.load(path)
    assert fields(graph)["global_avg_pool1"][0].size == 33
    assert stride(fields(graph)) == 2


def test_axes_end_with_flatten(write_spec):
    graph = archspec.load(write_spec("- flatten\n- linear: 2", input="[3, 8, 8]"))
    assert fields(graph)["linear1"] == ()
    assert stride(fields(graph)) == 1


def test_upsampling_brings_cells_closer(write_spec):
    path = write_spec("- conv: {out: 4, kernel: 2, stride: 4}\n- upsample: 2", input="[3, 32, 32]")
    assert field_of(path, "upsample1")[1] == 2


def test_enlargements_that_repeat_ever_later_are_still_found_at_once(write_spec):
    """Nearest cells of cells: each sees one pixel, however far apart, and where padding is none of the image."""
    steps = "".join(f"- pad: 1\n- upsample: {{size: {n}}}\n" for n in (17, 37, 79, 163))
    graph = archspec.load(write_spec(f"{steps}- conv: {{out: 2, kernel: 2}}", input="[3, 7, 7]"))
    (axes,) = (fields(graph)[tap.node] for tap in graph.outputs.values())
    assert (axes[0].size, axes[0].varies) == (2, True)


def test_only_the_size_of_an_upsampling_target_is_read(write_spec):
    layers = """
    - conv: {out: 4, kernel: 9, padding: same}
      name: wide
    - conv: {out: 4, kernel: 2, stride: 2}
      from: input
    - upsample: {to: wide}
      name: up
    """
    graph = archspec.load(write_spec(layers, input="[3, 32, 32]"))
    assert fields(graph)["up"][0].size == 2


SPEC = """
- conv: {out: 3, kernel: 3, padding: 1, stride: 2}
- avg_pool: {kernel: 3, stride: 2, padding: 1}
- conv: {out: 2, kernel: 3, dilation: 2, padding: 2}
- conv_transpose: {out: 2, kernel: 4, stride: 2, padding: 1}
"""


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_fields_equal_a_gradient_probe(write_spec, layers):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    modules = [
        nn.Conv2d(1, 3, 3, 2, 1),
        nn.AvgPool2d(3, 2, 1),
        nn.Conv2d(3, 2, 3, padding=2, dilation=2),
        nn.ConvTranspose2d(2, 2, 4, 2, 1),
    ][:layers]
    net = nn.Sequential(*modules)
    for p in net.parameters():
        nn.init.ones_(p)  # nothing can cancel
    x = torch.ones(1, 1, 128, 128, requires_grad=True)
    y = net(x)

    def seen(cell):
        (gradient,) = torch.autograd.grad(y[0, :, cell, y.shape[-1] // 2].sum(), x, retain_graph=True)
        rows = gradient[0, 0].abs().sum(1).nonzero().flatten().tolist()
        return rows[0], rows[-1]

    spec = "\n".join(SPEC.strip().splitlines()[:layers])
    graph = archspec.load(write_spec(spec, input="[1, 128, 128]"))
    (axes,) = (fields(graph)[tap.node] for tap in graph.outputs.values())
    middle = y.shape[2] // 2
    spans = [seen(cell) for cell in range(middle, middle + 4)]
    assert max(end - start + 1 for start, end in spans) == axes[0].size
    assert (spans[2][0] - spans[0][0]) == 2 * axes[0].jump
    low = axes[0].start + middle * axes[0].jump
    assert low <= spans[0][0] <= low + 1  # a transposed convolution's cells differ by their phase


def test_a_field_lies_in_one_input(tmp_path):
    """By hand: 7 pixels, 4 apart, then 3 cells: 7 + 2·4 = 15 from −2 − 4; cells of the map are not of the image."""
    path = tmp_path / "two.yaml"
    path.write_text(
        """archspec: 1
inputs: {speed: [8], image: [3, 64, 64], map: [1, 16, 16]}
layers:
  - conv: {out: 8, kernel: 7, stride: 4, padding: 2}
    from: image
    name: seen
  - conv: {out: 8, kernel: 3, padding: 1}
    from: map
    name: drawn
  - concat: [drawn, seen]
  - conv: {out: 8, kernel: 3, padding: 1}
    name: trunk
"""
    )
    found = fields(archspec.load(path))
    assert [(axis.size, axis.jump, axis.start) for axis in found["trunk"]] == [(15, 4, -6)] * 2
    assert [(axis.size, axis.jump, axis.start) for axis in found["drawn"]] == [(3, 1, -1)] * 2
    view = where(archspec.load(path), "trunk", (3, 3))
    assert (view.input, view.first, view.last) == ("image", (6, 6), (20, 20))
