"""How a plugin says what its operators are in a framework, without importing the framework."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from archspec.errors import fail
from archspec.ops.base import Operator, Types
from archspec.plugins.faults import at

Op = TypeVar("Op", bound=Operator)
Function = TypeVar("Function", bound=Callable[..., Any])

LOWERINGS: dict[tuple[str, type[Operator]], Callable[..., Any]] = {}
"""Backend and operator to the function that builds the layer. The backend looks here when it builds one."""


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


def lowers(operator: type[Operator], backend: str = "torch") -> Callable[[Function], Function]:
    """Function decorator: this function makes the layer of that operator, for torch an `nn.Module`, from a `Site`.

    The module takes the input tensors one by one, each with its batch axis, and returns the output tensor, or a
    tuple of several. Its state-dict names are the keys of `op.weights(inputs)`. Import the framework inside the
    function: `archspec summarize` runs where it is not installed. Raises SpecError E554 for a second function.
    """
    caller = sys._getframe(1)
    place = at(caller.f_code.co_filename, caller.f_lineno)

    def enter(function: Function) -> Function:
        if not (isinstance(operator, type) and issubclass(operator, Operator)):
            raise fail("E554", f"`lowers` takes an operator's class, not {operator!r}", place)
        if operator.__module__.startswith("archspec.ops."):
            raise fail("E554", f"{operator.__name__} is an operator of archspec, and every backend has it", place)
        if (backend, operator) in LOWERINGS:
            raise fail("E554", f"two functions make the {backend} layer of {operator.__name__}", place)
        if not hasattr(function, "__code__"):
            raise fail("E554", f"`lowers` stands above a function, not {function!r}", place)
        LOWERINGS[backend, operator] = function
        return function

    return enter


def lowering(operator: type[Operator], backend: str) -> Callable[..., Any] | None:
    """The function of a plugin that makes the layer of that operator, if there is one."""
    return LOWERINGS.get((backend, operator))
