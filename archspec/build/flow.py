"""What moves through a spec while it is expanded: typed ports, bundles of them, and the names that tap them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from archspec.errors import SpecError
from archspec.graph import Tap
from archspec.tensor import TensorType

if TYPE_CHECKING:
    from archspec.build.place import Place
    from archspec.spec import Layer

Jump = tuple[Fraction, ...]
ONE = Fraction(1)


class Broken(Exception):
    """A value depends on a layer that is already in error: say nothing more about it.

    `flow` is what it would be, as far as it is known how many tensors that are.
    """

    def __init__(self, flow: Flow | None = None) -> None:
        self.flow = flow or BROKEN


class Overflow(SpecError):
    """The network is too large: expansion stops at once."""


@dataclass(frozen=True, slots=True)
class Port:
    """One tensor: where it comes from and its type (None where the layer that makes it is in error).

    `jump` is how many input pixels one step takes along each spatial axis; where a layer's arguments give the size
    of the grid, how many of its cells, and `grid` is that layer.
    """

    tap: Tap
    type: TensorType | None
    jump: Jump = ()
    grid: str = ""

    @property
    def gate(self) -> bool:
        """Whether it is one cell for the whole image, whatever the image's size: its stride says nothing."""
        return self.grid != "" and self.type is not None and all(type(n) is int and n == 1 for n in self.type.spatial)


NOWHERE = Port(Tap("?"), None)


@dataclass(frozen=True, slots=True, repr=False)
class Flow:
    """What leaves a layer: one tensor or a bundle, whose ports may have names."""

    ports: tuple[Port, ...]
    names: tuple[str, ...] = ()

    @property
    def fields(self) -> str:
        """What a tensor can be asked for, and why not for the rest."""
        if len(self.ports) == 1 and self.ports[0].grid:
            return f"it has .channels and .rank: '{self.ports[0].grid}' gives it a size, at any size of the image"
        return "one tensor has .channels, .rank and .stride; a bundle is picked from: $prev:0"

    @property
    def broken(self) -> bool:
        for port in self.ports:  # noqa: SIM110 - asked for at every step: a generator would take twice as long
            if port.type is None:
                return True
        return False

    @property
    def counted(self) -> bool:
        """Whether it is known how many tensors these are: what a layer in error gives may be a bundle."""
        for port in self.ports:  # noqa: SIM110 - asked for at every layer
            if port is NOWHERE:
                return False
        return True

    def __len__(self) -> int:
        return len(self.ports)

    def __iter__(self) -> Iterator[Flow]:
        return (Flow((port,)) for port in self.ports)

    def __repr__(self) -> str:
        return "[" + ", ".join(f"{p.tap}: {p.type}" for p in self.ports) + "]"

    def __str__(self) -> str:
        return f"a bundle of {len(self)} tensors" if len(self) != 1 else "a tensor"

    def field(self, name: str) -> object | None:
        """`.channels`, `.rank` and `.stride` of a single tensor; conditions may see no more of it."""
        if name not in ("channels", "rank", "stride") or len(self.ports) != 1:
            return None
        kind = self.ports[0].type
        if kind is None:
            raise Broken
        if name == "channels":
            return kind.channels
        if name == "stride" and self.ports[0].grid:
            return None
        return kind.rank if name == "rank" else max(self.ports[0].jump, default=Fraction(1))

    def port(self, which: int | str) -> Flow | None:
        """One tensor of a bundle, by number or by name."""
        if isinstance(which, str):
            if which not in self.names:
                return None
            which = self.names.index(which)
        return Flow((self.ports[which],)) if 0 <= which < len(self.ports) else None


BROKEN = Flow((NOWHERE,))
BROKEN_TENSOR = Flow((Port(Tap("?"), None),))
"""What a layer in error gives that gives one tensor."""


def bundle(flows: list[Flow], names: tuple[str, ...] = ()) -> Flow:
    """All ports of several flows, one after another."""
    return Flow(tuple([port for flow in flows for port in flow.ports]), names)


@dataclass(slots=True)
class Named:
    """What a name stands for: a layer's output, and the names inside it for paths."""

    flow: Flow
    inside: dict[str, Named] = field(default_factory=dict)
    recipe: tuple[Layer, str, Place, str] | None = None
    """How it was made, so that `share` can make it again: layer, word, place and segment."""
    on_the_way: bool = False
    """Whether nothing is called that, and only paths lead through it."""


@dataclass(slots=True)
class Names:
    """Names of one list of layers; those of the lists around it are seen, a block's caller's are not."""

    own: dict[str, Named] = field(default_factory=dict)
    around: Names | None = None
    left_out: set[str] = field(default_factory=set)
    """Names of entries whose `when` is false."""
    incomplete: bool = False
    """Whether a layer in error may have brought more names: what is unknown here may be one of them."""
    miscounted: bool = False
    """Whether a layer's word is unknown: names that number the layers of a word may be others."""

    def find(self, name: str) -> Named | None:
        scope: Names | None = self
        while scope is not None:
            if name in scope.own:
                return scope.own[name]
            scope = scope.around
        return None

    def enter(self, path: str, named: Named) -> None:
        """Make a name known. A path leads through groups; their output is what was entered in them last."""
        if "." not in path:
            self.own[path] = named
            return
        *around, last = path.split(".")
        inside = self.own
        for part in around:
            group = inside.setdefault(part, Named(named.flow, on_the_way=True))
            group.flow = named.flow
            inside = group.inside
        inside[last] = named

    def clash(self, path: str) -> str | None:
        """What of this list is in the way of a new name: what has the name, or a layer that the path leads into."""
        if "." not in path:
            return path if path in self.own else None
        inside = self.own
        walked: list[str] = []
        for part in path.split("."):
            walked.append(part)
            found = inside.get(part)
            if found is None:
                return None
            if not found.on_the_way:
                break
            inside = found.inside
        return ".".join(walked)

    def lacking(self, name: str) -> bool:
        """Whether a name that is not in sight may be that of a layer in error."""
        scope: Names | None = self
        while scope is not None:
            if scope.incomplete or (scope.miscounted and name[-1:].isdecimal()):
                return True
            scope = scope.around
        return False

    def outermost(self) -> Names:
        """The names of the network's own list, or inside a block of the block's: where `.stem` is looked for."""
        scope = self
        while scope.around is not None:
            scope = scope.around
        return scope

    def known(self) -> list[str]:
        return [*self.own, *(self.around.known() if self.around else [])]

    def inside(self, name: str) -> str | None:
        """The path to a name that is not in sight, but inside something that is: `encoder.skip`, `encoder.*.skip`."""
        for outer in self.known():
            named = self.find(outer)
            inside = named.inside if named else {}
            if name in inside:
                return f"{outer}.{name}"
            if any(name in one.inside for key, one in inside.items() if key.isdecimal()):
                return f"{outer}.*.{name}"
        return None

    def resolve(self, path: str) -> Flow | None:
        """The tensors of a path: `enc`, `enc.0.skip`, `enc.*.skip` (a bundle), `bifpn:p4`, `stage3:0`."""
        path, _, pick = path.partition(":")
        found = self._descend(path)
        if not found:
            return None
        flow = found[0].flow if len(found) == 1 else bundle([named.flow for named in found])
        if not pick or not flow.counted:
            return flow
        return flow.port(int(pick) if pick.isdecimal() else pick)

    def at(self, path: str) -> Named | None:
        """What a path stands for, where that is one thing."""
        found = self._descend(path)
        return found[0] if len(found) == 1 else None

    def _descend(self, path: str) -> list[Named]:
        """Everything a path names; what lies inside a layer in error is in error too."""
        first, *rest = path.removeprefix(".").split(".")
        start = self.outermost().own.get(first) if path.startswith(".") else self.find(first)
        if start is None and self.lacking(first):
            return [Named(BROKEN)]
        found = [start] if start else []
        for part in rest:
            if any(named.flow.broken for named in found):
                return [Named(BROKEN)]
            if part == "*":
                found = [one for named in found for key, one in named.inside.items() if key.isdecimal()]
            else:
                found = [named.inside[part] for named in found if part in named.inside]
        return found


def moved(lead: Port, steps: Jump, rank: int, path: str) -> tuple[Jump, str]:
    """The jump and the grid behind a layer that takes those steps; none where the spatial axes are gone."""
    if rank and not all(steps):
        return (ONE,) * rank, path
    if len(lead.jump) != rank:
        return (ONE,) * rank, ""
    if all(step == 1 for step in steps):
        return lead.jump, lead.grid
    return tuple(j * step for j, step in zip(lead.jump, steps, strict=True)), lead.grid
