"""The language starts fast because it loads little: nothing of a framework, and nothing it does not use."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archspec

PROBE = """
import json, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "numpy", "matplotlib", "sklearn", "archspec_torch"}:
            raise ImportError(f"{name} is blocked in this test")
sys.meta_path.insert(0, Blocked())
from archspec.cli import main
status = main(sys.argv[1:])
print(json.dumps([status, sorted(m for m in sys.modules if "." not in m)]), file=sys.stderr)
"""


def loaded(*args: str) -> set[str]:
    """Packages in memory after a command ran where frameworks can't be imported."""
    command = [sys.executable, "-c", PROBE, *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    status, modules = json.loads(done.stderr.splitlines()[-1])
    assert status == 0, done.stderr
    return set(modules)


@pytest.mark.parametrize(
    "args",
    [
        ["summarize", "resnet152"],
        ["summarize", "lenet5", "--format", "json"],
        ["check", "inception_v3", "--strict"],
        ["list"],
    ],
    ids=" ".join,
)
def test_commands_of_the_language_load_no_framework_and_nothing_heavy(args: list[str]) -> None:
    modules = loaded(*args)
    assert "archspec" in modules
    assert modules.isdisjoint({"torch", "torchvision", "numpy", "archspec_torch", "networkx", "rich", "graphviz"})


def test_drawing_needs_no_framework(tmp_path: object) -> None:
    assert loaded("draw", "resnet50", "-o", f"{tmp_path}/resnet50.dot").isdisjoint({"torch", "numpy"})


def test_importing_archspec_loads_next_to_nothing() -> None:
    code = "import sys, archspec; print(sorted(m for m in sys.modules if 'pydantic' in m or 'yaml' in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_summarize_stays_small() -> None:
    """Peak memory of the whole process. (The interpreter alone takes 15 MB, importing torch 640 MB.)"""
    # what wait4 tells of a child begins with the memory of the process that forked it: ask the child
    code = "from archspec.cli import main; main(['summarize', 'resnet152']); print(open('/proc/self/status').read())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    kilobytes = re.search(r"^VmHWM:\s+(\d+) kB$", done.stdout, re.M)
    assert kilobytes is not None, done.stderr
    assert int(kilobytes[1]) < 90_000


def test_work_grows_as_layers_do(
    write_spec: Callable[..., Path], calls: Callable[..., float], seconds: Callable[..., float]
) -> None:
    block = "- residual: [{conv: {out: 8, kernel: 3, padding: same}}, batch_norm, relu]\n  repeat: %d"

    def work(layers: int, measured: Callable[..., float]) -> float:
        path = write_spec(block % (layers // 4), "[8, 16, 16]", name=f"chain{layers}")
        found: list[dict[str, Any]] = []
        made = measured(lambda: found.append(archspec.summarize(archspec.load(path)).to_json()))
        assert len(found[0]["layers"]) == layers
        return made

    work(100, calls)  # what is imported and cached
    assert work(10_000, calls) < 11 * work(1_000, calls)  # quadratic would be 100
    assert work(10_000, seconds) < 20 * work(1_000, seconds)
