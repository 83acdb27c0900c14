"""What all tests share: the folder of real data, the command line, specs written in the test itself."""

from __future__ import annotations

import cProfile
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # As many processes as cores: threads of torch and its like would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets. Tests that need it are skipped where it is not there."""
    path = Path(os.environ.get("ARCHSPEC_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"no test data at {path}: set ARCHSPEC_TEST_DATA to the folder that holds it")
    return path


@pytest.fixture
def run_archspec(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command in a process of its own, in an empty folder: `run_archspec("check", path)`."""

    def run(*args: object, **options: Any) -> subprocess.CompletedProcess[str]:
        options = {"cwd": tmp_path, "timeout": 120, **options}
        command = [sys.executable, "-m", "archspec", *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)

    return run


@pytest.fixture(scope="session", autouse=True)
def forks() -> None:
    """Lets tests fork whatever ran before: torch refuses to compute gradients in a child of a process that first did so
    when a device but the processor was known, as fake tensors of GPUs make one known."""
    if "torch" in sys.modules:
        import torch

        torch.ones((), requires_grad=True).backward()


@pytest.fixture(scope="session")
def calls() -> Callable[[Callable[[], object]], int]:
    """How many calls a piece of work makes, Python's and C's: what it costs on any machine, however busy."""

    def counted(work: Callable[[], object]) -> int:
        profile = cProfile.Profile()
        profile.runcall(work)
        return sum(entry.callcount for entry in profile.getstats())

    return counted


@pytest.fixture(scope="session")
def seconds() -> Callable[[Callable[[], object]], float]:
    """Processor time of a piece of work, the least of two goes. It shows what calls do not, a search through a list in
    each of many steps; only two of them tell anything, by their ratio."""

    def least(work: Callable[[], object]) -> float:
        goes = []
        for _ in range(2):
            begun = time.process_time()
            work()
            goes.append(time.process_time() - begun)
        return min(goes)

    return least


@pytest.fixture
def write_spec(tmp_path: Path) -> Callable[..., Path]:
    """Writes a spec of the layers given as YAML: `write_spec("- conv: 8", input="[3, 32, 32]")`."""

    def write(layers: str, input: str, name: str = "sample", **keys: str) -> Path:
        head = [f"{key}: {value}" for key, value in {"archspec": "1", "name": name, "input": input, **keys}.items()]
        body = [f"  {line}" if line.strip() else "" for line in layers.strip("\n").splitlines()]
        path = tmp_path / f"{name}.yaml"
        path.write_text("\n".join([*head, "layers:", *body, ""]), encoding="utf-8")
        return path

    return write
