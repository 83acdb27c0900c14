"""How well estimates agree with what was measured: in size, and in the order of networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Measured:
    """One network: seconds of a forward pass, measured and estimated, and its MACs."""

    name: str
    macs: int
    seconds: float
    typical: float
    """The median of the runs; `seconds` is the least."""
    estimated: float
    busy: bool = False
    """Whether something else was using the machine when it was measured: `seconds` may be too many."""

    @property
    def error(self) -> float:
        """(estimated − measured) / measured."""
        return self.estimated / self.seconds - 1

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "macs": self.macs,
            "measured_seconds": self.seconds,
            "median_seconds": self.typical,
            "estimated_seconds": self.estimated,
            "error": self.error,
            "busy": self.busy,
        }


@dataclass(frozen=True)
class Comparison:
    """Several networks, and how well estimates agree with measured times."""

    networks: tuple[Measured, ...]

    @property
    def median_error(self) -> float:
        """The median of the sizes of the relative errors."""
        return median(abs(n.error) for n in self.networks)

    @property
    def rank_correlation(self) -> float:
        """Of the estimates with the measured times."""
        return rank_correlation([n.estimated for n in self.networks], [n.seconds for n in self.networks])

    @property
    def rank_correlation_of_macs(self) -> float:
        """Of MACs alone with the measured times: what the estimates are to be better than."""
        return rank_correlation([n.macs for n in self.networks], [n.seconds for n in self.networks])

    def to_json(self) -> dict[str, Any]:
        return {
            "networks": [network.to_json() for network in self.networks],
            "median_error": self.median_error,
            "rank_correlation": self.rank_correlation,
            "rank_correlation_of_macs": self.rank_correlation_of_macs,
        }


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's rank correlation: 1 where both have the same order, −1 the reverse. Equal values share their rank.

    0 where all values of one are equal.
    """
    x, y = _ranks(a), _ranks(b)
    centre = (len(x) - 1) / 2
    across = sum((p - centre) * (q - centre) for p, q in zip(x, y, strict=True))
    spread = sum((p - centre) ** 2 for p in x) * sum((q - centre) ** 2 for q in y)
    return float(across / spread**0.5) if spread else 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    """The place of each in the order of size, from 0; the mean of their places where several are equal."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    found = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for i in order[start:end]:
            found[i] = (start + end - 1) / 2
        start = end
    return found
