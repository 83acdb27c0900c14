"""Shares of a device's peaks from times: least squares on relative errors, each share within what is possible."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from archspec.analysis.work import Work
from archspec.devices.model import Share

CACHES = 20.0
"""Times the bandwidth of memory that caches may reach."""
SLOWEST = 1e-4
"""No share is below this: a cost that times show no trace of is at its least, one that they cannot tell at its most."""

Array = NDArray[np.float64]


def fit_share(
    works: Sequence[Work], seconds: Sequence[float], peak: float, bandwidth: float, fresh_above: float
) -> Share:
    """What a kind of operation reaches, from works of that kind and how long they took.

    The model is time = overhead + operations / rate + tensor bytes / rate + weight bytes / rate, and for outputs of
    more than `fresh_above` bytes these once more / rate: linear in what is sought. Each cost is at least that at the
    device's peak (`peak` operations and `bandwidth` bytes a second; bytes may come from a cache), the others at least
    0. The mean square of the relative error is the least there is.
    """
    columns = np.array([_costs(w, fresh_above) for w in works])
    least = np.array([0.0, 1 / (CACHES * bandwidth), 1 / (CACHES * bandwidth), 0.0, 1 / peak])
    times = np.array(seconds)
    found = least + nonnegative(columns / times[:, None], 1 - columns @ least / times)
    overhead, tensor, weight, fresh, operation = (float(x) for x in found)
    weighs = any(w.weight_bytes for w in works)
    return Share(
        compute=_rounded(max(min(1.0, 1 / (operation * peak)), SLOWEST)),
        memory=_rounded(max(1 / (tensor * bandwidth), SLOWEST)),
        weights=_rounded(max(1 / (weight * bandwidth), SLOWEST)) if weighs else None,
        fresh=_rounded(max(1 / (fresh * bandwidth), SLOWEST)) if fresh > 0.01 / bandwidth else None,
        overhead_us=_rounded(1e6 * overhead),
    )


def _costs(work: Work, fresh_above: float) -> list[float]:
    """What the terms of the model are multiples of. What stands first is preferred among terms that say the same."""
    fresh = work.allocated_bytes if work.allocated_bytes > fresh_above else 0
    return [1.0, work.tensor_bytes, work.weight_bytes, fresh, work.operations]


def nonnegative(a: Array, b: Array) -> Array:
    """The x ≥ 0 of least |a·x − b|², a (m, n) of few columns: the best of all choices of columns that may be used.

    A choice with more or later columns is taken only where it is better by a hundredth: of columns that say the same,
    the first speaks.
    """
    best, error = np.zeros(a.shape[1]), float(b @ b)
    for used in (c for n in range(1, a.shape[1] + 1) for c in combinations(range(a.shape[1]), n)):
        part = a[:, used]
        x, *_ = np.linalg.lstsq(part, b, rcond=None)
        rest = part @ x - b
        if (x >= 0).all() and float(rest @ rest) < 0.99 * error:
            best, error = np.zeros(a.shape[1]), float(rest @ rest)
            best[list(used)] = x
    return best


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")
