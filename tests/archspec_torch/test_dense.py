"""A slid network gives on each window what the network itself gives on that window cut out, with the same weights."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

import archspec  # noqa: E402
from archspec.analysis.windows import windows  # noqa: E402
from archspec_torch.compiler import compile  # noqa: E402
from archspec_torch.detection.windows import corners, in_image, merge  # noqa: E402

SPEC = """\
archspec: 1
task: localise
input: [3, 45, 39]
layers:
  - conv: {out: 8, kernel: 5, stride: 2}
  - batch_norm
  - relu
  - max_pool: {kernel: 3, stride: 2}
  - conv: {out: 12, kernel: 3}
  - lrn
  - avg_pool: 2
  - flatten
  - layers: [linear: 20, batch_norm, leaky_relu: 0.1, dropout: 0.5]
    name: fc
  - linear: 5
    name: scores
  - linear: {out: 4, bias: false}
    from: fc
    name: boxes
outputs: [scores, boxes]
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(SPEC)
    return path


def of_torch() -> tuple[nn.Sequential, nn.Linear, nn.Linear]:
    """The same network built by hand: trunk with its fully connected layer, and two heads."""
    trunk = nn.Sequential(
        *(nn.Conv2d(3, 8, 5, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(8, 12, 3)),
        *(nn.LocalResponseNorm(5), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(144, 20), nn.BatchNorm1d(20)),
        *(nn.LeakyReLU(0.1), nn.Dropout(0.5)),
    )
    return trunk.eval(), nn.Linear(20, 5), nn.Linear(20, 4, bias=False)


@torch.no_grad()
def test_every_window_has_the_answer_of_torch_s_own_network_on_that_crop(spec: Path) -> None:
    torch.manual_seed(0)
    trunk, *heads = of_torch()
    for norm in (trunk[1], trunk[9]):
        nn.init.uniform_(norm.running_mean), nn.init.uniform_(norm.running_var, 0.5, 2), nn.init.normal_(norm.weight)
    theirs = [*trunk.state_dict().values(), *(x for head in heads for x in head.state_dict().values())]
    plain = compile(archspec.load(spec)).eval()
    plain.load_state_dict(dict(zip(plain.state_dict(), theirs, strict=True)))
    graph = archspec.load(spec, input=[3, 69, 71], dense=True)
    slid = compile(graph).eval()
    slid.load_state_dict(plain.state_dict())  # as they are
    images = torch.rand(2, 3, 69, 71)
    found = slid(images)
    places = windows(graph)
    assert (places.step, places.count) == ((8, 8), (4, 5))
    for place, (y, x) in enumerate(places.corners()):
        features = trunk(images[:, :, y : y + 45, x : x + 39])
        for name, head in zip(("scores", "boxes"), heads, strict=True):
            torch.testing.assert_close(found[name].flatten(2)[:, :, place], head(features), rtol=1e-5, atol=1e-6)
    back = compile(archspec.load(spec))
    back.load_state_dict(slid.state_dict())  # and back


@torch.no_grad()
def test_the_network_slides_along_one_axis_and_through_space(tmp_path: Path) -> None:
    torch.manual_seed(0)
    for shape, larger in (([2, 17], [2, 21]), ([1, 6, 7, 8], [1, 7, 9, 8])):
        path = tmp_path / "net.yaml"
        layers = "[conv: {out: 3, kernel: 3}, relu, flatten, linear: 4]"
        path.write_text(f"archspec: 1\ninput: {shape}\nlayers: {layers}\n")
        graph = archspec.load(path, input=larger, dense=True)
        plain, slid = compile(archspec.load(path)), compile(graph)
        slid.load_state_dict(plain.state_dict())
        image = torch.rand(1, *larger)
        found = slid(image).flatten(2)
        for place, corner in enumerate(windows(graph).corners()):
            crop = image
            for axis, (start, size) in enumerate(zip(corner, shape[1:], strict=True)):
                crop = crop.narrow(axis + 2, int(start), size)
            torch.testing.assert_close(found[:, :, place], plain(crop), rtol=1e-5, atol=1e-6)


def test_a_slid_network_with_open_sizes_takes_every_larger_image(spec: Path) -> None:
    network = compile(archspec.load(spec, input="3xHxW", dense=True)).eval()
    assert network(torch.rand(1, 3, 45, 39))["scores"].shape == (1, 5, 1, 1)
    assert network(torch.rand(1, 3, 69, 71))["scores"].shape == (1, 5, 4, 5)
    with pytest.raises(archspec.SpecError, match="E319"):
        network(torch.rand(1, 3, 30, 39))


def test_boxes_of_windows_lie_in_the_image() -> None:
    """A window of 221×221 at (36, 36), a box in its middle, half as high and a quarter as wide, by hand."""
    graph = archspec.load("overfeat", input=[3, 257, 257], dense=True)
    boxes = torch.zeros(1, 4, 2, 2)
    boxes[0, :, 1, 1] = torch.tensor([0.5, 0.5, 0.5, 0.25])
    x1, y1, x2, y2 = in_image(boxes, windows(graph, "boxes"))[0, 3].tolist()
    assert (x1, y1) == pytest.approx((36 + 221 * 3 / 8, 36 + 221 / 4))
    assert (x2, y2) == pytest.approx((36 + 221 * 5 / 8, 36 + 221 * 3 / 4))
    assert in_image(boxes, windows(graph, "boxes"))[0, 1].tolist() == [36, 0, 36, 0]


def test_windows_that_see_one_object_become_one_box() -> None:
    """Three of four windows see an object at about 100, the fourth one far away; means and sums by hand."""
    boxes = torch.tensor([[100.0, 100, 200, 200], [104, 98, 206, 200], [500, 500, 540, 560], [96, 102, 194, 200]])
    scores = torch.tensor([[0.9, 0.0], [0.8, 0.1], [0.1, 0.95], [0.7, 0.0]])
    merged, total = merge(boxes, scores)
    assert merged.tolist() == [[100, 100, 200, 200], [500, 500, 540, 560]]
    torch.testing.assert_close(total, torch.tensor([[2.4, 0.1], [0.1, 0.95]]))
    assert len(merge(boxes, scores, apart=0)[0]) == 4
    assert len(merge(boxes, scores, apart=2)[0]) == 1
    order = torch.tensor([3, 2, 1, 0])
    torch.testing.assert_close(merge(boxes[order], scores[order])[0], merged)
    assert [x.shape for x in merge(boxes[:0], scores[:0])] == [(0, 4), (0, 2)]


def test_centres_and_sides_as_corners() -> None:
    found: Tensor = corners(torch.tensor([0.5, 0.25, 0.5, 0.2]))
    torch.testing.assert_close(found, torch.tensor([0.4, 0.0, 0.6, 0.5]))
