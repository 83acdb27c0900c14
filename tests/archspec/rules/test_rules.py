"""The rules as a set: found by being there, documented by example."""

from __future__ import annotations

from pathlib import Path

import archspec.rules


def test_every_file_is_a_rule_with_a_bad_and_a_good_example():
    files = sorted(p.stem for p in Path(archspec.rules.__file__).parent.glob("*.py") if p.stem != "__init__")
    found = archspec.rules.rules()
    assert sorted(rule.__name__.rpartition(".")[2] for rule in found) == files
    for rule in found:
        text = rule.check.__doc__
        assert "Bad" in text and "Good" in text
        assert rule.CODE.startswith("W3")
    assert len({rule.CODE for rule in found}) == len(found)
