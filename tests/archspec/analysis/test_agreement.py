"""Rank correlation against SciPy's, errors against hand-worked ones."""

from __future__ import annotations

import random

import pytest

from archspec.analysis.agreement import Comparison, Measured, rank_correlation


@pytest.mark.parametrize("seed", range(20))
def test_rank_correlation_is_scipys(seed: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    draw = random.Random(seed)
    a = [draw.randint(0, 12) for _ in range(15)]  # with many that are equal
    b = [x + draw.gauss(0, 4) for x in a]
    assert rank_correlation(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)


def test_the_ends_of_the_scale() -> None:
    assert rank_correlation([1, 2, 3], [10, 100, 1000]) == 1
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == -1
    assert rank_correlation([1, 1], [1, 2]) == 0


def test_errors_of_networks() -> None:
    """Estimates of 1.1, 0.5 and 4 for a second each: 10 %, −50 %, 300 %."""
    found = Comparison(tuple(Measured(str(e), m, 1.0, 1.0, e) for e, m in ((1.1, 3), (0.5, 2), (4.0, 1))))
    assert [n.error for n in found.networks] == pytest.approx([0.1, -0.5, 3.0])
    assert found.median_error == pytest.approx(0.5)
