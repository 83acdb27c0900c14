"""Data that a run may name: one file a format, each giving a `Source`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archspec.run.sections import (
    Boxes,
    Cifar,
    Csv,
    Data,
    DigitCards,
    Digits,
    Folder,
    Idx,
    Numpy,
    Points,
    ScatteredDigits,
)
from archspec_torch.runtime.data.boxed import Boxed, open_boxes
from archspec_torch.runtime.data.cards import open_cards
from archspec_torch.runtime.data.cifar import open_cifar
from archspec_torch.runtime.data.digits import open_digits
from archspec_torch.runtime.data.draws import Draws
from archspec_torch.runtime.data.examples import Examples, InMemory, OnDisk, Source, Where, batched, digest_of, grouped
from archspec_torch.runtime.data.folder import open_folder
from archspec_torch.runtime.data.idx import open_idx
from archspec_torch.runtime.data.npz import open_numpy
from archspec_torch.runtime.data.pointed import Pointed, open_points
from archspec_torch.runtime.data.scattered import open_scattered
from archspec_torch.runtime.data.table import open_csv
from archspec_torch.runtime.data.targets import Target

FORMATS: dict[type[Any], Callable[[Any, Where], Source]] = {
    Digits: open_digits,
    Idx: open_idx,
    Cifar: open_cifar,
    Folder: open_folder,
    Csv: open_csv,
    Numpy: open_numpy,
    Boxes: open_boxes,
    ScatteredDigits: open_scattered,
    Points: open_points,
    DigitCards: open_cards,
}

__all__ = [
    "FORMATS",
    "Boxed",
    "Draws",
    "Examples",
    "InMemory",
    "OnDisk",
    "Pointed",
    "Source",
    "Target",
    "batched",
    "digest_of",
    "grouped",
    "open_source",
    "pairs_of",
]


def open_source(section: Data, where: Where) -> Source:
    """The data of a run's `data` section; `where` gives a key's place in it. Raises SpecError E62x, E63x."""
    return FORMATS[type(section)](section, where)


def pairs_of(section: Data) -> list[list[str]] | None:
    """The points that change places in a mirrored image, where the data is of points and names them."""
    return section.pairs if isinstance(section, Points) else None
