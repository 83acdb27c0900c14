"""The contact sheet shows the pixels that the network is given."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from archspec.cli import main
from archspec_torch.runtime.data import Target
from archspec_torch.runtime.sheet import GAP, LARGE, caption, counted, seen, sheet

RUN = {"model": {"spec": "mlp"}, "data": "digits"}


def test_images_are_enlarged_by_a_whole_number_and_stand_in_rows() -> None:
    images = torch.randint(0, 256, (3, 3, 16, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    page = numpy.asarray(sheet(images, ["a", "b", "c"], "three"))
    factor = LARGE // 16
    expected = images[0].permute(1, 2, 0).numpy().repeat(factor, 0).repeat(factor, 1)
    found = [
        (y, x)
        for y in range(page.shape[0] - LARGE + 1)
        for x in range(GAP, GAP + 20)
        if numpy.array_equal(page[y : y + LARGE, x : x + 8 * factor], expected)
    ]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (torch.tensor(1), "dog"),
        (torch.tensor([0.25, 0.75, 0.0]), "dog 75 % + cat 25 %"),
        (torch.tensor([1.0, 0.0, 1.0]), "hen + cat"),
        (torch.zeros(3), "no class"),
    ],
)
def test_captions(label: torch.Tensor, expected: str) -> None:
    assert caption(label, ["cat", "dog", "hen"]) == expected


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run.yaml").write_text("model: {spec: mlp, input: [1, 8, 8]}\ndata: digits\naugment: [{rotate: 30}]\n")
    shows = ["data", "show", "run.yaml", "--n", "4"]
    assert main([*shows, "-o", "a.png"]) == main([*shows, "-o", "b.png", "--epoch", "2"]) == 0
    assert main([*shows, "-o", "c.png"]) == main([*shows, "-o", "d.png", "--split", "val"]) == 0
    assert Path("a.png").read_bytes() == Path("c.png").read_bytes() != Path("b.png").read_bytes()
    known = {numpy.rint(digit * 255 / 16).astype(numpy.uint8).tobytes() for digit in load_digits().images}
    with Image.open("d.png") as picture:  # validation is never augmented
        page = numpy.asarray(picture.convert("L"))
    tiles = {
        page[y : y + LARGE : LARGE // 8, x : x + LARGE : LARGE // 8].tobytes()
        for y in range(page.shape[0] - LARGE + 1)
        for x in range(GAP, page.shape[1] - LARGE + 1, LARGE + GAP)
    }
    assert len(tiles & known) >= 4
    capsys.readouterr()
    assert main([*shows, "-o", "e.png", "--split", "tset"]) == main([*shows, "-o", "e.txt"]) == 1
    told = capsys.readouterr().err
    assert "error E627: the data has no split 'tset'" in told and "error E505: cannot write 'e.txt'" in told


def test_objects_are_counted_and_drawn_in_pixels_of_the_enlarged_image() -> None:
    """Of a 64×48 image enlarged five times a box from 8, 4 on begins at 40, 20; ignored ones are dashed."""
    rows = torch.zeros(2, 7, 6)
    rows[..., 4] = -1
    rows[0, 0] = torch.tensor([8.0, 4, 40, 44, 3, 0])
    names = tuple("abcdef")
    images = torch.tensor([200, 10, 60], dtype=torch.uint8)[None, :, None, None].expand(2, 3, 48, 64)
    pixels = numpy.asarray(sheet(images, ["d: 1", "no object"], "two", rows, names))
    yellow = (pixels == (0xF0, 0xE4, 0x42)).all(2)
    down, across = yellow.nonzero()
    assert across.max() - across.min() + 1 == 5 * 32 + 2  # the line lies about the box, a pixel wide
    red = (pixels == (200, 10, 60)).all(2)
    left, top = red.nonzero()[1].min(), red.nonzero()[0].min()
    assert (across.min() + 1 - left, down.max() - top) == (40, 5 * 44)
    numbers = torch.tensor([0, 1, 2, 3, 4, 4, -1])
    many = torch.stack([rows[1, 0]] * 7).index_copy(1, torch.tensor([4]), numbers[:, None].float())
    counts = Target.BOXES.counts(torch.stack([many, *rows]), len(names)).tolist()
    assert [counted(one, names) for one in counts] == ["e: 2 + a: 1 + b: 1 + … and 2 others", "d: 1", "no object"]


def test_points_are_drawn_in_pixels_of_the_enlarged_image() -> None:
    """Of a 64×48 image enlarged five times a point at 8.1, 20.1 lies in pixel 40, 100. Two that change places
    have one colour, and the second of them is a ring; one that is not seen is not drawn."""
    points = torch.tensor([[[8.1, 20.1, 1], [40, 20, 1], [24, 30, 1]], [[8.1, 20.1, 1], [40, 20, 0], [24, 30, 0]]])
    names = [f"p{i}" for i in range(20)]
    points = torch.cat([points, torch.zeros(2, 17, 3)], 1)  # more than have their names beside them
    images = torch.tensor([200, 10, 60], dtype=torch.uint8)[None, :, None, None].expand(2, 3, 48, 64)
    sides = [1, 0, *range(2, 20)]
    page = numpy.asarray(sheet(images, ["a", "b"], "two", points, names, sides))
    orange, green = (0xE6, 0x9F, 0x00), (0x00, 0x9E, 0x73)
    ground = (page == (200, 10, 60)).all(2)
    left, top = ground.nonzero()[1].min(), ground.nonzero()[0].min()
    one, two = page[top : top + 240, left : left + 320], page[top : top + 240, left + 332 : left + 652]
    assert tuple(one[100, 40]) == orange and tuple(one[150, 120]) == green
    assert tuple(one[100, 200]) == (0, 0, 0) and orange in {tuple(pixel) for pixel in one[100, 195:206].tolist()}
    found = (one == orange).all(2).nonzero()
    assert abs(found[1][found[1] < 100].mean() - 40) < 0.5 and abs(found[0].mean() - 100) < 0.5
    assert tuple(two[100, 200]) == (200, 10, 60) == tuple(two[150, 120])


def test_points_that_are_not_seen_are_told() -> None:
    names = ("l", "r", "nose")
    assert seen(torch.tensor([[1.0, 2, 1], [3, 4, 1], [5, 6, 1]]), names) == "3 of 3 points"
    assert seen(torch.tensor([[1.0, 2, 1], [3, 4, 0], [5, 6, 1]]), names) == "2 of 3 points + without r"
    assert seen(torch.zeros(3, 3), names) == "0 of 3 points"
