"""Tiles by hand, and a large image whose objects are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402

import archspec  # noqa: E402
from archspec_torch.runtime.detecting.tiles import cut, suppressed, tiles  # noqa: E402

YELLOW, PINK = (255, 255, 0), (255, 0, 255)


def test_tiles_end_where_the_image_does() -> None:
    """640 with a fifth shared: steps of 512; 1000 − 640 = 360 is where the last begins."""
    assert tiles(1000, 500, 640, 0.2) == [(0, 0, 640, 500), (360, 0, 1000, 500)]
    assert [box[:2] for box in tiles(1300, 1200, 640, 0.2)] == [
        (0, 0), (512, 0), (660, 0), (0, 512), (512, 512), (660, 512), (0, 560), (512, 560), (660, 560),
    ]  # fmt: skip
    assert tiles(640, 640, 640, 0.2) == [(0, 0, 640, 640)]
    assert tiles(10, 4, 4, 0.0) == [(0, 0, 4, 4), (4, 0, 8, 4), (6, 0, 10, 4)]


@pytest.mark.parametrize("overlap", [0.0, 0.2, 0.5, 0.99])
def test_tiles_cover_every_pixel(overlap: float) -> None:
    seen = torch.zeros(37, 53)
    for x1, y1, x2, y2 in tiles(53, 37, 16, overlap):
        seen[y1:y2, x1:x2] += 1
        assert (x2 - x1, y2 - y1) == (16, 16)
    assert seen.min() >= 1


def test_a_box_is_cut_where_its_tile_ends_inside_the_image() -> None:
    boxes = torch.tensor([[0.0, 0, 9, 9], [90, 0, 100, 9], [50, 50, 99, 60], [50, 50, 90, 60]])
    assert cut(boxes, (0, 0, 100, 100), 160, 100).tolist() == [False, True, True, False]
    assert cut(boxes, (0, 0, 100, 100), 100, 100).tolist() == [False] * 4
    assert cut(boxes + torch.tensor([60, 0, 60, 0]), (60, 0, 160, 100), 160, 100).tolist() == [
        True,
        False,
        False,
        False,
    ]


def test_the_best_of_boxes_that_overlap_and_no_part_of_a_whole_one() -> None:
    """The first two share 9·10 of 11·10, an IoU of 0.82. The third is the left fifth of the fourth, seen by the tile
    before: their IoU is 0.2, yet it goes, though its score is better. The fifth is of another class. Of two parts of
    what no tile holds whole both stay."""
    rows = torch.tensor(
        [
            [0.0, 0, 10, 10, 0.9, 0],
            [1, 0, 11, 10, 0.8, 0],
            [90, 0, 100, 10, 0.95, 0],
            [90, 0, 140, 10, 0.6, 0],
            [90, 0, 100, 10, 0.5, 1],
            [300, 0, 400, 10, 0.7, 0],
            [380, 0, 500, 10, 0.65, 0],
        ]
    )
    parts = torch.tensor([False, False, True, False, True, True, True])
    kept = suppressed(rows, parts, 0.5)
    assert kept[:, 4].tolist() == pytest.approx([0.9, 0.7, 0.65, 0.6, 0.5])
    assert suppressed(rows, parts, 0.5, per_class=False)[:, 4].tolist() == pytest.approx([0.9, 0.7, 0.65, 0.6])
    assert suppressed(rows[:0], parts[:0], 0.5).shape == (0, 6)


def test_objects_of_a_large_image_are_found_once(squares: dict[str, Any], tmp_path: Path) -> None:
    """In one piece a cell of the network averages 500×376 pixels, and an object is lost in it. In tiles of 64, of which
    one begins every 32, it is a cell of up to four of them."""
    image = Image.new("RGB", (2000, 1504))
    boxes = [(16, 16), (800, 608), (1600, 400), (1040, 1264), (1984, 1488)]
    for number, (x, y) in enumerate(boxes):
        image.paste((YELLOW, PINK)[number % 2], (x, y, x + 16, y + 16))
    image.save(tmp_path / "large.png")
    whole = archspec.detect(images=[tmp_path / "large.png"], **squares)
    assert whole.images[0].objects == ()
    tiled = archspec.detect(images=[tmp_path / "large.png"], tile=64, overlap=0.5, batch=256, **squares)
    (one,) = tiled.images
    found = sorted((thing.label, [round(v) for v in thing.box]) for thing in one.objects)
    expected = [(("yellow", "pink")[n % 2], [x, y, x + 16, y + 16]) for n, (x, y) in enumerate(boxes)]
    assert found == sorted(expected)
