"""Every operator's arguments in the schema, against what the operator itself takes."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from archspec.authoring.schema import schema
from archspec.ops import REGISTRY
from archspec.ops.base import Operator

jsonschema = pytest.importorskip("jsonschema")


def required(cls: type[Operator]) -> dict[str, Any]:
    """The arguments without which there is no such operator, from one of its samples."""
    names = [name for name, field in cls.model_fields.items() if field.is_required()]
    return next(({n: sample.args[n] for n in names} for sample in cls.samples if {*names} <= {*sample.args}), {})


@cache
def general() -> dict[str, Any]:
    return schema()


def validator(word: str) -> Any:
    """Checks what stands behind a word."""
    made = general()
    return jsonschema.Draft7Validator({**made["definitions"][f"layer.{word}"], "definitions": made["definitions"]})


VALUES: list[Any] = [
    *(-1, 0, 1, 2, 3, 32, 0.5, 1.5, -0.5, True, False, 2**40),
    *([], [0], [1], [0.5], [0, 0], [0, 3], [1, 2], [1, 2, 3, 4], [[0, 1], [1, 0]], [[1, 2], [3, 4]]),
    *("same", "valid", "none", "tanh", "center", "relu", "softmax", "zeros", "reflect", "bilinear", "he", "no_word"),
    *({}, {"normal": 0.1}, {"normal": -1}, {"constant": -1}, {"nothing": 1}, {"normal": 1, "uniform": 1}),
]


@pytest.mark.parametrize("word", REGISTRY)
def test_values_are_judged_as_the_operator_judges_them(word: str) -> None:
    """It never refuses what the operator takes, and takes what that refuses where a schema says less, alone: lists
    too short or long, numbers too large, zeros among the sizes of `reshape`, the sign of a deviation."""
    cls, judge = REGISTRY[word], validator(word)
    refused, missed = [], []
    for name in cls.model_fields.keys() - cls.references.keys():
        for value in VALUES:
            args = {**required(cls), name: value}
            try:
                cls.model_validate(args)
                taken = True
            except ValidationError:
                taken = False
            if taken and not judge.is_valid(args):
                refused.append((name, value))
            elif not taken and judge.is_valid(args) and not beyond_a_schema(value):
                missed.append((name, value))
    assert (refused, missed) == ([], [])


def beyond_a_schema(value: Any) -> bool:
    return isinstance(value, list) or value in (2**40, {"normal": -1})


def mutations() -> list[tuple[str, str]]:
    return [(word, name) for word, cls in REGISTRY.items() for name in cls.model_fields]


@pytest.mark.parametrize(("word", "name"), mutations())
def test_a_misspelt_argument_is_found(word: str, name: str) -> None:
    """With the argument as it is called the layer is right; with one letter doubled, swapped or lost it is not."""
    cls, judge = REGISTRY[word], validator(word)
    value = "early" if name in cls.references else {**required(cls), **defaults(cls)}.get(name, "$x")
    args = {**required(cls), name: value}
    assert judge.is_valid(args)
    for wrong in {name + name[-1], name[:-1] + "_", f"_{name}", name.upper()}:
        assert not judge.is_valid({wrong if key == name else key: v for key, v in args.items()}), wrong
        assert not judge.is_valid({**args, wrong: value}), wrong


def defaults(cls: type[Operator]) -> dict[str, Any]:
    told = cls.model_json_schema().get("properties", {})
    return {name: field["default"] for name, field in told.items() if field.get("default") is not None}


@pytest.mark.parametrize("word", [word for word, cls in REGISTRY.items() if required(cls)])
def test_a_missing_argument_is_found(word: str) -> None:
    """Save where `defaults:` may give it, which only the file can tell."""
    cls, judge = REGISTRY[word], validator(word)
    for name in required(cls):
        left = {key: value for key, value in required(cls).items() if key != name}
        assert judge.is_valid(left) == (name in cls.tunable)
