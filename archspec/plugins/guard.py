"""The rules of a plugin's operator, held to what rules give: what else they raise or return is told in its place."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from archspec.errors import Diagnostic, SpecError
from archspec.ops.base import Operator, OperatorError, Saved, Weight, Window
from archspec.ops.reach import Reach
from archspec.plugins.faults import at, fault
from archspec.tensor import BYTES, TensorType

Problem = str | None


def guard(cls: type[Operator]) -> None:
    """Puts a guard before each rule of an operator: exceptions but OperatorError become SpecError E555."""
    for name, check in _CHECKS.items():
        setattr(cls, name, _guarded(name, getattr(cls, name), check))


def _guarded(name: str, rule: Callable[..., Any], check: Callable[[Any], Problem]) -> Callable[..., Any]:
    if hasattr(rule, "guarded"):
        return rule
    code = inspect.unwrap(rule).__code__

    @functools.wraps(rule)
    def guarded(op: Operator, *types: Any) -> Any:
        what = f"{op.word}: `{name}`"
        try:
            result = rule(op, *types)
        except (OperatorError, SpecError):
            raise
        except (Exception, SystemExit) as error:
            if type(error).__module__.startswith("archspec."):
                raise  # of those who asked: the arithmetic of open sizes speaks in exceptions
            hint = "raise OperatorError where an input does not fit, with the numbers and what would fit"
            told = fault("E555", what, error, {code.co_filename}, hint if name == "infer" else None)
            raise SpecError(_about(told, op, types)) from error
        if (problem := check(result)) is not None:
            place = at(code.co_filename, code.co_firstlineno)
            raise SpecError(_about(Diagnostic("E555", f"{what} {problem}", place), op, types))
        return result

    guarded.guarded = True  # type: ignore[attr-defined]
    return guarded


def _about(told: Diagnostic, op: Operator, types: tuple[Any, ...]) -> Diagnostic:
    """The same, with the input it happened on."""
    shown = ", ".join(map(str, types[0])) if types else ""
    message = f"{told.message}, for the input {shown}" if shown else told.message
    return Diagnostic(told.code, message, told.span, told.hint)


# What each rule gives: the problem with a result, in words that go on behind the rule's name.


def _types(result: Any) -> Problem:
    if not isinstance(result, tuple):
        wrapped = " (write `return (y,)`)" if isinstance(result, TensorType) else ""
        return f"returns a tuple of TensorTypes, not {_kind(result)}{wrapped}"
    if not result:
        return "returned no type: an operator has at least one output"
    for one in result:
        if not isinstance(one, TensorType):
            return f"returns a tuple of TensorTypes, and this one holds {_kind(one)}"
        if (problem := _sizes(one.shape)) is not None:
            return problem
        if one.dtype not in BYTES:
            return f"returned a tensor of '{one.dtype}', which is none of {', '.join(BYTES)}"
    return None


def _sizes(shape: Any, least: str = "a tensor has at least one axis") -> Problem:
    if not isinstance(shape, tuple):
        return f"returned the shape {shape!r}: a shape is a tuple"
    if not shape and least:
        return f"returned the shape (): {least}"
    for size in shape:
        if not _whole(size):
            return f"returned the shape {shape}, whose {size!r} is {_kind(size)}: sizes are whole numbers"
        if isinstance(size, int) and size < 1:
            return f"returned the shape {shape}, whose {size} is below 1: raise OperatorError where nothing fits"
    return None


def _weights(result: Any) -> Problem:
    if not isinstance(result, dict):
        return f"returns a dict of Weights by name, not {_kind(result)}"
    for name, weight in result.items():
        if not isinstance(name, str) or not isinstance(weight, Weight):
            return f"returns a dict of Weights by name, and this one holds {_kind(weight)} under {name!r}"
        if (problem := _sizes(weight.shape, "")) is not None:
            return f"of '{name}' {problem}"
        if weight.kind not in ("parameter", "frozen", "buffer"):
            return f"of '{name}' returned the kind '{weight.kind}': it is parameter, frozen or buffer"
        if weight.dtype not in BYTES:
            return f"of '{name}' returned the dtype '{weight.dtype}', which is none of {', '.join(BYTES)}"
    return None


def _count(result: Any) -> Problem:
    if not _whole(result):
        return f"returns a whole number, not {_kind(result)} ({result!r})"
    return f"returned {result}: a count is at least 0" if isinstance(result, int) and result < 0 else None


def _window(result: Any) -> Problem:
    return None if result is None or isinstance(result, Window) else f"returns a Window or None, not {_kind(result)}"


def _operator(result: Any) -> Problem:
    return (
        None if result is None or isinstance(result, Operator) else f"returns an Operator or None, not {_kind(result)}"
    )


def _reach(result: Any) -> Problem:
    if isinstance(result, tuple) and all(isinstance(one, Reach) for one in result):
        return None
    return f"returns a tuple of Reaches, one a spatial axis, not {result!r}"


def _saved(result: Any) -> Problem:
    if not isinstance(result, Saved):
        return f"returns a Saved, not {_kind(result)}"
    for name in ("own_bytes", "fixed_bytes"):
        if (problem := _count(getattr(result, name))) is not None:
            return f"of `{name}` {problem}"
    return None


def _steps(result: Any) -> Problem:
    if isinstance(result, tuple) and all(isinstance(step, Fraction) for step in result):
        return None
    return f"returns a tuple of Fractions, not {result!r}"


def _text(result: Any) -> Problem:
    return None if isinstance(result, str) else f"returns text, not {_kind(result)}"


def _whole(value: Any) -> bool:
    """Whether a value is a whole number, or a size that is open."""
    return type(value) is int or type(value).__module__.startswith("archspec.")


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"a{'n' if name[0] in 'aeiou' else ''} {name}" if value is not None else "None"


_CHECKS: dict[str, Callable[[Any], Problem]] = {
    "infer": _types,
    "weights": _weights,
    "macs": _count,
    "elementwise_ops": _count,
    "window": _window,
    "slid_over": _operator,
    "steps": _steps,
    "reach": _reach,
    "saved": _saved,
    "scratch": _count,
    "training_scratch": _count,
    "backward_scratch": _count,
    "label": _text,
}
