"""Splits: disjoint, complete, in proportion, the same for the same seed."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.errors import SpecError
from archspec_torch.runtime.data.splits import stratified

SIZES = st.lists(st.integers(3, 60), min_size=2, max_size=6)


@settings(max_examples=60, deadline=None)
@given(SIZES, st.floats(0.1, 0.45), st.floats(0.1, 0.45), st.integers(0, 1000))
def test_every_example_is_in_one_part_in_proportion(sizes: list[int], val: float, test: float, seed: int) -> None:
    labels = torch.cat([torch.full((n,), c) for c, n in enumerate(sizes)])
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))]
    parts = stratified(labels, {"val": val, "test": test}, seed)
    assert sorted(torch.cat(list(parts.values())).tolist()) == list(range(len(labels)))
    for name, share in (("val", val), ("test", test)):
        counts = Counter(labels[parts[name]].tolist())
        for c, n in enumerate(sizes):
            assert abs(counts[c] - share * n) <= 1.000001 or counts[c] == n - 1
    assert set(labels[parts["train"]].tolist()) == set(range(len(sizes)))


def test_the_total_is_the_share_rounded() -> None:
    labels = torch.arange(10).repeat_interleave(18)[:-3]
    parts = stratified(labels, {"val": 0.15, "test": 0.15}, 0)
    assert [len(parts[name]) for name in ("val", "test", "train")] == [27, 27, 123]


def test_the_seed_alone_decides() -> None:
    labels = torch.arange(4).repeat(25)
    first, again, other = (stratified(labels, {"val": 0.2}, seed)["val"].tolist() for seed in (3, 3, 4))
    assert first == again != other


def test_an_empty_part_is_an_error() -> None:
    with pytest.raises(SpecError, match="E626") as caught:
        stratified(torch.tensor([0, 0, 1, 1]), {"val": 0.01}, 0)
    assert "a share of 0.01 of 4 examples leaves 'val' empty" in str(caught.value)


def test_a_share_of_zero_makes_no_part() -> None:
    assert set(stratified(torch.tensor([0, 0, 1, 1]), {"val": 0.5, "test": 0.0}, 0)) == {"val", "train"}
