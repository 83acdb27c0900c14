"""A run file in the schema: its sections, each choice by its `kind`, and the short forms (`optimizer: adam`)."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import isclass
from typing import get_args

from pydantic.fields import FieldInfo

from archspec.authoring.schema.document import DRAFT
from archspec.authoring.schema.values import Schema, documented, ref, tidy
from archspec.run import Run
from archspec.run.sections import AS_TEXT, Section

KEYS: dict[str, str] = {
    "name": "Name of the run directory; unwritten, the run file's own.",
    "model": "The network: one of the zoo, or a spec file, as it is or changed.",
    "data": "The images to train on.",
    "train": "How to train.",
    "kind": "Which of them; it decides what other keys there are.",
    "spec": "A network of the zoo, or a path to a spec, relative to this file.",
    "variant": "One of the spec's variants.",
    "set": "Other values for what the spec sets, as `--set` takes them: {vars.width: 32}.",
    "input": "Another input size: [3, 64, 64].",
    "root": "The folder that holds the data, relative to this file.",
    "train_images": "File of the images to train on, relative to this file.",
    "train_labels": "File of their labels.",
    "test_images": "File of the images to test on.",
    "test_labels": "File of their labels.",
    "names": "What the classes are called, in the order of their numbers.",
    "split": "What is held out of training.",
    "val": "Share held out to choose the best epoch by.",
    "test": "Share held out to measure the trained network on.",
    "fit": "How an image comes to the network's input size: scaled on each axis, cropped, letterboxed, or centred.",
    "background": "What lies under transparent images: white, black or [red, green, blue].",
    "in_memory": "Whether decoded images are kept in memory.",
    "epochs": "How often all images are gone through.",
    "batch": "Images at once.",
    "optimizer": "How gradients change the weights.",
    "schedule": "How the learning rate goes from step to step.",
    "seed": "What random numbers begin from: the same seed, the same draw.",
    "device": "What computes: auto, cpu, cuda, cuda:0, cuda:1, … or mps.",
    "workers": "Processes that decode images, where these are not kept in memory.",
    "lr": "Learning rate.",
    "weight_decay": "Share of the weights that is taken away, times the learning rate, at each step.",
    "momentum": "Share of the last step that goes on in the next.",
    "nesterov": "Whether the gradient is taken where momentum leads.",
    "final": "The last learning rate, as a share of the first.",
    "every": "Epochs between two changes.",
    "factor": "What the learning rate is multiplied with.",
}


def run_file() -> Schema:
    """The JSON Schema of a run file."""
    told = tidy(Run.model_json_schema())
    definitions = told.pop("$defs")
    for cls in _sections(Run):
        schema = told if cls is Run else definitions[cls.__name__]
        for name, field in cls.model_fields.items():
            key = _key(field, schema["properties"][name], definitions)
            schema["properties"][name] = documented(key, KEYS.get(name, ""))
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
