"""A spec's `input`, or its `inputs`: numbers, and sizes that it leaves open."""

from __future__ import annotations

import re
from fractions import Fraction

from archspec.build.bind import shown
from archspec.build.expand import Expansion
from archspec.build.flow import BROKEN, Flow, Named, Port
from archspec.build.place import Place
from archspec.errors import Diagnostic, SpecError, fail
from archspec.expressions import parse_expression, plain
from archspec.graph import Node, Tap
from archspec.ops.arguments import LARGEST
from archspec.ops.base import OperatorError
from archspec.ops.shape import Input
from archspec.source import Scalar, Value, is_lost

SYMBOL = re.compile(r"[A-Z][A-Za-z0-9_]*")
_ONE = Fraction(1)
_TRIED = (1, 2, 3, 10, 1000)
"""Sizes at which an expression is computed, to see that it is a multiple and a number more."""


def input_flow(expansion: Expansion, top: Place) -> Flow:
    """Input nodes; the first input flows into the first layer."""
    flows = []
    for name, sizes in expansion.spec.inputs.items():
        wrong: list[Diagnostic] = []
        try:
            shape = tuple(_size(item, i, top, expansion, wrong) for i, item in enumerate(sizes.items))
            if wrong or any(is_lost(item) for item in sizes.items):
                raise SpecError(wrong)
            op = Input(shape=shape)
            expansion.nodes[name] = Node(name, op, (), sizes.span)
            expansion.types[name] = op.infer(())
            port = Port(Tap(name), expansion.types[name][0], (_ONE,) * (len(shape) - 1))
            flow = Flow((port,))
        except SpecError as error:
            expansion.report(error, top)
            flow = BROKEN
        except OperatorError as error:
            expansion.report(SpecError(Diagnostic("E310", error.message, sizes.span, error.hint)), top)
            flow = BROKEN
        top.names.own[name] = Named(flow)
        flows.append(flow)
    return flows[0] if flows else BROKEN


def _size(item: Value, position: int, top: Place, expansion: Expansion, wrong: list[Diagnostic]) -> int:
    """One axis of an input; what is wrong with it joins what is wrong with the others."""
    if is_lost(item):
        return 1
    try:
        symbols = _symbols(item, top)
        if symbols:
            return _open(item, sorted(symbols), position, top, expansion)
        value = plain(top.evaluate(item, Flow(())))
    except SpecError as error:
        wrong += error.diagnostics
        return 1
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST:
        return value
    if isinstance(value, str):
        if not any(d.code == "E150" for d in wrong):
            hint = "a number, or an open size: a name that begins with an upper-case letter, as in [3, H, W]"
            wrong.append(Diagnostic("E150", f"'{value}' is no size", item.span, hint))
    else:
        message = f"an input size is a whole number from 1 to {LARGEST:,}, got {shown(value)}"
        rounding = "`//` divides and rounds down" if isinstance(value, float) else None
        wrong.append(Diagnostic("E151", message, item.span, rounding))
    return 1


def _symbols(item: Value, top: Place) -> set[str]:
    """The open sizes that an axis speaks of: its words that begin with an upper-case letter, or a variable's."""
    if not isinstance(item, Scalar) or not isinstance(item.value, str):
        return set()
    expression = parse_expression(item.value, item.span)
    words = expression.words()
    if not words and len(expression.variables()) == 1:
        value = top.evaluate(item, Flow(()))
        words = {value} if isinstance(value, str) else set()
    return {word for word in words if SYMBOL.fullmatch(word)}


def _open(item: Value, symbols: list[str], position: int, top: Place, expansion: Expansion) -> int:
    """An open size: a symbol, or a declared multiple of one. Raises SpecError E316 for anything else."""
    from archspec.sizes import ANY, forget, symbol  # only the open wait for it

    assert isinstance(item, Scalar)
    name = symbols[0]
    if position == 0:
        message = f"the channels of an input are a number, not '{item.text}': the first weights depend on it"
        raise fail("E316", message, item.span, "open are height and width, or the length: [3, H, W], [1, L]")
    if name in top.variables:
        hint = f"`${name}` is the variable's value; an open size needs another name"
        raise fail("E316", f"'{name}' is a variable of this spec, and cannot be an open size too", item.span, hint)
    times, more = _multiple(item, name, len(symbols), top)
    if not expansion.allowed:
        forget()
    expansion.allowed = {**expansion.allowed, name: ANY}
    return symbol(name, times, more)


def _multiple(item: Scalar, name: str, symbols: int, top: Place) -> tuple[int, int]:
    """`32*H + 1` as (32, 1)."""
    expression = parse_expression(str(item.value), item.span)
    if symbols == 1 and expression.words():
        values = [plain(expression.evaluate(top.scope(Flow(())), {name: n})) for n in _TRIED]
    else:
        values = [*_TRIED]
    if symbols == 1 and all(type(value) is int for value in values):
        times = values[1] - values[0]
        more = values[0] - times
        linear = all(value == times * n + more for n, value in zip(_TRIED, values, strict=True))
        if linear and 1 <= times <= LARGEST and values[0] >= 1 and abs(more) <= LARGEST:
            return times, more
    message = f"'{item.text}' is no open size: that is a name, or a multiple of one, at least 1 from the first on"
    raise fail("E316", message, item.span, "as H, 32*H or 32*H + 1")
