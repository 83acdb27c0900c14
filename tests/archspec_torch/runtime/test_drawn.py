from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from archspec_torch.runtime.drawn import COLORS, color_of, draw_boxes, draw_points

GREY = (128, 128, 128)
NAMES = tuple("abcdefghij")


def page(width: int = 100, height: int = 80) -> Image.Image:
    return Image.new("RGB", (width, height), GREY)


def rgb(color: str) -> tuple[int, ...]:
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))


def changed(image: Image.Image) -> list[int]:
    """x1, y1, x2, y2 of what is not grey, half open."""
    rows, columns = np.nonzero((np.asarray(image) != GREY).any(2))
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_line_lies_about_the_box_and_the_picture_given_is_left_as_it_is():
    given = page()
    drawn = draw_boxes(given, torch.tensor([[20.0, 10.0, 60.0, 50.0]]), torch.tensor([3]), None, NAMES, size=0)
    assert drawn.getpixel((19, 30)) == rgb(color_of(3)) == drawn.getpixel((60, 30))  # the last pixel of the box is 59
    assert drawn.getpixel((40, 9)) == rgb(color_of(3)) == drawn.getpixel((40, 50))
    assert changed(drawn) == [18, 8, 62, 52]  # the line of one pixel, and a dark one behind it
    assert drawn.getpixel((40, 30)) == GREY
    assert given.getcolors() == [(8000, GREY)]


def test_box_beyond_the_picture_shows_its_sides_at_the_edge_and_one_outside_is_not_drawn():
    boxes = [[-1e6, -5.0, 1e9, 90.0]]
    drawn = draw_boxes(page(), boxes, [0], None, NAMES, size=0)
    for place in ((0, 40), (99, 40), (50, 0), (50, 79)):
        assert drawn.getpixel(place) == rgb(color_of(0))
    nothing = [[200.0, 10.0, 300.0, 20.0], [float("nan"), 0.0, 5.0, 5.0], [0.0, 0.0, float("inf"), 5.0]]
    assert draw_boxes(page(), nothing, [0, 1, 2], None, NAMES, size=0).getcolors() == [(8000, GREY)]
    assert draw_boxes(page(), torch.zeros(0, 4), torch.zeros(0), torch.zeros(0), NAMES).getcolors() == [(8000, GREY)]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "I;16"])
def test_pictures_of_any_mode_are_drawn_on_in_colour(mode: str):
    drawn = draw_boxes(Image.new(mode, (100, 80)), [[20, 20, 60, 60]], [5], [0.5], NAMES)
    assert drawn.mode == "RGB" and rgb(color_of(5)) in {color for _, color in drawn.getcolors(8000)}


def test_best_box_lies_on_top_and_labels_say_names_and_per_cent_without_covering_each_other(monkeypatch):
    from PIL import ImageDraw

    said: list[tuple[str, tuple[float, float, float, float]]] = []
    real = ImageDraw.ImageDraw.text

    def text(self, at, words, *rest, **more):
        said.append((words, self.textbbox(at, words, font=rest[1], anchor=more["anchor"])))
        return real(self, at, words, *rest, **more)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    boxes = torch.tensor([[40.0, 60, 160, 140], [40.0, 60, 160, 140], [42.0, 62, 158, 138]])
    drawn = draw_boxes(page(200, 200), boxes, [1, 2, 3], torch.tensor([0.25, 0.9, 0.5]), NAMES)
    assert [words for words, _ in said] == ["c 90 %", "d 50 %", "b 25 %"]
    assert drawn.getpixel((39, 100)) == rgb(color_of(2))  # not class 1, at the same place with less score
    for n, (_, one) in enumerate(said):
        assert one[0] >= 0 and one[1] >= 0 and one[2] <= 200 and one[3] <= 200
        for _, other in said[:n]:
            assert one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]


def test_ignored_boxes_are_dashed_and_without_scores_the_smallest_lies_on_top():
    drawn = draw_boxes(page(), [[20, 20, 80, 70]], [4], None, NAMES, [True], size=0)
    line = [drawn.getpixel((x, 19)) for x in range(20, 80)]
    assert set(line) == {rgb(color_of(4)), (0, 0, 0)}
    drawn = draw_boxes(page(), [[20, 20, 60, 60], [20, 20, 80, 70]], [1, 2], None, NAMES, size=0)
    assert drawn.getpixel((19, 40)) == rgb(color_of(1))


def test_colours_are_those_of_okabe_and_ito_and_begin_again():
    wong = {(230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167)}
    assert {rgb(color) for color in COLORS} == {*wong, (255, 255, 255)}
    assert color_of(8) == color_of(0) and len(set(COLORS)) == 8


def test_points_are_discs_about_their_places_and_the_first_lies_on_top():
    given = page(240, 200)
    drawn = draw_points(given, torch.tensor([[60.5, 50.5], [62.5, 50.5], [180.5, 150.5]]), NAMES[:3], size=0)
    assert drawn.getpixel((60, 50)) == rgb(color_of(0)) and drawn.getpixel((180, 150)) == rgb(color_of(2))
    assert drawn.getpixel((65, 50)) == rgb(color_of(1))
    pixels = np.asarray(drawn)[130:, 160:]
    rows, columns = np.nonzero((pixels != GREY).any(2))
    assert (columns.min() + columns.max(), rows.min() + rows.max()) == (2 * 20, 2 * 20)  # about pixel 180, 150
    assert given.getcolors() == [(48000, GREY)]


def test_points_outside_or_nowhere_are_not_drawn_and_names_are_where_there_is_room_for_them():
    away = [[-5.0, 20.0], [50.0, 900.0], [float("nan"), 3.0]]
    assert draw_points(page(), away, NAMES[:3]).getcolors() == [(8000, GREY)]
    spots = [[100.0, 80.0], [140.0, 120.0]]
    plain, named = (draw_points(page(240, 200), spots, ("left", "right"), size=size) for size in (0, None))
    assert (np.asarray(named) != GREY).any(2).sum() > 3 * (np.asarray(plain) != GREY).any(2).sum()
    small = [draw_points(page(), [[50.0, 40.0]], ("left",), size=size) for size in (0, None)]
    assert np.array_equal(*map(np.asarray, small))
