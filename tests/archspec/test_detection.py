"""The section `detect`: the layers it makes, what the network gives, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import SpecError, TypedGraph, load, summarize
from archspec.analysis.training import training_memory
from archspec.authoring.written_out import expand

TRUNK = """archspec: 1
task: detect
input: [3, 64, 96]
layers:
  - conv: {out: 8, kernel: 8, stride: 8}
  - relu
"""
ONE = """  heads:
    - layers: [conv: 2 * (5 + 3)]
      name: cells
"""
GRID = "  anchors: {kind: grid, boxes: [[16, 16], [32, 24]]}\n"


def made(tmp_path: Path, section: str, trunk: str = TRUNK, **options: str) -> TypedGraph:
    path = tmp_path / "d.yaml"
    path.write_text(f"{trunk}detect:\n{section}")
    return load(path, **options)  # type: ignore[arg-type]


def refused(tmp_path: Path, section: str) -> tuple[str, str, str]:
    with pytest.raises(SpecError) as raised:
        made(tmp_path, section)
    (found,) = raised.value.diagnostics
    assert found.span is not None and found.span.line >= 8
    return found.code, found.message, found.hint or ""


def test_a_head_its_decoder_and_what_is_kept(tmp_path: Path) -> None:
    """8×12 cells, two boxes a cell, three classes."""
    graph = made(tmp_path, GRID + ONE + "  decode: yolo\n  nms: {keep: 7}\n")
    shapes = {name: graph.type_of(tap).shape for name, tap in graph.outputs.items()}
    assert shapes == {"cells": (16, 8, 12), "detections": (7, 6)}
    decoder, nms = graph.nodes["detect.cells"], graph.nodes["detect.nms"]
    assert [x.shape for x in graph.types["detect.cells"]] == [(192, 4), (192, 3)]
    assert (decoder.op.word, decoder.op.anchors, decoder.op.classes) == ("yolo_boxes", ((16.0, 16.0), (32.0, 24.0)), 3)  # type: ignore[attr-defined]
    assert (decoder.phase, nms.phase, graph.nodes["cells.conv1"].phase) == ("infer", "infer", "always")


def test_several_heads_are_one_list_of_boxes(tmp_path: Path) -> None:
    section = """  anchors: {kind: grid, boxes: [[[2, 2]], [[1, 1], [1, 2]]], unit: cell}
  heads:
    - layers: [max_pool: 2, conv: 5 + 3]
      name: far
    - layers: [conv: 2 * (5 + 3)]
      name: near
  decode: {yolo: {scores: softmax, clip: false}}
"""
    graph = made(tmp_path, section)
    assert graph.types["detect.boxes"][0].shape == (4 * 6 + 8 * 12 * 2, 4)
    assert graph.types["detect.scores"][0].shape == (216, 3)
    op = graph.nodes["detect.near"].op
    assert (op.unit, op.scores, op.clip) == ("cell", "softmax", False)  # type: ignore[attr-defined]
    assert list(graph.outputs) == ["far", "near", "detections"]


def test_default_boxes_by_scale(tmp_path: Path) -> None:
    """Liu et al., section 2.2, by hand: of scale .2 before .45: .2, √(.2·.45) = .3, and .2·√4 × .2/√4 both ways."""
    section = """  anchors: {kind: scales, scales: [0.2, 0.45], ratios: [[4]], strides: [8]}
  heads:
    - layers:
        - branches:
            - {layers: [conv: 4 * 3], name: class}
            - {layers: [conv: 4 * 4], name: box}
          join: none
      name: m
  decode: ssd
"""
    graph = made(tmp_path, section)
    op = graph.nodes["detect.m"].op
    assert op.anchors == ((0.2, 0.2), (pytest.approx(0.3), pytest.approx(0.3)), (0.4, 0.1), (0.1, 0.4))  # type: ignore[attr-defined]
    assert (op.unit, op.stride, op.classes) == ("image", 8, 2)  # type: ignore[attr-defined]
    assert list(graph.outputs) == ["m.class", "m.box", "detections"]


def test_sizes_may_be_open(tmp_path: Path) -> None:
    graph = made(tmp_path, GRID + ONE + "  decode: yolo\n", input="3x8*Hx8*W")
    boxes = graph.types["detect.cells"][0].shape[0]
    assert boxes.at({"H": 8, "W": 12}) == 192  # type: ignore[attr-defined]


def test_what_only_answers_takes_nothing_while_training(tmp_path: Path) -> None:
    whole = made(tmp_path, GRID + ONE + "  decode: yolo\n")
    bare = TRUNK.replace("task: detect", "task: embed") + "  - conv: 16\n"
    (tmp_path / "bare.yaml").write_text(bare)
    alone = load(tmp_path / "bare.yaml")
    assert training_memory(whole, 4).peak.bytes == training_memory(alone, 4).peak.bytes
    assert summarize(whole).totals.macs == summarize(alone).totals.macs


def test_written_out_it_is_the_same_network(tmp_path: Path) -> None:
    graph = made(tmp_path, GRID + ONE + "  decode: yolo\n  nms: {score: 0.25}\n")
    (tmp_path / "e.yaml").write_text(expand(tmp_path / "d.yaml"))
    again = load(tmp_path / "e.yaml")
    assert [(n.name, n.op, n.inputs, n.phase) for n in again.nodes.values()] == [
        (n.name, n.op, n.inputs, n.phase) for n in graph.nodes.values()
    ]
    assert again.outputs == graph.outputs


def test_what_takes_from_boxes_only_answers_too(tmp_path: Path) -> None:
    trunk = (
        TRUNK
        + """  - conv: 8
    name: raw
  - yolo_boxes: {anchors: [[9, 9]], classes: 3, image: input}
  - nms: {keep: 4}
"""
    )
    (tmp_path / "l.yaml").write_text(trunk + "outputs: {raw: raw, found: nms1}\n")
    graph = load(tmp_path / "l.yaml")
    assert [graph.nodes[name].phase for name in ("raw", "yolo_boxes1", "nms1")] == ["always", "infer", "infer"]


YOLO = GRID + ONE + "  decode: yolo\n"


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (GRID + ONE + "  decode: yolov3\n", ("E163", "'yolov3' does not say how boxes are decoded", "'yolo'")),
        (
            GRID + ONE + "  decode: {yolo: softmax}\n",
            ("E163", "`yolo` takes arguments by name", "{yolo: {clip: false}}"),
        ),
        (
            GRID + ONE + "  decode: ssd\n",
            ("E164", "head 'cells' gives 1 map, and `ssd_boxes` takes two", "name: class"),
        ),
        (
            GRID + ONE.replace("2 * (5 + 3)", "17") + "  decode: yolo\n",
            ("E164", "head 'cells' gives 17 channels: 2 boxes × (5 + classes)", "18 channels are 4 classes"),
        ),
        (ONE + "  decode: yolo\n", ("E165", "`detect` needs `anchors`", "kind: grid")),
        (
            "  anchors: {kind: gird, boxes: [[1, 1]]}\n" + ONE + "  decode: yolo\n",
            ("E165", "there are no anchors of kind 'gird'", "did you mean 'grid'?"),
        ),
        (
            "  anchors: {boxs: [[1, 1]]}\n" + ONE + "  decode: yolo\n",
            ("E165", "anchors of kind 'grid' have no 'boxs'", "did you mean 'boxes'?"),
        ),
        (
            "  anchors: {kind: scales, scales: [0.2], ratios: [[2]]}\n" + ONE + "  decode: yolo\n",
            ("E165", "`scales` is a list of 2 shares of the image", ""),
        ),
        (
            GRID + ONE + "  decode: yolo\n  nms: {iuo: 0.5}\n",
            ("E301", "'nms' has no argument 'iuo'", "did you mean 'iou'?"),
        ),
        (GRID + ONE + "  decode: yolo\n  nsm: {}\n", ("E101", "unknown key 'nsm'", "did you mean 'nms'?")),
        ("  heads: []\n  decode: yolo\n", ("E101", "'detect.heads' should not be empty", "")),
    ],
)
def test_what_is_wrong_is_told_where_it_is(section: str, told: tuple[str, str, str], tmp_path: Path) -> None:
    code, message, hint = refused(tmp_path, section)
    assert (code, told[1] in message, told[2] in hint) == (told[0], True, True), (code, message, hint)


def test_of_several_inputs_boxes_lie_in_the_one_that_is_named(tmp_path: Path) -> None:
    trunk = TRUNK.replace("input: [3, 64, 96]", "inputs: {mask: [1, 32, 32], image: [3, 64, 96]}")
    trunk = trunk.replace("stride: 8}\n", "stride: 8}\n    from: image\n")
    with pytest.raises(SpecError, match=r"E163: this network has several inputs \(mask, image\)"):
        made(tmp_path, YOLO, trunk)
    graph = made(tmp_path, GRID + ONE + "  decode: {yolo: {image: image}}\n", trunk)
    assert [tap.node for tap in graph.nodes["detect.cells"].inputs] == ["cells.conv1", "image"]


def test_an_output_hides_no_other(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="E113: two outputs are called 'cells'"):
        made(tmp_path, YOLO, TRUNK + "outputs: {cells: conv1}\n")
    graph = made(tmp_path, YOLO, TRUNK + "outputs: {trunk: relu1}\n")
    assert list(graph.outputs) == ["trunk", "cells", "detections"]


@pytest.mark.parametrize("section", ["  decode: [yolo]\n", "  decode: yolo\n  nms: 0.5\n", "  decod: yolo\n", ""])
def test_a_mistake_of_form_hides_none_elsewhere(section: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as raised:
        made(tmp_path, GRID + ONE + section, TRUNK.replace("kernel: 8", "kernle: 8"))
    codes = [d.code for d in raised.value.diagnostics]
    assert codes[0] == "E301" and set(codes[1:]) == {"E101"}
    assert all(d.span is not None and d.span.line >= 5 for d in raised.value.diagnostics)


def test_every_head_is_told_of_where_it_is_written(tmp_path: Path) -> None:
    section = (
        GRID
        + """  heads:
    - layers: [conv: 13]
      name: a
    - layers: [conv: 15 + $n]
      name: b$n
      each: {n: [0, 1]}
  decode: yolo
"""
    )
    with pytest.raises(SpecError) as raised:
        made(tmp_path, section)
    told = [(d.code, d.span.line, d.span.column) for d in raised.value.diagnostics if d.span is not None]
    assert told == [("E164", 10, 7), ("E164", 12, 7)]


def test_a_misspelt_argument_is_told_at_its_key_and_can_be_mended(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as raised:
        made(tmp_path, GRID + ONE + "  decode: {yolo: {score: softmax}}\n")
    (d,) = raised.value.diagnostics
    assert d.span is not None and (d.code, d.span.line, d.span.column) == ("E301", 12, 19)
    assert [fix.text for fix in d.fixes] == ["scores"]


def test_a_layer_called_detect_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="E113: 'detect' is a layer already"):
        made(tmp_path, YOLO, TRUNK.replace("- relu\n", "- relu: {}\n    name: detect\n"))
