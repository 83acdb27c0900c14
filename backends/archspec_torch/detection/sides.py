"""What is left in an image and right in its mirror image, by the names of points."""

from __future__ import annotations

import re
from collections.abc import Sequence

SIDES = {"left": "right", "right": "left", "Left": "Right", "Right": "Left", "l": "r", "r": "l", "L": "R", "R": "L"}


def counterparts(names: Sequence[str]) -> tuple[int, ...]:
    """Of each name the number of the one on the other side: its own where it has no side, or the other is missing."""
    numbers = {name: number for number, name in enumerate(names)}
    return tuple(numbers.get(other_side(name), number) for number, name in enumerate(names))


def other_side(name: str) -> str:
    """What is called `left_eye` or `eye (L)`, on the other side."""
    return re.sub(r"[^\W_]+", lambda word: SIDES.get(word[0], word[0]), name)
