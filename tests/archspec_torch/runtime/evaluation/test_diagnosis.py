"""Bias and variance: the examples of Ng's courses, worked by hand."""

from __future__ import annotations

import math
import statistics

import pytest

from archspec_torch.runtime.evaluation.diagnosis import FINE, diagnosis
from archspec_torch.runtime.evaluation.figures import Errors

N = 100_000


def counts(**errors: float) -> dict[str, Errors]:
    """Wrong answers and examples of each split, for errors in per cent."""
    return {split: Errors.counted(round(error / 100 * N), N) for split, error in errors.items()}


def splits(**counted: tuple[int, int]) -> dict[str, Errors]:
    """Wrong answers and examples of each split."""
    return {split: Errors.counted(*pair) for split, pair in counted.items()}


@pytest.mark.parametrize(
    ("human", "errors", "largest"),
    [
        (0.01, {"train": 8, "val": 10}, "avoidable bias"),
        (0.075, {"train": 8, "val": 10}, "variance"),
        (0.0, {"train": 1, "train_dev": 9, "val": 10}, "variance"),
        (0.0, {"train": 1, "train_dev": 1.5, "val": 10}, "data mismatch"),
        (0.0, {"train": 10, "train_dev": 11, "val": 12}, "avoidable bias"),
        (0.04, {"train": 4.1, "val": 4.2, "test": 9}, "overfitting to val"),
    ],
)
def test_the_lectures_cases(human: float, errors: dict[str, float], largest: str) -> None:
    found = diagnosis(counts(**errors), human)
    assert found.largest is not None
    assert found.largest.name == largest
    assert largest in found.advice


def test_gaps_by_hand() -> None:
    found = diagnosis(splits(train=(10, 1000), train_dev=(9, 300), val=(50, 1000), test=(70, 1000)), 0.004)
    sizes = {gap.name: gap.size for gap in found.gaps}
    expected = {"avoidable bias": 0.006, "variance": 0.02, "data mismatch": 0.02, "overfitting to val": 0.02}
    assert sizes == pytest.approx(expected)
    share = 71 / 1002
    assert found.errors["test"].deviation == pytest.approx(math.sqrt(share * (1 - share) / 1000))
    assert "within chance" in str(found)
    assert max(map(len, str(found).splitlines())) <= 80


def test_small_splits_show_no_gap() -> None:
    found = diagnosis(splits(train=(0, 30), val=(1, 20)))
    assert found.largest is None
    assert found.advice == FINE


def test_an_example_with_several_answers_is_one_drawing() -> None:
    """Three tags an image: the deviation is that of the mean share of an image, two images more counted."""
    found = Errors.counted(4, 4, 3, squares=1 + 1 / 9)
    assert (found.wrong, found.n, found.share) == (4, 12, 4 / 12)
    images = [1, 1 / 3, 0, 0, 0, 1]  # all three wrong, one wrong, none, none; and one more of either kind
    assert found.deviation == pytest.approx(statistics.pstdev(images) / 2)
