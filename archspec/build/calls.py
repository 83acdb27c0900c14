"""What an operator or a block is called with: every argument evaluated, all that is wrong with them told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archspec.build import bind
from archspec.build.flow import BROKEN, Broken, Flow, Overflow
from archspec.build.place import Passed, Place
from archspec.errors import Diagnostic, SpecError
from archspec.ops.base import Operator
from archspec.parse import Parser
from archspec.source import Scalar, Value
from archspec.spec import PARAMETER_TYPES, Block, Layer

if TYPE_CHECKING:
    from archspec.build.expand import Expansion


def operator(
    expansion: Expansion, cls: type[Operator], layer: Layer, args: Value | None, flow: Flow, place: Place
) -> tuple[Operator, Flow, list[Flow], dict[str, Value]]:
    """The operator of a call, what flows into it, the other tensors it names, and its arguments as written.

    Raises SpecError with what is wrong with each argument, Broken where one of them depends on a layer in error.
    """
    written, wrong = bind.accepted(cls.word, cls.main, cls.__pydantic_fields__, args, layer.span)
    unclear = bind.meant(wrong, cls.__pydantic_fields__)
    values: dict[str, object] = {}
    extra: list[Flow] = []
    flow_in, broken = flow, flow.broken
    for key, value in written.items():
        try:
            if key not in cls.references:
                values[key] = place.argument(value, flow)
            elif cls.references[key] == "inputs":
                flow_in = place.reference(value, flow)
                broken = flow_in.broken
            else:
                extra.append(place.reference(value, flow))
        except Overflow:
            raise
        except Broken as error:
            unclear.add(key)
            flow_in, broken = error.flow if cls.references.get(key) == "inputs" else BROKEN, True
        except SpecError as error:
            unclear.add(key)
            wrong += error.diagnostics
    for key, (default, where) in expansion.defaults.get(cls.word, {}).items():
        if key not in written:
            values[key] = default
            written[key] = where
    if wrong:
        raise SpecError([*wrong, *bind.refused(cls, values, written, layer.span, place.variables, unclear)])
    if broken and len(values) < len([key for key in written if key not in cls.references]):
        raise Broken  # an argument is unknown: nothing to validate
    op = bind.make(cls, values, written, layer.span, expansion.made, place.variables)
    if broken and not (flow_in.broken and flow_in.counted and not extra):
        raise Broken  # it is not even known how many tensors these are
    return op, flow_in, extra, written


def parameters(block: Block, layer: Layer, flow: Flow, place: Place) -> dict[str, object]:
    """Values of a block's parameters: the caller's arguments, then defaults in the order written.

    Raises SpecError with what is wrong with each argument.
    """
    written, wrong = bind.accepted(block.name, block.main, block.params, layer.args, layer.span)
    meant = bind.meant(wrong, block.params)
    values: dict[str, object] = {}
    before = Place("", place.names, values, flow)  # what a default sees: the parameters written before it
    missing, lacking = [], []
    broken = False
    for name, default in block.params.items():
        kind = default.value if isinstance(default, Scalar) and default.value in PARAMETER_TYPES else None
        if name in written:
            try:
                values[name] = _argument(written[name], kind, flow, place)
            except Overflow:
                raise
            except Broken:
                broken = True
                continue
            except SpecError as error:
                wrong += error.diagnostics
                continue
            value = values[name]
            problem = bind.type_problem(kind, value) if kind is not None else None
            if problem and isinstance(value, Flow) and value.broken:
                broken = True
            elif problem:
                message = f"{block.name}: '{name}' should be {problem}, got {bind.shown(value)}"
                wrong.append(Diagnostic("E303", message, written[name].span))
            elif kind is None and (misspelt := bind.misspelt_type(name, default, value)):
                wrong.append(misspelt)
        elif kind is not None and name not in meant:
            missing.append(f"'{name}' ({kind})")
            lacking.append(name)
        elif kind is None and not (wrong or missing or broken):  # a default may need what is not there
            values[name] = before.evaluate(default, flow)
    if missing:
        message = f"block '{block.name}' needs {', '.join(missing)}"
        hint = bind.whole_call(block.name, block.params, written, lacking)
        wrong.append(Diagnostic("E304", message, layer.span, hint))
    if wrong:
        raise SpecError(wrong)
    if broken:
        raise Broken
    return values


def _argument(value: Value, kind: object, flow: Flow, place: Place) -> object:
    """One argument of a block: a value, a name left as text, or layers left for the block to run."""
    if kind == "layers":
        if isinstance(value, Scalar) and str(value.value).startswith("$"):
            return place.evaluate(value, flow)
        parser = Parser()
        layers = parser.layers(value)
        if parser.diagnostics:
            raise SpecError(parser.diagnostics)
        return Passed(layers, place)
    return place.evaluate(value, flow)
