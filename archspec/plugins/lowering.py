"""How a plugin says what its operators are in a framework, without importing the framework."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from archspec.errors import fail
from archspec.lowering import LOWERINGS, enter, own
from archspec.ops.base import Operator
from archspec.plugins.faults import at

Function = TypeVar("Function", bound=Callable[..., Any])


def lowers(operator: type[Operator], backend: str = "torch") -> Callable[[Function], Function]:
    """Function decorator: this function makes the layer of that operator, for torch an `nn.Module`, from a `Site`.

    The module takes the input tensors one by one, each with its batch axis, and returns the output tensor, or a
    tuple of several. Its state-dict names are the keys of `op.weights(inputs)`. Import the framework inside the
    function: `archspec summarize` runs where it is not installed. Raises SpecError E554 for a second function.
    """
    caller = sys._getframe(1)
    place = at(caller.f_code.co_filename, caller.f_lineno)

    def entered(function: Function) -> Function:
        if not (isinstance(operator, type) and issubclass(operator, Operator)):
            raise fail("E554", f"`lowers` takes an operator's class, not {operator!r}", place)
        if own(operator):
            raise fail("E554", f"{operator.__name__} is an operator of archspec, and every backend has it", place)
        if (backend, operator) in LOWERINGS:
            raise fail("E554", f"two functions make the {backend} layer of {operator.__name__}", place)
        if not hasattr(function, "__code__"):
            raise fail("E554", f"`lowers` stands above a function, not {function!r}", place)
        enter(backend, operator, function)
        return function

    return entered
