"""The network as it is slid over images larger than it was made for: fully connected layers as convolutions.

A `flatten` and the `linear` behind it answer for a whole map, and so for images of one size. The same weights over
every window of a larger map answer once for each window of the image: Sermanet et al. 2014, arXiv:1312.6229, section
3.5; Long et al. 2015, arXiv:1411.4038.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

from archspec.errors import SpecError, fail
from archspec.graph import Graph, Node, Tap, TypedGraph, around
from archspec.ops.base import NO_STEP, Operator
from archspec.ops.shape import Flatten


@dataclass(frozen=True)
class Slid:
    """A network whose fully connected layers slide, not yet typed, and what of it does."""

    graph: Graph
    layers: tuple[str, ...]
    """Those that slide; none where there is nothing to slide."""
    output: Tap | None
    """Where its answers are, a place for each window: the first output that slides, if one does."""
    kept: tuple[str, ...]
    """Where maps are flattened that have one size whatever the image's."""


def dense(graph: TypedGraph) -> Slid:
    """The network with each `linear` behind a `flatten` slid over the map: the same weights, under the same names.

    What had an output (C,) has (C, rows, columns), one place at the network's own size. What global and adaptive pools
    give has one size whatever the image's, and stays as it is. Raises SpecError E176 where numbers of a map that is
    laid flat go elsewhere than into a `linear`, or an answer is taken as a whole.
    """
    sliding = _Sliding(graph)
    for node in graph.nodes.values():
        sliding.take(node)
    for name, tap in graph.outputs.items():
        if tap in sliding.flat:
            raise refused(graph.nodes[tap.node], f"the output '{name}' is a map laid flat, with no `linear` behind it")
    left = {path for name in sliding.nodes for path in list(around(name))[:-1]}
    kept = {key.name: getattr(graph, key.name) for key in fields(Graph)}
    kept |= {
        "nodes": sliding.nodes,
        "outputs": {name: sliding.moved.get(tap, tap) for name, tap in graph.outputs.items()},
        "scopes": {path: scope for path, scope in graph.scopes.items() if path in left},
    }
    deployed = [tap for tap in graph.outputs.values() if tap in sliding.maps and graph.nodes[tap.node].phase != "train"]
    answers = [sliding.moved.get(tap, tap) for tap in deployed]
    kept["window"] = graph.types[graph.inputs[0]][0].spatial if answers else ()
    return Slid(Graph(**kept), tuple(sliding.slid), next(iter(answers), None), tuple(sliding.kept))


@dataclass
class _Sliding:
    """The nodes as they are rewritten, in execution order, and what became of the tensors between them."""

    graph: TypedGraph
    nodes: dict[str, Node] = field(default_factory=dict)
    moved: dict[Tap, Tap] = field(default_factory=dict)
    """Outputs of layers that are gone, to what they passed on."""
    flat: dict[Tap, tuple[int, ...]] = field(default_factory=dict)
    """What was laid flat and now is a map, to the size of it that one `linear` takes: by its former name."""
    maps: dict[Tap, int] = field(default_factory=dict)
    """What was a vector and now has a place for each window, to the axes of its places."""
    slid: list[str] = field(default_factory=list)
    fixed: set[Tap] = field(default_factory=set)
    """Maps whose size is the same for all images."""
    kept: list[str] = field(default_factory=list)
    """Where such maps are flattened."""

    def take(self, node: Node) -> None:
        """The next node. Raises SpecError E176."""
        outputs = self.graph.types[node.name]
        own = [Tap(node.name, port) for port in range(len(outputs))]
        inputs = self.graph.input_types(node)
        steps = node.op.steps(inputs, outputs) if outputs and outputs[0].rank and inputs else ()
        spread = [tap for tap in node.inputs if self.graph.type_of(tap).rank]
        whole = bool(steps) and all(step == NO_STEP for step in steps)
        if whole or any(x.regions != 1 for x in outputs) or (spread and self.fixed.issuperset(spread)):
            self.fixed.update(own)
        flat, maps = ([tap for tap in node.inputs if tap in found] for found in (self.flat, self.maps))
        if isinstance(node.op, Flatten) and not flat and not maps and inputs[0].rank:
            self._flatten(node, own[0])
        elif flat:
            self._behind_flatten(node, own, flat)
        elif maps:
            self._on_maps(node, own)
        else:
            self._keep(node, node)

    def _flatten(self, node: Node, own: Tap) -> None:
        (tap,) = node.inputs
        if tap in self.fixed:
            self.kept.append(node.name)
            self._keep(node, node)
            return
        self.flat[own] = self.graph.type_of(tap).spatial
        self.moved[own] = self.moved.get(tap, tap)

    def _behind_flatten(self, node: Node, own: Sequence[Tap], flat: Sequence[Tap]) -> None:
        cells = self.flat[flat[0]]
        alike = all(self.flat.get(tap) == cells for tap in node.inputs)
        if isinstance(node.op, Flatten):
            self.flat[own[0]] = cells
            self.moved[own[0]] = self.moved[flat[0]]
        elif node.op.acts_on == "number" and alike:
            self._keep(node, node)
            self.flat.update(dict.fromkeys(own, cells))
            self.moved.update({tap: tap for tap in own})
        elif alike and (over := node.op.slid_over(cells)) is not None:
            self._slide(node, over, cells, own)
        else:
            x = self.graph.type_of(flat[0])
            message = f"`{node.op.word}` takes the {x.channels:,} numbers of a map laid flat, each at its place"
            raise refused(node, message)

    def _on_maps(self, node: Node, own: Sequence[Tap]) -> None:
        (x, *_) = (tap for tap in node.inputs if tap in self.maps)
        cells = (1,) * self.maps[x]
        if isinstance(node.op, Flatten):
            self.moved[own[0]] = self.moved.get(x, x)
            self.maps[own[0]] = self.maps[x]
        elif len(node.inputs) == 1 and (over := node.op.slid_over(cells)) is not None:
            self._slide(node, over, cells, own)
        elif node.op.acts_on == "map":
            message = f"`{node.op.word}` takes the {self.graph.type_of(x).channels:,} numbers of one answer together"
            raise refused(node, message)
        elif other := next((tap for tap in node.inputs if tap not in self.maps), None):
            message = f"'{x.node}' has an answer for each window, and '{other.node}', which it meets, one in all"
            raise refused(node, message)
        else:
            self._keep(node, node)
            self.maps.update(dict.fromkeys(own, self.maps[x]))

    def _slide(self, node: Node, over: Operator, cells: tuple[int, ...], own: Sequence[Tap]) -> None:
        self._keep(node, replace(node, op=over))
        self.maps.update(dict.fromkeys(own, len(cells)))
        self.slid.append(node.name)

    def _keep(self, node: Node, kept: Node) -> None:
        self.nodes[node.name] = replace(kept, inputs=tuple(self.moved.get(tap, tap) for tap in node.inputs))
        if node.shares is not None and kept.op != self.nodes[node.shares].op:
            message = f"it has the weights of '{node.shares}', which takes a map of another size"
            raise refused(node, message)


def refused(node: Node, message: str) -> SpecError:
    """E176 of a layer."""
    hint = "without `--dense` the network takes images of its own size"
    return fail("E176", f"{node.name} cannot be slid over a larger image: {message}", node.span, hint, node.trail)
