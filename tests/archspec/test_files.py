"""Writing files whole or not at all, and what is no file."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from archspec.errors import SpecError
from archspec.files import write_text


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("before")
    write_text(path, "after\n")
    assert path.read_text() == "after\n"
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]


@pytest.mark.parametrize("linked", [False, True], ids=["named", "through a link"])
def test_a_pipe_stays_and_is_given_the_content(linked: bool, tmp_path: Path) -> None:
    pipe = path = tmp_path / "pipe"
    os.mkfifo(pipe)
    if linked:
        path = tmp_path / "link"
        path.symlink_to(pipe)
    with ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_text)
        write_text(path, "one\ntwo\n")
        assert read.result(timeout=10) == "one\ntwo\n"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert path.is_symlink() == linked


def test_a_device_that_is_full_says_so(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    link = tmp_path / "full"
    link.symlink_to("/dev/full")
    with pytest.raises(SpecError, match=r"E505: cannot write .*No space left"):
        write_text(link, "text")
    assert link.is_symlink()


@pytest.mark.parametrize("name", [".", "folder"])
def test_a_folder_is_no_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    with pytest.raises(SpecError, match=r"E505: cannot write .*it is a folder"):
        write_text(Path(name), "text")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]
