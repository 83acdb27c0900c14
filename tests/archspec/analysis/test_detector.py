"""What is told of detectors: maps, anchors and boxes as the papers have them, and the cost of decoding."""

from __future__ import annotations

import json

import archspec
from archspec.analysis.detector import detector
from archspec.passes.training import training
from archspec.render.draw import draw


def test_the_boxes_of_ssd300_are_the_paper_s() -> None:
    """Liu et al., section 2.2: 8,732 in all; torchvision's anchors of each cell."""
    found = detector(archspec.summarize(archspec.load("ssd300_vgg16")))
    assert found is not None
    sides = [(38, 38), (19, 19), (10, 10), (5, 5), (3, 3), (1, 1)]
    assert [one.sides for one in found.maps] == sides
    assert [one.anchors for one in found.maps] == [4, 6, 6, 6, 4, 4]
    assert found.boxes == 8732 and found.keep == 200


def test_the_boxes_of_yolov3_are_three_a_cell_of_three_maps() -> None:
    data = archspec.summarize(archspec.load("yolov3")).to_json()["detector"]
    assert data["boxes"] == 3 * (13**2 + 26**2 + 52**2)
    assert [one["size"] for one in data["maps"]] == [[13, 13], [26, 26], [52, 52]]
    assert json.loads(json.dumps(data)) == data


def test_costs_with_and_without_decoding_add_up_to_the_network_s() -> None:
    graph = archspec.load("yolov3")
    summary = archspec.summarize(graph, 2)
    found = detector(summary)
    assert found is not None
    alone = archspec.summarize(training(graph), 2)
    assert found.heads == alone.totals
    assert found.heads_peak_bytes == alone.inference.peak.bytes
    for figure in ("macs", "elementwise_ops", "activation_bytes"):
        assert getattr(found.heads, figure) + getattr(found.decoding, figure) == getattr(summary.totals, figure)
    # for each box 5 logistic functions of 4 operations, 2 exponentials and 16 more; for each class 5
    assert found.decoding.elementwise_ops == 2 * found.boxes * (5 * 4 + 2 + 16 + 5 * 80)


def test_suppression_compares_at_most_each_pair_of_a_class() -> None:
    """SSD300 for COCO: 90 classes, the 400 best boxes of each, 400 · 399 / 2 pairs. With the classes together 36,000
    boxes. One that asks for more boxes than there are compares those there are: 8,732 · 8,731 / 2 of each class."""
    pairs = {}
    for name, nms in (
        ("own", "{before: 400}"),
        ("together", "{before: 400, per_class: false}"),
        ("all", "{before: 10000}"),
    ):
        summary = archspec.summarize(archspec.load("ssd300_vgg16", overrides=[f"detect.nms={nms}"]))
        pairs[name] = summary.to_json()["detector"]["pairs_at_most"]
    assert pairs == {"own": 90 * 79_800, "together": 36_000 * 35_999 // 2, "all": 90 * 38_119_546}


def test_no_other_network_has_a_detector(run_archspec) -> None:
    assert detector(archspec.summarize(archspec.load("lenet5"))) is None
    assert "detector" not in archspec.summarize(archspec.load("lenet5")).to_json()
    told = run_archspec("summarize", "ssd300_vgg16").stdout
    assert "boxes             8,732" in told and "on4 38×38" in told
    assert "suppression      7.18 M" in told


def test_a_picture_tells_the_boxes(tmp_path) -> None:
    told = draw(archspec.load("yolov3"), tmp_path / "yolov3.svg").read_text()
    assert told.count("10,647 boxes") == 2
