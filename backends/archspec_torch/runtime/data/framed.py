"""Examples whose targets lie in their images: objects in boxes, points."""

from __future__ import annotations

from dataclasses import dataclass

from archspec_torch.runtime.data.examples import Around
from archspec_torch.runtime.images import Placement


@dataclass(frozen=True)
class Framed(Around):
    """`examples` with targets in pixels of the frame; `placements`: how each image lies there."""

    placements: tuple[Placement, ...]
