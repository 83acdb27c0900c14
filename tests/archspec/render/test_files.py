"""Files are written whole or not at all, wherever they are written from."""

from __future__ import annotations

import ast
import os
import stat
from pathlib import Path

import pytest

import archspec
from archspec.errors import SpecError
from archspec.files import replacing, write_bytes, write_text


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")
    return path


def test_the_content_takes_the_place_of_the_old(old: Path) -> None:
    write_bytes(old, b"\x00new\r\n")
    assert old.read_bytes() == b"\x00new\r\n"
    write_text(old, "é\nü\n")
    assert old.read_bytes() == "é\nü\n".encode()
    assert [path.name for path in old.parent.iterdir()] == ["file.txt"]


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(old: Path) -> None:
    with replacing(old) as written:
        assert written.parent == old.parent
        written.write_bytes(b"ne")
        assert old.read_bytes() == b"old"
        written.write_bytes(b"new")
    assert old.read_bytes() == b"new"


def test_the_content_is_on_the_disk_before_the_name_is(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("replace"), replace(a, b))[1])
    write_bytes(old, b"new")
    assert done == ["fsync", "replace"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), ValueError("no"), SpecError([])])
def test_whatever_interrupts_leaves_the_old_file_and_nothing_else(old: Path, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, replacing(old) as written:
        written.write_bytes(b"ne")
        raise error
    assert caught.value is error
    assert old.read_bytes() == b"old"
    assert [path.name for path in old.parent.iterdir()] == ["file.txt"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_told(old: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(SpecError) as caught:
        write_bytes(old, b"new")
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.message) == ("E505", f"cannot write '{old}': No space left on device")
    assert old.read_bytes() == b"old"
    assert [path.name for path in old.parent.iterdir()] == ["file.txt"]


def test_what_cannot_be_written_is_told_under_the_callers_code(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "none" / "file"):
        with pytest.raises(SpecError) as caught:
            write_bytes(path, b"", code="E712")
        assert [d.code for d in caught.value.diagnostics] == ["E712"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    for name in ("x" * 255, "é" * 127):  # a name has 255 bytes at most
        write_bytes(tmp_path / name, b"new")
        assert (tmp_path / name).read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_any_new_file(tmp_path: Path, mask: int) -> None:
    former = os.umask(mask)
    try:
        write_text(tmp_path / "text", "a")
        archspec.draw(archspec.load("lenet5"), tmp_path / "net.dot")
        (tmp_path / "plain").write_text("a")
    finally:
        os.umask(former)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("text", "net.dot", "plain"), 0o666 & ~mask)


def test_a_drawing_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpecError, match=r"E505.*No space left on device"):
        archspec.draw(archspec.load("lenet5"), tmp_path / "net.dot")
    assert list(tmp_path.iterdir()) == []


def test_it_is_written_in_one_place_alone(root: Path) -> None:
    """No other module renames files or makes temporary ones of its own; checkpoints are whole folders."""
    found = set()
    for folder in ("archspec", "backends"):
        for path in (root / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match node:
                    case ast.Attribute(ast.Name("os"), "replace" | "rename" | "fsync"):
                        found.add(path.relative_to(root).as_posix())
                    case ast.Import([ast.alias("tempfile"), *_]) | ast.ImportFrom("tempfile"):
                        found.add(path.relative_to(root).as_posix())
    assert found == {"archspec/files.py", "backends/archspec_torch/runtime/checkpoints.py"}
