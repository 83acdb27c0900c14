"""The styles, against the figures of the papers that they follow."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

import archspec
from archspec.render.diagram import diagram
from archspec.render.drawing.column import _glyphs, column, paper_page
from archspec.render.drawing.paint import Paint
from archspec.render.drawing.scene import Path, Scene, Text
from archspec.render.drawing.ushape import _centers, encoder_decoder, ushape_page
from archspec.render.drawing.volumes import volumes_page
from archspec.render.palette import LIGHT


def words(scene: Scene) -> list[str]:
    return ["".join(run.text for run in mark.runs) for mark in scene.marks if isinstance(mark, Text)]


def paper(name):
    graph = archspec.load(name)
    return paper_page(column(graph), archspec.summarize(graph), Paint(LIGHT, graph))


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
    assert [(bar.level, bar.joined) for bar in bars] == [(0, ""), (0, ""), (1, ""), (2, ""), (1, "add"), (0, "add")]
    places = _centers(bars, [(20.0, 10.0)] * len(bars))
    for level in range(3):
        row = [x for x, bar in zip(places, bars, strict=True) if bar.level == level]
        assert all(after - before >= 20 for before, after in pairwise(row))


def test_heat_colours_a_u_and_volumes(tmp_path):
    for name, style in (("unet", "unet"), ("alexnet_2012", "volumes")):
        graph = archspec.load(name)
        plain, warm = (
            archspec.draw(graph, tmp_path / f"{name}{heat}.svg", style=style, heat=heat).read_text(encoding="utf-8")
            for heat in (None, "params")
        )
        assert "share of parameters" in warm
        assert warm.count(f'fill="{LIGHT.heat[1]}"') > 1, "the dearest, and the legend's"
        assert LIGHT.heat[1] not in plain


def test_a_difference_colours_volumes(tmp_path):
    path = tmp_path / "d.svg"
    archspec.draw(archspec.load("vgg16"), path, style="volumes", against=archspec.load("vgg13"))
    assert f'fill="{LIGHT.touched.fill}"' in path.read_text(encoding="utf-8")


OPEN = """
- conv: {out: 8, kernel: 7, stride: 2, padding: 3}
- max_pool: {kernel: 3, stride: 2, padding: 1}
"""


def test_volumes_of_open_sizes_are_those_of_their_example(tmp_path, write_spec):
    graph = archspec.load(write_spec(OPEN, input="[3, H, W]"))
    size = graph.example["H"]
    svg = archspec.draw(graph, tmp_path / "o.svg", style="volumes").read_text(encoding="utf-8")
    for label in (f"3@{size}×{size}", f"8@{size // 2}×{size // 2}", f"8@{size // 4}×{size // 4}"):
        assert f">{label}<" in svg


def test_volumes_of_regions_say_how_many(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text(
        "archspec: 1\ninputs: {image: [3, 64, 64], boxes: [300, 4]}\nlayers:\n- conv: {out: 8, kernel: 4, stride: 4}\n"
        "- roi_align: {regions: boxes, size: 7, stride: 4}\n- flatten\n- linear: 21\n",
        encoding="utf-8",
    )
    svg = archspec.draw(archspec.load(str(path)), tmp_path / "r.svg", style="volumes").read_text(encoding="utf-8")
    assert all(f">{label}<" in svg for label in ("8@16×16", "300 × 8@7×7", "300 × 21"))


def test_blocks_of_open_sizes_show_where_the_image_gets_smaller(write_spec, tmp_path):
    graph = archspec.load(write_spec(OPEN, input="[3, H, W]"))
    assert "smaller image" in archspec.draw(graph, tmp_path / "o.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("sizes", "captions"),
    [
        ("[4, 200]", ["9 conv, 8, /3", "2 max pool, /2", "5 conv, 16, d=2"]),
        ("[4, 99, 99, 99]", ["9×9×9 conv, 8, /3", "2×2×2 max pool, /2", "5×5×5 conv, 16, d=2"]),
        ("[4, 200, 200]", ["9×9 conv, 8, /3", "2×2 max pool, /2", "5×5 conv, 16, d=2"]),
    ],
)
def test_a_window_has_as_many_axes_as_its_image(sizes, captions, write_spec):
    layers = "- conv: {out: 8, kernel: 9, stride: 3}\n- max_pool: 2\n- conv: {out: 16, kernel: 5, dilation: 2}"
    graph = archspec.load(write_spec(layers, input=sizes))
    assert [box.title for box in diagram(graph).main.boxes if box.nodes] == captions


def test_two_convolutions_drawn_as_one_say_so():
    boxes = diagram(archspec.load("unet_same")).main.boxes
    assert {box.count for box in boxes if box.title.startswith("3×3 conv")} == {2}


SHARED = """
- layers:
    - conv: {out: 16, kernel: 3, padding: same}
      repeat: 2
  name: left
- share: left
  from: right
  name: other
"""


def test_text_stays_inside_the_boxes_of_a_column(tmp_path):
    path = tmp_path / "s.yaml"
    body = f"inputs: {{l: [16, 8, 8], right: [16, 8, 8]}}\nlayers:{SHARED}outputs: {{a: left, b: other}}\n"
    path.write_text(f"archspec: 1\nname: s\n{body}", encoding="utf-8")
    graph = archspec.load(str(path))
    glyphs = _glyphs(column(graph).main, {}, Paint(LIGHT, graph))
    for drawn in glyphs.values():
        text = sum(max(run.size for run in line) for line in drawn.lines)
        assert drawn.height >= text, "a line under another has room"
    assert sum(len(drawn.lines) == 2 for drawn in glyphs.values()) == 2


PYRAMID = """
- conv: {out: 8, kernel: 3, stride: 2, padding: 1}
  name: c1
- conv: {out: 8, kernel: 3, stride: 2, padding: 1}
  name: c2
- conv: 8
  from: c1
  name: l1
- upsample: {to: l1}
  from: c2
  name: u1
- add: [l1, u1]
"""


def test_what_gives_its_size_alone_is_told_from_data(write_spec):
    graph = archspec.load(write_spec(PYRAMID, input="[3, 32, 32]"))
    main = diagram(graph).main
    assert [(arrow.source, arrow.target) for arrow in main.arrows if arrow.sizes] == [("chain l1", "chain u1")]
    scene = paper_page(column(graph), archspec.summarize(graph), Paint(LIGHT, graph))
    assert {"gives its size alone", "sum"} <= set(words(scene)), "what comes from the side is summed at a sign"
    assert not arcs(scene, "")


FUSED_LATE = """
- conv: {out: 16, kernel: 3, padding: same}
  name: a
- conv: {out: 32, kernel: 2, stride: 2}
  name: b
- conv: {out: 64, kernel: 2, stride: 2}
- upsample: 2
- conv: {out: 32, kernel: 3, padding: same}
- concat: [b, $prev]
- upsample: 2
- conv: {out: 16, kernel: 3, padding: same}
- concat: [a, $prev]
"""


def test_a_skip_runs_over_the_tensors_between(write_spec):
    graph = archspec.load(write_spec(FUSED_LATE, input="[3, 64, 64]"))
    scene = ushape_page(encoder_decoder(graph), archspec.summarize(graph), Paint(LIGHT, graph))
    bars = [mark for mark in scene.marks if isinstance(mark, Path) and mark.fill == LIGHT.tints["conv"].fill]
    areas = [(min(x), max(x), min(y), max(y)) for x, y in (zip(*bar.points, strict=True) for bar in bars)]
    skips = [mark for mark in scene.marks if isinstance(mark, Path) and mark.line == LIGHT.training and not mark.fill]
    assert len(skips) == 6, "the bend, the end, and what it is joined with, twice"
    for skip in skips:
        for before, after in pairwise(skip.points[::3]):
            for left, right, top, bottom in areas:
                apart = max(before[0], after[0]) <= left or min(before[0], after[0]) >= right
                assert apart or max(before[1], after[1]) <= top or min(before[1], after[1]) >= bottom
    said = words(scene)
    assert said.count("upsample ×2") == 1
    assert [text for text in said if "concat" in text] == ["copy, crop where larger, and concatenate"]
