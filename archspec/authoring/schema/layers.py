"""A layer in the schema: one word with its arguments, and the modifiers beside it."""

from __future__ import annotations

from collections.abc import Mapping

from archspec.authoring.schema.operators import Word
from archspec.authoring.schema.values import (
    COMPUTED,
    ONE_KEY,
    REFERENCE,
    Schema,
    Text,
    argument,
    documented,
    or_expression,
    ref,
    union,
)
from archspec.ops import REGISTRY
from archspec.ops.act import ACTIVATIONS
from archspec.spec import JOINS, MODIFIERS

IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]*$"
_PATH = r"^[A-Za-z_][A-Za-z0-9_]*(\.([A-Za-z_][A-Za-z0-9_]*|[0-9]+))*$"
LAYERS: Schema = {"type": "array", "items": ref("layer")}
_LIST = or_expression({"type": "array"})
_NAME: Schema = {"type": ["string", "number"], "minLength": 1}
_NAMES = union(_NAME, {"type": "array", "items": _NAME, "minItems": 1})
_ONE_WORD = f"a layer is one key, and the modifiers beside it: {', '.join(MODIFIERS)}"

TOLD: dict[str, Text] = {
    "name": (
        "What the layer is called. Names are the keys of weights, and what `from` and `outputs` speak of; unwritten, "
        "the word and its count (conv_bn3). Variables in it are replaced: p$l.",
        "name: stem",
    ),
    "from": (
        "What flows in, in place of the output of the layer above: a layer's name, a path (enc.0.skip), one tensor of "
        "a bundle (p4:1), or a list.",
        "from: [p3, p4]",
    ),
    "when": (
        "Whether the layer is there. It may look at channels and strides, never at height or width.",
        "when: $stride == 1 and $out == $in.channels",
    ),
    "repeat": ("How often the layer is repeated, one behind the other. $index counts from 0.", "repeat: $depth"),
    "each": (
        "Lists that are walked together, one instance of the layer for each step; or a table with columns and rows. "
        "$index counts from 0.",
        "each: {depth: $depths, width: [64, 128, 256, 512]}",
    ),
    "join": ("How branches come together again; `none` leaves them a bundle.", "join: concat"),
    "own": ("Inside `map`: whether the layer has weights of its own for each tensor.", "own: true"),
    "was": (
        "The name that this layer had, or names: weights stored under it are still found.",
        "was: conv1",
    ),
}
"""The modifiers."""

STRUCTURE: dict[str, Text] = {
    "layers": (
        "A group: layers under a name of their own, repeated or left out together.",
        "- layers:\n    - linear: 4096\n    - relu\n  repeat: 2\n  name: fc",
    ),
    "branches": (
        "A fork: every branch takes what flows in, and `join` says how they come together. An empty list is the "
        "input itself.",
        "- branches:\n    - [conv_act: 64]\n    - [conv_act: 96, conv_act: {out: 128, kernel: 3}]\n  join: concat",
    ),
    "residual": (
        "Layers whose output is added to their input. The shortcut is the input itself, unless it says otherwise.",
        "- residual:\n    body:\n      - conv_bn: {out: $width, kernel: 3}\n"
        "      - conv_bn: {out: $width, kernel: 3, act: none}\n    shortcut: project",
    ),
    "act": (
        "An activation by its name, which a variable may hold; `none` is no layer.",
        "- act: relu\n- act: {leaky_relu: {slope: 0.1}}",
    ),
    "share": ("A named part again, on another input, with the same weights.", "- share: encoder\n  from: right"),
    "map": (
        "The same layers, with the same weights, on every tensor of a bundle.",
        "- map:\n    - conv: {out: 256, kernel: 3, padding: same}\n    - relu\n  from: [p3, p4, p5]",
    ),
}

RESIDUAL: dict[str, Text] = {
    "body": ("The layers whose output is added to their input.", ""),
    "shortcut": ("What the body's output is added to.", "shortcut: project"),
}

SHORTCUTS: dict[str, str] = {
    "identity": "The input itself: the body must keep the shape.",
    "project": "Where channels or stride differ, a 1×1 convolution with the body's stride, and batch norm.",
    "when_same": "The input where the shape is kept; elsewhere nothing is added.",
}

TABLE: dict[str, Text] = {
    "columns": ("The variables that a row gives values to.", "columns: [expand, out, kernel]"),
    "rows": ("A list for each instance, as in the paper's table.", "rows:\n  - [1, 16, 3]\n  - [6, 24, 5]"),
    "as": ("One variable that holds the whole row: $row.out.", "as: row"),
}


def definitions(words: Mapping[str, Word], others: bool) -> dict[str, Schema]:
    """What lists of layers consist of. `others` says whether words that are not among `words` may be blocks."""
    return {
        "reference": REFERENCE,
        "layer": layer(words, others),
        **{f"layer.{name}": word.schema for name, word in words.items()},
        **{f"modifier.{name}": schema for name, schema in modifiers(words).items()},
        "words": {"enum": list(words)},
        **one_word(),
    }


def known(name: str, words: Schema, told: str) -> dict[str, Schema]:
    """`NAME`: a list of layers, those inside others too, of which all are `words`, modifiers beside them, or variables.

    It stands beside `layer`, which allows other words, for files whose other keys leave no room for any: the one
    schema says what a layer is, this one only which words there are. `told` is what an editor says of others.
    """
    variable: Schema = {"pattern": r"^\$"}
    residual = {"items": ref(f"{name}.layer"), "properties": {"body": ref(name), "shortcut": ref(name)}}
    return {
        name: {"items": ref(f"{name}.layer")},
        f"{name}.layer": {
            "if": {"type": "string"},
            "then": {"anyOf": [words, variable], "errorMessage": told},
            "else": {
                "propertyNames": {"anyOf": [words, {"enum": list(MODIFIERS)}, variable], "errorMessage": told},
                "properties": {
                    "layers": ref(name),
                    "map": ref(name),
                    "branches": {"items": stretch(name)},
                    "residual": residual,
                },
            },
        },
    }


def stretch(name: str) -> Schema:
    """A branch, or a head of a detector, whose words are `known` by that name: a list of layers or one."""
    return {"if": {"type": "array"}, "then": ref(name), "else": ref(f"{name}.layer")}


def layer(words: Mapping[str, Word], others: bool) -> Schema:
    """An item of a list of layers: a word alone, or a mapping of one word and modifiers."""
    alone = word_list({name: word.summary for name, word in words.items() if word.alone})
    alone["errorMessage"] = "no layer can be written like this: the word may be misspelt, or need arguments"
    kinds = [alone, {"type": "string", "pattern": r"^\$[A-Za-z_]"}, _mapping(words, others)]
    if others:
        kinds.insert(1, {"type": "string", "pattern": IDENTIFIER, "not": ref("words")})
    return {"anyOf": kinds}


def word_list(words: Mapping[str, str]) -> Schema:
    """One of the words, each with its text."""
    return {"enum": list(words), "enumDescriptions": list(words.values())}


def _mapping(words: Mapping[str, Word], others: bool) -> Schema:
    """One known word forbids all keys but modifiers; where none is known, the keys are counted."""
    rules: dict[str, Schema] = {
        name: {"propertyNames": {"enum": [name, *MODIFIERS], "errorMessage": _ONE_WORD}} for name in words
    }
    rules["branches"] |= {"required": ["join"], "errorMessage": "`join` says how these branches come together"}
    rules["join"] = {"required": ["branches"], "errorMessage": "`join` belongs to `branches`"}
    twice: Schema = {"type": "null", "errorMessage": "`repeat` or `each`: loops cross by nesting"}
    rules["repeat"] = {"properties": {"each": twice}}
    held = documented({}, "The block, or the layers, that a variable holds.")
    other = documented({}, "A block of this file, or one that `use` brings in.")
    return {
        "type": "object",
        "properties": {
            **{name: ref(f"layer.{name}") for name in words},
            **{name: ref(f"modifier.{name}") for name in MODIFIERS},
        },
        "patternProperties": {r"^\$": held, **({IDENTIFIER: other} if others else {})},
        "additionalProperties": False,
        "dependencies": rules,
        "if": {"propertyNames": {"not": ref("words")}},
        "then": ref("one_word"),
    }


_COUNTED = (("repeat", "each"), *((name,) for name in MODIFIERS if name not in ("repeat", "each", "join")))


def one_word() -> dict[str, Schema]:
    """`one_word`: an object with one key beside the modifiers.

    JSON Schema compares a number of keys with a constant alone, so the modifiers are asked for one after another,
    and each answer leads to a definition that knows how many were there; behind the last, one key more is right.
    (`join` is not among them: it asks for `branches`, a known word. Of `repeat` and `each` one is there at most.)
    """
    last = len(_COUNTED)
    found: dict[str, Schema] = {"one_word": ref("one_word.0.0")}
    for asked, names in enumerate(_COUNTED):
        for there in range(asked + 1):
            found[f"one_word.{asked}.{there}"] = {
                "if": {"anyOf": [{"required": [name]} for name in names]},
                "then": ref(f"one_word.{asked + 1}.{there + 1}"),
                "else": ref(f"one_word.{asked + 1}.{there}"),
            }
    for there in range(last + 1):
        found[f"one_word.{last}.{there}"] = {
            "if": {"minProperties": there + 1, "maxProperties": there + 1},
            "else": {"type": "null", "errorMessage": _ONE_WORD},
        }
    return found


def structure(operators: Mapping[str, Word]) -> dict[str, Word]:
    """The words that are no operators: groups, forks, residuals, activations by name, shared weights."""
    activations = {name: operators[name].summary for name in ACTIVATIONS} | {"none": "No layer"}
    called: Schema = {
        "type": "object",
        "properties": {name: ref(f"layer.{name}") for name in ACTIVATIONS},
        "additionalProperties": False,
        **ONE_KEY,
    }
    body = {
        "body": documented(LAYERS, *RESIDUAL["body"]),
        "shortcut": documented(argument(word_list(SHORTCUTS), LAYERS, COMPUTED), *RESIDUAL["shortcut"]),
    }
    residual: Schema = {"type": "object", "properties": body, "required": ["body"], "additionalProperties": False}
    schemas: dict[str, Schema] = {
        "layers": LAYERS,
        "branches": {"type": "array", "items": {"anyOf": [LAYERS, ref("layer")]}, "minItems": 1},
        "residual": union(LAYERS, residual),
        "act": argument(word_list(activations), COMPUTED, called),
        "share": {"type": "string"},
        "map": LAYERS,
    }
    words = {name: Word({"title": name, **documented(schemas[name], *STRUCTURE[name])}) for name in schemas}
    # what a block hands on to `act` is an activation: its arguments need not say again which there are
    passed: Schema = {"description": "An activation, or none.", "anyOf": [ref("layer.act")]}
    words["act"] = Word(words["act"].schema, arguments={"": passed}, main="")
    return words


def modifiers(words: Mapping[str, Word]) -> dict[str, Schema]:
    """The keys that may stand beside any word (`join` beside `branches`)."""
    renamed: Schema = {"type": "object", "additionalProperties": _NAMES, "minProperties": 1}
    schemas: dict[str, Schema] = {
        "name": {"type": "string", "pattern": rf"{_PATH}|\$"},
        "from": REFERENCE,
        "when": or_expression({"type": "boolean"}),
        "repeat": or_expression({"type": "integer", "minimum": 0}),
        "each": _each(),
        "join": _join(words),
        "own": {"type": "boolean"},
        "was": argument(_NAMES, renamed),
    }
    return {name: documented(schemas.get(name, {}), *TOLD.get(name, ("", ""))) for name in MODIFIERS}


def _each() -> Schema:
    """Lists by variable, or a table: what has `rows` is one."""
    table = {
        "columns": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "rows": _LIST,
        "as": {"type": "string", "pattern": IDENTIFIER},
    }
    return {
        "type": "object",
        "minProperties": 1,
        "properties": {name: documented({}, *text) for name, text in TABLE.items()},
        "if": {"required": ["rows"]},
        "then": {"properties": table, "required": ["columns"], "additionalProperties": False},
        "else": {"patternProperties": {IDENTIFIER: _LIST}, "additionalProperties": False},
    }


def _join(words: Mapping[str, Word]) -> Schema:
    """A word, or `{concat: {crop: center}}`: its arguments but those that name layers, which are the branches."""
    calls = {
        name: {
            "type": "object",
            "properties": {k: v for k, v in words[name].arguments.items() if k not in REGISTRY[name].references},
            "additionalProperties": False,
        }
        for name in JOINS
        if name in REGISTRY
    }
    mapping: Schema = {"type": "object", "properties": calls, "additionalProperties": False, **ONE_KEY}
    told = {name: words[name].summary if name in words else "The branches leave as a bundle" for name in JOINS}
    return argument(word_list(told), COMPUTED, mapping)
