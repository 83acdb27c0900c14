"""A wheel built from the tree works outside the checkout, and holds all that it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="building a wheel needs hatchling")


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that is built from the sdist alone."""
    folder = tmp_path_factory.mktemp("dist")
    build(root, "sdist", folder)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Python 3.11.4 brought it
        archive.extractall(folder, **safely)
    build(next(path for path in folder.iterdir() if path.is_dir()), "wheel", folder)
    return folder


def build(tree: Path, target: str, folder: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True, timeout=120)


def test_the_wheel_holds_packages_specs_and_maps(built: Path, root: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    top = {name.split("/")[0] for name in names}
    assert top == {"archspec", "archspec_torch", "archspec_nn-0.1.0.dist-info"}
    assert {f"archspec/specs/{path.name}" for path in (root / "specs").glob("*.yaml")} <= names
    pages = ["words.md", *(f"diagnostics/{path.name}" for path in (root / "docs" / "diagnostics").glob("*.md"))]
    assert {f"archspec/docs/{page}" for page in pages} == {name for name in names if name.startswith("archspec/docs/")}
    for package, folder in (("archspec", root / "archspec"), ("archspec_torch", root / "backends/archspec_torch")):
        files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert {f"{package}/{path.relative_to(folder)}" for path in files} <= names
    assert "archspec_nn-0.1.0.dist-info/licenses/LICENSE" in names


def test_the_sdist_holds_what_the_tests_need(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for wanted in ("LICENSE", "README.md", "tests/conftest.py", "tests/golden/counts.json", "docs/generate.py"):
        assert wanted in names


def test_an_installed_wheel_works_outside_the_checkout(built: Path, tmp_path: Path) -> None:
    site, wheel = tmp_path / "site", next(built.glob("*.whl"))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(pip, check=True, capture_output=True, timeout=120)
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def run(*command: str) -> str:
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = "import archspec, archspec_torch; print(archspec.__file__, archspec_torch.__file__)"
    assert run(sys.executable, "-c", where).split() == [
        str(site / "archspec" / "__init__.py"),
        str(site / "archspec_torch" / "__init__.py"),
    ]
    made = json.loads(run(str(site / "bin" / "archspec"), "summarize", "resnet18", "--format", "json"))
    assert made["totals"]["params"] == 11_689_512
    assert made["layers"][0]["source"]["file"] == str(site / "archspec" / "specs" / "std.yaml")
    assert "\nE002: a key stands twice\n" in "\n" + run(str(site / "bin" / "archspec"), "explain", "E002", "repeat")
    compiled = "import archspec; print(sum(p.numel() for p in archspec.compile('lenet5').parameters()))"
    assert run(sys.executable, "-c", compiled) == "61706\n"
