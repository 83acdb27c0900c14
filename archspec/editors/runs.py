"""A run file in the schema: its sections, each choice by its `kind`, and the short forms (`optimizer: adam`)."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import isclass
from typing import get_args, get_origin

from pydantic.fields import FieldInfo

from archspec.editors import texts
from archspec.editors.document import DRAFT
from archspec.editors.values import Schema, documented, ref, tidy
from archspec.run import Run
from archspec.run.sections import AS_TEXT, Section


def run_file() -> Schema:
    """The JSON Schema of a run file."""
    told = tidy(Run.model_json_schema())
    definitions = told.pop("$defs")
    for cls in _sections(Run):
        schema = told if cls is Run else definitions[cls.__name__]
        for name, field in cls.model_fields.items():
            if name not in schema["properties"]:  # the kind of a list's entry: it is the entry's key
                continue
            key = _key(field, schema["properties"][name], definitions)
            schema["properties"][name] = documented(key, texts.RUN.get(name, ""))
    return {
        "$schema": DRAFT,
        **told,
        "definitions": definitions,
    }


def _key(field: FieldInfo, schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """A key's own schema; where it holds a section, that or its short form."""
    sections = _choices(field)
    if not sections:
        return {**schema, "type": ["string", "integer", "number"]} if AS_TEXT in field.metadata else schema
    if get_origin(field.annotation) is list:
        return {**schema, "items": {"anyOf": _entries(sections, definitions)}}
    if "kind" not in sections[0].model_fields:
        (cls,) = sections
        short = definitions[cls.__name__]["properties"].get(cls.short)
        return {"anyOf": [*([short] if short else []), ref(cls.__name__)]}
    alone = {}
    for cls in sections:
        definition = definitions[cls.__name__]
        kind = str(cls.model_fields["kind"].default)
        if not definition.get("required"):
            alone[kind] = str(definition["description"]).partition("\n")[0]
    for cls in sections:
        if not isinstance(field.default, cls):
            definition = definitions[cls.__name__]
            definition["required"] = ["kind", *definition.get("required", [])]
    words: Schema = {"enum": list(alone), "enumDescriptions": list(alone.values())}
    return {"anyOf": [words, *(ref(cls.__name__) for cls in sections)]}


def _entries(sections: list[type[Section]], definitions: dict[str, Schema]) -> list[Schema]:
    """An entry of a list of sections: a word, or a mapping of one key to the section's own keys or its main one."""
    words, named = {}, []
    for cls in sections:
        definition = definitions[cls.__name__]
        properties = definition["properties"]
        kind = str(cls.model_fields["kind"].default)
        del properties["kind"]
        if not definition.get("required"):
            words[kind] = str(definition["description"]).partition("\n")[0]
        short = properties.get(cls.short)
        inner: Schema = {"anyOf": [*([short] if short else []), ref(cls.__name__)]}
        one = {"type": "object", "properties": {kind: inner}, "required": [kind], "additionalProperties": False}
        named.append(one)
    return [{"enum": list(words), "enumDescriptions": list(words.values())}, *named]


def _choices(field: FieldInfo) -> list[type[Section]]:
    """The sections that a key may hold."""
    held = get_args(field.annotation)[0] if get_origin(field.annotation) is list else field.annotation
    options = get_args(held) or (held,)
    return [cls for cls in options if isclass(cls) and issubclass(cls, Section)]


def _sections(cls: type[Section]) -> Iterator[type[Section]]:
    """A section and those inside it, outermost first."""
    yield cls
    for field in cls.model_fields.values():
        for inner in _choices(field):
            yield from _sections(inner)
