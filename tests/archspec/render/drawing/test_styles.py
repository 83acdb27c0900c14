"""The styles, against the figures of the papers that they follow."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

import archspec
from archspec.render.diagram import diagram
from archspec.render.drawing.column import paper_page
from archspec.render.drawing.paint import Paint
from archspec.render.drawing.scene import Path, Scene, Text
from archspec.render.drawing.ushape import _centers, encoder_decoder, ushape_page
from archspec.render.drawing.volumes import volumes_page
from archspec.render.palette import LIGHT


def words(scene: Scene) -> list[str]:
    return ["".join(run.text for run in mark.runs) for mark in scene.marks if isinstance(mark, Text)]


def paper(name):
    graph = archspec.load(name)
    return paper_page(graph, archspec.summarize(graph), Paint(LIGHT, graph))


def arcs(scene, dash):
    """Curves that swing out and back to where they started from, with that kind of line."""
    return [
        mark
        for mark in scene.marks
        if isinstance(mark, Path) and len(mark.points) == 4 and mark.dash == dash and mark.points[1] != mark.points[0]
        if mark.points[1][0] == mark.points[2][0] > mark.points[3][0]
    ]


def test_a_u_of_open_sizes_is_that_of_its_example(tmp_path):
    path = archspec.draw(archspec.load("unet@same", input="1xHxW"), tmp_path / "u.svg", style="unet")
    text = path.read_text(encoding="utf-8")
    found = re.search(r"height and width, at H = W = (\d+)", text.replace("\xa0", " "))
    assert found, "the legend says of which sizes"
    size = int(found[1])
    assert all(f">{size // 2**n}²<" in text for n in range(5)), "halved four times"


def test_unet_is_figure_1_of_its_paper():
    bars = encoder_decoder(archspec.load("unet"))
    assert [(bar.tensor.channels, bar.tensor.spatial[0], bar.level) for bar in bars] == [
        (1, 572, 0), (64, 570, 0), (64, 568, 0),
        (64, 284, 1), (128, 282, 1), (128, 280, 1),
        (128, 140, 2), (256, 138, 2), (256, 136, 2),
        (256, 68, 3), (512, 66, 3), (512, 64, 3),
        (512, 32, 4), (1024, 30, 4), (1024, 28, 4),
        (1024, 56, 3), (512, 54, 3), (512, 52, 3),
        (512, 104, 2), (256, 102, 2), (256, 100, 2),
        (256, 200, 1), (128, 198, 1), (128, 196, 1),
        (128, 392, 0), (64, 390, 0), (64, 388, 0), (2, 388, 0),
    ]  # fmt: skip
    assert {i: bar.skip for i, bar in enumerate(bars) if bar.skip is not None} == {15: 11, 18: 8, 21: 5, 24: 2}


def test_a_u_is_drawn_with_what_its_arrows_mean():
    graph = archspec.load("unet")
    scene = ushape_page(encoder_decoder(graph), archspec.summarize(graph), Paint(LIGHT, graph))
    said = words(scene)
    for legend in ("3×3 conv · ReLU", "2×2 max pool, /2", "2×2 transposed, ×2", "1×1 conv"):
        assert said.count(legend) == 1
    assert {"572²", "28²", "388²"} <= set(said)
    assert scene.width > scene.height


@pytest.mark.parametrize("name", ["resnet18", "vgg16", "googlenet", "fcn_resnet50", "densenet121"])
def test_other_networks_are_no_u(name):
    assert encoder_decoder(archspec.load(name)) == []


def test_resnet34_is_figure_3_of_its_paper():
    scene = paper("resnet34")
    said = words(scene)
    assert said.count("3×3 conv, 64") == 6
    assert said.count("3×3 conv, 128") == 7
    assert said.count("3×3 conv, 256") == 11
    assert said.count("3×3 conv, 512") == 5
    assert [s for s in said if s.endswith(", /2")] == [
        "7×7 conv, 64, /2", "3×3 max pool, /2", "3×3 conv, 128, /2", "3×3 conv, 256, /2", "3×3 conv, 512, /2"
    ]  # fmt: skip
    assert [s for s in said if re.fullmatch(r"\d+×\d+", s)] == ["112×112", "56×56", "28×28", "14×14", "7×7"]
    assert (len(arcs(scene, "")), len(arcs(scene, "dotted"))) == (13, 3)


def test_resnet152_is_its_column_of_table_1():
    said = words(paper("resnet152"))
    assert [s for s in said if re.fullmatch(r"×\d+", s)] == ["×2", "×7", "×35", "×2"]  # after one projection each
    assert said.count("3×3 conv, 256") == 1


def test_vgg16_is_column_d_of_table_1():
    rows = [s for s in words(paper("vgg16")) if s.startswith(("3×3", "2×2", "FC"))]
    pool = "2×2 max pool, /2"
    convs = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]
    body = [row for width, times in convs for row in [f"3×3 conv, {width}"] * times + [pool]]
    assert rows == [*body, "FC 4096", "FC 4096", "FC 1000"]


def volumes(name):
    graph = archspec.load(name)
    return volumes_page(diagram(graph).main, archspec.summarize(graph), Paint(LIGHT, graph))


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("lenet5", "1@32×32 6@28×28 6@14×14 16@10×10 16@5×5 120 84 10"),
        (
            "alexnet_2012",
            "3@227×227 96@55×55 96@27×27 256@27×27 256@13×13 384@13×13 384@13×13 256@13×13 256@6×6 4096 4096 1000",
        ),
    ],
)
def test_volumes_are_labelled_as_in_the_papers(name, figure):
    labels = [text for text in words(volumes(name)) if re.fullmatch(r"\d+(@\d+×\d+)?", text)]
    assert labels == figure.split()


@pytest.mark.parametrize("name", ["lenet5", "alexnet_2012", "vgg16", "resnet50", "mobilenet_v2"])
def test_words_of_volumes_do_not_overlap(name):
    texts = [mark for mark in volumes(name).marks if isinstance(mark, Text)]
    for i, one in enumerate(texts):
        for other in texts[i + 1 :]:
            apart = one.left + one.length <= other.left or other.left + other.length <= one.left
            assert apart or abs(one.y - other.y) >= 8


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "densenet121", "mobilenet_v1"])
def test_layers_have_a_box_each(name):
    found = diagram(archspec.load(name), fuse=False)
    assert all(len(box.nodes) <= 1 for box in found.main.boxes)
    assert found.insets == ()


def test_an_option_a_shortcut_is_dotted_too():
    scene = paper("resnet20_cifar")  # subsampled and padded with zeros: figure 3's dotted arcs are such
    assert (len(arcs(scene, "")), len(arcs(scene, "dotted"))) == (7, 2)


HOURGLASS = """
- conv: {out: 16, kernel: 3, padding: same}
  name: a
- conv: {out: 32, kernel: 2, stride: 2}
  name: b
- conv: {out: 64, kernel: 2, stride: 2}
- conv_transpose: {out: 32, kernel: 2, stride: 2}
  name: up
- add: [up, b]
- conv_transpose: {out: 16, kernel: 2, stride: 2}
  name: up2
- add: [up2, a]
"""


def test_the_sides_of_a_u_stand_apart_even_without_a_row_at_the_bottom(write_spec):
    graph = archspec.load(write_spec(HOURGLASS, input="[3, 64, 64]"))
    bars = encoder_decoder(graph)
    assert [(bar.level, bar.joined) for bar in bars] == [(0, ""), (0, ""), (1, ""), (2, ""), (1, "+"), (0, "+")]
    places = _centers(bars, [(20.0, 10.0)] * len(bars))
    for level in range(3):
        row = [x for x, bar in zip(places, bars, strict=True) if bar.level == level]
        assert all(after - before >= 20 for before, after in pairwise(row))
