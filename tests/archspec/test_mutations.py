"""Specs spoilt at random: a small part of what `benchmarks/mutations.py` does, and what hypothesis makes of them."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archspec import SpecError, load
from archspec.errors import Span, fail

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def mutations() -> ModuleType:
    spec = spec_from_file_location("mutations", ROOT / "benchmarks" / "mutations.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["mutations"] = module
    spec.loader.exec_module(module)
    return module


def test_three_hundred_mutants(mutations: ModuleType) -> None:
    found = mutations.run(300, seed=7)
    faults = [(name, tally.examples) for tally in found.values() for name in tally.faults if name != "slow"]
    assert faults == []
    assert sum(tally.made for tally in found.values()) == 300
    assert mutations.share_right(found) >= 0.95
    assert any(tally.offered for tally in found.values()), "no edit was offered: nothing of that was tried"


def test_a_fault_is_found(mutations: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts the faults sees them."""
    text = "archspec: 1\ninput: [3, 8, 8]\nlayers: [relu]\n"
    accepted = mutations.Mutant("typo: key", "t", text.encode(), "relu", "rleu")
    assert mutations.tried(accepted, tmp_path).faults == {"typo accepted": 1}
    refused = mutations.Mutant("line gone", "t", b"archspec: 1\nuse: std\nlayers: [conv_bn: 0]\ninput: [3, 8, 8]")
    assert mutations.tried(refused, tmp_path).faults == {}
    for raised, tallied in (
        (ValueError("nobody caught it"), "traceback"),
        (fail("E310", "it is somewhere"), "unplaced"),
        (fail("E310", "it is elsewhere", Span("other.yaml", 1, 1)), "unplaced"),
        (fail("E310", "it is below the last line", Span(str(tmp_path / "spec.yaml"), 5, 1)), "unplaced"),
    ):
        monkeypatch.setattr("archspec.load", Mock(side_effect=raised))
        assert mutations.tried(refused, tmp_path).faults == {tallied: 1}


def test_mutants_are_the_same_for_the_same_seed(mutations: ModuleType) -> None:
    assert [mutations.mutant(i, 3) for i in range(20)] == [mutations.mutant(i, 3) for i in range(20)]


SPEC = (ROOT / "specs" / "inception_module_reduced.yaml").read_text(encoding="utf-8")
EDITS = st.lists(
    st.tuples(
        st.integers(0, len(SPEC)),
        st.integers(0, 30),
        st.one_of(
            st.text(max_size=8),
            st.sampled_from(
                ["{", "}", "[", "]", ": ", "- ", "$", "${", "0", "-1", "1e9", "true", "null", "\n", "'", "#"]
            ),
            st.sampled_from(
                ["conv", "repeat", "each", "when", "layers", "branches", "residual", "join", "add", "from"]
            ),
        ),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EDITS)
def test_edits_anywhere_are_read_or_refused_at_a_place(tmp_path: Path, edits: list[tuple[int, int, str]]) -> None:
    text = SPEC
    for at, length, new in edits:
        text = text[:at] + new + text[at + length :]
    path = tmp_path / "spec.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load(path)
    except SpecError as error:
        assert error.diagnostics
        for d in error.diagnostics:
            assert d.span is not None and d.span.file == str(path)
            assert d.span.line <= len(text.splitlines()) + 1 and d.span.column >= 1
