"""How an operator becomes a module: one function an operator, entered under the operator's class.

    @lowers(Conv)
    def conv(site: Site[Conv]) -> nn.Module: ...

The module's forward takes the node's input tensors positionally, each with its batch axis, and returns the
output tensor, or a tuple of them where the operator has several outputs. Its state-dict names are the keys of
`op.weights(inputs)`. Plugins, which must not need torch, enter theirs by `archspec.plugins.lowers`, in the same table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

from archspec.errors import SpecError, fail
from archspec.lowering import LOWERINGS, enter, own
from archspec.lowering import Site as Site
from archspec.ops.base import Operator
from archspec.plugins.faults import at, fault

Op = TypeVar("Op", bound=Operator)


def lowers(operator: type[Op]) -> Callable[[Callable[[Site[Op]], nn.Module]], Callable[[Site[Op]], nn.Module]]:
    """Function decorator: this function makes the module of that operator."""

    def entered(lowering: Callable[[Site[Op]], nn.Module]) -> Callable[[Site[Op]], nn.Module]:
        enter("torch", operator, lowering)
        return lowering

    return entered


def lower(site: Site[Any]) -> nn.Module:
    """The module of an operator, its weights initialised. Raises SpecError E711 where the backend has none, E556
    where the function of a plugin fails.
    """
    operator = type(site.op)
    lowering = LOWERINGS.get(("torch", operator))
    if lowering is None:
        hint = None if own(operator) else f"its plugin needs a function under `@lowers({operator.__name__})`"
        raise fail("E711", f"the torch backend cannot build '{site.op.word}'", hint=hint)
    if not own(operator):
        return _of_plugin(lowering, site)
    return lowering(site)


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


def per_axis(value: int | tuple[int, ...] | None, rank: int) -> tuple[int, ...] | None:
    """An argument written once for all axes or one an axis, as one an axis."""
    if value is None:
        return None
    return (value,) * rank if isinstance(value, int) else value
