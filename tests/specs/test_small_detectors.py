"""The small detectors of the zoo learn, and crYOLO's network is the part of YOLO's that its authors say."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from torchvision.ops import box_iou  # noqa: E402

import archspec  # noqa: E402
from archspec.graph import TypedGraph  # noqa: E402
from archspec_torch.compiler import compile  # noqa: E402
from archspec_torch.detection.truth import rows_of  # noqa: E402
from archspec_torch.runtime.tasks import own_loss  # noqa: E402
from archspec_torch.runtime.tasks.detect import Detect, decoders_of  # noqa: E402


def kernels(graph: TypedGraph) -> dict[str, tuple[int, ...]]:
    """Of each convolution before the heads the shape of its kernels."""
    found = {}
    for node in graph.layers():
        if node.op.category == "conv" and node.name.startswith("stage."):
            found[node.name] = node.op.weights(graph.input_types(node))["weight"].shape
    return found


def test_cryolo_is_the_first_13_convolutions_of_darknet_19_on_grey_images() -> None:
    """Its grid is 64×64 where YOLO's is 32×32, of one anchor and one class: Wagner et al. 2019, and crYOLO's manual."""
    graph = archspec.load("cryolo")
    mine, theirs = kernels(graph), kernels(archspec.load("yolov2"))
    first = list(theirs)[:13]
    assert list(mine) == first
    assert mine[first[0]] == (32, 1, 3, 3) and theirs[first[0]] == (32, 3, 3, 3)
    assert all(mine[name] == theirs[name] for name in first[1:])
    assert [kind.shape for kind in graph.types["detect.particles"]] == [(64 * 64, 4), (64 * 64, 1)]


@pytest.mark.parametrize("name", ["small_yolo", "small_yolo_two_scales", "small_ssd"])
def test_small_detectors_learn_an_image_by_heart(name: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    graph = archspec.load(name, overrides=["assert=[]"], input=[3, 96, 128])
    kind = torch.tensor([0, 2])
    boxes = torch.tensor([[8.0, 10.0, 40.0, 44.0], [70.0, 30.0, 118.0, 86.0]])
    image = 0.1 * torch.randn(1, 3, 96, 128)
    for (x1, y1, x2, y2), label in zip(boxes.int().tolist(), kind.tolist(), strict=True):
        image[:, :, y1:y2, x1:x2] += 1 + label
    heads, network = decoders_of(graph), compile(graph).train()
    task = Detect(heads, tuple("abc"), own_loss(graph), (96, 128))
    target = rows_of(boxes, kind, torch.zeros(2), 2)[None]
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        loss: Any = task.loss(network(image.repeat(2, 1, 1, 1)), target.repeat(2, 1, 1))
        loss.backward()
        optimizer.step()
    # batch norm as in training: of one image alone its running statistics come too late
    for module in network.eval().modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train()
    with torch.no_grad():
        found = network(image.repeat(2, 1, 1, 1))["detections"][0][:2]
    overlap = box_iou(found[:, :4], boxes)
    assert overlap.amax(0).min() > 0.7
    assert found[overlap.argmax(0), 5].tolist() == kind.tolist()
    assert found[:, 4].min() > 0.5
