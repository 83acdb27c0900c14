"""Figures of points and of localisers: what is measured, what is not, and how they are told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archspec_torch.boxes import ImageEntry
from archspec_torch.runtime.data import Boxed, InMemory, Pointed
from archspec_torch.runtime.evaluation.places.localised import listed as listed_boxes
from archspec_torch.runtime.evaluation.places.localised import localised_figures
from archspec_torch.runtime.evaluation.places.points import PointFigures, listed, point_figures
from archspec_torch.runtime.images import Frame

FILES = ("a/0.png", "a/1.png", "2.png", "3.png")


def pointed() -> tuple[Pointed, torch.Tensor]:
    """Images of 200×100 in a frame of 24×16: eyes 100 apart in the first, one alone in the second, nothing in the
    others; the second eye is told 25 off, and something to be in the first and the third."""
    placement = Frame(1, 16, 24).placement(200, 100)
    nothing = [[0.0, 0, 0], [0, 0, 0]]
    labels = torch.tensor([[[20.0, 50, 1], [120, 50, 1]], [[20, 50, 1], [0, 0, 0]], nothing, nothing])
    said = labels.clone()
    said[0, 1, 0] = 145
    said[..., 2] = torch.tensor([0.9, 0.4, 0.6, 0.1])[:, None]
    for one in (labels, said):
        one[..., :2] = placement.to_frame(one[..., :2])
    images = InMemory(torch.zeros(4, 1, 16, 24, dtype=torch.uint8), labels)
    return Pointed(images, (placement,) * 4, FILES), said


def figures(between: tuple[int, ...] = (), tells_nothing: bool = False) -> PointFigures:
    examples, said = pointed()
    return point_figures(said, examples, ("l", "r"), between, tells_nothing)


def test_images_that_do_not_show_what_errors_are_parts_of_are_counted_and_not_measured() -> None:
    found = figures(between=(0, 1))
    assert found.brief() == pytest.approx({"pck10": 0.5, "pck05": 0.5, "pck20": 0.5})
    assert found.seen == 2 and found.unmeasured == 1 and found.error == pytest.approx(0.125)
    told = dict(found.headline())
    assert told["length"] == "from l to r"
    assert told["not measured"] == "1 of 4 images: they do not show both of these"
    plain = found.to_json()
    assert plain["between"] == ["l", "r"] and plain["unmeasured"] == 1


def test_all_are_measured_by_their_extent() -> None:
    """100 in the first image, and the longer side of the second."""
    found = figures()
    assert found.seen == 3 and found.brief()["pck10"] == pytest.approx(2 / 3)
    assert not {"length", "not measured", "anything there"} & dict(found.headline()).keys()
    assert not {"between", "unmeasured", "present"} & found.to_json().keys()


def test_whether_anything_is_there_is_measured() -> None:
    """Told of one of the two images with points, and of one of the two without."""
    found = figures(tells_nothing=True)
    told = dict(found.headline())["anything there"]
    assert told == "50.00 %  (told of 1 of 2 with points, of 1 of 2 without)"
    assert found.to_json()["present"] == {"accuracy": 0.5, "there": 2, "found": 1, "nothing": 2, "empty": 1}


def test_points_far_off_are_told_by_their_files() -> None:
    examples, said = pointed()
    found = figures(between=(0, 1))
    assert [(one["file"], one["point"]) for one in found.to_json()["mistakes"]] == [("a/0.png", "r")]
    assert found.tables(80)[1] == "furthest off\n  a/0.png: r off by 0.25"
    rows = listed(said, examples, ("l", "r"))
    assert rows[0][:2] == ["example", "image"] and [row[1] for row in rows[1:]] == list(FILES)


def test_short_names_stand_under_their_heads() -> None:
    head, *rows = figures().tables(80)[0].splitlines()
    assert {len(row) for row in rows} == {len(head)}
    assert {row.index("%") + 1 for row in rows} == {head.index("PCK@0.05") + len("PCK@0.05")}


def test_objects_off_their_place_are_told_by_their_files() -> None:
    entry = ImageEntry(Path("photos/7.png"), 24, 16, (), 1, "")
    rows = torch.tensor([[[0.0, 0, 12, 8, 0, 0]]])
    pixels = torch.zeros(1, 1, 16, 24, dtype=torch.uint8)
    examples = Boxed(InMemory(pixels, rows), (Frame(1, 16, 24).placement(24, 16),), (entry,))
    said = torch.tensor([[[12.0, 8, 24, 16, 0.9, 0]]])
    found = localised_figures(said, examples, ("a",), (16, 24), tells_nothing=False)
    table, worst = found.tables(80)
    assert len({len(line) for line in table.splitlines()}) == 1
    assert worst == "surest mistakes\n  7.png: a off its place at 90.00 %, overlap 0.00"
    assert found.to_json()["mistakes"][0]["file"] == "7.png"
    assert listed_boxes(said, examples, ("a",), (16, 24))[1][:2] == [0, "photos/7.png"]


def test_images_without_an_object_have_a_row_where_they_count() -> None:
    """Of three, one is told to be empty, one to show a class; a fourth shows an object, at its place."""
    entries = tuple(ImageEntry(Path(f"{n}.png"), 24, 16, (), n, "") for n in range(4))
    empty, there = [0.0, 0, 0, 0, -1, 0], [0.0, 0, 12, 8, 0, 0]
    rows = torch.tensor([[empty], [empty], [empty], [there]])
    pixels = torch.zeros(4, 1, 16, 24, dtype=torch.uint8)
    examples = Boxed(InMemory(pixels, rows), (Frame(1, 16, 24).placement(24, 16),) * 4, entries)
    said = torch.tensor([[[0.0, 0, 1, 1, 0.1, -1]], [[0.0, 0, 1, 1, 0.1, -1]], [[0.0, 0, 9, 9, 0.8, 0]], [there]])
    said[3, 0, 4:] = torch.tensor([0.9, 0])
    found = localised_figures(said, examples, ("a",), (16, 24), tells_nothing=True)
    assert found.to_json()["nothing"] == {"n": 3, "right": 2}
    lines = found.tables(80)[0].splitlines()
    assert lines[2].split() == ["nothing", "66.67", "%", "66.67", "%", "–", "3"]
    assert len({len(line) for line in lines}) == 1
    assert "nothing,3,2,2," in found.to_csv()
    alone = localised_figures(said, examples, ("a",), (16, 24), tells_nothing=False)
    assert "nothing" not in alone.to_json() and "nothing" not in alone.tables(80)[0]


def test_of_many_points_those_are_shown_that_are_told_worst() -> None:
    """Each point is told further off than the one before it, in a frame that is the image."""
    names = tuple(f"p{i}" for i in range(68))
    labels = torch.zeros(1, 68, 3)
    labels[0, :, 0] = torch.arange(68)
    labels[..., 2] = 1
    said = labels.clone()
    said[0, :, 1] = torch.arange(68) / 5  # a tenth of the length between p33 and p34
    placement = Frame(1, 100, 100).placement(100, 100)
    images = InMemory(torch.zeros(1, 1, 100, 100, dtype=torch.uint8), labels)
    lines = point_figures(said, Pointed(images, (placement,)), names).tables(80)[0].splitlines()
    assert len(lines) == 1 + 30 + 1
    assert lines[-1] == "  … the lowest PCK@0.1 of 68 points; --format csv has all"
    assert [line.split()[0] for line in lines[1:-1]] == [f"p{i}" for i in range(34, 64)]
