"""What is left in an image and right in its mirror image, by the names of points."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

SIDES = {"left": "left", "l": "left", "lt": "left", "right": "right", "r": "right", "rt": "right"}
OTHER = {"left": "right", "right": "left"}
EXACT = {
    one: other
    for a, b in (("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT"), ("l", "r"), ("L", "R"))
    for one, other in ((a, b), (b, a))
}
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
"""`LeftEye1`, `left-eye 1` and `LEFT_EYE_1` have three each."""


def counterparts(names: Sequence[str], pairs: Sequence[Sequence[str]] | None = None) -> tuple[int, ...]:
    """Of each name the number of the one on the other side: its own where it has no side, or the other is missing.

    `pairs`: of names, which alone have another side then. Else sides are words of the names: `left` and `right`, `l`
    and `r`, `lt` and `rt`, in capitals or not, apart or as in `leftEye`. The other name is spelled the same but for its
    side, if such a one is there; else words stand in the same places of both, or the side stands elsewhere
    (`Left-Eye`, `eye_r`), or begins a word (`lefteye`).
    """
    found = list(range(len(names)))
    if pairs is not None:
        for first, second in pairs:
            i, k = names.index(first), names.index(second)
            found[i], found[k] = k, i
        return tuple(found)
    numbered = {name: i for i, name in enumerate(names)}
    for i, name in enumerate(names):
        found[i] = numbered.get(re.sub(r"[^\W_]+", lambda word: EXACT.get(word[0], word[0]), name), i)
    for spelling in (_in_order, _side_first, _side_apart):
        numbers = defaultdict(list)
        for i, name in enumerate(names):
            if found[i] == i:
                numbers[spelling(name)].append(i)
        for words, own in numbers.items():
            turned = tuple(OTHER.get(word, word) for word in words)
            other = numbers.get(turned, [])
            if turned != words and len(own) == len(other) == 1:
                found[own[0]] = other[0]
    return tuple(found)


def lonely(names: Sequence[str]) -> list[str]:
    """Names with a word that is a side, and no counterpart."""
    turned = counterparts(names)
    return [name for i, name in enumerate(names) if turned[i] == i and OTHER.keys() & set(_in_order(name))]


def _in_order(name: str) -> tuple[str, ...]:
    """The words of a name in small letters, `left` and `right` written out."""
    words = [word.lower() for word in WORD.findall(name)]
    return tuple(SIDES.get(word, word) for word in words)


def _side_first(name: str) -> tuple[str, ...]:
    words = _in_order(name)
    sides = [word for word in words if word in OTHER]
    return (*sides, *(word for word in words if word not in OTHER)) if len(sides) == 1 else words


def _side_apart(name: str) -> tuple[str, ...]:
    return _side_first(re.sub(r"(?i)\b(left|right)(?=[a-z])", r"\1 ", name))
