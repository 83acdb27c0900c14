"""What is suggested was tried: it breaks nothing else, holds at every size, and costs little time to find."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archspec import SpecError, load, zoo
from archspec.errors import Diagnostic

HEAD = "archspec: 1\nname: net\n"

STRIDE = """\
input: [3, 28, 28]
layers:
  - conv: 64
  - branches:
      - - conv: {out: 64, kernel: 3, padding: same}
      - - conv: {out: 64, kernel: 3, padding: same, stride: 2}
        - relu
    join: add
"""
LINEAR = """\
input: [1, 28, 28]
layers:
  - conv: {out: 6, kernel: 5}
  - max_pool: 2
  - linear: 10
"""


def refused(folder: Path, text: str) -> list[Diagnostic]:
    path = folder / "net.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load(path)
    return list(caught.value.diagnostics)


def test_nothing_is_suggested_that_breaks_another_layer(tmp_path: Path) -> None:
    """Here `padding: same` mends the first sum and breaks the second, which takes the same tensor."""
    text = """\
input: [4, 8, 8]
layers:
  - conv: {out: 4, kernel: 3}
    name: a
  - conv: {out: 4, kernel: 3}
    from: input
    name: b
  - add: [b, input]
  - add: [a, b]
"""
    (d,) = refused(tmp_path, HEAD + text)
    assert [fix.title for fix in d.fixes] == ["`crop: center` at add1 (line 10)"]


def test_what_an_expression_computes_is_not_rewritten(tmp_path: Path) -> None:
    text = "input: [4, 8, 8]\nvars: {w: 3}\nlayers:\n  - residual: {body: [conv: 2*$w], shortcut: identity}\n"
    (d,) = refused(tmp_path, HEAD + text)
    assert [fix.title for fix in d.fixes] == ["`shortcut: project` (line 6)"]


def test_an_input_from_the_command_line_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + "input: [3, 32, 32]\nlayers: [conv: {out: 8, kernel: 5}, conv: {out: 8, kernel: 5}]\n")
    with pytest.raises(SpecError) as caught:
        load(path, input="3x8x8")
    (d,) = caught.value.diagnostics
    assert "`--input 3x9x9` gives 8×1×1" in (d.hint or "")


def test_related_places_and_fixes_are_in_the_json(tmp_path: Path) -> None:
    (d,) = refused(tmp_path, HEAD + LINEAR)
    told = d.to_json()
    assert told["related"] == [{"label": "max_pool1 gives 6×12×12", "file": d.span.file, "line": 6, "column": 5}]
    fix = told["fixes"][0]
    assert (fix["text"], fix["line"], fix["column"], fix["length"]) == ("flatten\n  - linear", 7, 5, 6)


def test_a_message_of_a_deep_network_takes_little_work(tmp_path: Path, calls: Callable[..., int]) -> None:
    text = """\
input: [16, 32, 32]
layers:
  - residual: [{conv: {out: 16, kernel: 3, padding: same}}, batch_norm, relu]
    repeat: 1000
  - branches:
      - [conv: {out: 16, kernel: 3, padding: same}]
      - [conv: {out: 16, kernel: 3}]
    join: add
"""
    told: list[Diagnostic] = []
    assert calls(lambda: told.extend(refused(tmp_path, HEAD + text))) < 4_000_000
    (d,) = told
    assert d.fixes[0].title == "`padding: same` at branch2.conv1 (line 9)"


def test_open_sizes_are_told_open_and_what_works_works_for_all(tmp_path: Path) -> None:
    text = STRIDE.replace("[3, 28, 28]", "[3, H, W]")
    (d,) = refused(tmp_path, HEAD + text)
    assert "branch2.conv1 gives 64×⌈H/2⌉×⌈W/2⌉, from 64×H×W by stride 2" in [r.label for r in d.related]
    assert [fix.title for fix in d.fixes] == [
        "`stride: 1` at branch2.conv1 (line 8)",
        "`stride: 2` at branch1.conv1 (line 7)",
    ]
    for fix in d.fixes:
        (tmp_path / "net.yaml").write_text(fix.applied(HEAD + text), encoding="utf-8")
        load(tmp_path / "net.yaml")


def test_flatten_is_no_remedy_where_the_size_is_open(tmp_path: Path) -> None:
    """Its features would be as many as the image has positions, and a linear layer has a fixed number of weights."""
    text = LINEAR.replace("[1, 28, 28]", "[1, H, W]")
    (d,) = refused(tmp_path, HEAD + text)
    assert [fix.title for fix in d.fixes] == ["`- global_avg_pool` (6 features) before line 7"]


def test_several_branches_are_mended_together(tmp_path: Path) -> None:
    """One change mends none of them: an editor can make no edit of two lines, so they are told alone."""
    text = """\
input: [3, 28, 28]
layers:
  - branches:
      - [conv: 8]
      - [conv: {out: 8, kernel: 5, padding: 1}]
      - [max_pool: {kernel: 3, padding: 1}]
      - [max_pool: 2]
    join: concat
"""
    (d,) = refused(tmp_path, HEAD + text)
    assert d.hint == (
        "`padding: 2` at branch2.conv1 (line 7) and `stride: 1` at branch3.max_pool1 (line 8) and `stride: 1` and "
        "`padding: same` at branch4.max_pool1 (line 9) give 22×28×28"
    )
    assert d.fixes == ()
    mended = text.replace("kernel: 5, padding: 1", "kernel: 5, padding: 2").replace(
        "kernel: 3,", "kernel: 3, stride: 1,"
    )
    mended = mended.replace("max_pool: 2", "max_pool: {kernel: 2, stride: 1, padding: same}")
    (tmp_path / "net.yaml").write_text(HEAD + mended, encoding="utf-8")
    assert load(tmp_path / "net.yaml").types["concat1"][0].shape == (22, 28, 28)  # 8 + 8 + 3 + 3


def test_several_branches_of_which_the_first_gives_the_second(tmp_path: Path) -> None:
    text = """\
input: [3, 32, 32]
layers:
  - conv: 8
    name: a
  - conv: 16
    name: b
  - conv: {out: 8, stride: 2}
    name: c
  - add: [a, b, c]
"""
    (d,) = refused(tmp_path, HEAD + text)
    assert d.hint == "`out: 8` at b (line 7) and `stride: 1` at c (line 9) give 8×32×32"
    (tmp_path / "net.yaml").write_text(HEAD + text.replace("conv: 16", "conv: 8").replace("stride: 2", "stride: 1"))
    load(tmp_path / "net.yaml")


def test_two_arguments_are_changed_only_where_no_single_one_mends(tmp_path: Path) -> None:
    text = "input: [3, 32, 32]\nlayers:\n  - conv: {out: 3, kernel: 4, padding: 1}\n  - add: [input, $prev]\n"
    (d,) = refused(tmp_path, HEAD + text)
    assert [fix.title for fix in d.fixes] == ["`crop: center` at add1 (line 6)", "`padding: same` at conv1 (line 5)"]


def test_a_variable_that_two_layers_share_is_not_half_of_a_pair(tmp_path: Path) -> None:
    """`out` is written in vars and `stride` in the layer: two places, so no pair."""
    text = """\
input: [8, 32, 32]
vars: {w: 16}
layers:
  - conv: {out: $w, kernel: 3, padding: 1, stride: 2}
  - mean: [input, $prev]
"""
    (d,) = refused(tmp_path, HEAD + text)
    assert [fix.title for fix in d.fixes] == [
        "`- conv: {out: $w, stride: 2}` from input before line 7, in the place of input"
    ]


def test_a_message_of_a_network_of_the_zoo_takes_little_work(tmp_path: Path, calls: Callable[..., int]) -> None:
    """No single change, and no pair, mends it: the search ends at its bounds."""
    text = (zoo.directory() / "inception_resnet_v2.yaml").read_text(encoding="utf-8")
    wrong = text.replace("stride: 2, padding: valid", "stride: 3, padding: valid")
    assert wrong != text
    found: list[Diagnostic] = []
    assert calls(lambda: found.extend(refused(tmp_path, wrong))) < 2_000_000  # half a second
    assert [d.code for d in found] == ["E310"] and not found[0].fixes


def test_a_projection_is_a_conv_where_conv_bn_is_a_block_of_ones_own(tmp_path: Path) -> None:
    text = """\
input: [3, 32, 32]
blocks:
  conv_bn:
    params: {width: int, step: 1}
    layers: [conv: {out: $width, kernel: 3, stride: $step, padding: 1}, batch_norm, relu]
layers:
  - conv_bn: 64
    name: stem
  - conv_bn: {width: 128, step: 2}
  - add: [stem, $prev]
"""
    (d,) = refused(tmp_path, HEAD + text)
    assert d.hint is not None and d.hint.startswith("`- conv: {out: 128, stride: 2}` from stem before line 12")
