"""Data that a run may name: one file a format, each giving a `Source`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archspec.run.sections import Digits, Folder, Idx
from archspec_torch.runtime.data.digits import open_digits
from archspec_torch.runtime.data.draws import Draws
from archspec_torch.runtime.data.examples import Examples, InMemory, OnDisk, Source, Where, batched, grouped
from archspec_torch.runtime.data.folder import open_folder
from archspec_torch.runtime.data.idx import open_idx

FORMATS: dict[type[Any], Callable[[Any, Where], Source]] = {
    Digits: open_digits,
    Idx: open_idx,
    Folder: open_folder,
}

__all__ = ["FORMATS", "Draws", "Examples", "InMemory", "OnDisk", "Source", "batched", "grouped", "open_source"]


def open_source(section: Digits | Idx | Folder, where: Where) -> Source:
    """The data of a run's `data` section; `where` gives a key's place in it. Raises SpecError E62x."""
    return FORMATS[type(section)](section, where)
