"""The assignment problem against all assignments that there are."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch

from archspec_torch.detection.assignment import UNPAIRED, assign


@pytest.mark.parametrize("whole", [False, True])
def test_no_other_assignment_costs_less(whole: bool) -> None:
    """Of many problems at once, rows left out, more rows than columns, and costs that are often equal."""
    made = torch.Generator().manual_seed(0)
    for _ in range(60):
        n, rows, columns = (int(torch.randint(1, most, (), generator=made)) for most in (5, 6, 6))
        costs = 3 * torch.randn(n, rows, columns, generator=made)
        costs = costs.round() if whole else costs
        there = torch.rand(n, rows, generator=made) < 0.7
        found = assign(costs, there)
        assert (found[~there] == UNPAIRED).all()
        for cost, row, mine in zip(costs, there, found, strict=True):
            table = cost[row] if int(row.sum()) <= columns else cost[row].T
            least = min(
                sum(float(table[i, k]) for i, k in enumerate(way))
                for way in permutations(range(table.shape[1]), len(table))
            )
            pairs = [(i, k) for i, k in enumerate(mine.tolist()) if k != UNPAIRED]
            assert len({k for _, k in pairs}) == len(pairs) == min(int(row.sum()), columns)
            assert sum(float(cost[i, k]) for i, k in pairs) == pytest.approx(least, abs=1e-4)


def test_the_nearest_first_would_cost_more() -> None:
    """Greedily row 0 takes column 0 and leaves row 1 the dear one: 1 + 9; exactly 2 + 1."""
    costs = torch.tensor([[[1.0, 2.0], [1.0, 9.0]]])
    assert assign(costs, torch.ones(1, 2, dtype=torch.bool)).tolist() == [[1, 0]]


def test_an_infinite_cost_is_avoided_where_it_can_be_and_moves_no_other_pair() -> None:
    """Row 0 would take column 0 for ∞; the others are paired at 1 + 1, not at 5 + 5."""
    costs = torch.tensor([[[torch.inf, 3.0, torch.nan, torch.inf], [1, 5, 5, 9], [5, 4, 1, 9]]])
    assert assign(costs, torch.ones(1, 3, dtype=torch.bool)).tolist() == [[1, 0, 2]]
    costs = torch.tensor([[[torch.inf, torch.inf, torch.inf], [1.0, 5, 5], [5, 1.0, 5]]])
    assert assign(costs, torch.ones(1, 3, dtype=torch.bool)).tolist() == [[2, 0, 1]]


def test_costs_that_are_no_numbers_come_to_an_end_and_nothing_to_pair_is_nothing() -> None:
    for value in (float("nan"), float("inf"), float("-inf")):
        found = assign(torch.full((2, 3, 4), value), torch.ones(2, 3, dtype=torch.bool))
        assert all(len(set(one)) == 3 for one in found.tolist())
    assert assign(torch.zeros(2, 0, 4), torch.zeros(2, 0, dtype=torch.bool)).shape == (2, 0)
    assert assign(torch.zeros(1, 2, 3), torch.zeros(1, 2, dtype=torch.bool)).tolist() == [[UNPAIRED] * 2]
