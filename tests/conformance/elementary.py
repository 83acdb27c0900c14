"""What the strategies of layers without windows are drawn and judged with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from torch import Tensor
from weights import Refused, Weights

Args = Mapping[str, Any]
Shape = tuple[int, ...]
Drawn = tuple[dict[str, Any], tuple[Shape, ...]]
Tensors = Sequence[Tensor]
Oracle = Callable[[Args, Tensors, Weights], Any]

channels = st.integers(1, 6)
NOTHING: st.SearchStrategy[dict[str, Any]] = st.just({})


class Tables:
    """`STRATEGIES` and `ORACLES` of one file, filled a word at a time."""

    def __init__(self) -> None:
        self.strategies: dict[str, st.SearchStrategy[Drawn]] = {}
        self.oracles: dict[str, Oracle] = {}

    def cases(self, word: str, drawn: st.SearchStrategy[Drawn], oracle: Oracle) -> None:
        """Enters a word: arguments and shapes from `drawn`, results from the oracle."""
        assert word not in self.strategies, f"two strategies for '{word}'"
        self.strategies[word], self.oracles[word] = drawn, oracle


def refuse(when: bool) -> None:
    """The language refuses these arguments or shapes."""
    if when:
        raise Refused


def spatial(least: int = 0, most: int = 3) -> st.SearchStrategy[Shape]:
    return st.lists(st.integers(1, 7), min_size=least, max_size=most).map(tuple)


@st.composite
def shapes(draw: st.DrawFn, least: int = 0, most: int = 3, multiple: int = 1) -> Shape:
    """(channels, *spatial) of `least` to `most` spatial axes, channels a multiple of `multiple`."""
    return (multiple * draw(channels), *draw(spatial(least, most)))


def some(**options: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the arguments; the others are left to their defaults."""
    return st.fixed_dictionaries({}, optional=options)


def number(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, width=32)


def alone(args: st.SearchStrategy[dict[str, Any]] = NOTHING) -> st.SearchStrategy[Drawn]:
    """One input of any shape."""
    return st.tuples(args, shapes().map(lambda shape: (shape,)))


@st.composite
def several(draw: st.DrawFn, args: st.SearchStrategy[dict[str, Any]] = NOTHING) -> Drawn:
    """Two to four inputs, most often of one shape."""
    shape = draw(shapes())
    other = st.sampled_from([shape] * 9 + [draw(shapes())])
    return draw(args), (shape, *(draw(other) for _ in range(draw(st.integers(1, 3)))))


@st.composite
def per_axis(draw: st.DrawFn, rank: int, low: int, high: int) -> int | list[int]:
    """One number for all axes, or one an axis, now and then one too many."""
    one = st.integers(low, high)
    size = draw(st.sampled_from([rank] * 9 + [min(rank + 1, 3)]))
    return draw(one | st.lists(one, min_size=max(1, size), max_size=max(1, size)))


def spread(value: int | Sequence[int], x: Tensor) -> tuple[int, ...]:
    """One number for each spatial axis."""
    rank = x.ndim - 2
    refuse(rank == 0 or (not isinstance(value, int) and len(value) != rank))
    return (value,) * rank if isinstance(value, int) else tuple(value)


def along(x: Tensor, axis: int) -> list[int]:
    """The shape that lays one number an entry out along an axis of x."""
    return [-1 if i == axis else 1 for i in range(x.ndim)]


def of_one(oracle: Callable[[Args, Tensor, Weights], Any]) -> Oracle:
    """An oracle for a layer that takes one tensor."""
    return lambda args, x, w: oracle(args, x[0], w)


def pointwise(formula: Callable[..., Tensor], **defaults: Any) -> Oracle:
    """An oracle from a formula of one tensor and the arguments."""
    return lambda args, x, w: formula(x[0], **{**defaults, **args})


Count = Callable[[Args, Sequence[Shape], Sequence[Shape]], int]


def each(n: int) -> Count:
    """So many operations for each element of the output."""
    return lambda args, x, y: n * sum(math.prod(shape) for shape in y)
