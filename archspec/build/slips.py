"""What a value that an argument refused was probably meant as, where the value itself tells."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from pydantic import ValidationError

from archspec.expressions import plain
from archspec.ops.arguments import as_written
from archspec.ops.base import Operator, OperatorError

_TRUTHS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
"""What YAML 1.1 and people write for the two."""


def meant_by(cls: type[Operator], argument: str, data: Mapping[str, object], item: Any) -> str | None:
    """The help for a refused argument (`item`: pydantic's error) of those evaluated; None where nothing is known."""
    value = plain(data.get(argument))
    if item["type"] in ("bool_type", "bool_parsing") and str(value).lower() in _TRUTHS:
        return f"`{argument}: {_TRUTHS[str(value).lower()]}`"
    if isinstance(value, bool):
        return _truth(cls, argument, value, data)
    if isinstance(value, list):
        return _in_a_row(cls, argument, value, data)
    if isinstance(value, str):
        extra = [name for name, kind in cls.references.items() if kind == "extra" and name not in data]
        named = bool(extra) and argument == cls.main and value.isidentifier()
        return f"where '{value}' is a layer, `{cls.word}: {{{extra[0]}: {value}}}` takes its size" if named else None
    return _percent(argument, value, item)


def _truth(cls: type[Operator], argument: str, value: bool, data: Mapping[str, object]) -> str | None:
    """A truth value for the padding: whether the size stays, as some libraries have it."""
    if argument != "padding" or not _takes(cls, {**data, argument: "same"}):
        return None
    return "`padding: same` keeps the size" if value else "`padding: 0`"


def _in_a_row(cls: type[Operator], argument: str, values: list[Any], data: Mapping[str, object]) -> str | None:
    """Several arguments without their names, `conv: [16, 3]`, as functions of other libraries take them."""
    if argument != cls.main or len(data) > 1 or not 1 < len(values) <= len(cls.model_fields):
        return None
    named = dict(zip(islice(cls.model_fields, len(values)), values, strict=True))
    if next(iter(named)) != argument or not _takes(cls, named):
        return None
    return f"`{cls.word}: {as_written(named)}`"


def _percent(argument: str, value: object, item: Any) -> str | None:
    """A share in percent: `dropout: 50`."""
    context = item.get("ctx", {})
    share = any(isinstance(most, float) and most == 1 for most in (context.get("lt"), context.get("le")))
    if not share or not isinstance(value, int | float) or not 1 < value < 100:
        return None
    return f"{value:g} % are written {value / 100:g}"


def _takes(cls: type[Operator], data: Mapping[str, object]) -> bool:
    try:
        cls.model_validate({name: plain(value) for name, value in data.items()})
    except (ValidationError, OperatorError):
        return False
    return True
