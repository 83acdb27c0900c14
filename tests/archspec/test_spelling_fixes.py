"""What editors put in the place of a misspelt word, and what is told of settings that the spec does not write."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest

import archspec
from archspec import SpecError
from archspec.errors import Diagnostic
from archspec.ops import REGISTRY

HEAD = "archspec: 1\ninput: [3, 32, 32]\n"
PADDINGS = ("valid", "same", "full", "same_upper")
INITS = ("default", "he_uniform", "he_fan_out", "xavier", "xavier_normal", "zeros")


@pytest.mark.parametrize(
    ("body", "mended"),
    [
        ("layers: [cnv: 3]\n", "layers: [conv: 3]\n"),
        ("layers: [conv: {out: 3, kernl: 3}]\n", "layers: [conv: {out: 3, kernel: 3}]\n"),
        ("layer: [conv: 3]\n", "layers: [conv: 3]\n"),
        ("vars: {width: 3}\nlayers: [conv: $widht]\n", "vars: {width: 3}\nlayers: [conv: $width]\n"),
        ("layers: [act: rleu]\n", "layers: [act: relu]\n"),
        ("task: clasify\nlayers: [relu]\n", "task: classify\nlayers: [relu]\n"),
        ("layers: [pad: {size: 1, mode: reflct}]\n", "layers: [pad: {size: 1, mode: reflect}]\n"),
        ("layers: [conv: {out: 3, bias: tru}]\n", "layers: [conv: {out: 3, bias: true}]\n"),
        ("layers: [{relu: {}, when: $in.chanels > 2}]\n", "layers: [{relu: {}, when: $in.channels > 2}]\n"),
        (
            "layers:\n  - residual: {body: [conv: 4], shortcut: projct}\n",
            "layers:\n  - residual: {body: [conv: 4], shortcut: project}\n",
        ),
        ("layers: [relu: {}, {share: rel1}]\n", "layers: [relu: {}, {share: relu1}]\n"),
    ],
)
def test_the_known_word_replaces_the_misspelt_one(body: str, mended: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(HEAD + body, encoding="utf-8")
    (told,) = [d for d in archspec.check(path) if d.severity == "error"]
    (fix,) = told.fixes
    assert fix.applied(HEAD + body) == HEAD + mended
    path.write_text(HEAD + mended, encoding="utf-8")
    assert not [d for d in archspec.check(path) if d.severity == "error"]
    assert told.to_json()["fixes"][0]["text"] == fix.text


def literals(annotation: object) -> list[str]:
    """The words of a type, whatever it is wrapped in."""
    if get_origin(annotation) is Literal:
        return [word for word in get_args(annotation) if isinstance(word, str)]
    return [word for inner in get_args(annotation) for word in literals(inner)]


ENUMERATED = [
    (word, name, literal)
    for word, cls in REGISTRY.items()
    for name, field in cls.model_fields.items()
    for literal in [*literals(field.annotation), *({"padding": PADDINGS, "init": INITS}.get(name, ()))]
    if len(literal) > 3
]


def test_an_argument_that_stands_there_is_not_suggested_again(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    block = "blocks: {b: {params: {b1: int, b3: int, b5: int, c: 1}, layers: [conv: $b1]}}\n"
    path.write_text(HEAD + block + "layers: [b: {b1: 1, b3: 2, b7: 3}]\n", encoding="utf-8")
    told = next(d for d in archspec.check(path) if d.code == "E301")
    assert told.hint == "did you mean 'b5'?"


def test_several_operators_take_words() -> None:
    assert {("upsample", "mode", "nearest"), ("pad", "mode", "reflect"), ("conv", "init", "xavier")} <= {*ENUMERATED}


@pytest.mark.parametrize(("word", "name", "literal"), ENUMERATED, ids=map("-".join, ENUMERATED))
def test_a_word_that_lacks_a_letter_is_known_again(word: str, name: str, literal: str, tmp_path: Path) -> None:
    wrong = literal[:1] + literal[2:]
    path = tmp_path / "spec.yaml"
    path.write_text(HEAD + f"layers: [{word}: {{{name}: {wrong}}}]\n", encoding="utf-8")
    (told,) = [d for d in archspec.check(path) if d.code == "E303" and f"'{name}'" in d.message]
    assert literal in told.message, "the words that may stand there are listed"
    assert literal in [fix.text for fix in told.fixes]


def refused(tmp_path: Path, setting: str) -> Diagnostic:
    path = tmp_path / "spec.yaml"
    path.write_text(HEAD + "vars: {width: 4}\nlayers:\n  - conv: $width\n  - conv: {out: 8}\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        archspec.load(path, overrides=[setting])
    (told,) = caught.value.diagnostics
    return told


def test_a_misspelt_setting(tmp_path: Path) -> None:
    told = refused(tmp_path, "vars.widht=8")
    assert told.code == "E512"
    assert [fix.applied("vars.widht=8") for fix in told.fixes] == ["vars.width=8"]


@pytest.mark.parametrize(
    ("setting", "message", "hint"),
    [
        ("cite=me", "'cite' is not written in this spec", "write `cite: …` into the file"),
        ("defaults.conv.bias=false", "'defaults' is not written", "write `defaults.conv.bias: …` into the file"),
        ("layers.1.conv.kernel=3", "'kernel' is not written in 'layers.1.conv'", "write `kernel: …` there"),
        ("layers.1.name=x", "'name' is not written in 'layers.1'", "write `name: …` there"),
        ("layers.0.conv.kernel=3", "is a single value", "--set 'layers.0.conv={out: $width, kernel: …}'"),
    ],
)
def test_a_key_of_the_language_that_the_spec_does_not_write(
    setting: str, message: str, hint: str, tmp_path: Path
) -> None:
    told = refused(tmp_path, setting)
    assert told.code == "E512"
    assert message in told.message
    assert told.hint is not None and hint in told.hint


def test_setting_it_whole_works(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(HEAD + "layers:\n  - conv: 4\n", encoding="utf-8")
    graph = archspec.load(path, overrides=["layers.0.conv={out: 4, kernel: 3, padding: valid}"])
    assert graph.types["conv1"][0].spatial == (30, 30)  # 32 - 3 + 1
