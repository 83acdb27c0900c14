"""A whole spec in the schema: the document's model, with what its lists and mappings hold filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from archspec import rules
from archspec.authoring.schema import layers
from archspec.authoring.schema.operators import Word, operator_word
from archspec.authoring.schema.values import REFERENCE, Schema, Text, argument, documented, ref, tidy
from archspec.build.detection import DECODERS, KINDS, SAID_BY_ANCHORS
from archspec.build.uses import LIBRARIES
from archspec.ops import REGISTRY
from archspec.ops.arguments import LARGEST
from archspec.ops.detect import YoloBoxes
from archspec.overrides import VARIANT_KEYS
from archspec.spec import PARAMETER_TYPES, Document

DRAFT = "http://json-schema.org/draft-07/schema#"
SIZE: Schema = {"type": ["integer", "string"], "minimum": 1, "maximum": LARGEST, "minLength": 1}
"""A size of an input: a number, an expression, or a word for a size that is left open."""

KEYS: dict[str, Text] = {
    "archspec": ("The version of the language: 1.", "archspec: 1"),
    "name": ("What the network is called.", ""),
    "allow": ("Warnings that the spec means to give, by their codes: none of them is told.", "allow: [W317]"),
    "cite": ("The paper that the network is from.", "cite: arXiv:1512.03385"),
    "task": ("What the network is for.", ""),
    "input": (
        "Size of the input: channels, height and width; [channels, length], [features] and "
        "[channels, depth, height, width] too. The batch is not written.",
        "input: [3, 224, 224]",
    ),
    "inputs": (
        "Several inputs by name; the first flows into the first layer, `from` takes another.",
        "inputs: {image: [3, 66, 200], map: [1, 50, 50]}",
    ),
    "use": (
        "Other specs whose blocks are brought in: `std` for the standard ones, a network of the zoo, or a path "
        "beside this file.",
        "use: std",
    ),
    "vars": (
        "Variables: numbers, texts and lists that the layers use as $name. `--set` and variants change them.",
        "vars: {classes: 1000, depths: [3, 4, 6, 3]}",
    ),
    "variants": (
        "Named sets of changes: other values of variables, and name, cite, input, defaults, outputs, assert.",
        'variants:\n  "152": {depths: [3, 8, 36, 3], assert: [params == 60_192_808]}',
    ),
    "blocks": (
        "Stretches of layers with parameters, each a word for `layers`.",
        "blocks:\n  double_conv:\n    params: {out: int, kernel: 3}\n    layers:\n"
        "      - conv_bn: {out: $out, kernel: $kernel}\n      - conv_bn: {out: $out, kernel: $kernel}",
    ),
    "defaults": (
        "Arguments where they are left out, anywhere in this network.",
        "defaults: {batch_norm: {eps: 1e-3}}",
    ),
    "layers": (
        "The network: each layer takes what the one above it gives.",
        "layers:\n  - conv_bn: {out: 64, kernel: 3}\n  - global_avg_pool\n  - linear: $classes",
    ),
    "heads": (
        "Outputs beside the main one.",
        "heads:\n  aux: {from: early, only: train, weight: 0.3, layers: [global_avg_pool, linear: 10]}",
    ),
    "detect": (
        "What makes a detector of the network: heads, the anchors of each, how their numbers become boxes, and which "
        "boxes are kept. The layers that follow are those of `yolo_boxes`, `yolo_v1_boxes`, `ssd_boxes`, "
        "`multibox_boxes` and `nms`.",
        "detect:\n  anchors: {kind: grid, boxes: [[116, 90], [156, 198]]}\n  heads:\n    - layers: [conv: 2 * 85]\n"
        "      name: p5\n  decode: yolo\n  nms: {score: 0.05, iou: 0.5, keep: 100}",
    ),
    "outputs": (
        "Which layers' outputs leave the network, by name, where it is not the last layer alone.",
        "outputs: {left: encoder, right: other}",
    ),
    "assert": (
        "What must hold whenever the spec is read: comparisons of params, macs, stride and other counts. One written "
        "{always: …} holds under overrides and in variants too.",
        "assert: [params == 25_557_032, {always: params < 30_000_000}]",
    ),
}

BLOCK: dict[str, Text] = {
    "params": (
        "Parameters: a type (int, float, number, str, bool, list, layers, name) where a value is required, else the "
        "default. The first may stand alone in a call.",
        "params: {width: int, stride: 1}",
    ),
    "inputs": ("What flows in: `many` for a bundle, or a name for each tensor.", "inputs: [p3, p4, p5]"),
    "outputs": ("Which tensors the block gives, where it is not its last layer's.", "outputs: [p3, p4, p5]"),
    "layers": ("The block's layers. They see its parameters, not the file's variables.", ""),
}

HEAD: dict[str, Text] = {
    "from": ("The layer that the head takes, by name.", ""),
    "only": ("`train`: in the deployed network, and in its counts, there is no such head.", ""),
    "weight": ("Of the head's loss beside the main one.", ""),
    "layers": ("The head's layers.", ""),
}

DETECT: dict[str, Text] = {
    "anchors": (
        "Boxes that a head moves and stretches. `kind: grid`: `boxes`, one list of [width, height] or one for each "
        "head, in `unit: pixel`, `cell` or `image`. `kind: scales`: those of SSD by `scales`, `ratios` and `strides`.",
        "anchors: {kind: grid, boxes: [[116, 90], [156, 198]], unit: pixel}",
    ),
    "heads": (
        "Layers that end in the maps of numbers, a stretch a head, as in `branches`. One of SSD ends in two maps, "
        "one of MultiBox in two vectors, called `class` and `box`.",
        "heads:\n  - layers: [conv: 255]\n    from: n$l\n    name: p$l\n    each: {l: [5, 4, 3]}",
    ),
    "decode": (
        "How numbers become boxes: yolo, yolo_v1, ssd or multibox; with arguments a mapping.",
        "decode: {yolo: {scores: softmax}}",
    ),
    "nms": ("Which boxes are kept: the arguments of the layer `nms`.", "nms: {score: 0.05, iou: 0.5, keep: 100}"),
}


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
    for model, title in (("BlockDocument", "block"), ("HeadDocument", "head"), ("DetectDocument", "detector")):
        definitions[model]["title"] = title
    block, head = definitions["BlockDocument"]["properties"], definitions["HeadDocument"]["properties"]
    block["params"]["patternProperties"] = dict.fromkeys(block["params"]["patternProperties"], _PARAMETER)
    block["layers"] = layers.LAYERS
    head["from"] = REFERENCE
    head["layers"] = {**layers.LAYERS, "minItems": 1}
    _tell(block, BLOCK)
    _tell(head, {**HEAD, "was": layers.TOLD["was"]})
    _detector(definitions["DetectDocument"]["properties"], words)

    keys = told["properties"]
    keys["archspec"]["default"] = 1
    keys["input"]["items"] = SIZE
    for sizes in keys["inputs"]["patternProperties"].values():
        sizes["items"] = SIZE
    keys["use"] = argument({"enum": list(LIBRARIES)}, *keys["use"]["anyOf"])
    keys["defaults"] = _defaults(words)
    keys["layers"] = {**layers.LAYERS, "minItems": 1}
    keys["variants"]["additionalProperties"] = _variant(keys, scope)
    keys["allow"]["items"] = layers.word_list({code: _title(page) for code, page in rules.pages().items()})
    _tell(keys, KEYS)
    definitions |= layers.definitions(words, others=not scope.closed)
    if not scope.closed:
        told["allOf"] = _closed_by_their_keys(definitions, base_words())
    return {
        "$schema": DRAFT,
        **told,
        "not": {"required": ["input", "inputs"]},
        "dependencies": {"layers": {"anyOf": [{"required": ["input"]}, {"required": ["inputs"]}]}},
        "definitions": definitions,
    }


def _detector(keys: dict[str, Schema], words: Mapping[str, Word]) -> None:
    """The section `detect`: heads are stretches of layers, the rest arguments of the operators that it makes."""
    keys["heads"] = {"type": "array", "items": {"anyOf": [layers.LAYERS, ref("layer")]}, "minItems": 1}
    decoders = {
        name: {
            "type": "object",
            "properties": {
                key: words[cls.word].arguments[key] for key in cls.model_fields if key not in SAID_BY_ANCHORS
            },
            "additionalProperties": False,
        }
        for name, cls in DECODERS.items()
    }
    keys["decode"] = argument(
        {"enum": list(DECODERS)},
        {
            "type": "object",
            "properties": decoders,
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
    )
    listed: Schema = {"type": ["array", "string"]}
    boxes = words[YoloBoxes.word].arguments
    keys["anchors"] = {
        "type": "object",
        "properties": {
            "kind": {"enum": list(KINDS), "default": "grid"},
            **{"boxes": listed, "unit": boxes["unit"], "clip": boxes["clip"]},
            **{"scales": listed, "ratios": listed, "strides": listed},
        },
        "additionalProperties": False,
        "if": {"properties": {"kind": {"const": "scales"}}, "required": ["kind"]},
        "then": {"propertyNames": {"enum": ["kind", *KINDS["scales"]]}},
        "else": {"propertyNames": {"enum": ["kind", *KINDS["grid"]]}},
    }
    keys["nms"] = {"type": "object", "properties": dict(words["nms"].arguments), "additionalProperties": False}
    _tell(keys, DETECT)


def _title(page: str) -> str:
    """What a rule's page is called: `a block is never called`."""
    return page.partition("\n")[0].partition(": ")[2]


def _closed_by_their_keys(definitions: dict[str, Schema], base: Mapping[str, Word]) -> list[Schema]:
    """Files of any author that can have no words but known ones: without `blocks`, and without `use` or with
    `use: std`. And variants where there are no variables to change."""
    told = "no layer is called this: blocks are written under `blocks`, or brought by `use`"
    definitions |= layers.known("plain", {"enum": list(base)}, told)
    definitions |= layers.known("with_std", ref("words"), told)
    blocks, use, variables = ({"required": [key]} for key in ("blocks", "use", "vars"))
    standard = {**use, "properties": {"use": {"enum": ["std", ["std"]]}}}

    def only(name: str) -> Schema:
        head: Schema = {"properties": {"layers": ref(name)}}
        detector: Schema = {"properties": {"heads": {"items": layers.stretch(name)}}}
        return {"properties": {"layers": ref(name), "heads": {"additionalProperties": head}, "detect": detector}}

    variant: Schema = {"propertyNames": {"enum": list(VARIANT_KEYS)}}
    return [
        {"if": {"not": {"anyOf": [blocks, use]}}, "then": only("plain")},
        {"if": {"allOf": [{"not": blocks}, standard]}, "then": only("with_std")},
        {"if": {"not": variables}, "then": {"properties": {"variants": {"additionalProperties": variant}}}},
    ]


_PARAMETER = argument({"enum": list(PARAMETER_TYPES)}, {"type": ["number", "boolean", "string", "array", "object"]})


def _tell(properties: dict[str, Schema], told: Mapping[str, Text]) -> None:
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
