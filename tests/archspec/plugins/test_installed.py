"""Plugins of installed packages are found when a word is unknown, and cost nothing before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DOUBLE = """
from archspec.plugins import *
@operator('double')
class Double(Operator):
    def infer(self, inputs): return inputs
"""


@pytest.fixture
def site(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """An environment in which packages with plugins are installed: `site(name=text of the module)`."""

    def install(**modules: str) -> dict[str, str]:
        folder = tmp_path / "site"
        for name, text in modules.items():
            (folder / f"{name}-1.2.dist-info").mkdir(parents=True)
            (folder / f"{name}-1.2.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: 1.2\n")
            (folder / f"{name}-1.2.dist-info" / "entry_points.txt").write_text(f"[archspec.plugins]\n{name} = {name}\n")
            (folder / f"{name}.py").write_text(text)
        return {**os.environ, "PYTHONPATH": str(folder)}

    return install


def test_an_installed_plugin_is_found_when_its_word_is_met(
    site: Callable[..., dict[str, str]], run_archspec: Callable[..., Any], write_spec: Callable[..., Path]
) -> None:
    environment = site(doubling=DOUBLE)
    done = run_archspec("summarize", write_spec("- double", "[3, 4, 4]"), "--format", "json", env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["layers"][0]["name"] == "double1"
    text = "archspec: 1\ninput: [3, 4, 4]\nvars: {word: double}\nlayers: [$word]\n"
    path = write_spec("- relu", "[3, 4, 4]", name="by_variable")
    path.write_text(text)
    assert run_archspec("check", path, env=environment).returncode == 0, "a word in a variable is a word too"


def test_it_is_not_imported_for_specs_that_do_not_use_it(
    site: Callable[..., dict[str, str]], run_archspec: Callable[..., Any]
) -> None:
    environment = site(loud="raise SystemExit('imported')\n")
    assert run_archspec("check", "lenet5", "--strict", env=environment).returncode == 0
    code = "import sys, archspec; archspec.load('lenet5'); print('archspec.plugins' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout == "False\n"


def test_a_broken_one_is_told_beside_the_word_that_was_looked_for(
    site: Callable[..., dict[str, str]], run_archspec: Callable[..., Any], write_spec: Callable[..., Path]
) -> None:
    environment = site(doubling=DOUBLE, broken="1 / 0\n", empty="", taken=DOUBLE.replace("'double'", "'conv'"))
    done = run_archspec("check", write_spec("- xyzzy\n- double", "[3, 4, 4]"), "--format", "json", env=environment)
    found = {d["code"]: d["message"] for d in json.loads(done.stdout)}
    assert found.keys() == {"E130", "E551", "E552", "E553"}
    assert found["E551"] == "the installed plugin 'broken' of broken 1.2 raised ZeroDivisionError: division by zero"
    assert "'xyzzy'" in found["E130"]


def test_they_are_looked_for_again_where_what_asked_for_them_failed(
    site: Callable[..., dict[str, str]], plugin: Callable[..., Path]
) -> None:
    asks = plugin("from archspec.plugins import installed\nassert installed()\n1 / 0\n")
    code = f"""
from archspec import SpecError
from archspec.plugins import broken, installed, load_plugin
try:
    load_plugin({str(asks)!r})
except SpecError as error:
    print(error.diagnostics[0].code, [plugin.words for plugin in installed()], broken())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=site(doubling=DOUBLE))
    assert done.stdout == "E551 [('double',)] []\n", done.stderr
