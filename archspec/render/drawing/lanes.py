"""Ways through a panel: the main path, and the branches and skips that leave it and come back.

Every box is on one lane, every arrow inside a lane, into it or out of it; what is left over becomes a lane
without boxes, such as the identity of a residual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from archspec.render.picture import Arrow, Box, Panel, ranks


@dataclass
class Lane:
    """Boxes straight under one another, from where the lane starts to where it ends."""

    boxes: list[str]
    into: int | None = None
    """Number of the arrow that leads into the lane; None where it starts by itself."""
    out: int | None = None
    parent: Lane | None = None
    children: list[Lane] = field(default_factory=list)
    left: bool = False
    """On which side of its parent."""
    top: int = 0
    bottom: int = 0
    """First and last rows that it passes, those of its parent where it leaves and returns included."""
    order: int = 0
    """Among lanes that leave and return together: its place in the join."""

    @property
    def length(self) -> int:
        return self.bottom - self.top


def rows(panel: Panel) -> dict[str, int]:
    """The row of each box: as far down as what it reads demands; a lone input beside its first reader."""
    found = ranks(panel.boxes, panel.arrows)
    entered = {arrow.target for arrow in panel.arrows}
    for box in panel.boxes:
        readers = [found[arrow.target] for arrow in panel.arrows if arrow.source == box.key]
        if box.key not in entered and readers:
            found[box.key] = min(readers) - 1
    return found


def lanes(panel: Panel, row: Mapping[str, int]) -> list[Lane]:
    """All lanes, parents before their children; the first is the main path."""
    arrows = panel.arrows
    trunk = _trunk(panel)
    leaving: dict[str, list[int]] = {box.key: [] for box in panel.boxes}
    entering: dict[str, list[int]] = {box.key: [] for box in panel.boxes}
    for i, arrow in enumerate(arrows):
        leaving[arrow.source].append(i)
        entering[arrow.target].append(i)
    height = _heights(panel.boxes, arrows, row, leaving)
    home: dict[str, Lane] = {}
    used: set[int] = set()
    found: list[Lane] = []

    def take(lane: Lane) -> None:
        found.append(lane)
        for key in lane.boxes:
            home[key] = lane
        for before, after in zip(lane.boxes, lane.boxes[1:], strict=False):
            used.add(next(i for i in leaving[before] if arrows[i].target == after and i not in used))

    take(Lane(trunk, top=row[trunk[0]], bottom=row[trunk[-1]]))
    for box in sorted(panel.boxes, key=lambda box: row[box.key]):
        if box.key in home:
            continue
        keys = [box.key]
        while True:
            onward = [i for i in leaving[keys[-1]] if arrows[i].target not in home]
            if not onward:
                break
            keys.append(arrows[max(onward, key=lambda i: (height[arrows[i].target], -i))].target)
        lane = Lane(keys)
        lane.into = next((i for i in entering[keys[0]] if arrows[i].source in home), None)
        take(lane)
        lane.out = next((i for i in leaving[keys[-1]] if i not in used), None)
        used.update(i for i in (lane.into, lane.out) if i is not None)
    for i in range(len(arrows)):
        if i not in used:
            found.append(Lane([], into=i, out=i))
    for lane in found[1:]:
        _hang(lane, found[0], home, arrows, entering, row)
    return found


def _trunk(panel: Panel) -> list[str]:
    if panel.spine:
        return [panel.spine[0].source, *(arrow.target for arrow in panel.spine)]
    return [panel.boxes[0].key]


def _heights(
    boxes: Sequence[Box], arrows: Sequence[Arrow], row: Mapping[str, int], leaving: Mapping[str, list[int]]
) -> dict[str, int]:
    """Boxes on the longest way down from each."""
    found: dict[str, int] = {}
    for box in sorted(boxes, key=lambda box: -row[box.key]):
        found[box.key] = 1 + max((found.get(arrows[i].target, 0) for i in leaving[box.key]), default=0)
    return found


def _hang(
    lane: Lane,
    trunk: Lane,
    home: Mapping[str, Lane],
    arrows: Sequence[Arrow],
    entering: Mapping[str, list[int]],
    row: Mapping[str, int],
) -> None:
    """Give a lane its parent, its side and its rows."""
    source = arrows[lane.into].source if lane.into is not None else None
    target = arrows[lane.out].target if lane.out is not None else None
    ends = [home[key] for key in (source, target) if key is not None]
    lane.parent = _common(ends, trunk, lane)
    lane.parent.children.append(lane)
    lane.top = row[source] if source is not None else row[lane.boxes[0]]
    lane.bottom = row[target] if target is not None else row[lane.boxes[-1]]
    if target is not None and lane.boxes and lane.out is not None:
        lane.order = entering[target].index(lane.out)
        inside = (i for i in entering[target] if home[arrows[i].source] is home[target])
        main = next(inside, None)
        lane.left = main is not None and lane.order < entering[target].index(main)
        if main is not None:
            lane.order = abs(lane.order - entering[target].index(main))


def _common(ends: Sequence[Lane], trunk: Lane, lane: Lane) -> Lane:
    """The lane nearest to both ends that holds them, or their parents."""
    if not ends:
        return trunk
    above = [_above(end) for end in ends]
    for candidate in above[0]:
        if candidate is not lane and all(any(candidate is other for other in chain) for chain in above):
            return candidate
    return trunk


def _above(lane: Lane) -> list[Lane]:
    found = [lane]
    while found[-1].parent is not None:
        found.append(found[-1].parent)
    return found
