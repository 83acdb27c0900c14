"""Which shapes a diagram writes beside its boxes: those that changed, in the margin or inside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise

from archspec.render.picture import Panel


def margin_shapes(panel: Panel, framed: Collection[str] = ()) -> dict[str, str]:
    """The boxes of the main path outside of frames, to the shape in the margin, where that has changed."""
    found = {}
    for before, after in pairwise(panel.spine):
        if before.shape != after.shape and not after.target.startswith("output") and after.source not in framed:
            found[after.source] = after.shape
    return found


def inside_shapes(panel: Panel, margin: Mapping[str, str]) -> dict[str, str]:
    """The boxes that change the positions and have no margin, to the shape inside."""
    entering = {arrow.target: arrow.shape for arrow in reversed(panel.arrows)}
    ends = {box.key for box in panel.boxes if box.kind == "output"}
    found = {}
    for arrow in panel.arrows:
        before = entering.get(arrow.source)
        moved = before is not None and _positions(before) != _positions(arrow.shape)
        if moved and _positions(arrow.shape) and arrow.source not in margin and arrow.target not in ends:
            found[arrow.source] = arrow.shape
    return found


def _positions(shape: str) -> str:
    """The spatial part of a shape as drawn: `7×7` of `256×7×7` and of `300 × 256×7×7`."""
    return shape.rpartition(" ")[2].partition("×")[2]
