"""The assignment problem: rows and columns paired at the least cost, exactly."""

from __future__ import annotations

import torch
from torch import Tensor

UNPAIRED = -1


def assign(costs: Tensor, there: Tensor) -> Tensor:
    """For each row its column at the least sum of costs (N, M, K), UNPAIRED of rows that are not `there`: int64 (N, M).

    there: (N, M). No two rows have one column; of more rows than columns, as many as there are columns are paired. What
    is no number, or infinite, is dearer than all finite costs of its problem together, or cheaper. Each problem is
    solved by scipy on the processor (Crouse 2016, IEEE Transactions on Aerospace and Electronic Systems 52; shortest
    augmenting paths): of a GPU one copy there and one back, whatever N.
    """
    from scipy.optimize import linear_sum_assignment  # slow to import, and needed for these losses alone

    found = torch.full(there.shape, UNPAIRED)
    for problem, cost, rows in zip(found, costs.detach().cpu().double(), there.cpu(), strict=True):
        wanted = rows.nonzero().flatten()
        given, column = linear_sum_assignment(_finite(cost[wanted]).numpy())
        problem[wanted[given]] = torch.from_numpy(column)
    return found.to(costs.device)


def _finite(costs: Tensor) -> Tensor:
    known = torch.isfinite(costs)
    beyond = 1 + 2 * float(costs[known].abs().sum())
    return torch.where(known, costs, costs.nan_to_num(beyond, beyond, -beyond).clamp(-beyond, beyond))
