"""The contact sheet shows the pixels that the network is given."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from archspec.cli import main
from archspec_torch.runtime.sheet import GAP, LARGE, caption, counted, sheet

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
    assert counted(torch.stack([rows[1, 0]] * 7).index_copy(1, torch.tensor([4]), numbers[:, None].float()), names) == (
        "e: 2 + a: 1 + b: 1 + … and 2 others"
    )
    assert counted(rows[0], names) == "d: 1" and counted(rows[1], names) == "no object"


def test_points_are_drawn_in_pixels_of_the_enlarged_image_and_those_that_are_not_seen_are_not() -> None:
    """Of a 64×48 image enlarged five times the point 8.1, 4.1 has its disc about 40.5, 20.5."""
    rows = torch.tensor([[[8.1, 4.1, 1.0], [30.0, 30.0, 0.0]]])
    images = torch.tensor([200, 10, 60], dtype=torch.uint8)[None, :, None, None].expand(1, 3, 48, 64)
    pixels = numpy.asarray(sheet(images, ["1 of 2 points"], "one", rows, ("", "b")))
    orange = (pixels == (0xE6, 0x9F, 0x00)).all(2)
    down, across = orange.nonzero()
    red = (pixels == (200, 10, 60)).all(2)
    left, top = red.nonzero()[1].min(), red.nonzero()[0].min()
    disc = (down - top > 14) & (abs(across - left - 40) < 6)
    assert disc.any() and abs((across[disc] - left).mean() - 40) < 0.6
    assert not (pixels == (0x56, 0xB4, 0xE9)).all(2).any()  # the second point's colour
    assert counted(rows[0], ("a", "b")) == "1 of 2 points"
