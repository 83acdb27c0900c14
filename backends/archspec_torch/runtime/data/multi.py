"""Splits of examples with several labels: every label in each part in nearly the same proportion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def spread(labels: Tensor, shares: Sequence[float], generator: torch.Generator) -> list[Tensor]:
    """Positions of parts of those shares (of sum 1), in ascending order.

    `labels`: (n, classes) of 0 and 1. The rarest label that is left is dealt out first, each of its examples to the
    part that lacks most of it, then to the one that lacks most examples. Source: Sechidis, Tsoumakas and Vlahavas,
    On the Stratification of Multi-Label Data, 2011, algorithm 1; examples without labels go where most are lacking.
    """
    order = torch.randperm(len(labels), generator=generator)
    owners: list[list[int]] = [row.nonzero().flatten().tolist() for row in labels[order]]
    examples = [len(labels) * share for share in shares]
    wanted = [[float(labels[:, c].sum()) * share for c in range(labels.shape[1])] for share in shares]
    waiting: dict[int, set[int]] = {c: set() for c in range(labels.shape[1])}
    for i, found in enumerate(owners):
        for c in found:
            waiting[c].add(i)
    parts: list[list[int]] = [[] for _ in shares]

    def give(i: int, part: int) -> None:
        parts[part].append(int(order[i]))
        examples[part] -= 1
        for c in owners[i]:
            wanted[part][c] -= 1
            waiting[c].discard(i)

    while left := {c: found for c, found in waiting.items() if found}:
        rarest = min(left, key=lambda c: (len(left[c]), c))
        for i in sorted(left[rarest]):
            give(i, max(range(len(shares)), key=lambda p: (wanted[p][rarest], examples[p])))
    for i, found in enumerate(owners):
        if not found:
            give(i, max(range(len(shares)), key=lambda p: examples[p]))
    return [torch.tensor(sorted(part), dtype=torch.int64) for part in parts]
