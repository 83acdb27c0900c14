"""Plain data → YAML text that `parse` reads back to the same values."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import yaml

from archspec.source.scalars import NULLS, resolve
from archspec.source.values import MAX_DEPTH

_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Base):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, text: str) -> Any:
    # What our own rules would read as something else is quoted; PyYAML quotes what its rules would.
    clear = text not in NULLS and isinstance(resolve(text), str)
    style = '"' if not text.isprintable() else None if clear else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _decimal(dumper: Any, number: float) -> Any:
    text = repr(number)
    if "." not in text:
        text = text.replace("e", ".0e")  # to PyYAML 1e-05 is text
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _decimal)


def dump(plain: Any) -> str:
    """YAML text of plain data: short lists on one line, keys in order, what would be misread quoted.

    Raises ValueError for what a spec cannot hold: None, NaN, infinities, other types, endless nesting.
    """
    text: str = yaml.dump(
        _checked(plain, 0),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=110,
    )
    return text.removesuffix("...\n")


def _checked(data: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"the data is nested deeper than {MAX_DEPTH} levels")
    if isinstance(data, dict):
        return {str(key): _checked(item, depth + 1) for key, item in data.items()}
    if isinstance(data, list | tuple | range):
        return [_checked(item, depth + 1) for item in data]
    if isinstance(data, Fraction):
        data = int(data) if data.denominator == 1 else float(data)
    if isinstance(data, bool):
        return data
    for kind in (str, int, float):
        if isinstance(data, kind) and not (isinstance(data, float) and not math.isfinite(data)):
            return kind(data)
    raise ValueError(f"{data!r:.60} is no value a spec can hold")
