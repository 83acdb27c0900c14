"""What a run file may say: one class a section, the default of every key.

A section with a `kind` is a choice: which class checks it is looked up first (see `reading`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from archspec.run.sections.augment import Augment, Augmentation
from archspec.run.sections.base import AS_TEXT, NAME_OR_PATH, PATH, Section
from archspec.run.sections.data import Data, Digits, Fit, Folder, HoldOut, Idx, Split
from archspec.run.sections.model import Model
from archspec.run.sections.optimizers import SGD, Adam, AdamW
from archspec.run.sections.schedules import Constant, Cosine, Exponential, Step
from archspec.run.sections.train import Train

__all__ = [
    "AS_TEXT",
    "NAME_OR_PATH",
    "PATH",
    "SGD",
    "Adam",
    "AdamW",
    "Augment",
    "Augmentation",
    "Constant",
    "Cosine",
    "Data",
    "Digits",
    "Exponential",
    "Fit",
    "Folder",
    "HoldOut",
    "Idx",
    "Model",
    "Run",
    "Section",
    "Split",
    "Step",
    "Train",
]


class Run(Section):
    """A run file, whole. `name` is that of the run directory; without it, the file's own."""

    name: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$")] = None
    model: Model
    data: Digits | Idx | Folder = Digits()
    augment: Annotated[list[Augmentation], Field(max_length=50)] = []
    train: Train = Train()
