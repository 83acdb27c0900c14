"""What backends make of operators: one table, into which their functions and those of plugins are entered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from archspec.ops.base import Operator, Types

Op = TypeVar("Op", bound=Operator)

LOWERINGS: dict[tuple[str, type[Operator]], Callable[..., Any]] = {}
"""Backend and operator to the function that makes the layer of a `Site`. The backend looks here when it builds one."""


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


def enter(backend: str, operator: type[Operator], function: Callable[..., Any]) -> None:
    """Enter the function that makes the layer of an operator. Raises ValueError where there is one."""
    if (backend, operator) in LOWERINGS:
        raise ValueError(f"two lowerings of {operator.__name__}: {LOWERINGS[backend, operator]} and {function}")
    LOWERINGS[backend, operator] = function


def own(operator: type[Operator]) -> bool:
    """Whether an operator is one of archspec's, which every backend lowers itself."""
    return operator.__module__.startswith("archspec.ops.")
