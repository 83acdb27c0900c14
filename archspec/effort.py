"""What one load may go through in all: many things that are each within bounds are not so together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MAX_ITEMS_IN_ALL = 2_000_000
"""Items of lists that expressions make, compare or add up, and tensors that references name."""

_spent: ContextVar[list[int] | None] = ContextVar("spent", default=None)


@contextmanager
def counted() -> Iterator[None]:
    """Counts what is spent inside; what is counted already counts on."""
    if _spent.get() is not None:
        yield
        return
    token = _spent.set([0])
    try:
        yield
    finally:
        _spent.reset(token)


def spend(number: int) -> bool:
    """Count some. Whether they are still within bounds; nothing is bounded where nobody counts."""
    spent = _spent.get()
    if spent is None:
        return True
    spent[0] += number
    return spent[0] <= MAX_ITEMS_IN_ALL


def exhausted() -> bool:
    """Whether expressions have gone through more than they may."""
    return not spend(0)
