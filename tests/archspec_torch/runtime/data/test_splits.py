"""Splits: disjoint, complete, in proportion, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.errors import Span, SpecError
from archspec.run import load_run
from archspec_torch.runtime.data.splits import split_up, stratified

SIZES = st.lists(st.integers(6, 60), min_size=2, max_size=6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SIZES, st.floats(0.1, 0.45), st.floats(0.1, 0.45), st.integers(0, 1000))
def test_every_example_is_in_one_part_in_proportion(sizes: list[int], val: float, test: float, seed: int) -> None:
    labels = torch.cat([torch.full((n,), c) for c, n in enumerate(sizes)])
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))]
    parts = stratified(labels, {"val": val, "test": test}, seed)
    assert sorted(torch.cat(list(parts.values())).tolist()) == list(range(len(labels)))
    kept = Counter(labels[parts["train"]].tolist())
    for name, share in (("val", val), ("test", test)):
        counts = Counter(labels[parts[name]].tolist())
        for c, n in enumerate(sizes):
            assert abs(counts[c] - share * n) <= 1.000001 or kept[c] == 1
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


def section(**keys: object) -> Any:
    return load_run({"model": "x", "data": {"kind": "digits", "split": keys}}).run.data.split


def here(*_: str) -> Span:
    return Span("run", 1, 1)


def test_folds_are_disjoint_cover_all_and_keep_the_classes() -> None:
    labels = torch.randint(0, 5, (203,), generator=torch.Generator().manual_seed(0))
    found = [split_up(labels, section(folds=5, fold=k, test=0.1, seed=3), here) for k in range(5)]
    held = torch.cat([parts["val"] for parts in found])
    assert all(torch.equal(parts["test"], found[0]["test"]) for parts in found)
    assert sorted(torch.cat([held, found[0]["test"]]).tolist()) == list(range(203))
    for parts in found:
        assert sorted(torch.cat(list(parts.values())).tolist()) == list(range(203))
    counts = torch.stack([labels[parts["val"]].bincount(minlength=5) for parts in found])
    assert int((counts.amax(0) - counts.amin(0)).max()) <= 1
    assert int((counts.sum(1).amax() - counts.sum(1).amin()).max()) <= 1


@pytest.mark.parametrize("labels", [torch.arange(40) % 4, torch.eye(4).repeat(10, 1)])
def test_more_folds_than_examples_are_told(labels: torch.Tensor) -> None:
    with pytest.raises(SpecError, match="E626") as caught:
        split_up(labels, section(folds=41, test=0), here)
    assert "40 examples make no 41 folds" in str(caught.value)


def test_a_train_dev_split_is_drawn_beside_the_others() -> None:
    labels = torch.arange(200) % 4
    parts = split_up(labels, section(val=0.1, test=0.2, train_dev=0.05), here)
    assert {name: len(part) for name, part in parts.items()} == {"val": 20, "test": 40, "train_dev": 10, "train": 130}
    assert sorted(torch.cat(list(parts.values())).tolist()) == list(range(200))
    plain = split_up(labels, section(val=0.1, test=0.2), here)
    assert torch.equal(plain["val"], parts["val"]) and torch.equal(plain["test"], parts["test"])


def lists(folder: Path, **texts: str) -> dict[str, str]:
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {f"{name}_list": str(folder / name) for name in texts}


def test_lists_say_what_is_where(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(10)]
    written = lists(tmp_path, val="3.png\n1.png\n\n", test="0.png\n")
    parts = split_up(torch.arange(10) % 2, section(**written), here, names)
    assert {name: part.tolist() for name, part in parts.items()} == {
        "val": [1, 3],
        "test": [0],
        "train": [2, 4, 5, 6, 7, 8, 9],
    }
    written = lists(tmp_path, val="3", train="5\n6\n7\n8\n")
    parts = split_up(torch.arange(10) % 2, section(**written, test=0), here)
    assert {name: part.tolist() for name, part in parts.items()} == {"val": [3], "train": [5, 6, 7, 8]}


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"val": "1.png\n11.png\n"}, "val:2:1"),
        ({"val": "1.png\n1.png\n"}, "'1.png' is listed twice: in line 1 already"),
        ({"val": "1.png", "test": "2.png\n1.png"}, "'1.png' is in two lists: those of val and test"),
        ({"val": "\n"}, "names no example"),
    ],
)
def test_what_is_wrong_with_lists_is_told(texts: dict[str, str], told: str, tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(10)]
    with pytest.raises(SpecError, match="E629") as caught:
        split_up(torch.arange(10) % 2, section(**lists(tmp_path, **texts)), here, names)
    assert told in str(caught.value)


def test_several_labels_are_spread_evenly() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(600, 6, generator=generator) < torch.tensor([0.5, 0.3, 0.1, 0.05, 0.02, 0.6])).float()
    parts = split_up(labels, section(val=0.2, test=0.2), here)
    assert sorted(torch.cat(list(parts.values())).tolist()) == list(range(600))
    for name, share in (("val", 0.2), ("test", 0.2), ("train", 0.6)):
        assert abs(len(parts[name]) - 600 * share) <= 2
        assert (labels[parts[name]].sum(0) - share * labels.sum(0)).abs().max() <= 2
