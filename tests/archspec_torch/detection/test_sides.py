"""Which points are left and right of each other, by their names."""

from __future__ import annotations

import pytest

from archspec_torch.detection.sides import counterparts, lonely


def test_sides_are_words_of_a_name() -> None:
    """As augmentation has them: `bright` has no right side, `l_eye` and `eye (R)` have another."""
    names = ("l_eye", "r_eye", "bright", "bleft", "eye (L)", "eye (R)", "left ear")
    assert counterparts(names) == (1, 0, 2, 3, 5, 4, 6)


@pytest.mark.parametrize(
    "names",
    [
        ("Left-Eye", "Right-Eye"),
        ("EYE_L", "EYE_R"),
        ("eyeLeft", "eyeRight"),
        ("REye", "LEye"),
        ("lKnee", "rKnee"),
        ("LEFT_EYE", "RIGHT_EYE"),
        ("lefteye", "righteye"),
        ("l1", "r1"),
        ("Lt. gonion", "Rt. gonion"),
        ("Left-Eye", "eye_r"),
        ("left Eye", "Right eye"),
    ],
)
def test_usual_spellings_are_known(names: tuple[str, str]) -> None:
    assert counterparts((*names, "nose")) == (1, 0, 2)
    assert lonely((*names, "nose")) == []


@pytest.mark.parametrize(
    ("names", "turned"),
    [
        (("T12_left", "T12_right", "L1_left", "L1_right"), (1, 0, 3, 2)),  # vertebrae: L is lumbar
        (("left", "right", "l", "r"), (1, 0, 3, 2)),
        (("left_eye", "left eye", "right_eye", "right eye"), (2, 3, 0, 1)),
        (("l_1", "r_1", "l1", "r1"), (1, 0, 3, 2)),
    ],
)
def test_names_that_differ_in_their_side_alone_come_first(names: tuple[str, ...], turned: tuple[int, ...]) -> None:
    assert counterparts(names) == turned
    assert lonely(names) == []


def test_several_sides_turn_together() -> None:
    """The outer corner of the left brow is that of the right one."""
    names = ("LeftBrowLeftCorner", "LeftBrowRightCorner", "RightBrowLeftCorner", "RightBrowRightCorner")
    assert counterparts(names) == (3, 2, 1, 0)


def test_what_could_be_two_is_none() -> None:
    """Which of the two is the other side of the third is not said."""
    assert counterparts(("left_eye", "Left Eye", "right-eye")) == (0, 1, 2)


def test_sides_without_their_other_are_told() -> None:
    assert lonely(("left ear", "nose", "l_eye", "r_eye", "p1", "light")) == ["left ear"]


def test_pairs_that_are_told_are_all_there_are() -> None:
    names = ("left_eye", "right_eye", "p1", "p2")
    assert counterparts(names, [["p2", "p1"]]) == (0, 1, 3, 2)
    assert counterparts(names, []) == (0, 1, 2, 3)
