"""The known words that a misspelt one may have been meant as."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

MAX_COMPARED, MAX_LENGTH = 1_000, 100
"""How many known words a misspelt one is compared with, and how long a word may be: comparing takes time."""
MAX_TIED = 3


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Words that differ in case alone, or that one slip of the fingers makes of it, three at most; else the closest."""
    if len(word) > MAX_LENGTH:
        return []
    candidates = [k for k in dict.fromkeys(islice(known, MAX_COMPARED)) if k and len(k) <= MAX_LENGTH]
    if same := [k for k in candidates if k.lower() == word.lower()]:
        return same[:MAX_TIED]
    slips = [k for k in candidates if one_slip(word, k)] or [k for k in candidates if one_slip(word.lower(), k.lower())]
    if slips:
        alike_first = lambda k: (len(k) != len(word), -difflib.SequenceMatcher(None, word, k).ratio())  # noqa: E731
        return sorted(slips, key=alike_first)[:MAX_TIED]
    alike = difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    if not alike:
        lower = difflib.get_close_matches(word.lower(), [k.lower() for k in candidates], n=1, cutoff=0.6)
        alike = [k for k in candidates if k.lower() in lower][:1]
    return alike


def one_slip(a: str, b: str) -> bool:
    """Whether one letter more, less, another one, or two exchanged make one word of the other (Damerau 1964)."""
    a, b = a.removeprefix("$"), b.removeprefix("$")
    if abs(len(a) - len(b)) > 1 or min(len(a), len(b)) < 2:
        return a == b
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest, other = a[at:], b[at:]
    return (
        rest[1:] == other[1:]
        or rest == other[1:]
        or rest[1:] == other
        or (rest[:2] == other[1::-1] and rest[2:] == other[2:])
    )
