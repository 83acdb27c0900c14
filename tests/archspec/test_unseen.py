"""A misspelt variable is told where nothing was expanded too, and nothing else is mistaken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import SpecError, check, load

HEAD = "archspec: 1\nname: net\ninput: [3, 8, 8]\n"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("vars: {hidden: 8}\nlayers: [relu, {conv: $hiden, when: $hidden > 9}]", "$hidden"),
        ("vars: {hidden: 8}\nlayers: [relu, {conv: $hiden, repeat: 0}]", "$hidden"),
        ("vars: {hidden: 8}\nlayers: [conv: '4 if $hidden > 1 else $hiden']", "$hidden"),
        ("blocks: {b: {params: {width: 8}, layers: [conv: $widht]}}\nlayers: [relu]", "$width"),
        ("vars: {width: 4}\nlayers: [relu, {layers: [{conv: 2, name: 'c${$widht}'}], repeat: 0}]", "$width"),
        ("layers: [relu, {layers: [conv: $lvel], each: {level: 1..0}}]", "$level"),
    ],
)
def test_a_misspelt_variable_that_nobody_asked_for(tmp_path: Path, text: str, meant: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + text)
    with pytest.raises(SpecError) as caught:
        load(path)
    (d,) = caught.value.diagnostics
    assert (d.code, d.hint) == ("E202", f"did you mean '{meant}'?")
    assert d.span is not None
    wrong = d.span.text[d.span.column - 1 : d.span.column - 1 + d.span.length]
    assert wrong.startswith("$") and wrong in d.message


@pytest.mark.parametrize(
    "text",
    [
        "layers: [{relu: {}, name: a}, {conv: $a.channels, when: 1 > 2}]",
        "layers: [conv: 4, {conv: $conv1.channels, when: 1 > 2}]",
        "layers: [{layers: [{relu: {}, name: p$l}], each: {l: 3..4}}, {add: [$p3, $p4], when: 1 > 2}]",
        "layers: [{conv: $row.w, when: 1 > 2, each: {columns: [w], rows: [[1]], as: row}}, relu]",
        "layers: [{conv: $w, when: 1 > 2, each: {columns: [w], rows: [[1]]}}, relu]",
        "layers: [relu]\nheads: {aux: {from: relu1, layers: [relu]}}",
        "blocks: {b: {inputs: [p, q], layers: [add: [$p, $q]]}}\nlayers: [relu]",
        "layers: [{relu: {}, name: 'a', when: 1 > 2}, relu]\ncite: costs $nothing",
        "blocks: {b: {params: {body: layers}, layers: [$body]}}\nlayers: [{b: {body: [conv: $in.channels]}}, relu]",
    ],
)
def test_what_may_be_known_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + text)
    assert load(path).outputs


def test_the_zoo_has_none(root: Path) -> None:
    for path in (root / "specs").glob("*.yaml"):
        assert [d for d in check(path) if d.code == "E202"] == []
