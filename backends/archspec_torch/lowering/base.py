"""How an operator becomes a module: one function an operator, entered under the operator's class.

    @lowers(Conv)
    def conv(site: Site[Conv]) -> nn.Module: ...

The module's forward takes the node's input tensors positionally, each with its batch axis, and returns the
output tensor, or a tuple of them where the operator has several outputs. Its state-dict names are the keys of
`op.weights(inputs)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import nn

from archspec.errors import fail
from archspec.ops.base import Operator, Types

Op = TypeVar("Op", bound=Operator)


@dataclass(frozen=True)
class Site(Generic[Op]):
    """An operator where it stands: the types (without batch axis) of what it takes and gives.

    `in_place`: the module may overwrite its first input tensor, which nobody else reads or needs and which has
    the type of the output.
    """

    op: Op
    inputs: Types
    outputs: Types
    in_place: bool = False


Lowering = Callable[[Site[Any]], nn.Module]

LOWERINGS: dict[type[Operator], Lowering] = {}


def lowers(operator: type[Op]) -> Callable[[Callable[[Site[Op]], nn.Module]], Callable[[Site[Op]], nn.Module]]:
    """Function decorator: this function makes the module of that operator."""

    def enter(lowering: Callable[[Site[Op]], nn.Module]) -> Callable[[Site[Op]], nn.Module]:
        if operator in LOWERINGS:
            raise ValueError(f"two lowerings of {operator.__name__}: {LOWERINGS[operator]} and {lowering}")
        LOWERINGS[operator] = lowering
        return lowering

    return enter


def lower(site: Site[Any]) -> nn.Module:
    """The module of an operator, its weights initialised. Raises SpecError E711 where the backend has none."""
    lowering = LOWERINGS.get(type(site.op))
    if lowering is None:
        raise fail("E711", f"the torch backend cannot build '{site.op.word}'")
    return lowering(site)


def per_axis(value: int | list[int] | None, rank: int) -> tuple[int, ...] | None:
    """An argument written once for all axes or one an axis, as one an axis."""
    if value is None:
        return None
    return (value,) * rank if isinstance(value, int) else tuple(value)
