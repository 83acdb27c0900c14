"""Types of arguments that operators share: whole numbers, one number an axis, padding, initial weights.

They are strict: `3.5` or `true` where a whole number belongs is refused, not rounded. Where an
argument has several forms one function checks it, so that a mistake gets one message, not one a form.
Lists become tuples: an operator never changes, and may be looked up by what it is.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

LARGEST = 2**31 - 1
"""Frameworks keep sizes of windows and layers in 32 bits."""

Count = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
Flag = Annotated[bool, Field(strict=True)]
Real = Annotated[float, Field(strict=True)]
Positive = Annotated[float, Field(strict=True, gt=0)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]

_WORDS = ("valid", "same", "full", "same_upper")
_INITS = ("default", "he", "he_uniform", "he_fan_out", "xavier", "xavier_normal", "zeros")
_SPREADS = {"normal": 0.0, "trunc_normal": 0.0, "uniform": 0.0, "constant": -float("inf")}


def _whole(value: Any, least: int) -> bool:
    return type(value) is int and least <= value <= LARGEST


def whole_numbers(least: int, value: Any) -> str:
    """The whole numbers that are expected; with the largest of them, where a number is beyond it."""
    return f"a whole number from {least} to {LARGEST:,}" if _beyond(value) else f"a whole number of at least {least}"


def _beyond(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_beyond, value))
    return type(value) is int and value > LARGEST


def _refusal(kind: str, expected: str, value: Any, words: tuple[str, ...] = ()) -> PydanticCustomError:
    # what the user wrote goes in as a value because it may hold braces
    context = {"expected": expected, "shown": as_written(value), "words": words}
    return PydanticCustomError("argument_" + kind, "{expected}, not {shown}", context)


def as_written(value: Any, whole: bool = False) -> str:
    """A value as the spec has it (`true`, `[1, 2]`, `{normal: -1}`), cut to a line unless it shall be `whole`."""
    most = None if whole else 12
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        shown = f"[{', '.join(as_written(item, whole) for item in value[:most])}]"
    elif isinstance(value, dict):
        shown = f"{{{', '.join(f'{key}: {as_written(item, whole)}' for key, item in list(value.items())[:most])}}}"
    else:
        shown = "nothing" if value is None else str(value)
    return shown if whole or len(shown) <= 60 else shown[:57] + "…"


def _axes(value: Any, least: int) -> Any:
    if _whole(value, least):
        return value
    if isinstance(value, list | tuple) and 1 <= len(value) <= 3 and all(_whole(n, least) for n in value):
        return tuple(value)
    expected = f"{whole_numbers(least, value)} is expected, or a list of one for each axis"
    raise _refusal("axes", expected, value)


def _from_one(value: Any) -> Any:
    return _axes(value, 1)


def _from_zero(value: Any) -> Any:
    return _axes(value, 0)


def _one_or_none(value: Any) -> Any:
    return None if value is None else _axes(value, 1)


def _is_side(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) == 2 and all(_whole(n, 0) for n in value)
    return _whole(value, 0)


def _padding(value: Any) -> Any:
    if _whole(value, 0) or (isinstance(value, str) and value in _WORDS):
        return value
    if isinstance(value, list | tuple) and 1 <= len(value) <= 3 and all(_is_side(side) for side in value):
        return tuple(tuple(side) if isinstance(side, list) else side for side in value)
    raise _refusal(
        "padding",
        f"{whole_numbers(0, value)} is expected, or one for each axis, or [before, after] for each axis, "
        "or one of valid, same, full, same_upper",
        value,
        _WORDS,
    )


def _init(value: Any) -> Any:
    if isinstance(value, str) and value in _INITS:
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((kind, number),) = value.items()
        finite = type(number) in (int, float) and abs(number) < float("inf")
        if kind in _SPREADS and finite and number >= _SPREADS[kind]:
            return {kind: float(number)}
    raise _refusal(
        "init",
        "one of default, he, he_uniform, he_fan_out, xavier, xavier_normal, zeros is expected, or {normal: std}, "
        "{trunc_normal: std}, {uniform: bound} or {constant: number}",
        value,
        tuple(_SPREADS) if isinstance(value, dict) else _INITS,
    )


def _parts(value: Any) -> Any:
    sizes = value if isinstance(value, list | tuple) else [value]
    if sizes and all(type(n) is int and 1 <= n <= LARGEST for n in sizes):
        return value if isinstance(value, int) else tuple(value)
    raise PydanticCustomError(
        "argument_parts",
        "a whole number of equal parts{bound} is expected, or a list with the channels of each part, not {shown}",
        {"bound": f", at most {LARGEST:,}," if _beyond(value) else "", "shown": str(value)[:60]},
    )


def _range(value: Any) -> Any:
    if isinstance(value, list | tuple) and len(value) == 2 and all(type(n) is int and n >= 0 for n in value):
        return tuple(value)
    raise PydanticCustomError(
        "argument_range",
        "[first, end] in whole numbers is expected, `end` not included, not {shown}",
        {"shown": str(value)[:60]},
    )


# What the schema of the language says of these arguments; the functions above do the checking.
_AtLeast0 = Annotated[int, Field(ge=0)]
_AtLeast1 = Annotated[int, Field(ge=1)]
_Ones = _AtLeast1 | list[_AtLeast1]
_Zeros = _AtLeast0 | list[_AtLeast0]

Axes = Annotated[int | tuple[int, ...], PlainValidator(_from_one, json_schema_input_type=_Ones)]
"""One number for all spatial axes, or one an axis."""
AxesOrNone = Annotated[int | tuple[int, ...] | None, PlainValidator(_one_or_none, json_schema_input_type=_Ones | None)]
AxesFromZero = Annotated[int | tuple[int, ...], PlainValidator(_from_zero, json_schema_input_type=_Zeros)]
Padding = Annotated[
    int | str | tuple[int | tuple[int, ...], ...],
    PlainValidator(
        _padding,
        json_schema_input_type=_AtLeast0
        | Literal["valid", "same", "full", "same_upper"]
        | list[_AtLeast0 | list[_AtLeast0]],
    ),
    Field(description="Cells added around the input: a number, one an axis, [before, after] an axis, or a word."),
]
"""A number, one an axis, [before, after] an axis, or a word of `archspec.tensor.PaddingWord`."""
MAX_PARTS = 4_096
Parts = Annotated[int | tuple[int, ...], PlainValidator(_parts, json_schema_input_type=_AtLeast1 | list[_AtLeast1])]
"""How many equal parts of the channels, or the channels of each."""
Range = Annotated[
    tuple[int, int],
    PlainValidator(_range, json_schema_input_type=Annotated[list[_AtLeast0], Field(min_length=2, max_length=2)]),
]
"""The first and the one behind the last."""
Init = Annotated[
    str | dict[str, float],
    PlainValidator(
        _init,
        json_schema_input_type=Literal["default", "he", "he_uniform", "he_fan_out", "xavier", "xavier_normal", "zeros"]
        | dict[Literal["normal", "trunc_normal", "uniform", "constant"], float],
    ),
    Field(description="How weights begin: a word, or a distribution with its one number, as {normal: 0.01}."),
]
"""Initial weights: a name, or one number with the distribution it belongs to.

With fan_in = (Cin / groups)·taps and fan_out = (Cout / groups)·taps: `he` is normal with variance
2 / fan_in (He et al. 2015), `he_uniform` uniform in ±√(6 / fan_in), which is that variance too; `he_fan_out` has
variance 2 / fan_out; `xavier` is uniform in ±√(6 / (fan_in + fan_out)) (Glorot and Bengio 2010), `xavier_normal`
normal with the variance of it, 2 / (fan_in + fan_out); `trunc_normal` normal cut at two standard deviations. Biases
start at zero, save under `default`, which is what the backend's own layer does.
"""

# The arguments that several operators have, with what they are.
_STEPS = Field(description="Cells from one window to the next along each axis: one number, or one an axis.")
_CELLS = Field(description="Cells of the output along each axis: one number, or one an axis.")
Kernel = Annotated[Axes, Field(description="Cells that a window covers along each axis: one number, or one an axis.")]
Stride = Annotated[Axes, _STEPS]
StrideOrNone = Annotated[AxesOrNone, _STEPS]
Size = Annotated[Axes, _CELLS]
SizeOrNone = Annotated[AxesOrNone, _CELLS]
Dilation = Annotated[Axes, Field(description="Steps between the taps of a kernel along each axis; 1 leaves no gaps.")]
Groups = Annotated[Count, Field(description="Groups of channels, each with filters of its own.")]
Bias = Annotated[Flag, Field(description="Whether a bias is added to every output channel.")]
