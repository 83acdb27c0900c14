"""A mistake in the call of a shipped block is told where the call stands, as far as its argument can be followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import SpecError, check, load
from archspec.errors import Diagnostic

HEAD = "archspec: 1\nname: net\ninput: [8, 32, 32]\nuse: std\n"


def refused(folder: Path, text: str) -> list[Diagnostic]:
    path = folder / "net.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load(path)
    return list(caught.value.diagnostics)


@pytest.mark.parametrize(
    ("call", "code", "at"),
    [
        ("conv_act: {out: 8, kernel: 0}", "E303", "0}"),
        ("conv_bn: 0", "E303", "0"),
        ("separable: {out: -1}", "E303", "-1}"),  # handed on by conv_bn
        ("conv_bn: {out: 8, act: rellu}", "E305", "rellu}"),
        ("conv_bn: {out: 9, groups: 2}", "E310", "2}"),
        ("conv_bn: {out: 8, kernel: 99, padding: valid}", "E310", "99, padding: valid}"),
    ],
)
def test_the_argument_of_the_call(tmp_path: Path, call: str, code: str, at: str) -> None:
    (d,) = refused(tmp_path, f"layers:\n  - {call}\n")
    assert d.code == code and d.span is not None and d.span.file == str(tmp_path / "net.yaml")
    assert d.span.text[d.span.column - 1 :] == at
    assert d.related[-1].label == "in a block that comes with archspec"
    assert d.related[-1].span.file.endswith("std.yaml")


def test_the_call_itself_where_the_argument_is_computed(tmp_path: Path) -> None:
    text = "blocks:\n  b: {params: {w: int}, layers: [conv_bn: $w - 8]}\nlayers:\n  - relu\n  - b: 8\n"
    (d,) = refused(tmp_path, text)
    assert d.span is not None and (d.span.line, d.span.text[d.span.column - 1 :]) == (6, "$w - 8]}")


def test_two_calls_with_the_same_mistake_are_two_mistakes(tmp_path: Path) -> None:
    found = refused(tmp_path, "layers:\n  - conv_bn: 0\n  - conv_bn: {out: 0}\n")
    assert [(d.code, d.span.line) for d in found if d.span] == [("E303", 6), ("E303", 7)]


def test_a_block_of_ones_own_file_is_told_in_that_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("archspec: 1\nblocks:\n  b: {layers: [conv: 0]}\n")
    (tmp_path / "net.yaml").write_text(HEAD.replace("std", "mine.yaml") + "layers: [relu, b]\n")
    with pytest.raises(SpecError) as caught:
        load(tmp_path / "net.yaml")
    (d,) = caught.value.diagnostics
    assert d.span is not None and d.span.file == str(tmp_path / "mine.yaml")


def test_what_a_library_of_ones_own_hands_on_is_told_there(tmp_path: Path) -> None:
    library = "archspec: 1\nuse: std\nblocks:\n  two:\n    params: {w: int}\n    layers:\n"
    library += "      - conv_bn: {out: $w, kernel: 3, padding: vald}\n      - relu\n"
    (tmp_path / "own.yaml").write_text(library, encoding="utf-8")
    net = tmp_path / "net.yaml"
    net.write_text("archspec: 1\ninput: [3, 32, 32]\nuse: ./own.yaml\nlayers: [two: 8]\n", encoding="utf-8")
    (error,) = check(net)
    assert error.span is not None
    assert (Path(error.span.file).name, error.span.line, error.span.column) == ("own.yaml", 7, 48)
    assert error.code == "E303" and "'valid'" in (error.hint or "")


@pytest.mark.parametrize(
    ("by", "shape", "params"),
    [
        (2, (5, 8, 8), 8 * 8 * 9 + 16 + 8 * 5 * 9 + 10),
        (1, (5, 16, 16), 8 * 5 * 9 + 10),
        (0, (5, 32, 32), 8 * 5 + 10),
        (-2, (5, 128, 128), 8 * 5 + 10),
    ],
)
def test_resample_halves_by_strided_convolutions_and_doubles_by_one_upsampling(
    by: int, shape: tuple[int, ...], params: int, tmp_path: Path
) -> None:
    """Weights of convolutions without bias, and of batch norms two a channel."""
    path = tmp_path / "net.yaml"
    path.write_text(f"{HEAD}layers:\n  - resample: {{out: 5, by: {by}}}\nassert: [params == {params}]\n")
    graph = load(path)
    (tap,) = graph.outputs.values()
    assert graph.type_of(tap).shape == shape


def test_resample_to_what_is_there_already_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(f"{HEAD}layers:\n  - resample: {{out: 8, by: 0}}\n  - relu\nassert: [layers == 1]\n")
    assert check(path) == []
