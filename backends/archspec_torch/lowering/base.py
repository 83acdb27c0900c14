"""How an operator becomes a module: one function an operator, entered under the operator's class.

    @lowers(Conv)
    def conv(site: Site[Conv]) -> nn.Module: ...

The module's forward takes the node's input tensors positionally, each with its batch axis, and returns the
output tensor, or a tuple of them where the operator has several outputs. Its state-dict names are the keys of
`op.weights(inputs)`. Plugins, which must not need torch, enter their functions in `archspec.plugins.lowering`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

from archspec.errors import SpecError, fail
from archspec.ops.base import Operator
from archspec.plugins.faults import at, fault
from archspec.plugins.lowering import LOWERINGS as PLUGINS
from archspec.plugins.lowering import Site as Site

Op = TypeVar("Op", bound=Operator)

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
    """The module of an operator, its weights initialised. Raises SpecError E711 where the backend has none, E556
    where the function of a plugin fails.
    """
    operator = type(site.op)
    if operator in LOWERINGS:
        return LOWERINGS[operator](site)
    if ("torch", operator) in PLUGINS:
        return _of_plugin(PLUGINS["torch", operator], site)
    hint = f"its plugin needs a function under `@lowers({operator.__name__})`"
    mine = operator.__module__.startswith("archspec.")
    raise fail("E711", f"the torch backend cannot build '{site.op.word}'", hint=None if mine else hint)


def _of_plugin(lowering: Callable[..., Any], site: Site[Any]) -> nn.Module:
    """What the function of a plugin makes of its operator, its own mistakes told in its own lines."""
    code, what = lowering.__code__, f"{site.op.word}: `{lowering.__name__}`"
    try:
        module = lowering(site)
    except (SpecError, MemoryError):
        raise
    except Exception as error:
        raise SpecError(fault("E556", what, error, {code.co_filename})) from error
    if not isinstance(module, nn.Module):
        kind = "nothing" if module is None else f"a {type(module).__name__}"
        raise fail("E556", f"{what} returned {kind}, not an nn.Module", at(code.co_filename, code.co_firstlineno))
    return module


def per_axis(value: int | list[int] | None, rank: int) -> tuple[int, ...] | None:
    """An argument written once for all axes or one an axis, as one an axis."""
    if value is None:
        return None
    return (value,) * rank if isinstance(value, int) else tuple(value)
