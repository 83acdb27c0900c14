"""Progress on a terminal and elsewhere."""

from __future__ import annotations

import sys

import pytest

from archspec_torch.runtime.progress import Bar, Lines, Silence, progress_for


def test_a_bar_on_a_terminal_lines_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert type(progress_for(2, 3, quiet=False)) is Bar
    assert type(progress_for(2, 3, quiet=True)) is Silence
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert type(progress_for(2, 3, quiet=False)) is Lines


def test_without_rich_a_terminal_gets_lines_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setitem(sys.modules, "rich", None)
    assert type(progress_for(2, 3, quiet=False)) is Lines
