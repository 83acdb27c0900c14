"""What one load may go through in all: many things that are each within bounds are not so together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

MAX_ITEMS_IN_ALL = 2_000_000
"""Items of lists that expressions make, compare or add up, and tensors that references name."""
MAX_STEPS_IN_ALL = 5_000_000
"""Sizes that are looked at one by one where they are open, each once for every part of the formula."""
MAX_WORDS_IN_ALL = 40_000
"""Known words that misspelt ones are compared with."""


@dataclass(slots=True)
class _Spent:
    items: int = 0
    steps: int = 0
    words: int = 0


_spent: ContextVar[_Spent | None] = ContextVar("spent", default=None)


@contextmanager
def counted() -> Iterator[None]:
    """Counts what is spent inside; what is counted already counts on."""
    if _spent.get() is not None:
        yield
        return
    token = _spent.set(_Spent())
    try:
        yield
    finally:
        _spent.reset(token)


def spend(number: int) -> bool:
    """Count some items. Whether they are still within bounds; nothing is bounded where nobody counts."""
    spent = _spent.get()
    if spent is None:
        return True
    spent.items += number
    return spent.items <= MAX_ITEMS_IN_ALL


def exhausted() -> bool:
    """Whether expressions have gone through more than they may."""
    return not spend(0)


def spend_steps(number: int) -> bool:
    """Count sizes that are to be looked at. Whether they are within bounds: where not, they are not counted."""
    spent = _spent.get()
    if spent is None:
        return True
    if spent.steps + number > MAX_STEPS_IN_ALL:
        return False
    spent.steps += number
    return True


def half_spent() -> bool:
    """Whether half of the steps are behind: what is merely good to know, as what would mend a mistake, ends there."""
    spent = _spent.get()
    return spent is not None and 2 * spent.steps > MAX_STEPS_IN_ALL


def spend_words(number: int) -> bool:
    """Count known words that one is to be compared with. Whether they are within bounds."""
    spent = _spent.get()
    if spent is None:
        return True
    spent.words += number
    return spent.words <= MAX_WORDS_IN_ALL
