"""`archspec schema`, as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import archspec

Run = Callable[..., "CompletedProcess[str]"]


def test_it_prints_the_schema_of_any_spec(run_archspec: Run) -> None:
    done = run_archspec("schema")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == archspec.schema()


def test_it_writes_that_of_a_spec(run_archspec: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("archspec: 1\nblocks: {mine: {layers: [relu]}}\n", encoding="utf-8")
    done = run_archspec("schema", "mine.yaml", "-o", "mine.schema.json")
    assert (done.returncode, done.stdout) == (0, "mine.schema.json\n")
    written = json.loads((tmp_path / "mine.schema.json").read_text(encoding="utf-8"))
    assert "layer.mine" in written["definitions"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.schema.json", "mine.yaml"]


def test_it_knows_run_files(run_archspec: Run) -> None:
    assert "optimizer" in run_archspec("schema", "--run").stdout


@pytest.mark.parametrize(
    ("args", "status", "told"),
    [
        (["schema", "resnet51"], 1, "did you mean 'resnet50'?"),
        (["schema", "no/such.yaml"], 1, "no/such.yaml"),
        (["schema", "-o", "no/such/folder.json"], 1, "E505"),
        (["schema", "--run", "resnet50"], 2, "not allowed with"),
        (["schema", "resnet50", "resnet18"], 2, "unrecognized"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_it_refuses(args: list[str], status: int, told: str, run_archspec: Run) -> None:
    done = run_archspec(*args)
    assert (done.returncode, done.stdout) == (status, "")
    assert told in done.stderr
