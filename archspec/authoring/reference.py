"""The reference of operators and functions as Markdown, made from what they are: docstrings, fields, samples.

`docs/generate.py` writes it into docs/operators/, `archspec explain` shows it a word at a time.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

from archspec.authoring import docstrings
from archspec.authoring.docstrings import markdown, written
from archspec.expressions import FUNCTIONS
from archspec.ops import REGISTRY, Operator, Sample
from archspec.plugins import plugin_of

TITLES = {
    "act": "Activations",
    "conv": "Convolutions",
    "filter": "Fixed kernels",
    "linear": "Linear layers",
    "merge": "Merges",
    "norm": "Normalisation",
    "pool": "Pooling",
    "region": "Regions",
    "regularize": "Regularisation",
    "resample": "Resampling",
    "shape": "Shape",
}


def families() -> dict[str, list[type[Operator]]]:
    """The operators by the module or the plugin they stand in: `conv`, `norm`, …"""
    found: dict[str, list[type[Operator]]] = {}
    for cls in REGISTRY.values():
        plugin = plugin_of(cls.word)
        family = f"plugin {plugin.name}" if plugin else cls.__module__.rpartition(".")[2]
        found.setdefault(family, []).append(cls)
    return dict(sorted(found.items()))


def title(family: str) -> str:
    """What a family is called in headings."""
    return TITLES.get(family, f"{family[:1].upper()}{family[1:]}")


def summary(family: str) -> str:
    """A family in a few words, from the docstring of its module."""
    text = inspect.getdoc(sys.modules[f"archspec.ops.{family}"]) or ""
    return text.splitlines()[0].partition(":")[2].strip().rstrip(".") or text.splitlines()[0].rstrip(".")


def operator(cls: type[Operator]) -> list[str]:
    """The lines of an operator's entry: what it does, its arguments, and the samples that its tests prove."""
    lines = [f"## {cls.word}", "", markdown(inspect.getdoc(cls) or ""), "", _takes(cls), ""]
    return [*lines, *_arguments(cls), *_samples(cls)]


def function(name: str) -> list[str]:
    """The lines of the entry of a function that expressions may call."""
    return [f"## {name}", "", FUNCTIONS[name].doc, ""]


def first_sentence(cls: type[Operator]) -> str:
    """What an operator is, to the first stop of its docstring."""
    return docstrings.first_sentence(inspect.getdoc(cls) or "")


def in_words(schema: dict[str, Any]) -> str:
    """A JSON schema in words: `whole number ≥ 1, or a list of them`."""
    if "anyOf" in schema:
        kinds = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
        words = ("a list of them" if kind.get("items") in kinds else in_words(kind) for kind in kinds)
        return ", or ".join(dict.fromkeys(words))
    if "type" not in schema and not {"enum", "const"} & schema.keys():
        return "a value"  # of a type of a plugin's own
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema["type"] == "array":
        least, most = schema.get("minItems"), schema.get("maxItems")
        count = f" of {least}" if least == most and least else ""
        return f"a list{count} ({in_words(schema.get('items', {}))})"
    if schema["type"] == "object":
        names = schema.get("propertyNames", {}).get("enum")
        if names is None:
            return "a mapping"
        return ", ".join(f"`{{{key}: number}}`" for key in names)
    if schema["type"] == "boolean":
        return "`true`, `false`"
    noun = {"integer": "whole number", "number": "number", "string": "text"}.get(schema["type"], "a value")
    return " ".join(filter(None, (noun, _bounds(schema))))


def _takes(cls: type[Operator]) -> str:
    least, most = cls.arity
    if most is None:
        return f"Takes {least} or more tensors."
    if least != most:
        return f"Takes {least} to {most} tensors."
    return f"Takes {'one tensor' if least == 1 else f'{least} tensors'}."


def _arguments(cls: type[Operator]) -> list[str]:
    fields = cls.model_fields
    if not fields:
        return ["No arguments.", ""]
    properties = cls.model_json_schema()["properties"]
    lines = ["| argument | value | unwritten | meaning |", "|---|---|---|---|"]
    for name, field in fields.items():
        reference = name in cls.references
        value = "a layer, or a list of them" if reference else in_words(properties[name])
        unwritten = "required" if field.is_required() else "" if reference else f"`{written(field.default)}`"
        lines.append(f"| `{name}` | {value} | {unwritten} | {meaning(cls, name)} |")
    lines.append("")
    if cls.main:
        lines += [f"`{cls.main}` may stand alone: `- {cls.word}: …`", ""]
    if cls.tunable:
        tunable = ", ".join(f"`{name}`" for name in fields if name in cls.tunable)
        lines += [f"`defaults:` may set {tunable}.", ""]
    return lines


def meaning(cls: type[Operator], name: str) -> str:
    """What an argument says, in a phrase; empty where nothing is known of it but its name."""
    text = " ".join((cls.model_fields[name].description or "").split()).rstrip(".")
    return text[:1].lower() + text[1:]


def _samples(cls: type[Operator]) -> list[str]:
    if not cls.samples:
        return []
    costs = any(sample.params or sample.macs for sample in cls.samples)
    lines = ["| sample | input | output |", "|---|---|---|"]
    if costs:
        lines = [f"{lines[0]} parameters | MACs |", f"{lines[1]}---:|---:|"]
    for sample in cls.samples:
        cells = [_call(cls, sample), _shapes(sample.inputs), _shapes(sample.outputs)]
        cells += [f"{sample.params:,}", f"{sample.macs:,}"] if costs else []
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _call(cls: type[Operator], sample: Sample) -> str:
    args = sample.args
    if not args:
        return f"`{cls.word}`"
    if cls.main and list(args) == [cls.main]:
        return f"`{cls.word}: {written(args[cls.main])}`"
    return f"`{cls.word}: {written(dict(args))}`"


def _shapes(shapes: tuple[tuple[int, ...], ...]) -> str:
    return ", ".join("×".join(map(str, shape)) for shape in shapes)


def _bounds(schema: dict[str, Any]) -> str:
    low = next((f"{sign} {schema[key]:g}" for key, sign in _LOW if key in schema), "")
    high = next((f"{sign} {schema[key]:g}" for key, sign in _HIGH if key in schema and schema[key] < 2**31 - 1), "")
    return ", ".join(filter(None, (low, high)))


_LOW = (("minimum", "≥"), ("exclusiveMinimum", ">"))
_HIGH = (("maximum", "≤"), ("exclusiveMaximum", "<"))
