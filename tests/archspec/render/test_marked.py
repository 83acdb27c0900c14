"""Colours that say something: shares of the cost, and differences."""

from __future__ import annotations

import pytest

import archspec
from archspec.analysis.diff import diff
from archspec.render.diagram import diagram
from archspec.render.drawing.column import column
from archspec.render.drawing.paint import Paint
from archspec.render.marked import by_difference, by_share
from archspec.render.palette import LIGHT


@pytest.mark.parametrize("name", ["resnet152", "densenet121", "efficientnet_b0", "unet"])
@pytest.mark.parametrize("figure", ["params", "macs", "activation_bytes"])
def test_what_the_boxes_cost_is_what_the_network_costs(name, figure):
    graph = archspec.load(name)
    picture, summary = diagram(graph), archspec.summarize(graph)
    cost = {row.name: getattr(row.counts, figure) for row in summary.rows}
    shown = [member for box in picture.main.boxes for member in picture.members(box)]
    assert len(shown) == len(set(shown))
    assert sum(cost[layer] for layer in shown) == sum(cost.values())


def test_shares_are_written_and_the_dearest_is_darkest():
    graph = archspec.load("vgg16")
    picture = diagram(graph)
    paint = by_share(Paint(LIGHT, graph), picture, archspec.summarize(graph), "params")
    looks = {box.path: paint.look(box) for box in picture.main.boxes if box.category == "linear"}
    # 25088 · 4096 + 4096 of 138,357,544
    dearest = next(look for look in looks.values() if "74 %" in look.note or "86 %" in look.note)
    assert dearest.fill == LIGHT.heat[1]
    assert paint.chips[0][1] == "0 %"


def test_a_network_differs_in_nothing_from_itself():
    graph = archspec.load("resnet50")
    picture = diagram(graph)
    paint = by_difference(Paint(LIGHT, graph), picture, diff(archspec.load("resnet50"), graph))
    assert {paint.look(box).fill for box in picture.main.boxes if box.nodes} == {LIGHT.same.fill}


def test_what_was_added_and_changed_is_told(write_spec):
    start, end = "- conv: {out: 8, kernel: 1}\n  name: a\n- relu: {}", "- conv: {out: 3, kernel: 1}\n  name: c"
    before = archspec.load(write_spec(f"{start}\n{end}", input="[3, 8, 8]"))
    wider = start.replace("8", "16")
    graph = archspec.load(write_spec(f"{wider}\n- max_pool: 2\n  name: b\n{end}", input="[3, 8, 8]", name="new"))
    picture = diagram(graph)
    paint = by_difference(Paint(LIGHT, graph), picture, diff(before, graph))
    notes = {box.path: paint.look(box) for box in picture.main.boxes if box.nodes}
    assert notes["a"].note.startswith("was 1×1")
    assert (notes["b"].note, notes["b"].fill) == ("added", LIGHT.added.fill)
    assert (notes["c"].note, notes["c"].fill) == ("reads other layers", LIGHT.touched.fill)
    assert [words for _, words in paint.chips] == [
        f"added to {before.name}",
        "changed",
        "reading other layers, or of another size",
    ]


def test_squeeze_and_excitation_is_what_se_resnet_adds():
    graph = archspec.load("se_resnet50")
    picture = diagram(graph)
    paint = by_difference(Paint(LIGHT, graph), picture, diff(archspec.load("resnet50"), graph))
    added = [box.title for box in picture.insets[0].boxes if box.nodes and paint.look(box).note == "added"]
    assert added == ["global avg pool", "1×1 conv, 16", "1×1 conv, 256", "×"]


def test_a_picture_and_diff_say_the_same_of_vgg16():
    graph, before = archspec.load("vgg16"), archspec.load("vgg13")
    found = diff(before, graph)
    picture = column(graph)
    paint = by_difference(Paint(LIGHT, graph), picture, found)
    colours = {LIGHT.added.fill: set(), LIGHT.touched.fill: set(), LIGHT.same.fill: set()}
    for box in picture.main.boxes:
        if box.nodes:
            colours[paint.look(box).fill] |= {node.name for node in box.nodes}
    # table 1 of the paper: D has a third convolution in each of the last three stages of B
    assert sorted(colours[LIGHT.added.fill]) == [
        f"stage.{i}.conv.2.{part}" for i in (2, 3, 4) for part in ("act", "conv")
    ]
    assert sorted(colours[LIGHT.touched.fill]) == [f"stage.{i}.max_pool1" for i in (2, 3, 4)]
    assert not found.kinds["changed"]
    assert "changed" not in [words for _, words in paint.chips]


def test_a_layer_that_was_renamed_is_the_same(write_spec):
    before = archspec.load(write_spec("- conv: 8\n  name: a\n- relu", input="[3, 8, 8]"))
    graph = archspec.load(write_spec("- conv: 8\n  name: b\n  was: a\n- relu", input="[3, 8, 8]", name="new"))
    picture = diagram(graph)
    paint = by_difference(Paint(LIGHT, graph), picture, diff(before, graph))
    look = next(paint.look(box) for box in picture.main.boxes if box.nodes)
    assert (look.note, look.fill) == ("was a", LIGHT.same.fill)
    assert [words for _, words in paint.chips] == [f"as in {before.name}"]


def test_a_layer_whose_weights_no_longer_fit_is_no_longer_the_same(write_spec):
    first = "- conv: {out: 8, kernel: 1}\n  name: a\n- conv: {out: 4, kernel: 1}\n  name: b"
    before = archspec.load(write_spec(first, input="[3, 8, 8]"))
    graph = archspec.load(write_spec(first.replace("8", "16"), input="[3, 8, 8]", name="new"))
    picture = diagram(graph)
    paint = by_difference(Paint(LIGHT, graph), picture, diff(before, graph))
    notes = {box.path: paint.look(box).note for box in picture.main.boxes if box.nodes}
    assert notes == {"a": "was 1×1 conv, 8", "b": "weights of another shape"}


def test_a_box_of_several_says_how_many_were_added():
    graph = archspec.load("vgg16")
    picture = diagram(graph)  # the three convolutions of a stage are one box
    paint = by_difference(Paint(LIGHT, graph), picture, diff(archspec.load("vgg13"), graph))
    notes = [paint.look(box).note for box in picture.main.boxes if box.count > 1 and box.category == "conv"]
    assert notes == ["", "", "1 of 3 added", "1 of 3 added", "1 of 3 added"]
    assert "changed in part" in [words for _, words in paint.chips]
    assert "changed" not in [words for _, words in paint.chips]
