"""Detectors of the zoo against the implementations their weights come from: raw outputs, decoded boxes, detections."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from safetensors.torch import load_file  # noqa: E402
from torchvision.models.detection import ssd300_vgg16  # noqa: E402
from torchvision.models.detection.image_list import ImageList  # noqa: E402

import archspec  # noqa: E402
from archspec_torch.compiler import compile  # noqa: E402
from archspec_torch.weights import import_weights  # noqa: E402

COUNTS = [("ssd300_vgg16_voc", 20, 26_285_486), ("ssd300_vgg16", 90, 35_641_826)]


@pytest.mark.parametrize(("name", "classes", "params"), COUNTS)
def test_counts_are_torchvision_s(name: str, classes: int, params: int) -> None:
    with torch.device("meta"):
        theirs = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=classes + 1)
    graph = archspec.load(name)
    assert archspec.summarize(graph).totals.params == sum(p.numel() for p in theirs.parameters()) == params
    boxes, scores = (graph.types[f"detect.{part}"][0].shape for part in ("boxes", "scores"))
    assert (boxes, scores) == ((8732, 4), (8732, classes))


@torch.no_grad()
def test_raw_outputs_decoded_boxes_and_detections_are_torchvision_s(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=21).eval()
    torch.save(theirs.state_dict(), tmp_path / "ssd.pth")
    import_weights("ssd300_vgg16_voc", tmp_path / "ssd.pth", "torchvision", tmp_path / "ssd.safetensors")
    ours = compile(archspec.load("ssd300_vgg16_voc")).eval()
    ours.load_state_dict(load_file(tmp_path / "ssd.safetensors"))
    images = 10 * torch.randn(2, 3, 300, 300)  # so that scores and places differ
    features = list(theirs.backbone(images).values())
    raw = theirs.head(features)
    defaults = theirs.anchor_generator(ImageList(images, [(300, 300)] * 2), features)
    found = ours(images)
    levels = (4, 7, 8, 9, 10, 11)
    for kind, key in (("class", "cls_logits"), ("box", "bbox_regression")):
        parts = []
        for level in levels:
            x = found[f"on{level}.{kind}"]
            width = 21 if kind == "class" else 4
            parts.append(x.unflatten(1, (-1, width)).permute(0, 3, 4, 1, 2).flatten(1, 3))
        torch.testing.assert_close(torch.cat(parts, 1), raw[key], rtol=1e-4, atol=1e-4)
    expected = theirs.postprocess_detections(raw, defaults, [(300, 300)] * 2)
    for image, one in enumerate(expected):
        mine = found["detections"][image]
        assert len(one["scores"]) == len(mine) == 200
        torch.testing.assert_close(mine[:, 4], one["scores"], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(mine[:, :4], one["boxes"], rtol=1e-4, atol=1e-2)
        assert mine[:, 5].tolist() == (one["labels"] - 1).tolist()
