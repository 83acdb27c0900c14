"""What unquoted text means: a number, true or false, or text. YAML's traps are closed, not sprung."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

LARGEST = 2**63
MAX_DIGITS = 30

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*(?:_[0-9]+)*)\Z")
_DECIMAL = re.compile(
    r"[-+]?(?:[0-9]+(?:_[0-9]+)*\.(?:[0-9]+(?:_[0-9]+)*)?|\.[0-9]+(?:_[0-9]+)*|[0-9]+(?:_[0-9]+)*(?=[eE]))"
    r"(?:[eE][-+]?[0-9]+)?\Z"
)
_LEADING_ZERO = re.compile(r"[-+]?0_?[0-9][0-9_]*\Z")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z")
_NUMBER_STARTS = frozenset("0123456789+-.")

NULLS = frozenset(["", "~", "null", "Null", "NULL"])


class Trap(NamedTuple):
    """Text that YAML readers disagree on, or that no number can hold: an error instead of a value."""

    code: str
    message: str
    hint: str


def resolve(text: str) -> str | int | float | bool | Trap:
    """The value of unquoted text, or why it has none. Only lower-case true and false are truth values."""
    if text[0] not in _NUMBER_STARTS:
        if text == "true":
            return True
        if text == "false":
            return False
        return text
    if _INTEGER.match(text):
        if len(text) > MAX_DIGITS or abs(int(text)) > LARGEST:
            return Trap("E010", f"{shorten(text)} is too large", f"whole numbers go up to 2^63 = {LARGEST}")
        return int(text)
    if _LEADING_ZERO.match(text):
        plain = text.replace("_", "").lstrip("+-").lstrip("0") or "0"
        return Trap(
            "E004",
            f"{shorten(text)} starts with 0: some YAML readers take it as octal",
            f"write {shorten(plain)}, or '{shorten(text)}' in quotes for text",
        )
    if _DECIMAL.match(text):
        number = float(text) if len(text) <= 200 else math.inf
        if math.isinf(number) or (number == 0.0 and re.search(r"[1-9]", re.split("[eE]", text)[0])):
            return Trap("E010", f"{shorten(text)} does not fit a float64", "decimals go from 1e-300 to 1e300")
        return number
    if _SEXAGESIMAL.match(text):
        return Trap(
            "E005",
            f"{shorten(text)} is a number in base 60 to some YAML readers",
            f"write '{shorten(text)}' in quotes for text",
        )
    return text


def shorten(text: str, most: int = 40) -> str:
    """Text of a bounded length for a message."""
    return text if len(text) <= most else text[: most - 10] + "…" + text[-9:]
