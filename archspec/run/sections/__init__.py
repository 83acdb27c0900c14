"""What a run file may say: one class a section, the default of every key.

A section with a `kind` is a choice: which class checks it is looked up first (see `reading`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from archspec.run.sections.augment import Augment, Augmentation
from archspec.run.sections.base import AS_TEXT, NAME_OR_PATH, PATH, Section
from archspec.run.sections.data import (
    Boxes,
    Cifar,
    Csv,
    Data,
    DigitCards,
    Digits,
    Fit,
    Folder,
    HoldOut,
    Idx,
    Numpy,
    Points,
    ScatteredDigits,
    Split,
)
from archspec.run.sections.initial import AsWritten, He, Init, Initial, Normal, SetTo, Xavier
from archspec.run.sections.losses import (
    BCE,
    L1,
    L2,
    SSD,
    YOLO,
    ClassLoss,
    CrossEntropy,
    DetectorLoss,
    Focal,
    Hinge,
    Landmarks,
    Localisation,
    Loss,
    MultiBox,
    PlaceLoss,
    SmoothL1,
    SquaredHinge,
    YOLOv1,
)
from archspec.run.sections.model import Model, Weights
from archspec.run.sections.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from archspec.run.sections.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseSqrt,
    InverseTime,
    OneCycle,
    Polynomial,
    Schedule,
    Staircase,
    Step,
    Warmup,
)
from archspec.run.sections.train import Train

__all__ = [
    "AS_TEXT",
    "BCE",
    "L1",
    "L2",
    "NAME_OR_PATH",
    "PATH",
    "SGD",
    "SSD",
    "YOLO",
    "Adagrad",
    "Adam",
    "AdamW",
    "AsWritten",
    "Augment",
    "Augmentation",
    "Boxes",
    "Cifar",
    "ClassLoss",
    "Constant",
    "Cosine",
    "CrossEntropy",
    "Csv",
    "Data",
    "DetectorLoss",
    "DigitCards",
    "Digits",
    "Exponential",
    "Fit",
    "Focal",
    "Folder",
    "He",
    "Hinge",
    "HoldOut",
    "Idx",
    "Init",
    "Initial",
    "InverseSqrt",
    "InverseTime",
    "Landmarks",
    "Localisation",
    "Loss",
    "Model",
    "MultiBox",
    "Normal",
    "Numpy",
    "OneCycle",
    "Optimizer",
    "PlaceLoss",
    "Points",
    "Polynomial",
    "RMSprop",
    "Run",
    "ScatteredDigits",
    "Schedule",
    "Section",
    "SetTo",
    "SmoothL1",
    "Split",
    "SquaredHinge",
    "Staircase",
    "Step",
    "Train",
    "Warmup",
    "Weights",
    "Xavier",
    "YOLOv1",
]


class Run(Section):
    """A run file, whole. `name` is that of the run directory; without it, the file's own."""

    name: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$")] = None
    model: Model
    data: Digits | Idx | Cifar | Folder | Csv | Numpy | Boxes | ScatteredDigits | Points | DigitCards = Digits()
    augment: Annotated[list[Augmentation], Field(max_length=50)] = []
    train: Train = Train()
