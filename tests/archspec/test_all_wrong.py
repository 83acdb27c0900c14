"""All that is wrong with a file is told at once, in the order of the text, and one mistake is one message."""

from __future__ import annotations

from pathlib import Path

import pytest

import archspec
from archspec import SpecError

HEAD = "archspec: 1\ninput: [3, 32, 32]\n"

Told = list[tuple[int, str]]


def told(text: str, folder: Path) -> Told:
    """Line and code of each diagnostic of a spec, and the same from `load`, which raises the errors."""
    path = folder / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    found = [(d.span.line, d.code) for d in archspec.check(path) if d.span is not None and d.severity == "error"]
    if "variants" not in text:
        with pytest.raises(SpecError) as caught:
            archspec.load(path)
        assert [(d.span.line, d.code) for d in caught.value.diagnostics if d.span] == found
    return found


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            "blocks:\n  b: {params: {w: int, k: int, act: name}, layers: [conv: $w]}\nlayers:\n"
            "  - batch_norm: {eps: small,\n      momentun: 3}\n"
            "  - conv: {outt: 5,\n      kernel: x}\n"
            "  - b: {w: five,\n      kk: 3,\n      act: $foo}\n"
            "  - conv: {kernl: 3}\n"
            "  - conv: {out: $foo,\n      in: 3,\n      bias: 7}\n",
            [
                *[(6, "E303"), (7, "E301"), (8, "E301"), (9, "E303"), (10, "E303"), (11, "E301"), (12, "E202")],
                *[(13, "E303"), (13, "E301"), (14, "E202"), (15, "E301"), (16, "E303")],
            ],
            id="every argument of a call, the missing that an unknown one explains left out",
        ),
        pytest.param(
            "use:\n- stdd\n- ./foo.yaml\n- 3\n- resnet5\nvars:\n  a: $b\n  b: $a\n  c: $c\nlayers: [conv: 3]\n",
            [(4, "E501"), (5, "E501"), (6, "E101"), (7, "E501"), (9, "E202"), (11, "E202")],
            id="every item of use, every cycle of variables",
        ),
        pytest.param(
            "layers: [conv: 1]\nassert:\n- params == 7\n- prams == 3\n- 3\n- macs < foo\n- params == 4\n",
            [(5, "E401"), (6, "E208"), (7, "E101"), (8, "E208")],
            id="every assertion",
        ),
        pytest.param(
            "layers:\n  - conv:\n  - conv: {out: 4, kernl: 3}\n  - relu\n  - foo: 3\n  - add: [$prev, conv1]\n",
            [(4, "E003"), (5, "E301"), (7, "E130")],
            id="a layer without a value, and what stands below",
        ),
        pytest.param(
            "layers:\n  - conv: {out: , kernel: 3}\n    name: a\n  - relu\n  - conv: $width\n  - add: [a, b]\n",
            [(4, "E003"), (7, "E202"), (8, "E121")],
            id="an argument without a value: of what takes its layer, the other name is told",
        ),
        pytest.param(
            "layers:\n  - conv: 4\n    each: [1, 2]\n    name: p$l\n  - add: [p1, p2]\n  - conv: {out: 8, strid: 2}\n"
            "  - linear: {out: 3}\n    repeat: 2\n    each: {l: [1]}\n    name: q\n"
            "  - relu: {}\n    from: q\n  - nix\n",
            [(5, "E104"), (8, "E301"), (9, "E104"), (15, "E130")],
            id="each loop that is none",
        ),
        pytest.param(
            "layers:\n  - conv: $l\n    name: p$l\n    each: {l: [1, 2]}\n    from: nowhere\n  - concat: [p1, p2]\n",
            [(7, "E121")],
            id="a loop whose from names nothing",
        ),
        pytest.param(
            "layers:\n  - conv: 4\n    repeat: 2\n    from: nowhere\n  - concat: [conv1, conv1.0]\n",
            [(6, "E121")],
            id="the derived name of a loop in error",
        ),
        pytest.param(
            "layers:\n  - branches:\n    - [conv: 4]\n    - [conv: 5]\n  - conv: {out: 3, kernl: 7}\n  - bar\n",
            [(4, "E105"), (7, "E301"), (8, "E130")],
            id="branches without a join",
        ),
        pytest.param(
            "vars: {w: 3}\nlayers:\n  - conv: {out: 4, kernl: 3}\n  - elsewhere: 4\n  - conv: {out: 4, bias: 3}\n"
            "  - conv: [3\n  - relu\n",
            [(5, "E301"), (7, "E303"), (8, "E001")],
            id="what stands before a mistake in the syntax, save what the rest may explain",
        ),
        pytest.param(
            "nam: x\nlayer:\n  - conv: {out: 4, kernl: 3}\n",
            [(3, "E101"), (4, "E101"), (5, "E301")],
            id="a misspelt key is what it was meant as",
        ),
        pytest.param(
            "varz: {w: 3}\nlayers:\n  - conv: $w\n  - conv: {out: $w, kernel: 40, padding: valid}\n",
            [(3, "E101"), (6, "E310")],
            id="the variables of a misspelt vars are known",
        ),
        pytest.param(
            "constants: {w: 3}\nlayers:\n  - conv: $w\n  - conv: {out: $w, kernl: 40}\n",
            [(3, "E101"), (6, "E301")],
            id="what an unknown key held may be what is missing",
        ),
        pytest.param(
            "layers:\n  - conv: 4\n    name: c\nheads:\n  a: {form: c, layers: [foo]}\n  b: {layers: [conv: 0]}\n",
            [(7, "E101"), (7, "E130"), (8, "E101"), (8, "E303")],
            id="heads: form and missing from",
        ),
        pytest.param(
            "blocks:\n  b: {param: {w: int}, layers: [conv: $w]}\n  d: {inputs: 3, layers: [conv: 3]}\n"
            "layers:\n  - b: 3\n  - d: {x: 4}\n  - conv: -1\n",
            [(4, "E101"), (5, "E101"), (9, "E303")],
            id="blocks whose form is wrong",
        ),
        pytest.param(
            "layers:\n  - conv: {out: 3, out: 4}\n  - linear: 0\nvars: {a: 010}\n",
            [(4, "E002"), (5, "E303"), (6, "E004")],
            id="keys twice, and numbers that are none",
        ),
        pytest.param(
            "vars: [1]\nlayers: [conv: $w, {conv: {oot: 3}}]\n",
            [(3, "E101"), (4, "E301")],
            id="vars that hold no variables",
        ),
        pytest.param(
            "blocks: {conv: {layers: [relu]}}\nlayers: [conv: {x: 3}, nix]\n",
            [(3, "E522"), (4, "E130")],
            id="a block that hides a layer",
        ),
        pytest.param(
            "layers: [{conv: 3, name: a, each: 3}, {share: a}, {share: b}]\n",
            [(3, "E104"), (3, "E121")],
            id="a part in error, shared",
        ),
        pytest.param(
            "layers:\n  - layers:\n      - conv:\n      - {conv: 3, name: x}\n    name: enc\n"
            "    was: {conv1: c, nix: d}\n  - add: [enc.x, enc.conv1]\n",
            [(5, "E003")],
            id="inside a group",
        ),
        pytest.param(
            "layers:\n  - residual: {bdy: [conv: 3]}\n  - residual: {body: [conv: 4], shortcut: projekt}\n",
            [(4, "E101"), (5, "E106")],
            id="residuals",
        ),
        pytest.param(
            "vars: {w: 3}\nvariants: {a: {w: 0}, b: [3], c: {ww: 3}}\nlayers:\n  - conv: $w\n  - conv:\n",
            [(4, "E101"), (4, "E511"), (6, "E303"), (7, "E003")],
            id="variants",
        ),
        pytest.param(
            "layers: [{conv: 3, name: a}, {conv: 0, name: b}]\nassert: [3]\noutputs: [a, b, c]\n",
            [(3, "E303"), (4, "E101"), (5, "E121")],
            id="assertions and outputs",
        ),
        pytest.param(
            "layers: [conv: 3]\noutputs: {a: [b, c]}\n", [(4, "E101")], id="an output of several, in a mapping of them"
        ),
        pytest.param(
            "layers:\n  - branches: [[conv: 3], [conv: 4]]\n    join: {concat: }\n  - conv: 0\n",
            [(5, "E003"), (6, "E303")],
            id="a join whose arguments are missing",
        ),
        pytest.param(
            "layers: [linear: 4]\nheads: {linear1: {from: input, layers: [conv: 3]}}\n",
            [(3, "E310"), (4, "E113")],
            id="the name of a layer in error is taken all the same",
        ),
        pytest.param(
            "layers:\n  - cnv: 4\n  - relu: {}\n    from: conv1\n  - conv: 0\n",
            [(4, "E130"), (7, "E303")],
            id="the name that a misspelt layer would have",
        ),
        pytest.param(
            "layers:\n  - residual: []\n  - residual: {body: []}\n  - branches: [[conv: 3]]\n  - conv: 0\n",
            [(4, "E177"), (5, "E177"), (6, "E178"), (7, "E303")],
            id="what does nothing",
        ),
        pytest.param(
            "vars: {width: 16, clases: 10}\nlayers:\n  - conv: {out: 16, kernel: 3}\n    nme: foo\n  - flatten\n"
            "  - linear: $classes\n  - relu: {}\n    from: foo\n",
            [(6, "E102"), (8, "E202")],
            id="a misspelt modifier is what it was meant as",
        ),
        pytest.param(
            "layers:\n  - [conv: 4]\n  - flatten\n  - linear: $classes\n  - conv: 0\n",
            [(4, "E102"), (7, "E303")],
            id="what may be the name of a layer in error is not told to be a tensor",
        ),
        pytest.param(
            "layers:\n  - cnv: 4\n  - branches: [[conv: 3], [conv: 3]]\n    join: sum\n  - conv: 4\n  - add: [$prev]\n"
            "  - add\n",
            [(4, "E130"), (6, "E105"), (8, "E306"), (9, "E306")],
            id="what needs no shapes is told although what flows in is in error",
        ),
        pytest.param(
            "layers:\n  - conv: 4\n  - split: 2\n  - relu\n  - add\n",
            [(6, "E306")],
            id="what would follow from a bundle that was refused",
        ),
        pytest.param(
            "layers:\n  - cnv: 4\n  - add\n  - rellu\n  - concat\n  - residual: [rellu]\n  - mean\n",
            [(4, "E130"), (5, "E306"), (6, "E130"), (7, "E306"), (8, "E130"), (9, "E306")],
            id="behind a misspelt word, too few tensors of what the word gives",
        ),
        pytest.param(
            "blocks: {two: {inputs: [a, b], layers: [add: [a, b]]}, one: {layers: [conv: 3, act: relu]}}\n"
            "layers:\n  - onee\n  - two\n  - one: {x: 1}\n  - two\n",
            [(5, "E130"), (6, "E115"), (7, "E301"), (8, "E115")],
            id="behind a misspelt block, and one that is called wrongly",
        ),
        pytest.param(
            "layers:\n  - branches: [[cnv: 3], [conv: 3], [rellu]]\n    join: none\n  - conv: 3\n"
            "  - {cnv: 4, name: r}\n  - split: 2\n    from: r:1\n  - add: [r, nothing]\n",
            [(4, "E130"), (4, "E130"), (6, "E306"), (7, "E130"), (9, "E121"), (10, "E121")],
            id="a bundle of tensors in error, and one of a misspelt layer that it does not have",
        ),
        pytest.param(
            "blocks: {two: {inputs: [a, b], layers: [add: [a, b]]}, both: {outputs: [p, q], layers: "
            "[{conv: 3, name: p}, {conv: 3, name: q}]}}\nlayers:\n  - bothh\n  - two\n  - splt: 2\n  - two\n"
            "  - unheardof: 3\n  - two\n  - {cnv: 3, when: true}\n  - two\n  - {cnv: 3, name: r}\n  - two: {}\n"
            "    from: [r, r]\n",
            [(5, "E130"), (7, "E130"), (9, "E130"), (11, "E130"), (13, "E130")],
            id="what a misspelt word gives may be as many as are taken",
        ),
        pytest.param(
            "layers:\n  - splt: 2\n  - add: [$prev]\n  - splt: 2\n  - add\n  - conv: 3\n    when: $x > 2\n  - add\n",
            [(4, "E130"), (6, "E130"), (9, "E202")],
            id="a layer in error may give as many tensors as the next one takes",
        ),
        pytest.param('layers: ["re\\qlu"]\n', [(3, "E001")], id="nothing but a mistake in the syntax"),
    ],
)
def test_the_rest_of_the_file_is_checked_too(body: str, expected: Told, tmp_path: Path) -> None:
    assert told(HEAD + body, tmp_path) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("input: [3, 3]\nlayers: [conv: 0]\n", [(1, "E101"), (2, "E303")]),
        (
            "archspec: 1\ninput: 3x32x32\nlayers:\n  - conv: {out: 4, kernl: 3}\n  - linear: 0\n",
            [(2, "E101"), (4, "E301"), (5, "E303")],
        ),
        ("archspec: 1\ninput: [3, null, 32]\nlayers:\n  - linear: 0\n", [(2, "E003"), (4, "E303")]),
        ("archspec: 2\ninput: [3, 3]\nlayers: [conv: 0]\n", [(1, "E101")]),
        ("archspec: 1\nblocks: {b: {param: {w: int}, layers: [conv: {outt: $w}]}}\n", [(2, "E101"), (2, "E301")]),
    ],
)
def test_files_whose_top_is_wrong(text: str, expected: Told, tmp_path: Path) -> None:
    """Another version of the language is read no further."""
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    assert [(d.span.line, d.code) for d in archspec.check(path) if d.span] == expected


def test_a_remedy_is_found_beside_a_mistake_of_form(tmp_path: Path) -> None:
    """32 cells, a kernel of 40 without padding: nothing fits until the input is 40 cells, or the padding is more."""
    path = tmp_path / "spec.yaml"
    text = "layers:\n  - conv: {out: 4, kernel: 40, padding: valid}\n  - conv:\n"
    path.write_text(HEAD + text, encoding="utf-8")
    refused, empty = archspec.check(path)
    assert (refused.code, empty.code) == ("E310", "E003")
    assert refused.hint is not None and "padding" in refused.hint and "[3, 40, 40]" in refused.hint


@pytest.mark.parametrize("setting", ["vars.w=!!str 3", "vars.w=!!str", "w=!x [1]", "w=*a", "w={a: 1, a: 2}", "w=010"])
def test_a_setting_that_cannot_be_read_is_told_once(setting: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(HEAD + "vars: {w: 8}\nlayers: [conv: $w]\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        archspec.load(path, overrides=[setting])
    assert len(caught.value.diagnostics) == 1
