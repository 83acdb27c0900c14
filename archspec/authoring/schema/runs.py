"""A run file in the schema: its sections, each choice by its `kind`, and the short forms (`optimizer: adam`)."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import isclass
from typing import get_args, get_origin

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
    "augment": "What is changed at random about the images trained on, in this order: [mirror, {random_crop: 4}].",
    "direction": "Left to right, or upside down.",
    "p": "Probability that an image is changed.",
    "padding": "Pixels around the image before a part of its size is cut out.",
    "mode": "What the padding is: one value, or the pixels at the edge, mirrored or repeated.",
    "fill": "Value (0 … 255) of what comes from outside the image.",
    "scale": "The smallest and the largest: a share of the area, for zoom a factor.",
    "ratio": "The smallest and the largest ratio of the sides.",
    "degrees": "The largest angle, either way.",
    "share": "The largest shift, as a share of the side.",
    "brightness": "The factor is within 1 ± this.",
    "contrast": "The factor is within 1 ± this.",
    "saturation": "The factor is within 1 ± this.",
    "hue": "The largest turn, as a share of the colour circle.",
    "std": "Deviation of the shift, in variances of the component.",
    "alpha": "For local_warp how far pixels move; for mixup and cutmix both numbers of the Beta distribution.",
    "sigma": "Deviation of the Gaussian in pixels; for blur the smallest and the largest.",
}


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
