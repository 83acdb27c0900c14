"""The gallery: one command draws every network of the zoo."""

from __future__ import annotations

import runpy

import pytest

from archspec import zoo


@pytest.mark.slow
def test_every_network_of_the_zoo_is_drawn(root, tmp_path):
    written = runpy.run_path(str(root / "docs" / "gallery.py"))["gallery"](tmp_path)
    names = {entry.name for entry in zoo.entries()}
    assert names <= {path.stem for path in written}
    assert sum(path.stat().st_size for path in written) < 6e6
    index = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert all(f"({name}.svg)" in index for name in names)
