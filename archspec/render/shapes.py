"""Which shapes a diagram writes beside its boxes: those that changed, in the margin or inside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise

from archspec.render.picture import Panel


def margin_shapes(panel: Panel, framed: Collection[str] = ()) -> dict[str, str]:
    """The boxes of the main path outside of frames, to the shape in the margin, where that has changed."""
    found = {}
    for before, after in pairwise(panel.spine):
        if before.tensor != after.tensor and not after.target.startswith("output") and after.source not in framed:
            found[after.source] = str(after.tensor)
    return found


def inside_shapes(panel: Panel, margin: Mapping[str, str]) -> dict[str, str]:
    """The boxes that change the positions and have no margin, to the shape inside."""
    entering = {arrow.target: arrow.tensor.spatial for arrow in reversed(panel.arrows) if not arrow.sizes}
    ends = {box.key for box in panel.boxes if box.kind == "output"}
    found = {}
    for arrow in panel.arrows:
        before = entering.get(arrow.source)
        positions = arrow.tensor.spatial
        moved = before is not None and before != positions
        if moved and positions and arrow.source not in margin and arrow.target not in ends:
            found[arrow.source] = str(arrow.tensor)
    return found
