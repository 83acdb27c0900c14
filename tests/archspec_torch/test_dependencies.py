"""What each package imports is among what installing it brings."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

BROUGHT_ALONG = {"pydantic": "pydantic_core"}
"""Packages that are one with another and come in the release it asks for."""

MODULES = {"pyyaml": "yaml", "pillow": "PIL", "scikit-learn": "sklearn"}
"""Where a package is imported under another name than it is installed."""


def names(requirements: list[str]) -> set[str]:
    found = {re.split(r"[\s<>=!~\[;]", requirement)[0].lower() for requirement in requirements}
    return {MODULES.get(name, name) for name in found}


def imported(folder: Path) -> set[str]:
    """Top packages imported anywhere in a folder, the standard library's and our own left out."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module)
    top = {name.partition(".")[0] for name in found}
    return top - set(sys.stdlib_module_names) - {"archspec", "archspec_torch", *BROUGHT_ALONG.values()}


@pytest.fixture(scope="module")
def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_language_needs_exactly_its_dependencies(project: dict, root: Path) -> None:
    assert imported(root / "archspec") == names(project["project"]["dependencies"])


def test_the_torch_backend_needs_no_more_than_its_extras_add(project: dict, root: Path) -> None:
    core = names(project["project"]["dependencies"])
    extras = project["project"]["optional-dependencies"]
    asked = [one for name in ("torch", "tune", "video") for one in extras[name]]
    extra = names(asked) | {"sqlalchemy"}  # which optuna brings
    assert core & extra == set()
    assert imported(root / "backends" / "archspec_torch") - core <= extra


def test_the_build_backend_knows_license_files(project: dict) -> None:
    """License expressions and files (PEP 639) are read from hatchling 1.27 on."""
    assert project["project"]["license-files"]
    development = project["project"]["optional-dependencies"]["dev"]
    for wanted in (*project["build-system"]["requires"], *(r for r in development if r.startswith("hatchling"))):
        found = re.fullmatch(r"hatchling>=(\d+)\.(\d+)", wanted)
        assert found is not None
        assert (int(found[1]), int(found[2])) >= (1, 27)


def test_the_command_line_works_with_its_dependencies_alone(project: dict, tmp_path: Path) -> None:
    extra = names(project["project"]["optional-dependencies"]["torch"])
    script = f"import sys\nsys.modules.update(dict.fromkeys({sorted(extra)!r}))\nfrom archspec.cli import main\n"
    for arguments in (["list"], ["check", "resnet18"], ["summarize", "resnet18"], ["draw", "lenet5", "-o", "a.dot"]):
        done = subprocess.run(
            [sys.executable, "-c", f"{script}raise SystemExit(main({arguments!r}))"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
