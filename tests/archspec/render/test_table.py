"""The table: aligned, inside its width, with every figure of the summary."""

from __future__ import annotations

import re

import pytest

import archspec
from archspec.render.table import render, table
from archspec.render.units import cells_wide

NETWORKS = ["lenet5", "vgg16", "googlenet", "resnet50", "resnet152", "mobilenet_v2", "inception_v3", "mlp"]


def summary(name):
    return archspec.summarize(archspec.load(name))


def body(text):
    """The lines between the two rules."""
    lines = text.splitlines()
    first, last = [i for i, line in enumerate(lines) if set(line) == {"─"}]
    return lines[first + 1 : last]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("depth", [None, 1, 9])
def test_no_line_is_wider_than_the_page(name, width, depth):
    text = table(summary(name), depth, width)
    assert max(cells_wide(line) for line in text.splitlines()) <= width
    assert all(line == line.rstrip() for line in text.splitlines())


def test_lenet_is_shown_layer_by_layer():
    text = table(summary("lenet5"), width=80)
    assert text.splitlines()[0] == "lenet5  1×32×32 → 10"
    assert [line.split()[0] for line in body(text)][:4] == ["conv1", "tanh1", "avg_pool1", "conv2"]
    (row,) = (line for line in body(text) if line.startswith("linear1"))
    assert re.split(r"\s{2,}", row) == ["linear1", "linear 120", "120", "48,120", "48.00 k", "480 B"]
    (row,) = (line for line in body(text) if line.startswith("tanh1"))
    assert row.endswith("in place")


@pytest.mark.parametrize("name", ["resnet50", "resnet152", "googlenet", "inception_v3"])
@pytest.mark.parametrize("depth", [None, 1, 2, 3])
def test_the_params_column_adds_up_at_any_depth(name, depth):
    found = summary(name)
    text = table(found, depth, width=160)
    head = next(line for line in text.splitlines() if line.startswith("layer"))
    end = head.index("params") + len("params")
    cells = [line[:end].split()[-1] for line in body(text)]
    assert sum(int(cell.replace(",", "")) for cell in cells if cell != "–") == found.totals.params


def test_resnet152_folds_to_a_page():
    text = table(summary("resnet152"), width=80)
    assert len(text.splitlines()) < 40
    assert any("stage.2.block.1–35" in line and "bottleneck ×35" in line for line in body(text))
    assert "60,192,808" in text
    assert "514 layers in 12 lines" in text


def test_explicit_depth():
    shallow = body(table(summary("resnet50"), depth=1, width=120))
    assert [line.split()[0] for line in shallow][:3] == ["stem", "max_pool1", "stage.0"]
    deep = body(table(summary("resnet50"), depth=9, width=160))
    assert len(deep) == 174


def test_numbers_are_aligned_right():
    lines = table(summary("resnet50"), width=120).splitlines()
    head = next(line for line in lines if line.startswith("layer"))
    for title in ("output", "params", "MACs", "memory"):
        end = head.index(title) + len(title)
        assert all(len(line) < end or line[end - 1] != " " for line in body("\n".join(lines))), title
        assert all(line[end : end + 2].strip() == "" for line in body("\n".join(lines))), title


def test_from_is_said_where_it_is_not_the_line_before():
    lines = body(table(summary("resnet50"), depth=3, width=160))
    sources = {line.split()[0]: re.split(r"\s{2,}", line)[-1] for line in lines}
    assert sources["stage.0.block.0.shortcut"] == "max_pool1"
    assert sources["stage.0.block.0.add1"] == "+ conv_bn3"
    assert sources["stage.0.block.1.add1"] == "+ block.0.act1"
    assert sources["stage.0.block.0.conv_bn2"].endswith("MiB")  # nothing: it follows conv_bn1


def test_at_80_columns_scopes_become_headings_and_sources_lines():
    text = table(summary("resnet18"), depth=9, width=80)
    assert "\nstage.1.block.0.shortcut\n  conv " in text
    assert "\n    from stage.0.block.1.act1\n" in text


def test_training_heads_are_beside_the_totals():
    text = table(summary("googlenet"), width=100)
    assert re.search(r"in training +13,378,280  params with aux1, aux2", text)
    assert "aux1." not in text


def test_what_dominates():
    text = table(summary("vgg16"), width=100)
    assert re.search(r"most params +fc\.0–1 86 %", text)


def test_nothing_dominates_where_there_is_nothing(write_spec):
    text = table(archspec.summarize(archspec.load(write_spec("- upsample: 2\n- relu", input="[3, 8, 8]"))), width=100)
    assert re.search(r"most memory +\S*upsample1 \d+ %", text)
    assert "most params" not in text
    assert "most MACs" not in text


def test_frozen_and_shared_weights_are_marked(write_spec):
    from dataclasses import replace

    graph = archspec.load(write_spec("- conv: 3\n  repeat: 2\n  name: c", input="[3, 8, 8]"))
    graph = replace(graph, nodes={**graph.nodes, "c.1": replace(graph.nodes["c.1"], shares="c.0")})
    assert "1×1 conv, 3 · weights of c.0" in table(archspec.summarize(graph), width=100)


def test_color_adds_nothing_but_color():
    found = summary("resnet50")
    colored = table(found, width=100, color=True)
    assert "\x1b[1m" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored) == table(found, width=100)


def test_wide_characters_take_two_cells():
    assert (cells_wide("conv"), cells_wide("卷积"), cells_wide("é"), cells_wide("×")) == (4, 4, 1, 1)


def test_batch_is_said(write_spec):
    text = table(archspec.summarize(archspec.load("lenet5"), batch=64), width=100)
    assert text.splitlines()[0].endswith("batch 64")
    assert "26.66 M" in text  # 64 · 416,520


def test_an_unknown_format_names_those_there_are():
    with pytest.raises(archspec.SpecError, match=r"(?s)E571.*table, markdown, latex, notes, csv, json"):
        render(summary("lenet5"), "html")


def test_many_outputs_keep_to_the_page():
    page = render(archspec.summarize(archspec.load("ssd300_vgg16"), device="a100"), depth=1, width=80)
    assert max(map(len, page.splitlines())) == 80
    heading = " ".join(line.strip() for line in page.split("\n\n")[0].splitlines())
    assert heading.startswith("ssd300_vgg16  3×300×300 → on4.class 364×38×38, on4.box 16×38×38, on7.class")
    assert heading.endswith("on11.box 16×1×1, detections 200×6")
