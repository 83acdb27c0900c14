"""What `check` tells of a file, and that it only tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec import SpecError, check, load, zoo
from archspec.cli import main


def test_check_never_raises_and_counts_warnings_as_errors_when_strict(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("archspec: 1\ninput: [3, 32, 32]\nlayers: [conv: {out: 4, kernel: 5, stride: 2}]")
    assert [(d.code, d.severity) for d in check(path)] == [("W301", "warning")]
    assert [(d.code, d.severity) for d in check(path, strict=True)] == [("W301", "error")]
    assert [d.code for d in check(tmp_path / "none.yaml")] == ["E501"]
    assert check("std") and not check(zoo.directory() / "std.yaml")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("abc\n", "this is text"),
        ("a:b\nc:d", "this is text"),
        ("A spec of a network, told in a sentence.\nAnd another.\n", "this is text"),
        ("..", "this is text"),
        ("12", "this is 12 alone"),
        ("- conv: 8\n", "this is a list"),
    ],
)
def test_a_file_that_holds_no_mapping_is_told_so_by_every_command(
    text: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    (told,) = check(path)
    assert told.code == "E101" and told.message.startswith("a spec is a mapping") and told.message.endswith(what)
    assert told.span is not None and (told.span.line, told.span.column) == (1, 1)
    assert ("space" in str(told.hint)) == (":" in text and what == "this is text")
    with pytest.raises(SpecError) as caught:
        load(path)
    assert caught.value.diagnostics == (told,)
    for command in ("check", "summarize", "expand", "format"):
        assert main([command, str(path)]) == 1
        assert what in "".join(capsys.readouterr())
    assert path.read_text() == text


def test_a_spec_is_checked_with_edits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        "archspec: 1\ninput: [3, 32, 32]\nvars: {width: 16, groups: 1}\nvariants: {wide: {width: 10}}\nlayers:\n"
        "  - conv: {out: $width, kernel: 3}\n  - relu\n  - conv: {out: 8, kernel: 3, groups: $groups}\n"
        "assert: [layers == 3, params == 1_608, {always: params < 3_000}]\n"
    )
    assert check(path) == [], "3·9·16 + 16 and 16·9·8 + 8"
    assert check(path, overrides=["vars.width=8"]) == [], "its counts are stated of the spec as written"
    assert [d.code for d in check(path, overrides=["vars.width=64"])] == ["E401"], "save those that always hold"
    assert [d.code for d in check(f"{path}@wide", groups=4)] == ["E310"], "4 does not divide 10"
    assert check(path, groups=4) == [], "the variant is another network"
    assert [d.code for d in check(path, width=8, strict=True, input="3x4x4")] == ["E310"]
    assert [d.code for d in check(path, overrides=["vars.widht=8"])] == ["E512"]
    assert main(["check", str(path), "--set", "vars.width=8", "--input", "3x8x8"]) == 0
    assert main(["check", str(path), "--input", "3x4x4"]) == 1
    assert "does not fit height 2" in capsys.readouterr().err
