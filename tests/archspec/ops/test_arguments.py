"""Arguments several operators share: what is taken, what is refused and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from archspec.ops import REGISTRY


def messages(**args: Any) -> list[tuple[tuple[int | str, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        REGISTRY["conv"](**args)
    return [(error["loc"], error["msg"]) for error in caught.value.errors()]


@pytest.mark.parametrize("value", [0, -1, 2.0, 3.5, True, "3", None, [], [3, 0], [3, 3.0], [[3]], [1] * 4])
def test_kernels_that_are_no_kernels(value: Any) -> None:
    ((loc, message),) = messages(out=8, kernel=value)
    assert loc == ("kernel",)
    assert message.startswith("a whole number of at least 1 is expected, or a list of one for each axis, not ")


@pytest.mark.parametrize("word", sorted(REGISTRY))
def test_what_is_too_large_is_told_with_the_limit(word: str) -> None:
    """Every argument that is counted in whole numbers, in a list or alone: 2³¹ − 1 is the last of 32 bits."""
    cls = REGISTRY[word]
    for name in cls.model_fields:
        for value in (2**31, [2**31, 2**31]):
            try:
                cls(**{**cls.samples[0].args, name: value})
            except ValidationError as error:
                told = [item["msg"] for item in error.errors() if item["loc"] and item["loc"][0] == name]
                assert not any("at least" in message for message in told), told


@pytest.mark.parametrize("argument", ["kernel", "stride", "padding", "dilation"])
def test_a_number_beyond_the_limit_is_told_with_it(argument: str) -> None:
    for value in (2**31, [1, 2**31]):
        ((loc, message),) = messages(**{"out": 8, argument: value})
        assert loc == (argument,) and " to 2,147,483,647 is expected" in message


@pytest.mark.parametrize(
    "value", [-1, 0.5, True, "sme", "1", None, [], [[1]], [[1, 2, 3]], [[1, -2]], [True], [[0, False]], {"a": 1}]
)
def test_paddings_that_are_no_paddings(value: Any) -> None:
    ((loc, message),) = messages(out=8, padding=value)
    assert loc == ("padding",)
    assert "one of valid, same, full, same_upper, not " in message


@pytest.mark.parametrize("value", [0, 3, [1, 2], [[0, 1], [2, 3]], [1, [2, 3]], "valid", "same", "full", "same_upper"])
def test_paddings(value: Any) -> None:
    assert json.loads(json.dumps(dict(REGISTRY["conv"](out=8, padding=value))))["padding"] == value


@pytest.mark.parametrize(
    "value",
    [
        *("xaver", None, 3, True, [], {}, {"normal": -0.1}, {"normal": True}, {"normal": "a"}, {"uniform": -1}),
        *({"normal": float("inf")}, {"constant": float("nan")}, {"normal": 1, "constant": 2}, {"gaussian": 1}),
    ],
)
def test_initial_weights_that_are_none(value: Any) -> None:
    ((loc, message),) = messages(out=8, init=value)
    assert loc == ("init",)
    words = "default, he, he_uniform, he_fan_out, xavier, xavier_normal, zeros"
    assert message.startswith(f"one of {words} is expected, or {{normal: std}}")


@pytest.mark.parametrize(
    "value",
    [
        "default",
        "he",
        "he_uniform",
        "he_fan_out",
        "xavier",
        "xavier_normal",
        "zeros",
        {"normal": 0.01},
        {"constant": -1.0},
    ],
)
def test_initial_weights(value: Any) -> None:
    assert REGISTRY["linear"](out=8, init=value).model_dump()["init"] == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        (2.5, "2.5"),
        ([True, 1], "[true, 1]"),
        ({"a": None}, "{a: nothing}"),
        ("x" * 100, "x" * 57 + "…"),
        ("{expected}", "{expected}"),
    ],
)
def test_the_message_shows_the_value_as_written(value: Any, shown: str) -> None:
    ((_, message),) = messages(out=8, kernel=value)
    assert message.endswith(f", not {shown}")


def test_all_wrong_arguments_are_told_at_once() -> None:
    assert [loc for loc, _ in messages(out=0, kernel=0, bias="yes", foo=1)] == [
        ("out",),
        ("kernel",),
        ("bias",),
        ("foo",),
    ]


def test_operators_are_immutable() -> None:
    with pytest.raises(ValidationError):
        REGISTRY["conv"](out=8).out = 9  # type: ignore[attr-defined]


def test_the_schema_tells_the_forms_of_padding() -> None:
    forms = REGISTRY["conv"].model_json_schema()["properties"]["padding"]["anyOf"]
    assert {"type": "integer", "minimum": 0} in forms
    assert {"type": "string", "enum": ["valid", "same", "full", "same_upper"]} in forms


@pytest.mark.parametrize("word", REGISTRY)
def test_what_an_operator_holds_never_changes(word: str) -> None:
    """Lists became tuples, so that equal operators have one hash. (`init: {normal: 0.01}` alone has none.)"""
    cls = REGISTRY[word]
    for sample in cls.samples:
        one, other = cls(**sample.args), cls(**sample.args)
        assert one == other and len({one, other}) == 1


def test_lists_inside_lists_are_tuples_too() -> None:
    conv = REGISTRY["conv"](out=8, kernel=[1, 7], padding=[[1, 0], 3])
    assert dict(conv) | {"kernel": (1, 7), "padding": ((1, 0), 3)} == dict(conv)
    assert hash(REGISTRY["pad"](size=[[0, 1], 2])) == hash(REGISTRY["pad"](size=((0, 1), 2)))
