"""What a diagram is made of: boxes, arrows and borders, before anything is laid out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from archspec.graph import Node

Kind = Literal["input", "output", "layer", "join", "block", "port"]


@dataclass(frozen=True, slots=True)
class Box:
    """One box: `title` in bold, `detail` after it, and the layers it stands for."""

    key: str
    kind: Kind
    category: str
    title: str
    detail: str = ""
    count: int = 1
    train: bool = False
    nodes: tuple[Node, ...] = ()

    @property
    def path(self) -> str:
        """Where in the names it stands: the path of a block, the name of a chain's first layer."""
        return self.key.partition(" ")[2]


@dataclass(frozen=True, slots=True)
class Arrow:
    """From box to box: the `shape` that flows there, and whether it skips over others (`aside`)."""

    source: str
    target: str
    shape: str
    train: bool = False
    aside: bool = False
    projected: bool = False
    """Whether it stands for a projection that is not drawn as a box."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A border around the boxes of an opened block, and how many times it repeats."""

    path: str
    title: str
    boxes: tuple[str, ...]
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """Boxes and arrows that hang together: the network, or the inside of a block."""

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    frames: tuple[Frame, ...] = ()
    path: str = ""
    """Of the block whose inside it is."""
    spine: tuple[Arrow, ...] = ()
    """The longest way to the main output, from its input down."""

    @property
    def length(self) -> int:
        """Boxes one under another on the longest way through."""
        return max(ranks(self.boxes, self.arrows).values(), default=0) + 1


@dataclass(frozen=True, slots=True)
class Diagram:
    """The network, and the inside of each kind of block that is folded in it."""

    main: Panel
    insets: tuple[Panel, ...] = ()
    depth: int = 1
    stands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Layer that is drawn to all that it stands for: itself, and the same layer of each repeat."""


def ranks(boxes: Iterable[Box], arrows: Iterable[Arrow]) -> dict[str, int]:
    """Longest way to each box from where nothing enters. Boxes need not come in order."""
    entering: dict[str, list[str]] = {box.key: [] for box in boxes}
    leaving: dict[str, list[str]] = {box.key: [] for box in boxes}
    for arrow in arrows:
        entering[arrow.target].append(arrow.source)
        leaving[arrow.source].append(arrow.target)
    waiting = {key: len(sources) for key, sources in entering.items()}
    ready = [key for key, number in waiting.items() if not number]
    found: dict[str, int] = dict.fromkeys(ready, 0)
    while ready:
        key = ready.pop()
        for target in leaving[key]:
            found[target] = max(found.get(target, 0), found[key] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return found


def spine(boxes: Iterable[Box], arrows: Iterable[Arrow], end: str) -> tuple[Arrow, ...]:
    """The arrows of the longest way that ends in a box, from the top down."""
    arrows = list(arrows)
    rank = ranks(boxes, arrows)
    entering: dict[str, Arrow] = {}
    for arrow in arrows:
        best = entering.get(arrow.target)
        if best is None or rank[arrow.source] > rank[best.source]:
            entering[arrow.target] = arrow
    found: list[Arrow] = []
    while end in entering:
        found.append(entering[end])
        end = entering[end].source
    return tuple(reversed(found))
