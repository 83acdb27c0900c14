"""Splits drawn class by class, with a seed: every part has the classes in the same proportions."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from archspec.errors import Span, fail

SPLITS = ("train", "val", "test")


def stratified(labels: Tensor, shares: Mapping[str, float], seed: int, span: Span | None = None) -> dict[str, Tensor]:
    """Positions of each part, in ascending order: the named shares, and `train` for the rest.

    `labels`: int64 (n,). Each part gets round(share · n) examples; within a class the share is met to less
    than one example, the largest remainders first. A class keeps at least one example for training.
    Raises SpecError E626 where a share comes to no example at all.
    """
    generator = torch.Generator().manual_seed(seed)
    pools = [(labels == c).nonzero().flatten() for c in torch.unique(labels)]
    pools = [pool[torch.randperm(len(pool), generator=generator)] for pool in pools]
    parts: dict[str, Tensor] = {}
    taken = [0] * len(pools)
    for name, share in shares.items():
        if share == 0:
            continue
        target = round(share * len(labels))
        quotas = [int(share * len(pool)) for pool in pools]
        by_remainder = sorted(range(len(pools)), key=lambda c: quotas[c] - share * len(pools[c]))
        for c in by_remainder[: max(0, target - sum(quotas))]:
            quotas[c] += 1
        quotas = [min(q, len(pools[c]) - 1 - taken[c]) for c, q in enumerate(quotas)]
        if sum(quotas) == 0:
            message = f"a share of {share:g} of {len(labels)} examples leaves '{name}' empty"
            raise fail("E626", message, span, "give a larger share, or more examples")
        parts[name] = torch.cat([pool[t : t + q] for pool, t, q in zip(pools, taken, quotas, strict=True)])
        taken = [t + q for t, q in zip(taken, quotas, strict=True)]
    parts["train"] = torch.cat([pool[t:] for pool, t in zip(pools, taken, strict=True)])
    return {name: part.sort().values for name, part in parts.items()}
