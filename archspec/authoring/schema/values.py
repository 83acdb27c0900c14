"""The shapes of values in a JSON Schema: what pydantic says of a field, made fit for a text that people write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]
Text = tuple[str, str]
"""What an editor shows of a word, and an example where one says more than words do, else nothing."""

EXPRESSION = r"^\s*[^A-Za-z_\s]|[^\w.\s]"
"""Text that computes something: it begins with a sign or digit, or holds one that no word has. `relu` is a word."""

COMPUTED: Schema = {
    "type": "string",
    "pattern": EXPRESSION,
    "patternErrorMessage": "a value or an expression such as 4*$width belongs here, not a word",
}
TRUTH: Schema = {
    "type": "string",
    "pattern": f"^(true|false)$|{EXPRESSION}",
    "patternErrorMessage": "true, false or a comparison such as $stride == 1 belongs here",
}


def ref(definition: str) -> Schema:
    """A pointer to one of the schema's definitions."""
    return {"$ref": f"#/definitions/{definition}"}


def documented(schema: Schema, text: str, example: str = "") -> Schema:
    """The schema with what an editor shows of it: plain text, and Markdown with an example for those that render it."""
    if not text:
        return schema
    shown = {"markdownDescription": f"{text}\n\n```yaml\n{example}\n```"} if example else {}
    return {"description": text, **shown, **schema}


def union(*kinds: Schema) -> Schema:
    """Values of several types in one schema, where that is possible, else as alternatives.

    Most keywords concern values of one type alone (`minimum` numbers, `items` lists), so that types can stand side
    by side. What is wrong with a value is then told of its type, not of every alternative.
    """
    merged: Schema = {"type": []}
    for kind in kinds:
        types = [kind["type"]] if isinstance(kind.get("type"), str) else kind.get("type", [])
        rest = {key: value for key, value in kind.items() if key != "type"}
        if not types or "enum" in kind or set(types) & set(merged["type"]) or rest.keys() & merged.keys():
            return {"anyOf": list(kinds)}
        merged["type"] += types
        merged |= rest
    return merged


def argument(*kinds: Schema) -> Schema:
    """What may stand behind a key that has a value: words, and values of other kinds.

    Always alternatives, be it of one kind: of a type alone, editors write the default, or the `- ` of a list,
    before anyone asked for it.
    """
    words = [kind for kind in kinds if "enum" in kind]
    other = [kind for kind in kinds if "enum" not in kind]
    joined = union(*other) if other else {}
    return {"anyOf": [*words, *joined.get("anyOf", [joined] if joined else [])]}


def or_expression(schema: Schema) -> Schema:
    """What a spec may write where an argument of this (tidy) schema belongs: such a value, or an expression.

    Items of lists and values of mappings are computed one by one. Plain text stays as it is: all text is an expression.
    """
    kinds = [_computed_inside(kind) for kind in schema.get("anyOf", [schema])]
    types = [kind.get("type") for kind in kinds if "enum" not in kind]
    computed = [] if "string" in types else [TRUTH if "boolean" in types else COMPUTED]
    return argument(*kinds, *computed)


_ITEM: Schema = {"type": ["string", "array"], "items": ref("reference")}
REFERENCE = argument(_ITEM)
"""Layers by name: one, or a list, in which a variable may hold lists again."""


def _computed_inside(kind: Schema) -> Schema:
    if kind.get("type") == "array":
        return {**kind, "items": _alone(or_expression(kind["items"]))} if kind.get("items") else kind
    if kind.get("type") != "object":
        return kind
    names = kind.get("propertyNames", {}).get("enum")
    value = _alone(or_expression(kind["additionalProperties"]))
    if names is None:
        return {**kind, "additionalProperties": value}
    # one of the names, with its value: the shape of `init: {normal: 0.01}`
    return {"type": "object", "properties": dict.fromkeys(names, value), "additionalProperties": False, **ONE_KEY}


def _alone(alternatives: Schema) -> Schema:
    """The only one of some alternatives, where there is but one."""
    kinds = alternatives["anyOf"]
    return dict(kinds[0]) if len(kinds) == 1 else alternatives


ONE_KEY: Schema = {"minProperties": 1, "maxProperties": 1}

_NAMED = ("properties", "patternProperties", "definitions", "$defs")
_INNER = ("items", "additionalProperties", "propertyNames")


def tidy(schema: Mapping[str, Any]) -> Schema:
    """A schema of pydantic's without what says nothing to a reader: titles, null, defaults that are empty.

    Null cannot be written. A mapping whose keys have a pattern has no other keys.
    """
    kept = {key: value for key, value in schema.items() if key not in ("title", "default", "const", "$ref")}
    if "$ref" in schema:
        return ref(str(schema["$ref"]).rpartition("/")[2])
    if schema.get("default") not in (None, [], {}):
        kept["default"] = schema["default"]
    if "const" in schema:
        kept["enum"] = [schema["const"]]
    for key in _NAMED:
        if key in kept:
            kept[key] = {name: tidy(inner) for name, inner in kept[key].items()}
    for key in _INNER:
        if isinstance(kept.get(key), dict):
            kept[key] = tidy(kept[key])
    if "patternProperties" in kept:
        kept.setdefault("additionalProperties", False)
    if "anyOf" in kept:
        kinds = [tidy(kind) for kind in kept.pop("anyOf") if kind != {"type": "null"}]
        kept |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return kept
