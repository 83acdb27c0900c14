"""The network as a graph: named nodes in execution order, taps on their outputs, and tensor types.

Nodes keep their inputs in order and with repetition (x + x is two edges). networkx is the view
that graph algorithms run on; it is made when asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from archspec.errors import Frame, Span
from archspec.ops.base import Operator, Weight
from archspec.tensor import TensorType

if TYPE_CHECKING:
    import networkx

    from archspec.sizes import Requirement, Sizes

Phase = Literal["always", "train", "infer"]


def around(name: str) -> Iterator[str]:
    """The paths that lead to a layer: of the scopes around it, the outermost first, and itself last."""
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


class Tap(NamedTuple):
    """One output tensor of a node."""

    node: str
    port: int = 0

    def __str__(self) -> str:
        return f"{self.node}:{self.port}" if self.port else self.node


@dataclass(frozen=True, slots=True)
class Node:
    """One layer: a unique dotted name, its operator, the tensors it takes, where it was written."""

    name: str
    op: Operator
    inputs: tuple[Tap, ...]
    span: Span
    trail: Frame | None = None
    phase: Phase = "always"
    """`train`: part of a head that exists only in training; `infer`: there only when the network answers."""
    shares: str | None = None
    """Name of the node whose weights this one uses, where it has none of its own."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A stretch of the graph that was written as one layer: a block, a group, a branch or an instance.

    `path` is the prefix of its nodes' names; `word` what the spec wrote ('bottleneck', 'layers', 'branch');
    `index` its number in a loop, or None.
    """

    path: str
    word: str
    span: Span
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """An output beside the main one. `weight` multiplies its loss."""

    name: str
    phase: Phase = "always"
    weight: float = 1.0


@dataclass(frozen=True)
class Graph:
    """Nodes in execution order (each after its inputs), inputs, outputs, heads and scopes."""

    name: str
    nodes: Mapping[str, Node]
    inputs: tuple[str, ...]
    """Names of the input nodes, whose operator is `ops.shape.Input`."""
    outputs: Mapping[str, Tap]
    """Output name to tensor, heads included, in the order the spec gives them."""
    heads: Mapping[str, Head] = field(default_factory=dict)
    scopes: Mapping[str, Scope] = field(default_factory=dict)
    task: str = "classify"
    resolved: Mapping[str, Any] = field(default_factory=dict)
    """The spec as it was built: variant, overrides and used blocks written in, as plain data."""
    notes: tuple[str, ...] = ()
    """What the user should know of how the graph came about (asserts that an override skipped)."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """What `was` says: the former path of a layer or scope, in a list as it is called now, to its present path."""
    window: tuple[int, ...] = ()
    """Pixels of the image, an axis, that a place of the outputs answers for, where `passes.dense` slid the network."""

    @cached_property
    def consumers(self) -> Mapping[str, tuple[str, ...]]:
        """Node name to the names of the nodes that read it, one entry an edge."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for node in self.nodes.values():
            for tap in node.inputs:
                found[tap.node].append(node.name)
        return {name: tuple(readers) for name, readers in found.items()}

    def present_name(self, name: str) -> str:
        """What is called now what had that name, by the `was` of the spec; the name itself where none speaks of it.

        `name` may go on behind a layer's: `conv1.weight` becomes `stem.weight`. A list's name is replaced before
        the names in it; of two former names that fit, the longer.
        """
        rest, done = name.split("."), 0
        while self.renamed:
            ends = range(len(rest), done, -1)
            fitting = (end for end in ends if ".".join(rest[:end]) in self.renamed)
            end = next(fitting, None)
            if end is None:
                break
            present = self.renamed[".".join(rest[:end])].split(".")
            rest, done = [*present, *rest[end:]], len(present)
        return ".".join(rest)

    def networkx(self) -> networkx.MultiDiGraph:
        """The same graph for networkx: node attribute `node`, edge attributes `port` and `position`."""
        import networkx

        view: networkx.MultiDiGraph = networkx.MultiDiGraph(name=self.name)
        for node in self.nodes.values():
            view.add_node(node.name, node=node)
            for position, tap in enumerate(node.inputs):
                view.add_edge(tap.node, node.name, port=tap.port, position=position)
        return view


@dataclass(frozen=True)
class TypedGraph(Graph):
    """A graph whose every tensor has a type: what can be counted, drawn and compiled."""

    types: Mapping[str, tuple[TensorType, ...]] = field(default_factory=dict)
    sizes: Mapping[str, Sizes] = field(default_factory=dict)
    """Of every size that the input leaves open, by its symbol, those that all layers take."""
    requirements: tuple[Requirement, ...] = ()
    """What layers ask of the open sizes, in execution order."""

    @cached_property
    def example(self) -> Mapping[str, int]:
        """A usual number for each open size, that the network takes."""
        if not self.sizes:
            return {}
        from archspec.sizes.example import example

        met = dict.fromkeys(n for outputs in self.types.values() for x in outputs for n in x.shape)
        return example([self.types[name][0].shape for name in self.inputs], met, self.sizes)

    @cached_property
    def weights(self) -> Mapping[str, Mapping[str, Weight]]:
        """Stored tensors by layer and by their names there; those that layers share at the first of them."""
        owners: set[str] = set()
        found: dict[str, Mapping[str, Weight]] = {}
        for node in self.nodes.values():
            if (owner := node.shares or node.name) not in owners:
                owners.add(owner)
                found[node.name] = node.op.weights(self.input_types(node))
        return found

    def type_of(self, tap: Tap) -> TensorType:
        """Type of one tensor."""
        return self.types[tap.node][tap.port]

    def input_types(self, node: Node) -> tuple[TensorType, ...]:
        """Types of the tensors a node takes, in order."""
        types = self.types
        return tuple([types[tap.node][tap.port] for tap in node.inputs])  # asked for often: a list takes half the time

    def layers(self) -> Iterable[Node]:
        """The nodes that are layers: all but the inputs."""
        return (node for name, node in self.nodes.items() if name not in self.inputs)
