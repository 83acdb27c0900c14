"""What a box looks like beyond its words: colour, border, and whether it changes the size of the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archspec.graph import TypedGraph
from archspec.render.drawing.scene import Dash
from archspec.render.palette import Theme, Tint
from archspec.render.picture import Box
from archspec.tensor import TensorType


@dataclass(frozen=True, slots=True)
class Look:
    """How one box is drawn."""

    fill: str
    line: str
    dash: Dash = ""
    scale: int = 0
    """-1 where the image leaves smaller than it came, 1 where larger."""
    shared: str = ""
    """Whose weights it uses, where it has none of its own."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Paint:
    """How boxes are coloured, and what the legend says of it."""

    theme: Theme
    graph: TypedGraph
    """With numbers for the sizes that the spec leaves open."""
    tint: Callable[[Box], Tint] | None = None
    """Instead of the colour by class: by share of the cost, or by difference."""
    chips: tuple[tuple[Tint, str], ...] = ()
    """The legend of `tint`."""
    heading: str = ""
    """What the chips are a scale of."""
    note: Callable[[Box], str] | None = None
    """A line in the box on why it has its colour."""

    def look(self, box: Box) -> Look:
        """The look of a box."""
        own = self.theme.tints[box.category]
        tint = self.tint(box) if self.tint and box.nodes else own
        note = self.note(box) if self.note and box.nodes else ""
        line = self.theme.training if box.train else tint.line
        return Look(tint.fill, line, "dashed" if box.train else "", scaling(self.graph, box), _shared(box), note)


def scaling(graph: TypedGraph, box: Box) -> int:
    """-1 where a box makes the image smaller, 1 where larger; unpadded borders and global pooling do not count."""
    if not box.nodes or box.kind not in ("layer", "block"):
        return 0
    inside = {node.name for node in box.nodes}
    entering = [graph.type_of(tap) for node in box.nodes for tap in node.inputs if tap.node not in inside]
    leaving = graph.types[box.nodes[-1].name][0]
    if not entering or any(node.op.category == "merge" and len(node.inputs) > 1 for node in box.nodes[:1]):
        return 0
    return _compared(entering[0], leaving)


def _compared(before: TensorType, after: TensorType) -> int:
    if not after.rank or after.rank != before.rank or max(after.spatial) == 1:
        return 0
    if any(3 * a <= 2 * b for b, a in zip(before.spatial, after.spatial, strict=True)):
        return -1
    return int(any(2 * a >= 3 * b for b, a in zip(before.spatial, after.spatial, strict=True)))


def _shared(box: Box) -> str:
    owners = [node.shares for node in box.nodes if node.shares]
    return owners[0] if owners else ""
