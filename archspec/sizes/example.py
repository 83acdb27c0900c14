"""Numbers for the sizes that a network leaves open, where a table or a drawing has to show one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from math import lcm

from archspec.sizes.admissible import Sizes
from archspec.sizes.forms import MOST, Form, Untold, period, value
from archspec.sizes.open import Open

USUAL = {1: 1024, 2: 224, 3: 64}
"""What an image's axes are at least, by their number."""


def example(inputs: Iterable[Sequence[object]], met: Iterable[object], allowed: Mapping[str, Sizes]) -> dict[str, int]:
    """A size for each symbol that the network takes, usual for images of so many axes.

    `inputs` are the input shapes, `met` all sizes that occur. Where there is one close by, it is a size that
    no stride leaves a remainder of: 224 rather than 225.
    """
    found: dict[str, int] = {}
    even = dict.fromkeys(allowed, 1)
    for size in met:
        if isinstance(size, Open):
            with suppress(Untold):
                even[size.symbol] = min(MOST, lcm(even[size.symbol], period(size.form).length))
    for shape in inputs:
        for axis in shape[1:]:
            if isinstance(axis, Open) and axis.symbol not in found:
                name = axis.symbol
                found[name] = _usual(axis.form, USUAL[len(shape) - 1], allowed[name], even[name])
    return found


def _usual(axis: Form, least: int, allowed: Sizes, even: int) -> int:
    """The first size from which on the axis is long enough, even if possible, that is allowed."""
    start = next(n for n in range(1, least + 1) if value(axis, n) >= least)
    multiples = range(-(-start // even) * even, 2 * start + 1, even)
    return next((n for n in multiples if n in allowed), allowed.following(start))
