"""The schema of one spec: its own blocks are words, and no others are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec import source, zoo
from archspec.authoring.schema import schema

jsonschema = pytest.importorskip("jsonschema")


def own(path: Path) -> Any:
    return jsonschema.Draft7Validator(schema(path))


def plain(text: str) -> Any:
    return source.to_plain(source.parse(text, "text"))


def write(folder: Path, text: str) -> Path:
    path = folder / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_words_are_its_own_blocks_and_those_it_uses(tmp_path: Path) -> None:
    (tmp_path / "others.yaml").write_text("archspec: 1\nblocks: {theirs: {layers: [relu]}}\n", encoding="utf-8")
    head = "archspec: 1\ninput: [3, 8, 8]\nuse: others.yaml\nblocks: {ours: {layers: [theirs]}}\n"
    judge = own(write(tmp_path, f"{head}layers: [ours]\n"))
    assert judge.is_valid(plain(f"{head}layers: [ours, theirs: {{}}]\n"))
    assert not judge.is_valid(plain(f"{head}layers: [conv_bn: 8]\n"))  # it does not use std


def test_a_block_says_what_it_is_and_takes(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """\
archspec: 1
input: [3, 8, 8]
use: std
blocks:
  # a stretch of layers
  # in two lines
  above: {layers: [relu]}
  beside: # "quoted", and so on
    params: {kernel: 3, dilation: 0, mode: list, body: layers, on: true, act: relu, p: 0.5}
    layers:
      - conv: {out: 8, kernel: $kernel}
      - conv: {out: 8, dilation: $dilation}
        when: $dilation > 0
      - $body
      - conv_bn: {out: 8, act: $act}
      - dropout: $p
layers: [above]
""",
    )
    words = schema(path)["definitions"]
    assert words["layer.above"]["description"] == "A stretch of layers in two lines."
    beside = words["layer.beside"]
    assert beside["description"] == '"quoted", and so on.'
    assert beside["required"] == ["mode", "body"]

    def takes(name: str, value: Any) -> bool:
        judge = jsonschema.Draft7Validator({**beside["properties"][name], "definitions": words})
        return bool(judge.is_valid(value))

    assert takes("kernel", [1, 3]) and not takes("kernel", 0)
    assert takes("dilation", 0), "behind a `when`, what a layer takes says nothing"
    assert takes("body", [{"conv": 8}, "relu"]) and not takes("body", [{"conv": {"ot": 8}}])
    assert takes("act", "none") and takes("act", {"leaky_relu": 0.1}) and not takes("act", "rellu")
    assert takes("mode", [1]) and takes("mode", "$list") and not takes("mode", 1)
    assert takes("p", 0) and not takes("p", 1)
    assert takes("on", False)


def test_blocks_that_call_each_other_are_told_from_each_other(tmp_path: Path) -> None:
    text = "archspec: 1\nblocks:\n  a: {params: {x: 1}, layers: [b: $x]}\n  b: {params: {x: 1}, layers: [a: $x]}\n"
    assert {"layer.a", "layer.b"} <= schema(write(tmp_path, text))["definitions"].keys()


def test_variants_change_its_variables_alone(tmp_path: Path) -> None:
    head = "archspec: 1\ninput: [3, 8, 8]\nvars: {width: 8}\nlayers: [conv: $width]\n"
    judge = own(write(tmp_path, head))
    assert judge.is_valid(plain(f"{head}variants: {{a: {{width: 3, name: other, assert: [params == 1]}}}}"))
    assert not judge.is_valid(plain(f"{head}variants: {{a: {{widht: 3}}}}"))
    assert not judge.is_valid(plain(f"{head}variants: {{a: {{input: [3, 0]}}}}"))


def test_an_argument_that_its_defaults_give_need_not_be_written(tmp_path: Path) -> None:
    text = "archspec: 1\ninput: [3, 8, 8]\n{}layers: [threshold: {{value: 1}}]\n"
    given = write(tmp_path, text.format("defaults: {threshold: {at: 0.5}}\n"))
    assert own(given).is_valid(source.to_plain(source.read(given)))
    missing = write(tmp_path, text.format(""))
    assert not own(missing).is_valid(source.to_plain(source.read(missing)))


def test_it_is_made_of_a_spec_that_is_not_right_yet(tmp_path: Path) -> None:
    broken = "archspec: 1\nblocks: {mine: {layers: [rellu]}}\nlayers: [conv: {ot: 8}, mine]\nlayer: 3\n"
    assert "layer.mine" in schema(write(tmp_path, broken))["definitions"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("archspec: 1\nblocks: [a]\n", "E101"),
        ("archspec: 1\nuse: nothing.yaml\n", "E501"),
        ("model: lenet5\n", "E101"),
        ("archspec: [1\n", "E001"),
    ],
)
def test_where_its_blocks_cannot_be_read_it_says_why(text: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(archspec.SpecError) as caught:
        schema(write(tmp_path, text))
    assert code in [d.code for d in caught.value.diagnostics]


def test_every_network_of_the_zoo_has_one() -> None:
    for path in {entry.path for entry in zoo.entries()}:
        assert {"layers", "vars"} <= schema(path)["properties"].keys()
