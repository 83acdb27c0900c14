"""Folding scopes and repeats."""

from __future__ import annotations

import pytest

import archspec
from archspec.render.fold import deepest, fit, fold, levels


@pytest.fixture(scope="module")
def resnet():
    return archspec.load("resnet50")


def names(units):
    return [unit.name for unit in units]


def test_levels_keep_loop_numbers_with_what_they_number():
    assert levels("stage.0.block.2.conv") == ("stage.0", "block.2", "conv")
    assert levels("conv_bn1.conv") == ("conv_bn1", "conv")
    assert levels("stem") == ("stem",)


def test_one_level(resnet):
    units = fold(resnet, 1, merge=False)
    assert names(units) == [
        "stem",
        "max_pool1",
        "stage.0",
        "stage.1",
        "stage.2",
        "stage.3",
        "global_avg_pool1",
        "linear1",
    ]
    assert [unit.word for unit in units[:3]] == ["conv_bn", "max_pool", "group"]


def test_repeats_are_one_unit(resnet):
    found = {unit.name: unit for unit in fold(resnet, 2)}
    assert found["stage.2.block.1–5"].count == 5
    assert found["stage.2.block.1–5"].word == "bottleneck"
    assert found["stage.2.block.0"].count == 1  # it projects its shortcut
    block = found["stage.2.block.1–5"]
    assert [n.name.partition("block.")[2][0] for n in block.nodes[:: len(block.first)]] == list("12345")


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("merge", [True, False])
def test_every_layer_is_in_one_unit_in_order(resnet, depth, merge):
    found = [node.name for unit in fold(resnet, depth, merge) for node in unit.nodes]
    assert found == [node.name for node in resnet.layers()]


def test_a_repeat_that_takes_another_input_stands_alone(write_spec):
    layers = """
    - conv: {out: 4, kernel: 3, padding: same}
      name: stem
    - layers:
        - conv: {out: 4, kernel: 3, padding: same}
        - relu
      repeat: 3
      name: a
    - add: [a.0, $prev]
    """
    graph = archspec.load(write_spec(layers, input="[4, 8, 8]"))
    assert names(fold(graph, 1)) == ["stem", "a.0–2", "add1"]


def test_repeats_that_shrink_the_image_stand_alone(write_spec):
    path = write_spec("- layers: [conv: {out: 4, kernel: 3}, relu]\n  repeat: 3\n  name: a", input="[4, 32, 32]")
    assert names(fold(archspec.load(path), 1)) == ["a.0", "a.1", "a.2"]


def test_repeats_with_other_widths_stand_alone(write_spec):
    layers = "- layers: [conv: $w, relu]\n  each: {w: [4, 8, 8]}\n  name: a"
    assert names(fold(archspec.load(write_spec(layers, input="[4, 8, 8]")), 1)) == ["a.0", "a.1–2"]


def test_single_layers_merge_only_when_asked(write_spec):
    graph = archspec.load(write_spec("- conv: 4\n  repeat: 3\n  name: c", input="[4, 8, 8]"))
    assert names(fold(graph, 1)) == ["c.0", "c.1", "c.2"]
    assert names(fold(graph, 1, leaves=True)) == ["c.0–2"]


def test_scopes_kept_closed_or_opened(resnet):
    units = fold(resnet, 9, merge=False, closed=frozenset({"stem"}))
    assert names(units)[:2] == ["stem", "max_pool1"]
    units = fold(resnet, 1, merge=False, opened=frozenset({"stem"}))
    assert names(units)[:4] == ["stem.conv", "stem.norm", "stem.act", "max_pool1"]


def test_fit_shows_everything_where_there_is_room(resnet):
    graph = archspec.load("lenet5")
    assert len(fit(graph, 40)) == 12
    assert deepest(resnet) == 4
    assert len(fit(resnet, 40)) <= 40
    assert len(fit(resnet, 1)) == 8  # no shallower than one level
