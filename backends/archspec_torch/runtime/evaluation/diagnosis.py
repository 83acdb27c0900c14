"""Where the error comes from: bias, variance, other data, or a validation split looked at too often; and what helps.

The differences of the errors on the splits, as A. Ng teaches them (Machine Learning Yearning, 2018, chapters 20 to 43):
training error above a person's is avoidable bias; what unseen examples of the training data add is variance; what
examples of the data that count add to that is mismatch; what the test split adds is the validation split overfitted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archspec.errors import Diagnostic
from archspec_torch.runtime.evaluation.result import csv_text
from archspec_torch.runtime.evaluation.text import percent

SPLITS = ("train", "train_dev", "val", "test")
ADVICE = {
    "avoidable bias": "a larger network; longer training, a better optimiser or rate; less regularisation; another "
    "architecture",
    "variance": "more training data; augmentation; regularisation (weight decay, dropout, early stopping); a "
    "smaller or other architecture",
    "data mismatch": "look at what differs between the training images and those of val; collect or make training "
    "images that are more like val's",
    "overfitting to val": "a larger validation split: settings were chosen on too few images",
}
FINE = "no gap is larger than chance explains: more images in the splits would show smaller ones"


@dataclass(frozen=True)
class SplitError:
    """The share of wrong answers on a split."""

    split: str
    wrong: int
    n: int

    @property
    def error(self) -> float:
        return self.wrong / self.n

    @property
    def deviation(self) -> float:
        """Standard error of the share, taken at (wrong + 1) / (n + 2), so that none wrong is not certainty."""
        share = (self.wrong + 1) / (self.n + 2)
        return math.sqrt(share * (1 - share) / self.n)


@dataclass(frozen=True)
class Gap:
    """The difference of two errors, in shares, and its standard error."""

    name: str
    between: tuple[str, str]
    size: float
    deviation: float

    @property
    def clear(self) -> bool:
        """Larger than two standard errors."""
        return self.size > 2 * self.deviation


@dataclass(frozen=True)
class Diagnosis:
    """The errors on all splits, the gaps between them, and the advice."""

    human: float
    errors: tuple[SplitError, ...]
    gaps: tuple[Gap, ...]
    weights: str
    epoch: int | None
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def largest(self) -> Gap | None:
        """The largest gap that chance does not explain."""
        return max((gap for gap in self.gaps if gap.clear), key=lambda gap: gap.size, default=None)

    @property
    def advice(self) -> str:
        """What to do next, in words."""
        gap = self.largest
        return f"{gap.name} is the largest gap, {percent(gap.size)}: {ADVICE[gap.name]}" if gap else FINE

    def to_json(self) -> dict[str, Any]:
        """weights, epoch, human, errors by split (error, wrong, n), gaps by name, advice."""
        return {
            "weights": self.weights,
            "epoch": self.epoch,
            "human": self.human,
            "errors": {one.split: {"error": one.error, "wrong": one.wrong, "n": one.n} for one in self.errors},
            "gaps": {
                one.name: {
                    "between": list(one.between),
                    "size": one.size,
                    "standard_error": one.deviation,
                    "clear": one.clear,
                }
                for one in self.gaps
            },
            "advice": self.advice,
        }

    def to_csv(self) -> str:
        """A line a gap: gap, from, to, size, standard error, clear."""
        rows: list[list[Any]] = [["gap", "from", "to", "size", "standard_error", "clear"]]
        rows += [[one.name, *one.between, one.size, one.deviation, one.clear] for one in self.gaps]
        return csv_text(rows)

    def __str__(self) -> str:
        of = f" (epoch {self.epoch})" if self.epoch is not None else ""
        lines = [f"weights  {self.weights}{of}", "", "split           error           wrong"]
        lines.append(f"{'human':12} {percent(self.human):>8}")
        for one in self.errors:
            lines.append(f"{one.split:12} {percent(one.error):>8}  {one.wrong:>6,} of {one.n:,}")
        lines += ["", "gap                   size            between"]
        for gap in self.gaps:
            chance = f"± {100 * gap.deviation:.2f}"
            told = "" if gap.clear else "  within chance"
            lines.append(f"{gap.name:18} {100 * gap.size:+7.2f} % {chance:>7}  {' and '.join(gap.between)}{told}")
        return "\n".join([*lines, "", *wrapped(f"next: {self.advice}")])


def diagnosis(
    counts: Mapping[str, tuple[int, int]],
    human: float = 0.0,
    weights: str = "best",
    epoch: int | None = None,
    warnings: tuple[Diagnostic, ...] = (),
) -> Diagnosis:
    """The gaps between errors, from wrong answers and examples by split.

    counts: `train` and `val`; `train_dev` and `test` where there are.
    human: the error of people on such images, a share; 0 where it is unknown, so that all training error is avoidable.
    """
    errors = {split: SplitError(split, *counts[split]) for split in SPLITS if split in counts}
    train, val = errors["train"], errors["val"]
    unseen = errors.get("train_dev", val)
    gaps = [
        Gap("avoidable bias", ("human", "train"), train.error - human, train.deviation),
        _gap("variance", train, unseen),
    ]
    if unseen is not val:
        gaps.append(_gap("data mismatch", unseen, val))
    if "test" in errors:
        gaps.append(_gap("overfitting to val", val, errors["test"]))
    return Diagnosis(human, tuple(errors.values()), tuple(gaps), weights, epoch, warnings)


def _gap(name: str, before: SplitError, after: SplitError) -> Gap:
    deviation = math.hypot(before.deviation, after.deviation)
    return Gap(name, (before.split, after.split), after.error - before.error, deviation)


def wrapped(text: str, width: int = 79) -> list[str]:
    """The text in lines, those after the first set in."""
    import textwrap

    return textwrap.wrap(text, width, subsequent_indent="  ")
