"""The columns of a table, chosen."""

from __future__ import annotations

import pytest

import archspec
from archspec.render.columns import KNOWN
from archspec.render.table import render
from archspec.render.units import cells_wide


def body(text: str) -> list[str]:
    lines = text.splitlines()
    first, last = [i for i, line in enumerate(lines) if set(line) == {"─"}]
    return [lines[first - 1], *lines[first + 1 : last]]


def test_the_columns_asked_for_in_their_order():
    text = render(archspec.summarize(archspec.load("resnet18")), width=120, columns=["field", "stride", "params"])
    head, stem, *_ = body(text)
    assert head.split() == ["layer", "field", "stride", "params"]
    assert stem.split() == ["stem", "7", "2", "9,536"]
    assert body(text)[9].split()[:3] == ["stage.3.block.1", "435", "32"]
    assert body(text)[-1].split()[:3] == ["linear1", "–", "–"]


def test_what_is_saved_adds_up():
    summary = archspec.summarize(archspec.load("lenet5"))
    cells = [line.split()[-2:] for line in body(render(summary, width=120, depth=9, columns=["saved"]))[1:]]
    by_hand = {"conv1": 6 * 28 * 28 * 4, "avg_pool1": 6 * 14 * 14 * 4}
    assert all(summary.saved[name] == size for name, size in by_hand.items())
    assert len(cells) == len(summary.rows)


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("input", [None, "3xHxW"])
def test_every_column_is_aligned(name, input):
    summary = archspec.summarize(archspec.load("resnet18", input=input))
    found = body(render(summary, width=120, columns=[name]))
    if name not in ("operation", "from"):
        assert len({cells_wide(line) for line in found}) == 1


def test_an_unknown_column_is_told_the_nearest():
    with pytest.raises(archspec.SpecError) as raised:
        render(archspec.summarize(archspec.load("lenet5")), columns=["parms"])
    (one,) = raised.value.diagnostics
    assert (one.code, one.hint) == ("E579", "did you mean 'params'?")
