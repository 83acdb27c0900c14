"""The assignment problem: rows and columns paired at the least cost, exactly, for many problems at once."""

from __future__ import annotations

import torch
from torch import Tensor

UNPAIRED = -1
LARGEST = 1e30
"""What larger costs, infinite ones and what is no number count."""


def assign(costs: Tensor, there: Tensor) -> Tensor:
    """For each row its column at the least sum of costs (N, M, K), UNPAIRED of rows that are not `there`: int64 (N, M).

    there: (N, M). No two rows have one column; of more rows than columns, as many as there are columns are paired.
    Shortest augmenting paths, row after row, with prices of rows and columns that keep the costs of pairs at 0: M²
    steps of O(N·K) at most. Kuhn 1955, Naval Research Logistics Quarterly 2; Jonker and Volgenant 1987, Computing 38.
    """
    n, rows, real = costs.shape
    if not n or not rows or not real:
        return torch.full((n, rows), UNPAIRED, device=costs.device)
    exact = torch.float32 if costs.device.type == "mps" else torch.float64
    costs = _with_spare(costs.to(exact).nan_to_num(LARGEST).clamp(-LARGEST, LARGEST), there)
    columns = costs.shape[2]
    image = torch.arange(n, device=costs.device)
    # column 0 is where a path begins, and column k + 1 is column k; row 0 is none, and row m + 1 is row m
    owner = torch.zeros(n, columns + 1, dtype=torch.int64, device=costs.device)
    of_rows = costs.new_zeros(n, rows + 1)
    of_columns = costs.new_zeros(n, columns + 1)
    for row in range(rows):
        active = there[:, row].clone()
        owner[:, 0] = torch.where(active, row + 1, 0)
        at = torch.zeros(n, dtype=torch.int64, device=costs.device)
        before = torch.zeros_like(owner)
        least = torch.full_like(of_columns, torch.inf)
        used = torch.zeros_like(owner, dtype=torch.bool)
        while bool(active.any()):
            used[image[active], at[active]] = True
            mine = owner[image, at].clamp(min=1)
            reduced = costs[image, mine - 1] - of_rows[image, mine][:, None] - of_columns[:, 1:]
            better = active[:, None] & ~used[:, 1:] & (reduced < least[:, 1:])
            least[:, 1:] = torch.where(better, reduced, least[:, 1:])
            before[:, 1:] = torch.where(better, at[:, None], before[:, 1:])
            step, following = least.masked_fill(used, torch.inf)[:, 1:].min(1)
            step = torch.where(active, step, 0)[:, None]
            of_rows.scatter_add_(1, owner, torch.where(used, step, 0))
            of_columns -= torch.where(used, step, 0)
            least -= torch.where(used, 0, step)
            at = torch.where(active, following + 1, at)
            active &= owner[image, at] != 0
        while bool((at != 0).any()):  # turn the path round: each column to the row before it
            came = before[image, at]
            moved = owner[image, came]
            owner[image, at] = torch.where(at != 0, moved, owner[image, at])
            at = torch.where(at != 0, came, at)
    found = torch.full((n, rows + 1), UNPAIRED, device=costs.device)
    found.scatter_(1, owner[:, 1 : real + 1], torch.arange(real, device=costs.device).expand(n, -1))
    return torch.where(there, found[:, 1:], UNPAIRED)


def _with_spare(costs: Tensor, there: Tensor) -> Tensor:
    """Costs with a column more for each row that has none otherwise, dearer than all others together."""
    lacking = int(there.sum(1).max()) - costs.shape[2]
    if lacking <= 0:
        return costs
    dear = 1 + 2 * costs.abs().sum((1, 2), keepdim=True)
    return torch.cat((costs, dear.expand(-1, costs.shape[1], lacking)), 2)
