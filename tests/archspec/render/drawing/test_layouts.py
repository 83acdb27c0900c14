"""Where things are: nothing overlaps, no line runs through a box, everything is on the page."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest

import archspec
from archspec.render.diagram import MOST_BOXES, diagram
from archspec.render.drawing.blocks import blocks_page
from archspec.render.drawing.glyph import glyph
from archspec.render.drawing.lanes import lanes, rows
from archspec.render.drawing.layered import inside, layered
from archspec.render.drawing.page import packed
from archspec.render.drawing.paint import Paint, scaling
from archspec.render.drawing.scene import Ellipse, Scene, Text
from archspec.render.palette import DARK, LIGHT

ZOO = [
    "lenet5",
    "alexnet",
    "vgg16",
    "googlenet",
    "resnet18",
    "resnet20_cifar",
    "resnet152",
    "se_resnet50",
    "densenet201",
    "mobilenet_v2",
    "efficientnet_b0",
    "inception_v3",
    "inception_v4",
    "inception_resnet_v2",
    "unet",
    "fcn_resnet50",
]
TOWERS = """
- conv: {out: 16, kernel: 3, stride: 2, padding: 1}
- relu: {}
  name: cam
- layers:
    - conv: {out: 16, kernel: 3, padding: same}
    - relu
  from: lidar
  name: depth
- concat: [cam, depth]
- conv: {out: 32, kernel: 3, stride: 2, padding: 1}
- global_avg_pool
- linear: 10
"""


@pytest.fixture
def towers(tmp_path):
    path = tmp_path / "towers.yaml"
    path.write_text(
        f"archspec: 1\nname: towers\ninputs: {{camera: [3, 64, 64], lidar: [1, 32, 32]}}\nlayers:\n{TOWERS}",
        encoding="utf-8",
    )
    return archspec.load(path)


def laid_out(graph, fuse=True, depth=None):
    """Each panel of a graph with its layout, and its boxes as rectangles."""
    picture = diagram(graph, depth, fuse)
    paint = Paint(LIGHT, graph)
    for panel in (picture.main, *picture.insets):
        drawn = {box.key: glyph(box, paint.look(box), LIGHT) for box in panel.boxes}
        layout = layered(panel, {key: (g.width, g.height) for key, g in drawn.items()})
        yield panel, layout, {key: _around(layout.place[key], g) for key, g in drawn.items()}


def _around(place, drawn):
    (x, y), w, h = place, drawn.width / 2, drawn.height / 2
    return (x - w, y - h, x + w, y + h)


def _overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _segment(a, b):
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]))


def _untidy(graph, **options):
    for panel, layout, boxes in laid_out(graph, **options):
        for (one, a), (other, b) in combinations(boxes.items(), 2):
            if _overlap(a, b):
                yield f"{one} overlaps {other}"
        for arrow, route in zip(panel.arrows, layout.routes, strict=True):
            for start, end in pairwise(route):
                assert start[0] == end[0] or start[1] == end[1]
                for key, box in boxes.items():
                    if key not in (arrow.source, arrow.target) and _overlap(_segment(start, end), box):
                        yield f"{arrow.source} to {arrow.target} runs through {key}"


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("fuse", [True, False])
def test_no_box_is_over_another_and_no_line_through_one(name, fuse):
    assert list(_untidy(archspec.load(name), fuse=fuse)) == []


@pytest.mark.parametrize("depth", [2, 3])
def test_nor_is_where_blocks_are_open(depth):
    assert list(_untidy(archspec.load("se_resnet50"), depth=depth)) == []


def test_two_branches_stand_side_by_side(towers):
    assert list(_untidy(towers)) == []
    ((_, layout, boxes),) = laid_out(towers)
    camera, lidar = layout.place["camera"], layout.place["lidar"]
    assert camera[0] == 0 < lidar[0]
    assert boxes["chain conv1"][2] < boxes["chain depth.conv1"][0]


@pytest.mark.parametrize("name", ZOO)
def test_the_main_path_is_straight_and_frames_hold_their_boxes(name):
    for panel, layout, boxes in laid_out(archspec.load(name)):
        assert {layout.place[key][0] for arrow in panel.spine for key in (arrow.source, arrow.target)} == {0.0}
        assert all(panel_row(panel)[a.source] < panel_row(panel)[a.target] for a in panel.arrows)
        for frame, (left, top, right, bottom) in layout.frames:
            for key in inside(frame):
                box = boxes[key]
                assert left < box[0] and top < box[1] and box[2] < right and box[3] < bottom


def panel_row(panel):
    return rows(panel)


def test_branches_stand_in_the_order_of_their_join():
    panel, layout, _ = list(laid_out(archspec.load("googlenet")))[1]
    join = next(box for box in panel.boxes if box.kind == "join")
    ends = [arrow.source for arrow in panel.arrows if arrow.target == join.key]
    assert len(ends) == 4
    assert [layout.place[key][0] for key in ends] == sorted(layout.place[key][0] for key in ends)


def test_every_arrow_is_on_one_lane():
    panel = diagram(archspec.load("inception_v4")).insets[-1]
    found = lanes(panel, rows(panel))
    assert sorted(key for lane in found for key in lane.boxes) == sorted(box.key for box in panel.boxes)
    assert all(lane.parent is not None for lane in found[1:])


@pytest.mark.parametrize("name", ZOO)
def test_a_page_holds_all_of_it_and_can_be_read_on_a4(name):
    graph = archspec.load(name)
    picture = diagram(graph)
    scene = blocks_page(picture, archspec.summarize(graph), Paint(LIGHT, graph))
    assert len(picture.main.boxes) <= MOST_BOXES
    for mark in scene.marks:
        if isinstance(mark, Text):
            corners = [(mark.left, mark.y - mark.runs[0].size), (mark.left + mark.length, mark.y)]
        elif isinstance(mark, Ellipse):
            corners = [(mark.x - mark.rx, mark.y - mark.ry), (mark.x + mark.rx, mark.y + mark.ry)]
        else:
            corners = list(mark.points)
        assert all(0 <= x <= scene.width and 0 <= y <= scene.height for x, y in corners)
    assert min(595 / scene.width, 842 / scene.height) * 10.5 > 5  # points of a title, A4 being 595 × 842


def test_pictures_are_packed_without_overlap():
    parts = [Scene(width=w, height=h) for w, h in ((100, 400), (300, 90), (120, 80), (50, 300), (290, 100))]
    for i, part in enumerate(parts):
        part.text(0, 10, str(i), 10, "#000000", "start")
    whole = packed(parts)
    places = {mark.runs[0].text: (mark.x, mark.y - 10) for mark in whole.marks}
    taken = [(*places[str(i)], places[str(i)][0] + p.width, places[str(i)][1] + p.height) for i, p in enumerate(parts)]
    assert not any(_overlap(a, b) for a, b in combinations(taken, 2))
    assert places["0"] == (0, 0)
    assert (whole.width, whole.height) == (max(t[2] for t in taken), max(t[3] for t in taken))


def test_what_makes_the_image_smaller_or_larger_is_marked():
    graph = archspec.load("unet")
    marks = {box.title: scaling(graph, box) for box in diagram(graph).main.boxes if box.nodes}
    assert {title: mark for title, mark in marks.items() if mark} == {
        "2×2 max pool, /2": -1,
        "2×2 transposed, 512, ×2": 1,
        "2×2 transposed, 256, ×2": 1,
        "2×2 transposed, 128, ×2": 1,
        "2×2 transposed, 64, ×2": 1,
    }


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_text_stands_out_from_every_fill(theme):
    def luminance(color):  # WCAG 2.1, relative luminance
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(a, b):
        low, high = sorted((luminance(a), luminance(b)))
        return (high + 0.05) / (low + 0.05)

    fills = [tint.fill for tint in (*theme.tints.values(), theme.added, theme.changed, theme.touched, theme.same)]
    for fill in [*fills, *theme.heat, *theme.stages, theme.background]:
        assert contrast(theme.text, fill) >= 4.5  # WCAG AA
    assert contrast(theme.faint, theme.background) >= 4.5


@pytest.mark.parametrize("seed", range(25))
def test_graphs_that_nobody_would_build_are_laid_out_without_overlap(seed, write_spec):
    chance = random.Random(seed)
    names, lines = ["input"], []
    for i in range(chance.randint(4, 22)):
        if chance.random() < 0.55 or len(names) < 3:
            layer = f"- conv: {{out: 4, kernel: 3, padding: same}}\n  from: {chance.choice(names[-3:])}"
        else:
            layer = f"- add: [{', '.join(chance.sample(names, 2))}]"
        lines.append(f"{layer}\n  name: n{i}")
        names.append(f"n{i}")
    assert list(_untidy(archspec.load(write_spec("\n".join(lines), input="[4, 8, 8]")))) == []


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
  name: p1
- map: [{conv: {out: 4, kernel: 3, padding: same}}, {conv: {out: 2, kernel: 3, padding: same}}]
  from: [p1, c2]
  name: head
"""


def test_a_line_that_comes_does_not_run_on_one_that_leaves(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(
        f"archspec: 1\nname: p\ninput: [3, 32, 32]\nlayers:{PYRAMID}outputs: {{a: head.0, b: head.1}}\n",
        encoding="utf-8",
    )
    main = diagram(archspec.load(str(path))).main
    layout = layered(main, {box.key: (100.0, 20.0) for box in main.boxes})
    level = [
        (arrow.source, before[1], *sorted((before[0], after[0])))
        for arrow, route in zip(main.arrows, layout.routes, strict=True)
        for before, after in pairwise(route)
        if before[1] == after[1]
    ]
    assert any(arrow.sizes for arrow in main.arrows)
    for (one, y, left, right), (other, height, start, end) in combinations(level, 2):
        assert one == other or abs(y - height) >= 4 or right <= start or end <= left
