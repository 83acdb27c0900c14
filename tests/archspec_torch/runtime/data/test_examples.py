"""How examples are put into batches."""

from __future__ import annotations

import pytest
import torch

from archspec_torch.runtime.data import grouped


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
