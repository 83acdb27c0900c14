"""Expression text → tokens. A name and its dotted path are one token: `$enc.*.skip`, `stage.3`, `p$l`."""

from __future__ import annotations

import re
from typing import NamedTuple

from archspec.expressions.values import Fault

MAX_LENGTH = 2000

_NAME = r"[^\W\d]\w*"
_PART = rf"(?:{_NAME}|[0-9]+|\*|\${_NAME})"
_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_TOKEN = re.compile(
    rf"""(?P<space>\s+)
    |(?P<variable>\${_NAME}(?:\.{_PART})*)
    |(?P<keyword>(?:and|or|not|if|else|true|false)(?!\w|\.[\w$*]))
    |(?P<word>{_NAME}(?:\.(?:\w+|\*|\${_NAME})|\${_NAME})*)
    |(?P<field>(?<=[\])])\.{_PART})
    |(?P<number>(?:{_DIGITS}(?:\.(?!\.)(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][-+]?[0-9]+)?)
    |(?P<text>'[^']*'|"[^"]*")
    |(?P<sign>\*\*|//|\.\.|==|!=|<=|>=|[-+*/%<>()\[\],:])""",
    re.VERBOSE,
)

_INSTEAD = {
    "=": "compare with ==",
    "!": "write not, or !=",
    "&": "write and",
    "|": "write or",
    "^": "powers are written **",
    "~": "write not",
    "$": "a variable is $name; ${…} belongs in names and text, here its inside is enough",
    "'": "this quote is never closed",
    '"': "this quote is never closed",
    "{": "mappings have no place in an expression",
    "?": "write $a if $condition else $b",
    "×": "multiply with *",
    "·": "multiply with *",
    "÷": "divide with /",
    "−": "this minus is not the one on the keyboard: -",
    "≤": "write <=",
    "≥": "write >=",
    "≠": "write !=",
}


class Token(NamedTuple):
    """A piece of an expression: its kind (`sign` for operators and brackets), text and place."""

    kind: str
    text: str
    start: int
    end: int


def tokenize(text: str) -> list[Token]:
    """The tokens of an expression, closed by one of kind `end`. Raises a fault E201 or E207."""
    if len(text) > MAX_LENGTH:
        raise Fault("E207", f"an expression of {len(text):,} characters, more than {MAX_LENGTH:,}", 0, 1)
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            char = text[at]
            raise Fault("E201", f"'{char}' has no place in an expression", at, at + 1, _INSTEAD.get(char))
        kind = match.lastgroup or ""
        if kind != "space":
            tokens.append(Token(kind, match.group(), at, match.end()))
        at = match.end()
    tokens.append(Token("end", "", len(text), len(text) + 1))
    return tokens
