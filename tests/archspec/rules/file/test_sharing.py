"""W325 and W326: `own` and `map` that change nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archspec.errors import Diagnostic

Told = Callable[[str], list[Diagnostic]]
HEAD = "input: [4, 8, 8]\ntask: embed\n"


def told_of(told: Told, layers: str, before: str = "") -> list[str]:
    return [f"{d.code} {d.message}" for d in told(f"{HEAD}{before}layers: [conv: 4, relu, {layers}]\n")]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("{conv: 4, own: true}", "`own` says nothing of 'conv': it stands in no `map`"),
        ("{layers: [conv: 4], own: true}", "`own` says nothing of 'layers': it stands in no `map`"),
        ("{layers: [{conv: 4, own: true}, relu], repeat: 2}", "`own` says nothing of 'conv': it stands in no `map`"),
        (
            "{split: 2}, {map: [conv: 4, {relu: {}, own: true}]}, concat",
            "`own` says nothing of 'relu': it has no weights",
        ),
    ],
)
def test_own_where_nothing_is_shared(told: Told, layers: str, message: str) -> None:
    assert told_of(told, layers) == [f"W325 {message}"]


@pytest.mark.parametrize(
    ("layers", "before"),
    [
        pytest.param("{split: 2}, {map: [{conv: 4, own: true}]}, concat", "", id="in a map"),
        pytest.param("{split: 2}, {map: [{layers: [conv: 4, relu], own: true}]}, concat", "", id="a group in a map"),
        pytest.param(
            "{split: 2}, {map: [b]}, concat", "blocks: {b: {layers: [{conv: 4, own: true}]}}\n", id="in a called block"
        ),
        pytest.param(
            "b, {split: 2}, {map: [b]}, concat",
            "blocks: {b: {layers: [{conv: 4, own: true}]}}\n",
            id="in a block that is called elsewhere too",
        ),
        pytest.param("{layers: [{conv: 4, own: true}, tanh], name: a}, {share: a}", "", id="in a part that runs again"),
        pytest.param("{layers: [{conv: 4, own: true}], when: $on}", "vars: {on: false}\n", id="not built"),
        pytest.param("{conv: 4, own: false}", "", id="false"),
    ],
)
def test_own_that_says_something_or_may(told: Told, layers: str, before: str) -> None:
    assert told_of(told, layers, before) == []


def test_a_map_over_one_tensor(told: Told) -> None:
    one = "W326 `map` runs over one tensor here, as its layers alone would"
    assert told_of(told, "{map: [conv: 4]}") == [one]
    assert told_of(told, "{split: 2, name: s}, {map: [conv: 4], from: s:0}, {concat: [s:1, $prev]}") == [one]
    assert told_of(told, "{map: [conv: 4, relu], repeat: 2}") == [one]


@pytest.mark.parametrize(
    ("layers", "before"),
    [
        pytest.param("{split: 2}, {map: [conv: 4]}, concat", "", id="two"),
        pytest.param(
            "{layers: [{split: $n}, {map: [conv: 4, relu]}, {concat: {}, when: $n > 1}], each: {n: [1, 2]}}",
            "",
            id="two in an instance",
        ),
        pytest.param(
            "{split: $n}, {map: [conv: 4]}, {concat: {}, when: $n > 1}",
            "vars: {n: 1}\nvariants: {a: {n: 2}}\n",
            id="two in a variant",
        ),
        pytest.param("b", "blocks: {b: {inputs: many, layers: [map: [conv: 4]]}}\n", id="in a block"),
    ],
)
def test_a_map_that_may_run_over_several(told: Told, layers: str, before: str) -> None:
    assert told_of(told, layers, before) == []
