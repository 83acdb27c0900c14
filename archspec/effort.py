"""What one load may go through in all: many things that are each within bounds are not so together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

MAX_ITEMS_IN_ALL = 2_000_000
"""Items of lists that expressions make, compare or add up, and tensors that references name."""
MAX_SIZES_IN_ALL = 4_000_000
"""Values that are computed to prove something of all open sizes."""

Kind = Literal["items", "sizes"]
_MOST: dict[Kind, int] = {"items": MAX_ITEMS_IN_ALL, "sizes": MAX_SIZES_IN_ALL}
_spent: ContextVar[dict[Kind, int] | None] = ContextVar("spent", default=None)


@contextmanager
def counted() -> Iterator[None]:
    """Counts what is spent inside; what is counted already counts on."""
    if _spent.get() is not None:
        yield
        return
    token = _spent.set(dict.fromkeys(_MOST, 0))
    try:
        yield
    finally:
        _spent.reset(token)


def spend(number: int, kind: Kind = "items") -> bool:
    """Count some. Whether they are still within bounds; nothing is bounded where nobody counts."""
    spent = _spent.get()
    if spent is None:
        return True
    spent[kind] += number
    return spent[kind] <= _MOST[kind]


def exhausted() -> bool:
    """Whether expressions have gone through more than they may."""
    return not spend(0)
