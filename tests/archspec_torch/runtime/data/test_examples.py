"""How examples are put into batches."""

from __future__ import annotations

import pytest
import torch

from archspec_torch.runtime.data import InMemory, grouped


@pytest.mark.parametrize(
    ("n", "size", "expected"),
    [
        (5, 1, [1, 1, 1, 1, 1]),  # batches of one are as asked for
        (1, 1, [1]),
        (5, 2, [2, 3]),  # but a last one of one would leave batch norm nothing to measure
        (6, 2, [2, 2, 2]),
        (7, 3, [3, 4]),
        (8, 3, [3, 3, 2]),
        (1, 4, [1]),
        (3, 4, [3]),
    ],
)
def test_groups_hold_each_position_once_in_order(n: int, size: int, expected: list[int]) -> None:
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    groups = grouped(order, size)
    assert [len(group) for group in groups] == expected
    assert torch.equal(torch.cat(groups), order)


def test_positions_go_to_the_device_once_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy from pageable memory makes a GPU's stream wait. The batches are those of indexing group by group."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (41, 1, 3, 3), generator=generator, dtype=torch.uint8)
    labels = torch.arange(41)
    groups = grouped(torch.randperm(41, generator=generator), 8)
    moved: list[int] = []
    to = torch.Tensor.to

    def counted(tensor: torch.Tensor, *rest: object) -> torch.Tensor:
        if tensor.dtype == torch.int64 and tensor.ndim == 1:
            moved.append(len(tensor))
        return to(tensor, *rest)

    monkeypatch.setattr(torch.Tensor, "to", counted)
    found = list(InMemory(images, 2 * labels).batches(groups, torch.device("cpu"), 0))
    assert moved.count(41) == 1 and len(moved) == 1 + len(groups), "the order, and each batch's labels"
    for group, (its, numbers) in zip(groups, found, strict=True):
        assert torch.equal(its, images[group]) and torch.equal(numbers, 2 * group)
    assert list(InMemory(images, labels).batches([], torch.device("cpu"), 0)) == []
