"""A whole spec in the schema: the document's model, with what its lists and mappings hold filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from archspec.authoring.schema import layers, texts
from archspec.authoring.schema.operators import Word, operator_word
from archspec.authoring.schema.values import REFERENCE, Schema, argument, documented, tidy
from archspec.build.uses import LIBRARIES
from archspec.ops import REGISTRY
from archspec.ops.arguments import LARGEST
from archspec.overrides import VARIANT_KEYS
from archspec.spec import PARAMETER_TYPES, Document

DRAFT = "http://json-schema.org/draft-07/schema#"
SIZE: Schema = {"type": ["integer", "string"], "minimum": 1, "maximum": LARGEST, "minLength": 1}
"""A size of an input: a number, an expression, or a word for a size that is left open."""


@dataclass(frozen=True)
class Scope:
    """What a schema knows of the file that it is for; by default nothing, as it is for any file."""

    blocks: Mapping[str, Word] = field(default_factory=dict)
    closed: bool = False
    """Whether no other words are layers, and no other variables there for variants to change."""
    variables: tuple[str, ...] = ()
    filled: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Arguments by operator that `defaults:` gives."""


def base_words(filled: Mapping[str, frozenset[str]] | None = None) -> dict[str, Word]:
    """Operators and the words of structure. `filled` are arguments that `defaults:` gives; None: those it may give."""
    operators = {
        name: operator_word(cls, cls.tunable if filled is None else filled.get(name, frozenset()))
        for name, cls in REGISTRY.items()
    }
    return {**layers.structure(operators), **operators}


def document(scope: Scope) -> Schema:
    """The JSON Schema of a spec file."""
    told = tidy(Document.model_json_schema())
    words = {**base_words(scope.filled if scope.closed else None), **scope.blocks}
    definitions = told.pop("$defs")
    definitions["BlockDocument"]["title"], definitions["HeadDocument"]["title"] = "block", "head"
    block, head = definitions["BlockDocument"]["properties"], definitions["HeadDocument"]["properties"]
    block["params"]["patternProperties"] = dict.fromkeys(block["params"]["patternProperties"], _PARAMETER)
    block["layers"] = layers.LAYERS
    head["from"] = REFERENCE
    head["layers"] = {**layers.LAYERS, "minItems": 1}
    _tell(block, texts.BLOCK)
    _tell(head, {**texts.HEAD, "was": texts.MODIFIERS["was"]})

    keys = told["properties"]
    keys["archspec"]["default"] = 1
    keys["input"]["items"] = SIZE
    for sizes in keys["inputs"]["patternProperties"].values():
        sizes["items"] = SIZE
    keys["use"] = argument({"enum": list(LIBRARIES)}, *keys["use"]["anyOf"])
    keys["defaults"] = _defaults(words)
    keys["layers"] = {**layers.LAYERS, "minItems": 1}
    keys["variants"]["additionalProperties"] = _variant(keys, scope)
    _tell(keys, texts.KEYS)
    return {
        "$schema": DRAFT,
        **told,
        "not": {"required": ["input", "inputs"]},
        "dependencies": {"layers": {"anyOf": [{"required": ["input"]}, {"required": ["inputs"]}]}},
        "definitions": {**definitions, **layers.definitions(words, others=not scope.closed)},
    }


_PARAMETER = argument({"enum": list(PARAMETER_TYPES)}, {"type": ["number", "boolean", "string", "array", "object"]})


def _tell(properties: dict[str, Schema], told: Mapping[str, texts.Text]) -> None:
    for name, schema in properties.items():
        properties[name] = documented(schema, *told.get(name, ("", "")))


def _defaults(words: Mapping[str, Word]) -> Schema:
    """For each operator, the arguments that do not change the structure."""
    tunable = {
        name: {
            "description": f"{words[name].summary}.",
            "type": "object",
            "properties": {key: words[name].arguments[key] for key in sorted(cls.tunable)},
            "additionalProperties": False,
        }
        for name, cls in REGISTRY.items()
        if cls.tunable
    }
    return {"type": "object", "properties": tunable, "additionalProperties": False}


def _variant(keys: Mapping[str, Schema], scope: Scope) -> Schema:
    """Other values of variables, and of the keys that a variant may state."""
    stated = {name: keys[name] for name in VARIANT_KEYS}
    variables: dict[str, Schema] = {name: {} for name in scope.variables}
    return {
        "type": "object",
        "properties": {**variables, **stated},
        "patternProperties": {} if scope.closed else {layers.IDENTIFIER: {}},
        "additionalProperties": False,
    }
