"""The training step that a fact speaks of: `train_peak_bytes.adam.32.bfloat16`, each part or none."""

from __future__ import annotations

from typing import NamedTuple

from archspec.analysis.autocast import PRECISIONS, Precision
from archspec.analysis.training import OPTIMIZERS, Optimizer


class Step(NamedTuple):
    """A training step: of one example, by plain SGD, in float32, where the name of the fact says nothing else."""

    optimizer: Optimizer = "sgd"
    batch: int = 1
    precision: Precision = "float32"


def step_of(fact: str) -> Step | str:
    """The step that `train_peak_bytes` and the words behind it mean, in any order; or the first word not understood.

    A word of a kind that was there before is not understood either: a step has one batch.
    """
    found: dict[str, object] = {}
    for word in fact.split(".")[1:]:
        kind: str
        value: object
        if word.isascii() and word.isdecimal() and int(word):
            kind, value = "batch", int(word)
        elif word in PRECISIONS:
            kind, value = "precision", PRECISIONS[word]
        elif word in OPTIMIZERS:
            kind, value = "optimizer", word
        else:
            return word
        if kind in found:
            return word
        found[kind] = value
    return Step(**found)  # type: ignore[arg-type]


def words() -> list[str]:
    """The words that may stand behind `train_peak_bytes.`, batches aside."""
    return [*OPTIMIZERS, *PRECISIONS]
