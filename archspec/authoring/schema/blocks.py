"""Blocks as words of a schema: their parameters with types and defaults, and the comment at their head as text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from archspec import source
from archspec.authoring.docstrings import written
from archspec.authoring.schema.operators import Word, bare, callable_word
from archspec.authoring.schema.values import Schema, argument, or_expression, ref
from archspec.source import Scalar, Value
from archspec.spec import PARAMETER_TYPES, Block, Layer

_OF_TYPE: dict[str, Schema] = {
    "int": or_expression({"type": "integer"}),
    "float": or_expression({"type": "number"}),
    "number": or_expression({"type": "number"}),
    "str": {"type": "string"},
    "bool": or_expression({"type": "boolean"}),
    "list": or_expression({"type": "array"}),
    "layers": argument({"type": "array", "items": ref("layer")}, {"type": "string", "pattern": r"^\$"}),
    "name": {"type": "string"},
}
assert _OF_TYPE.keys() == set(PARAMETER_TYPES)


def block_words(blocks: Mapping[str, Block], words: Mapping[str, Word]) -> dict[str, Word]:
    """The blocks as words. `words` are those of operators and structure, which the blocks' layers use."""
    found: dict[str, Word] = {}

    def make(name: str, around: tuple[str, ...]) -> None:
        """The word of a block, after those of the blocks it calls: what it passes on is theirs to say."""
        for layer in _certain(blocks[name].layers):
            if layer.word in blocks and layer.word not in (*around, name) and layer.word not in found:
                make(layer.word, (*around, name))
        found[name] = _word(blocks[name], {**words, **found})

    for name in blocks:
        if name not in found:
            make(name, ())
    return {name: found[name] for name in blocks}


def _word(block: Block, words: Mapping[str, Word]) -> Word:
    parameters: dict[str, Schema] = {}
    required = []
    for name, default in block.params.items():
        kind = default.value if isinstance(default, Scalar) and default.value in PARAMETER_TYPES else None
        taken = _passed_on(block, name, words) or {}
        told = _UNWRITTEN.sub("", taken.get("description", ""))
        if kind is None:
            plain = source.to_plain(default)
            text = f"{told} Unwritten: {written(plain)}.".lstrip()
            parameters[name] = {"description": text, **bare(taken), "default": plain}
        else:
            required.append(name)
            text = f"{told} Required: {kind}.".lstrip()
            parameters[name] = {"description": text, **(bare(taken) or _OF_TYPE[str(kind)])}
    text = comment(block)
    shown = {"title": block.name, **({"description": text} if text else {})}
    return callable_word(shown, parameters, required, block.main)


_UNWRITTEN = re.compile(r"\s*(?:Unwritten|Required)\b[^`]*$")
"""How the text of an argument ends: what it is unless written, which is the block's own to say."""


def _passed_on(block: Block, parameter: str, words: Mapping[str, Word]) -> Schema | None:
    """What a layer of the block takes as the argument that is this parameter as it is: `kernel: $kernel`.

    Only layers that run whatever the arguments are can tell: behind a `when` any value may do.
    """
    for layer in _certain(block.layers):
        word = words.get(layer.word)
        if word is None or layer.args is None:
            continue
        given = layer.args.items() if isinstance(layer.args, source.Mapping) else [(word.main, layer.args)]
        for name, value in given:
            if name is not None and name in word.arguments and _is_variable(value, parameter):
                taken = word.arguments[name]
                # under another name it has another meaning, which only its values are told of
                return taken if name in (parameter, "") else bare(taken)
    return None


def _is_variable(value: Value, name: str) -> bool:
    return isinstance(value, Scalar) and value.text == f"${name}"


def _certain(layers: tuple[Layer, ...]) -> Iterator[Layer]:
    """The layers that every call of a block runs at least once."""
    for layer in layers:
        times = layer.repeat.value if isinstance(layer.repeat, Scalar) else 0
        again = layer.repeat is None or (isinstance(times, int) and times > 0)
        if layer.when is None and layer.each is None and again and layer.word != "map":
            yield layer
            yield from _certain(layer.body)
            yield from _certain(layer.branches)


def comment(block: Block) -> str:
    """The comment beside the name of a block, or else the one right above it."""
    beside = _COMMENT.match(block.span.text)
    if beside:
        return _sentence(beside[1])
    try:
        lines = Path(block.span.file).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return ""
    above: list[str] = []
    for line in reversed(lines[: block.span.line - 1]):
        if not line.lstrip().startswith("#"):
            break
        above.insert(0, line.strip().lstrip("# "))
    return _sentence(" ".join(above))


_COMMENT = re.compile(r"""(?:"[^"]*"|'[^']*'|[^"'])*?(?<=\s)#\s*(.*)$""")
"""A comment behind something else: text in quotes may hold a #."""


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[0].upper()}{text[1:].rstrip('.')}." if text else ""
