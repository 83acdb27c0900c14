"""Operators as words of a schema: their arguments from the fields, their documentation from the docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from archspec.authoring.docstrings import first_sentence, markdown, paragraph, written
from archspec.authoring.schema.values import REFERENCE, Schema, or_expression, tidy, union
from archspec.ops.base import Operator


@dataclass(frozen=True, slots=True)
class Word:
    """A word for a layer: what may stand behind it, and whether the word may stand alone.

    `arguments` are the schemas of its arguments by name, `main` the one that needs no name.
    """

    schema: Schema
    alone: bool = False
    arguments: Mapping[str, Schema] = field(default_factory=dict)
    main: str | None = None

    @property
    def summary(self) -> str:
        """The first sentence of its description."""
        return first_sentence(str(self.schema.get("description", "")))


def callable_word(shown: Schema, arguments: Mapping[str, Schema], required: list[str], main: str | None) -> Word:
    """A word that takes arguments: all by name, or the main one alone where that is enough.

    `shown` is its title and documentation.
    """
    named: Schema = {"type": "object", "properties": dict(arguments), "additionalProperties": False}
    if required:
        named["required"] = required
    if main is not None and set(required) <= {main}:
        named = union(*bare(arguments[main]).get("anyOf", ({},)), named)
    if "anyOf" in named and not required:
        # without it, an editor offers `gelu: gelu`: it takes the word alone for a value of the word with arguments
        named["defaultSnippets"] = [{"body": {main: "$1"}}]
    return Word({**shown, **named}, not required, arguments, main)


def bare(argument: Schema) -> Schema:
    """The schema of an argument without its documentation and default."""
    return {k: v for k, v in argument.items() if k not in ("description", "markdownDescription", "default")}


def operator_word(cls: type[Operator], filled: frozenset[str]) -> Word:
    """An operator. `filled` are arguments that `defaults:` gives, so that none of them has to be written."""
    text = inspect.getdoc(cls) or ""
    required = [name for name, info in cls.model_fields.items() if info.is_required() and name not in filled]
    shown = {"title": cls.word, "description": paragraph(text), "markdownDescription": markdown(text)}
    return callable_word(shown, arguments(cls), required, cls.main)


def arguments(cls: type[Operator]) -> dict[str, Schema]:
    """The arguments of an operator, each with its schema and what is known of it."""
    told = cls.model_json_schema().get("properties", {})
    found = {}
    for name, info in cls.model_fields.items():
        plain = tidy(told[name])
        default = plain.pop("default", None)
        plain.pop("description", None)
        schema = REFERENCE if name in cls.references else or_expression(plain)
        unwritten = "Required." if info.is_required() else "" if default is None else f"Unwritten: {written(default)}."
        text = " ".join(filter(None, (_sentence(cls, name) or info.description, unwritten)))
        found[name] = {**({"description": text} if text else {}), **schema}
        if default is not None:
            found[name]["default"] = default
    return found


def _sentence(cls: type[Operator], name: str) -> str | None:
    """What the docstring says of an argument, where a sentence begins with it: more than its description."""
    prose = " ".join(line for line in (inspect.getdoc(cls) or "").splitlines() if not line.startswith("    "))
    return next((s for s in re.split(r"(?<=\.)\s+", prose) if s.startswith(f"`{name}` ")), None)
