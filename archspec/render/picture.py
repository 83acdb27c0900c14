"""What a diagram is made of: boxes, arrows and borders, before anything is laid out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from archspec.graph import Node
from archspec.tensor import TensorType

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
    join: str = ""
    """Of a join the operator's word: `add`, `concat`, `multiply`, …"""
    holds: int = 1
    """Of a group how many blocks of its title are in it."""
    letter: str = ""
    """Which inset shows it, where several kinds of blocks have one title."""

    @property
    def heading(self) -> str:
        """The title with the number of blocks inside and the letter of its inset."""
        holds = f" ×{self.holds}" if self.holds > 1 else ""
        return f"{self.title}{holds} {self.letter}".rstrip()

    @property
    def path(self) -> str:
        """Where in the names it stands: the path of a block, the name of a chain's first layer."""
        return self.key.partition(" ")[2]


@dataclass(frozen=True, slots=True)
class Arrow:
    """From box to box: the `tensor` that flows there, and whether it skips over others (`aside`)."""

    source: str
    target: str
    tensor: TensorType
    train: bool = False
    aside: bool = False
    projected: bool = False
    """Whether it stands for a projection that is not drawn as a box."""
    sizes: bool = False
    """Whether the target reads nothing of it but how large it is."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A border around the boxes of an opened block, its word where that says something, and its repeats."""

    path: str
    word: str
    boxes: tuple[str, ...]
    frames: tuple[Frame, ...] = ()
    count: int = 1

    @property
    def title(self) -> str:
        """What stands at the border: `bottleneck ×3`."""
        return f"{self.word} ×{self.count}".strip() if self.count > 1 else self.word

    def walk(self) -> Iterator[Frame]:
        """Itself and the frames inside."""
        yield self
        for frame in self.frames:
            yield from frame.walk()


@dataclass(frozen=True)
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

    @cached_property
    def straight(self) -> frozenset[str]:
        """The boxes of the main path."""
        return frozenset(key for arrow in self.spine for key in (arrow.source, arrow.target))

    @cached_property
    def _by_key(self) -> dict[str, Box]:
        return {box.key: box for box in self.boxes}

    def box(self, key: str) -> Box:
        """The box of that key."""
        return self._by_key[key]

    @property
    def unlettered(self) -> Panel:
        """The panel by itself: without the letters that tell which inset shows a block."""
        return replace(self, boxes=tuple(replace(box, letter="") for box in self.boxes))

    @property
    def repeats(self) -> bool:
        """Whether anything in it stands for several."""
        return any(box.count > 1 for box in self.boxes) or any(frame.count > 1 for frame in self.every_frame)

    @property
    def every_frame(self) -> list[Frame]:
        """Each frame before those inside it."""
        return [inner for frame in self.frames for inner in frame.walk()]

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

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The network, then the insets."""
        return (self.main, *self.insets)

    @property
    def boxes(self) -> Iterator[Box]:
        """Those of all panels."""
        return (box for panel in self.panels for box in panel.boxes)

    def members(self, box: Box) -> list[str]:
        """The layers that a box of the network stands for, those of all repeats among them."""
        return [name for node in box.nodes for name in self.stands.get(node.name, (node.name,))]


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
