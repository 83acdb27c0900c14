"""A run file in the schema: its sections, each choice by its `kind`, and the short forms (`optimizer: adam`)."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import isclass
from typing import get_args

from pydantic.fields import FieldInfo

from archspec.authoring.schema import texts
from archspec.authoring.schema.document import DRAFT
from archspec.authoring.schema.values import Schema, documented, ref, tidy
from archspec.run import Run
from archspec.run.sections import AS_TEXT, Section


def run_file() -> Schema:
    """The JSON Schema of a run file."""
    told = tidy(Run.model_json_schema())
    definitions = told.pop("$defs")
    for cls in _sections(Run):
        schema = told if cls is Run else definitions[cls.__name__]
        for name, field in cls.model_fields.items():
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


def _choices(field: FieldInfo) -> list[type[Section]]:
    """The sections that a key may hold."""
    options = get_args(field.annotation) or (field.annotation,)
    return [cls for cls in options if isclass(cls) and issubclass(cls, Section)]


def _sections(cls: type[Section]) -> Iterator[type[Section]]:
    """A section and those inside it, outermost first."""
    yield cls
    for field in cls.model_fields.values():
        for inner in _choices(field):
            yield from _sections(inner)
