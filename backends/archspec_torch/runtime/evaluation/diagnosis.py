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
from archspec_torch.runtime.evaluation.figures import Errors, csv_text, percent

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
    errors: Mapping[str, Errors]
    """By split."""
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
            "errors": {
                split: {"error": one.share, "wrong": one.wrong, "n": one.n} for split, one in self.errors.items()
            },
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
        lines = [f"weights  {self.weights}{of}", "", "split           error   wrong answers"]
        lines.append(f"{'human':12} {percent(self.human):>8}")
        for split, one in self.errors.items():
            lines.append(f"{split:12} {percent(one.share):>8}  {one.wrong:>6,} of {one.n:,}")
        lines += ["", "gap                   size            between"]
        for gap in self.gaps:
            chance = f"± {100 * gap.deviation:.2f}"
            told = "" if gap.clear else "  within chance"
            lines.append(f"{gap.name:18} {100 * gap.size:+7.2f} % {chance:>7}  {' and '.join(gap.between)}{told}")
        return "\n".join([*lines, "", *wrapped(f"next: {self.advice}")])


def diagnosis(
    errors: Mapping[str, Errors],
    human: float = 0.0,
    weights: str = "best",
    epoch: int | None = None,
    warnings: tuple[Diagnostic, ...] = (),
) -> Diagnosis:
    """The gaps between the errors on the splits.

    errors: `train` and `val`; `train_dev` and `test` where there are.
    human: the error of people on such images, a share; 0 where it is unknown, so that all training error is avoidable.
    """
    errors = {split: errors[split] for split in SPLITS if split in errors}
    train, unseen = errors["train"], "train_dev" if "train_dev" in errors else "val"
    gaps = [
        Gap("avoidable bias", ("human", "train"), train.share - human, train.deviation),
        _gap("variance", errors, "train", unseen),
    ]
    if unseen != "val":
        gaps.append(_gap("data mismatch", errors, unseen, "val"))
    if "test" in errors:
        gaps.append(_gap("overfitting to val", errors, "val", "test"))
    return Diagnosis(human, errors, tuple(gaps), weights, epoch, warnings)


def _gap(name: str, errors: Mapping[str, Errors], before: str, after: str) -> Gap:
    deviation = math.hypot(errors[before].deviation, errors[after].deviation)
    return Gap(name, (before, after), errors[after].share - errors[before].share, deviation)


def wrapped(text: str, width: int = 79) -> list[str]:
    """The text in lines, those after the first set in."""
    import textwrap

    return textwrap.wrap(text, width, subsequent_indent="  ")
