"""Colours that say something: shares of the cost, and differences."""

from __future__ import annotations

import pytest

import archspec
from archspec.render.diagram import diagram
from archspec.render.drawing.paint import Paint
from archspec.render.marked import _members, by_difference, by_share
from archspec.render.palette import LIGHT


@pytest.mark.parametrize("name", ["resnet152", "densenet121", "efficientnet_b0", "unet"])
@pytest.mark.parametrize("figure", ["params", "macs", "activation_bytes"])
def test_what_the_boxes_cost_is_what_the_network_costs(name, figure):
    graph = archspec.load(name)
    picture, summary = diagram(graph), archspec.summarize(graph)
    cost = {row.name: getattr(row.counts, figure) for row in summary.rows}
    main = {box.key for box in picture.main.boxes}
    shown = [member for box in picture.main.boxes for member in _members(box, picture, main)]
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
    paint = by_difference(Paint(LIGHT, graph), picture, archspec.load("resnet50"))
    assert {paint.look(box).fill for box in picture.main.boxes if box.nodes} == {LIGHT.same.fill}


def test_what_was_added_and_changed_is_told(write_spec):
    start, end = "- conv: {out: 8, kernel: 1}\n  name: a\n- relu: {}", "- conv: {out: 3, kernel: 1}\n  name: c"
    before = archspec.load(write_spec(f"{start}\n{end}", input="[3, 8, 8]"))
    wider = start.replace("8", "16")
    graph = archspec.load(write_spec(f"{wider}\n- max_pool: 2\n  name: b\n{end}", input="[3, 8, 8]", name="new"))
    picture = diagram(graph)
    paint = by_difference(Paint(LIGHT, graph), picture, before)
    notes = {box.path: paint.look(box) for box in picture.main.boxes if box.nodes}
    assert notes["a"].note.startswith("was 1×1")
    assert (notes["b"].note, notes["b"].fill) == ("added", LIGHT.added.fill)
    assert notes["c"].fill == LIGHT.changed.fill  # it reads another tensor, with more channels


def test_squeeze_and_excitation_is_what_se_resnet_adds():
    graph = archspec.load("se_resnet50")
    picture = diagram(graph)
    paint = by_difference(Paint(LIGHT, graph), picture, archspec.load("resnet50"))
    added = [box.title for box in picture.insets[0].boxes if box.nodes and paint.look(box).note == "added"]
    assert added == ["global avg pool", "1×1 conv, 16", "1×1 conv, 256", "×"]
