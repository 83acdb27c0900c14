"""Which images of a truth detections mean by name: those whose folders fit best, found without comparing all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archspec_torch.boxes import Annotated, ImageEntry
from archspec_torch.boxes.names import Names


def names(*paths: str, first: int = 100) -> Names:
    """Images of these paths, whose numbers count from `first`."""
    images = (ImageEntry(Path(path), 64, 48, (), first + n, "truth.json:1") for n, path in enumerate(paths))
    return Names(Annotated(tuple(images), (), ()))


PATHS = ("/data/a/left/1.jpg", "/data/b/left/1.jpg", "/data/b/right/1.png", "right/1.jpg", "1.jpg", "/data/b/2.jpg")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("1.jpg", [0, 1, 3, 4]),
        ("1", [0, 1, 2, 3, 4]),  # a name without its suffix, before any number
        ("left/1.jpg", [0, 1]),
        ("b/left/1", [1]),
        ("other/left/1.jpg", [0, 1]),
        ("right/1", [2, 3]),
        ("b/right/1", [2]),
        ("/elsewhere/right/1.jpg", [3]),
        ("nowhere/1.jpg", [0, 1, 3, 4]),
        ("/data/b/left/1.jpg", [1]),
        ("data\\b\\left\\1.jpg", [1]),
        ("nowhere/2", [5]),  # there is but one
        ("3.jpg", []),
        ("103", [3]),
        ("", []),
    ],
)
def test_folders_part_images_of_one_name(said: str, found: list[int]) -> None:
    assert list(names(*PATHS).find(said)) == found


def test_a_number_beside_a_name_says_which_of_several() -> None:
    found = names(*PATHS)
    assert list(found.of_both("left/1.jpg", 101)) == [1]
    assert list(found.of_both("left/1.jpg", "100")) == [0]
    assert list(found.of_both("left/1.jpg", 105)) == [0, 1]  # of another name: it says nothing
    assert list(found.of_both("2.jpg", 101)) == [5]
    assert list(found.of_both("103", 101)) == []  # no name


def test_looking_up_frames_of_many_videos_is_linear_in_images(calls: Callable[[Callable[[], object]], int]) -> None:
    """Ten frames 000000.jpg, 000001.jpg … in each video: ten times as many images, ten times the calls."""

    def work(videos: int) -> int:
        paths = [f"/data/videos/{video:06}/{frame:06}.jpg" for video in range(videos) for frame in range(10)]
        known, said = names(*paths), [path.removeprefix("/data/") for path in paths]
        found: list[list[int]] = []
        made = calls(lambda: found.extend(list(known.find(name)) for name in said))
        assert found == [[n] for n in range(len(paths))]
        return made

    assert work(200) < 11 * work(20)
