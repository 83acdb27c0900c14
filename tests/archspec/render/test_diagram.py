"""What a picture shows, before it is laid out."""

from __future__ import annotations

import pytest

import archspec
from archspec.render.chains import chains, collapse
from archspec.render.diagram import LONGEST, MOST_BOXES, diagram
from archspec.render.drawing.layered import inside
from archspec.render.picture import ranks

ZOO = ["lenet5", "alexnet", "vgg16", "googlenet", "resnet18", "resnet50", "resnet152", "mobilenet_v2", "inception_v3"]


@pytest.mark.parametrize("name", ZOO)
def test_a_network_fits_a_page_by_default(name):
    found = diagram(archspec.load(name))
    assert len(found.main.boxes) <= MOST_BOXES
    assert found.main.length <= LONGEST


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("depth", [None, 1, 2, 9])
def test_every_layer_is_in_one_box_or_a_repeat_of_it(name, depth):
    graph = archspec.load(name)
    reduced = collapse(graph)
    boxes = diagram(graph, depth).main.boxes
    shown = [node.name for box in boxes for node in box.nodes]
    assert sorted(shown) == sorted(node.name for node in reduced.graph.layers())
    assert len(shown) == len(set(shown))


@pytest.mark.parametrize("name", ZOO)
def test_arrows_make_no_cycle_and_leave_no_box_out(name):
    found = diagram(archspec.load(name))
    for panel in (found.main, *found.insets):
        assert len(ranks(panel.boxes, panel.arrows)) == len(panel.boxes)  # a cycle would have no rank
        ends = {arrow.target for arrow in panel.arrows} | {arrow.source for arrow in panel.arrows}
        assert ends == {box.key for box in panel.boxes}


def titles(panel):
    return [(box.title, box.detail, box.count) for box in panel.boxes if box.kind not in ("input", "output")]


def test_lenet():
    assert titles(diagram(archspec.load("lenet5")).main) == [
        ("5×5 conv, 6", "tanh", 1),
        ("2×2 avg pool, /2", "", 1),
        ("5×5 conv, 16", "tanh", 1),
        ("2×2 avg pool, /2", "", 1),
        ("FC 120", "tanh", 1),
        ("FC 84", "tanh", 1),
        ("FC 10", "", 1),
    ]


def test_resnet152_is_its_table_in_the_paper():
    found = diagram(archspec.load("resnet152"))
    blocks = [(box.count, box.detail) for box in found.main.boxes if box.kind == "block"]
    assert blocks == [
        (1, "1×1, 64 – 3×3, 64 – 1×1, 256"),
        (2, "1×1, 64 – 3×3, 64 – 1×1, 256"),
        (1, "1×1, 128 – 3×3, 128, /2 – 1×1, 512"),
        (7, "1×1, 128 – 3×3, 128 – 1×1, 512"),
        (1, "1×1, 256 – 3×3, 256, /2 – 1×1, 1024"),
        (35, "1×1, 256 – 3×3, 256 – 1×1, 1024"),
        (1, "1×1, 512 – 3×3, 512, /2 – 1×1, 2048"),
        (2, "1×1, 512 – 3×3, 512 – 1×1, 2048"),
    ]
    assert [(inset.title, inset.path) for inset in found.insets] == [
        ("bottleneck A", "stage.0.block.0"),
        ("bottleneck B", "stage.0.block.1"),
    ]
    assert [box.heading for box in found.main.boxes if box.kind == "block"][:2] == ["bottleneck A", "bottleneck B"]


@pytest.mark.parametrize(("name", "blocks"), [("resnet50", (3, 4, 6, 3)), ("resnet152", (3, 8, 36, 3))])
def test_a_folded_stage_says_how_many_blocks_it_has(name, blocks):
    found = diagram(archspec.load(name), depth=1)
    stages = [(box.heading, box.count) for box in found.main.boxes if box.kind == "block"]
    assert stages == [(f"bottleneck ×{number}", 1) for number in blocks]
    (inset,) = found.insets
    assert (inset.title, inset.path) == ("bottleneck ×3", "stage.0")
    assert [frame.title for frame in inset.frames] == ["bottleneck", "bottleneck ×2"]


def test_the_inside_of_a_residual_block():
    _, inset = diagram(archspec.load("resnet50")).insets
    keys = {box.key: box.title for box in inset.boxes}
    arrows = [(keys[a.source], keys[a.target], a.aside) for a in inset.arrows]
    assert arrows == [
        ("256×56×56", "1×1 conv, 64", False),
        ("1×1 conv, 64", "3×3 conv, 64", False),
        ("3×3 conv, 64", "1×1 conv, 256", False),
        ("1×1 conv, 256", "+", False),
        ("256×56×56", "+", True),
        ("+", "256×56×56", False),
    ]


def test_opened_repeats_are_framed_once():
    found = diagram(archspec.load("resnet152"), depth=3)
    assert [frame.title for frame in found.main.frames] == [
        "bottleneck",
        "bottleneck ×2",
        "bottleneck",
        "bottleneck ×7",
        "bottleneck",
        "bottleneck ×35",
        "bottleneck",
        "bottleneck ×2",
    ]


def test_training_heads_are_there_and_marked():
    found = diagram(archspec.load("googlenet"))
    assert {box.title for box in found.main.boxes if box.train and box.kind == "block"} == {"aux"}
    assert sum(arrow.train for arrow in found.main.arrows) == 4


def test_an_inception_block_says_what_it_concatenates():
    found = diagram(archspec.load("googlenet"))
    blocks = [box.detail for box in found.main.boxes if box.title == "inception"]
    assert blocks[0] == "64 ‖ 128 ‖ 32 ‖ 32"
    assert len(blocks) == 9


def test_blocks_that_differ_inside_say_so_and_equal_ones_are_drawn_once():
    found = diagram(archspec.load("inception_v3"))
    blocks = [(box.path, box.detail, box.count) for box in found.main.boxes if box.path.startswith("mixed_6")]
    assert blocks == [
        ("mixed_6a", "384 ‖ 96 ‖ 288", 1),
        ("mixed_6b", "192 ‖ 128→192 ‖ 128→192 ‖ 192", 1),
        ("mixed_6c", "192 ‖ 160→192 ‖ 160→192 ‖ 192", 2),  # and mixed_6d
        ("mixed_6e", "192 ‖ 192 ‖ 192 ‖ 192", 1),
    ]
    # 5c reads 256 channels and 5d 288; 7b 1280 and 7c 2048
    alone = [box.path for box in found.main.boxes if box.kind == "block" and box.path[:7] in ("mixed_5", "mixed_7")]
    assert alone == ["mixed_5b", "mixed_5c", "mixed_5d", "mixed_7a", "mixed_7b", "mixed_7c"]


def test_equal_blocks_are_drawn_each_where_others_read_them(write_spec):
    module = "{module: {layers: [conv: 4, conv: {out: 4, kernel: 3, padding: same}]}}"
    calls = "\n".join(f"- module: {{}}\n  name: {name}" for name in "abc")
    inside = {"input": "[4, 8, 8]", "blocks": module}
    assert dict(collapse(archspec.load(write_spec(calls, **inside))).counts) == {"a": 3}
    assert dict(collapse(archspec.load(write_spec(f"{calls}\n- add: [a, c]", **inside))).counts) == {}


def test_a_chain_ends_where_something_else_reads_it(write_spec):
    layers = """
    - conv: 4
      name: a
    - batch_norm: {}
      name: b
    - relu: {}
      name: c
    - add: [b, c]
    """
    graph = archspec.load(write_spec(layers, input="[3, 8, 8]"))
    assert chains(graph) == {"input": "input", "a": "a", "b": "a", "c": "c", "add1": "add1"}


def test_normalisation_before_a_convolution_is_in_its_box(write_spec):
    graph = archspec.load(write_spec("- batch_norm\n- relu\n- conv: {out: 4, kernel: 3}", input="[3, 8, 8]"))
    assert titles(diagram(graph).main) == [("BN · ReLU · 3×3 conv, 4", "", 1)]


def test_x_plus_x_has_two_arrows(write_spec):
    graph = archspec.load(write_spec("- max_pool: 2\n  name: x\n- add: [x, x]", input="[3, 8, 8]"))
    keys = {box.key: box.title for box in diagram(graph).main.boxes}
    assert [(keys[a.source], keys[a.target]) for a in diagram(graph).main.arrows][1:3] == [
        ("2×2 max pool, /2", "+")
    ] * 2


def flat(write_spec, layers):
    lines = "\n".join(f"- conv: {{out: {4 + i % 3}, kernel: 3, padding: same}}" for i in range(layers))
    return archspec.load(write_spec(lines, input="[3, 8, 8]"))


def test_what_cannot_fold_is_left_out_in_the_middle(write_spec):
    found = diagram(flat(write_spec, 1_000))
    assert len(found.main.boxes) <= MOST_BOXES + 3
    assert any(box.title == "… 940 layers …" for box in found.main.boxes)


def test_an_explicit_depth_is_lowered_where_it_would_not_fit_a_page_at_all(write_spec):
    body = "\n".join(f"    - conv: {{out: {4 + i % 3}, kernel: 3, padding: same}}" for i in range(500))
    graph = archspec.load(write_spec(f"- layers:\n{body}\n  name: trunk\n- relu", input="[3, 8, 8]"))
    assert diagram(graph, depth=2).depth == 1


@pytest.mark.parametrize("name", ["yolov3", "yolov2", "yolo_v1", "ssd300_vgg16", "resnet18"])
def test_frames_hold_boxes_where_chains_have_none_around_them(name):
    """Layer by layer, the frames around a convolution with its norm go, in several levels at once: boxes do not."""
    for panel in diagram(archspec.load(name), fuse=False).panels:
        assert all(inside(frame) for frame in panel.every_frame)
