"""W310, W316 and W319: layers that are never built, heads that never learn, layers that do nothing as written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import archspec
from archspec.errors import Diagnostic
from archspec.rules.file.idle_layer import IDLE

Told = Callable[[str], list[Diagnostic]]


def told_of(told: Told, layers: str, before: str = "") -> list[str]:
    found = told(f"input: [4, 8, 8]\ntask: embed\n{before}layers: [conv: 4, relu, {layers}]\n")
    return [f"{d.code} {d.message}" for d in found]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("{tanh: {}, when: false}", "'tanh' is never built: `when: false` is false"),
        ("{tanh: {}, repeat: 0}", "'tanh' is never built: it is repeated 0 times"),
        ("{conv: $w, each: {w: []}}, tanh", "'conv' is never built: its loop is empty"),
        ("{conv: $w, each: {w: 1..0}}, tanh", "'conv' is never built: its loop is empty"),
        ("{layers: [tanh, relu6], when: 2 < 1}", "'layers' is never built: `when: 2 < 1` is false"),
        (
            "{layers: [tanh, {relu6: {}, when: $w == 3}], each: {w: [1, 2]}}",
            "'relu6' is never built: `when: $w == 3` is false in every instance",
        ),
        (
            "{branches: [[tanh], {layers: [relu6], when: false}], join: concat}",
            "'layers' is never built: `when: false` is false",
        ),
    ],
)
def test_layers_that_no_setting_builds(told: Told, layers: str, message: str) -> None:
    assert told_of(told, layers) == [f"W310 {message}"]


@pytest.mark.parametrize(
    ("layers", "before"),
    [
        pytest.param("{tanh: {}, when: $on}", "vars: {on: false}\n", id="a switch"),
        pytest.param("{tanh: {}, repeat: $n}", "vars: {n: 0}\n", id="a number of times"),
        pytest.param("{tanh: {}, when: $prev.channels > 8}", "", id="by channels"),
        pytest.param("{layers: [tanh, {relu6: {}, when: $index > 0}], repeat: $n}", "vars: {n: 1}\n", id="by instance"),
        pytest.param(
            "{layers: [tanh, {relu6: {}, when: $index < 9}], when: $on}", "vars: {on: false}\n", id="within a switch"
        ),
        pytest.param("{act: none, when: true}", "", id="leaves no trace"),
        pytest.param("{layers: [{tanh: {}, when: $on}], repeat: 2}", "vars: {on: false}\n", id="a switch in a loop"),
        pytest.param(
            "{layers: [relu6, {layers: [{tanh: {}, when: $on}], when: $index > 0}], repeat: 2}",
            "vars: {on: false}\n",
            id="a switch in what some instances have",
        ),
        pytest.param("{b: {on: false}}, tanh", "blocks: {b: {params: {on: true}, layers: [{tanh: {}, when: $on}]}}\n",
                     id="a parameter"),
        pytest.param("{residual: [tanh]}, {residual: [{tanh: {}, when: true}]}", "", id="in a residual"),
    ],
)  # fmt: skip
def test_switches_may_be_off(told: Told, layers: str, before: str) -> None:
    assert told_of(told, layers, before) == []


HEAD = """
input: [3, 8, 8]
layers: [conv: 8, {relu: {}, name: early}, conv: 8, tanh, global_avg_pool, linear: 10]
heads: {aux: {from: early, weight: 0, ONLY layers: [LAYERS]}}
"""


@pytest.mark.parametrize(
    ("only", "layers", "message"),
    [
        ("only: train,", "global_avg_pool, linear: 10", "head 'aux' has weight 0: its 90 parameters never learn"),
        ("", "global_avg_pool, linear: 10", "head 'aux' has weight 0: its 90 parameters never learn"),
        ("only: train,", "global_avg_pool", "head 'aux' has weight 0: it does nothing"),
        ("", "global_avg_pool", None),  # gives out features
    ],
)
def test_heads_of_weight_0(told: Told, only: str, layers: str, message: str | None) -> None:
    found = told(HEAD.replace("ONLY", only).replace("LAYERS", layers))
    assert [(d.code, d.message) for d in found] == ([("W316", message)] if message else [])


@pytest.mark.parametrize("word", sorted(IDLE))
def test_what_is_told_to_do_nothing_does_nothing_in_torch(
    told: Told, word: str, write_spec: Callable[..., Path]
) -> None:
    torch = pytest.importorskip("torch")
    name, number = next(iter(IDLE[word].items()))
    layer = f"{word}: {{{name}: {number}}}"
    assert told_of(told, f"tanh, {layer}") == [f"W319 '{word}' does nothing: its {name} is {number}"]
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(archspec.compile(write_spec(f"- {layer}", "[4, 8, 8]")).train()(x), x)


@pytest.mark.parametrize(
    ("layers", "before", "idle"),
    [
        ("drop_path", "", True),  # its p is 0 by default
        ("max_pool: 1", "", True),
        ("max_pool: {kernel: 1, stride: 2}", "", False),
        ("dropout", "", False),
        ("dropout: $p", "vars: {p: 0}\n", False),  # a switch
        ("dropout: 0.0", "", True),
        ("upsample: {size: 8}", "", False),
    ],
)
def test_numbers_that_are_written_out(told: Told, layers: str, before: str, idle: bool) -> None:
    assert [line[:4] for line in told_of(told, layers, before)] == ["W319"] * idle
