"""Short specs that ask for long work: each is refused, with one placed message, before that work is done."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "wait4"), reason="what a process took is asked of the system")

SECONDS, MEGABYTES = 2.0, 200
"""Processor time with the start of the process (a second on a quiet machine), and peak memory."""

MEASURED = """
import pathlib, re, sys
from archspec.cli import main
status = main(["check", "spec.yaml"])
system = pathlib.Path("/proc/self/status")
if system.exists():  # of this program alone: what the one that began it had taken is not counted
    print(re.search(r"VmHWM:\\s+(\\d+)", system.read_text())[1])
sys.exit(status)
"""

HEAD = "archspec: 1\nname: t\ninput: [3, 32, 32]\n"
OPEN = "archspec: 1\nname: t\ninput: [3, H, W]\n"


def pooled(*strides: int) -> str:
    """An image made small and large again by each of these, and added to what it was."""
    ways = "".join(f"  - max_pool: {{kernel: {n}, stride: {n}}}\n  - upsample: {n}\n" for n in strides)
    return f"{OPEN}layers:\n{ways}  - add: [input, $prev]\n"


def lettered(name: str) -> str:
    """10,000 layers, and as many assertions about what is not there."""
    asserts = "".join(f"  - {name.replace('$', str(i))} >= 0\n" for i in range(10_000))
    return f"{HEAD}assert:\n{asserts}layers:\n  - relu: {{}}\n    name: r\n    repeat: 10000\n"


def shared(times: int) -> str:
    doubled = (f"  - layers: [share: a{i}, share: a{i}]\n    name: a{i + 1}\n" for i in range(times))
    return f"{HEAD}layers:\n  - layers: [relu]\n    name: a0\n{''.join(doubled)}"


def summed(number: int) -> str:
    """A sum of so many tensors of which no two have as many channels."""
    layers = "".join(f"  - conv: {{out: {8 + i}, kernel: 3}}\n    name: n{i}\n    from: input\n" for i in range(number))
    return f"{HEAD}layers:\n{layers}  - add: [{', '.join(f'n{i}' for i in range(number))}]\n"


def expressed(terms: int) -> str:
    return f"{HEAD}layers:\n  - conv: {'+'.join(['sum(1..99999)'] * terms)}\n    repeat: 30000\n"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        pytest.param("E318", pooled(2, 3, 5, 7, 11, 13, 17), id="a period of 510,510"),
        pytest.param("E318", pooled(*[2, 3, 5, 7, 11, 13] * 2), id="a period of 30,030, again and again"),
        pytest.param("E318", pooled(*range(2, 72)), id="70 strides"),
        pytest.param("E116", shared(40), id="shares that double"),
        pytest.param("E310", summed(3_000), id="a sum of 3,000 tensors"),
        pytest.param("E207", expressed(200), id="an expression too long, 30,000 times"),
        pytest.param("E207", expressed(40), id="long ranges, 30,000 times"),
        pytest.param("E403", lettered("layers.q.$.macs"), id="layers that are not there"),
        pytest.param("E404", lettered("layers.r.$.mcas"), id="figures that are not there"),
    ],
)
def test_it_is_refused_before_the_work(code: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(text)
    with (tmp_path / "err").open("w") as screen:
        process = subprocess.Popen(
            [sys.executable, "-c", MEASURED], cwd=tmp_path, stderr=screen, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        peak = process.stdout.read()
        _, status, took = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    told = (tmp_path / "err").read_text()
    assert process.returncode == 1
    assert re.match(rf"spec\.yaml:\d+:\d+: error {code}: ", told), told[:500]
    assert took.ru_utime < SECONDS
    if sys.platform == "linux":
        assert int(peak.split()[-1]) < MEGABYTES * 1000


def test_many_mistakes_are_told_and_the_first_of_them_with_what_was_meant(tmp_path: Path) -> None:
    """Looking each up among 10,000 layers would take a minute: the 20 that are printed are looked up."""
    (tmp_path / "spec.yaml").write_text(lettered("layers.rr.$.macs"))
    command = [sys.executable, "-m", "archspec", "check", "spec.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.count("error E403") == done.stderr.count("did you mean 'r.") == 20
    assert "… and 9980 more" in done.stderr and "spec.yaml: 10000 errors" in done.stdout
