"""What `check` tells of a file, and that it only tells."""

from __future__ import annotations

from pathlib import Path

from archspec import check, zoo


def test_check_never_raises_and_counts_warnings_as_errors_when_strict(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("archspec: 1\ninput: [3, 32, 32]\nlayers: [conv: {out: 4, kernel: 5, stride: 2}]")
    assert [(d.code, d.severity) for d in check(path)] == [("W301", "warning")]
    assert [(d.code, d.severity) for d in check(path, strict=True)] == [("W301", "error")]
    assert [d.code for d in check(tmp_path / "none.yaml")] == ["E501"]
    assert check("std") and not check(zoo.directory() / "std.yaml")
