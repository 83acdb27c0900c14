"""How a value is written: as it is where it reads back the same, else in quotes."""

from __future__ import annotations

import re

from archspec.source.scalars import NULLS, resolve

_WORD = re.compile(r"(?:[A-Za-z_$][A-Za-z0-9_.$+*/-]*(?::[A-Za-z0-9_.$]+)*|[1-9][0-9]*_?[A-Za-z][A-Za-z0-9_]*)\Z")
"""Text that needs no quotes anywhere, if no reader of YAML takes it as anything but text."""
_ELSEWHERE = re.compile(r"(?i:y|n|yes|no|on|off|true|false|null|~)\Z|<<\Z|=\Z")
"""What other readers of YAML do not take as text: keeps the quotes it was given."""
_STARTS = frozenset(",[]{}#&*!|>'\"%@`")
_BRACKETS = frozenset(",[]{}")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}


def value_text(text: str, quoted: bool, flow: bool) -> str:
    """A value as it is written. Quotes stay around what has spaces or signs in it, as they were found.

    `flow`: within brackets or braces. Quotes are double ones, save around text that would be full of backslashes.
    """
    if not quoted and (not is_text(text) or plain_reads_back(text, flow)):
        return text
    if quoted and _WORD.match(text) and not _ELSEWHERE.match(text) and is_text(text):
        return text
    return quote(text)


def key_text(text: str, quoted: bool, flow: bool) -> str:
    """A key as it is written. Keys are always text to archspec: those that look like numbers get quotes for others."""
    return value_text(text, quoted or not is_text(text), flow)


def plain_reads_back(text: str, flow: bool) -> bool:
    """Whether unquoted text is read as itself."""
    if not text or text != text.strip() or not text.isprintable() or not is_text(text):
        return False
    if text[0] in _STARTS or (text[0] in "-?:" and (len(text) == 1 or text[1] in " ,[]{}")):
        return False
    if ": " in text or " #" in text or text.endswith(":") or text.startswith(("---", "...")) or text == "<<":
        return False
    return not (flow and (not _BRACKETS.isdisjoint(text) or "?" in text[:1]))


def quote(text: str) -> str:
    """Text in double quotes, or in single ones where those need no escapes and double ones would."""
    if ("\\" in text or '"' in text) and text.isprintable() and "'" not in text:
        return f"'{text}'"
    return '"' + "".join(_ESCAPES.get(char) or (char if char.isprintable() else _escaped(char)) for char in text) + '"'


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def is_text(text: str) -> bool:
    """Whether unquoted text is text, and no number, truth value or nothing."""
    return text not in NULLS and isinstance(resolve(text), str)
