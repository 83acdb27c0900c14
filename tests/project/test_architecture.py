"""ARCHITECTURE.md speaks of what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


def tree_paths(text: str) -> list[str]:
    """Paths of the tree in ARCHITECTURE.md: entries of the first fenced block, by their indentation."""
    block = text.split("```")[1]
    found, folders = [], []
    for line in block.splitlines()[1:]:
        match = re.match(r"^( *)(\S+?)(?:\s{2,}.*)?$", line)
        if not match:
            continue
        depth, name = len(match[1]) // 2, match[2]
        folders[depth:] = [name.rstrip("/")] if name.endswith("/") else []
        if not name.endswith("/"):
            found.append("/".join([*folders[:depth], name]))
        else:
            found.append("/".join(folders) + "/")
    return found


def test_every_path_of_the_tree_exists(root: Path) -> None:
    paths = tree_paths((root / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    assert len(paths) > 40
    assert [path for path in paths if not list(root.glob(path.rstrip("/")))] == []


def test_every_module_is_in_the_tree(root: Path) -> None:
    """By its own name, or by a folder whose contents the tree does not list."""
    paths = tree_paths((root / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    told = {str(path.relative_to(root)) for entry in paths for path in root.glob(entry.rstrip("/"))}
    whole = {folder for folder in told if not any(other.startswith(f"{folder}/") for other in told)}
    modules = [*(root / "archspec").rglob("*.py"), *(root / "backends").rglob("*.py")]
    names = [path.relative_to(root) for path in modules if not path.name.startswith("__")]
    assert [str(n) for n in names if str(n) not in told and not any(str(p) in whole for p in n.parents)] == []


def test_paths_in_the_text_exist(root: Path) -> None:
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    prose = "".join(text.split("```")[2::2])
    named = re.findall(r"`((?:archspec|backends|specs|tests|docs|benchmarks|examples)/[^`\s]*)`", prose)
    assert len(named) > 10
    assert [path for path in named if not list(root.glob(path.rstrip("/")))] == []


@pytest.mark.parametrize("folder", ["archspec", "backends", "tests", "docs", "benchmarks"])
def test_no_module_grows_beyond_500_lines(folder: str, root: Path) -> None:
    long = {
        str(path.relative_to(root)): count
        for path in (root / folder).rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 500
    }
    assert long == {}
