"""The README's commands run, its files are those of the project, and what it shows them print is what they print."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"
FENCE = re.compile(r"(?:^<!-- file: (?P<file>\S+) -->\n)?^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.S | re.M)
SLOW = {"doctor", "train", "evaluate"}
STAND_INS = {"my.yaml": "lenet5", "other.yaml": "mlp"}  # files that the list of commands takes from the reader


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the README's commands run: the examples, and the files it writes out."""
    made = tmp_path_factory.mktemp("readme")
    shutil.copytree(root / "examples", made / "examples")
    for block in blocks("yaml"):
        if block["file"] and not (made / block["file"]).exists():
            (made / block["file"]).write_text(block["body"], encoding="utf-8")
    return made


def blocks(kind: str) -> list[dict[str, str]]:
    text = README.read_text(encoding="utf-8")
    return [match.groupdict() for match in FENCE.finditer(text) if match["kind"] == kind]


def console() -> list[tuple[str, str]]:
    """Commands shown with what they print."""
    found = []
    for block in blocks("console"):
        command, _, output = block["body"].partition("\n")
        found.append((command.removeprefix("$ "), output))
    return found


def commands() -> list[str]:
    """Commands shown alone, without comments."""
    lines = [line for block in blocks("sh") for line in block["body"].splitlines()]
    parts = [part.partition("#")[0].strip() for line in lines for part in line.split("&&")]
    return [part for part in parts if part.startswith("archspec ")]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *args = shlex.split(command)
    assert program == "archspec"
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR")}
    return subprocess.run(
        [sys.executable, "-m", "archspec", *args],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("number", range(len(console())), ids=lambda i: console()[i][0])
def test_golden_console(number: int, folder: Path) -> None:
    """What the README shows is what is printed. `make golden` rewrites it."""
    command, shown = console()[number]
    done = run(command, folder)
    printed = "".join(f"{line.rstrip()}\n" for line in (done.stderr + done.stdout).splitlines())
    if os.environ.get("ARCHSPEC_GOLDEN") == "refresh":
        text = README.read_text(encoding="utf-8")
        README.write_text(text.replace(f"$ {command}\n{shown}```", f"$ {command}\n{printed}```"), encoding="utf-8")
        shown = printed
    assert printed == shown


def test_files_in_the_readme_are_the_projects_own(root: Path) -> None:
    shown = {block["file"]: block["body"] for block in blocks("yaml") if block["file"].startswith("examples/")}
    assert list(shown) == ["examples/small_resnet.yaml"]
    for file, body in shown.items():
        assert (root / file).read_text(encoding="utf-8") == body


def quick() -> list[str]:
    """Commands that need nothing but specs."""
    words = ("list", "check", "explain", "summarize", "draw", "plugin", "format", "expand")
    return [command for command in commands() if command.split()[1] in words]


@pytest.mark.parametrize("command", quick())
def test_quick_commands_run(command: str, folder: Path) -> None:
    if command.split()[1] == "draw" and shutil.which("dot") is None:
        pytest.skip("drawing SVG needs graphviz")
    for file, stand_in in STAND_INS.items():
        command = command.replace(file, stand_in)
    done = run(command, folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("body", [block["body"] for block in blocks("python")])
def test_python_runs(body: str) -> None:
    """Its own assertions hold; there are some."""
    pytest.importorskip("torch")
    assert "assert " in body
    exec(compile(body, "README.md", "exec"), {})


@pytest.mark.slow
def test_training_commands_run(folder: Path) -> None:
    pytest.importorskip("torch")
    runs = [c for c in commands() if c.split()[1] in SLOW and "run.yaml" not in c and "runs/" not in c]
    assert [c.split()[1] for c in runs] == ["train", "train", "evaluate"]
    for command in runs:
        done = run(command, folder)
        assert done.returncode == 0, done.stderr
    assert (folder / "small_resnet_run" / "curves.png").exists()


def test_every_command_is_shown() -> None:
    shown = {c.split()[1] for c in commands()} | {c.split()[1] for c, _ in console()}
    known = (
        "check explain list summarize draw data train evaluate predict weights plugin new schema format expand "
        "bench diff where report serve compare doctor tune inspect evaluate-boxes anchors detect"
    )
    assert shown == set(known.split())
