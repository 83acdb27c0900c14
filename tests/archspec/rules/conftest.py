"""What tests of rules share: a spec written in the test, and what is told of it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import archspec
from archspec.errors import Diagnostic


@pytest.fixture
def told(tmp_path: Path) -> Callable[[str], list[Diagnostic]]:
    """What `check` tells of a whole spec given as text (its first line, `archspec: 1`, is put before it)."""

    def check(text: str) -> list[Diagnostic]:
        path = tmp_path / "network.yaml"
        path.write_text("archspec: 1\n" + textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return archspec.check(path)

    return check
