"""Memory over a run as data, and that of inference: the tensors alive while each layer computes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from archspec.analysis.cost import scratch_of
from archspec.analysis.order import execution_order
from archspec.analysis.storage import last_reads, overwriting, storages
from archspec.graph import Tap, TypedGraph
from archspec.ops.base import Weight
from archspec.passes.deploy import deploy
from archspec.tensor import BYTES, TensorType

Phase = Literal["forward", "loss", "backward", "step"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Memory in use at one point of a run: bytes of all tensors while `layer` computes."""

    phase: Phase
    layer: str
    bytes: int


@dataclass(frozen=True)
class Memory:
    """Memory over one run, in bytes: what is there from beginning to end, and every moment with that included."""

    weights: int
    """Parameters and buffers."""
    optimizer: int
    """The optimiser's state; 0 at inference."""
    inputs: int
    """The batch, and in training its targets."""
    moments: tuple[Moment, ...] = field(repr=False)

    @property
    def peak(self) -> Moment:
        """The first moment at which most memory is in use."""
        return max(self.moments, key=lambda moment: moment.bytes)


def inference_memory(graph: TypedGraph, batch: int = 1, width: int = BYTES["float32"]) -> Memory:
    """Memory of one forward pass of the deployed network, without gradients, in the order that will run.

    A tensor lives from the layer that makes it to the last one that reads it; outputs live to the end; what a layer
    makes and drops while it computes is there with its output. `width`: bytes of what is a float32 in the spec, weights
    among it; counters and the like keep theirs.
    """

    def size(stored: TensorType | Weight) -> int:
        return stored.nbytes * width // BYTES["float32"] if stored.dtype == "float32" else stored.nbytes

    deployed = deploy(graph)
    order = list(execution_order(deployed))
    place = storages(deployed, overwriting(deployed))
    last = last_reads(deployed, order, place)
    weights = sum(size(weight) for layer in deployed.weights.values() for weight in layer.values())
    inputs = batch * sum(size(deployed.types[name][0]) for name in deployed.inputs)
    ending: dict[int, list[Tap]] = {}
    for tap, index in last.items():
        ending.setdefault(index, []).append(tap)
    used = weights + inputs
    held: dict[Tap, int] = {}
    moments = []
    for index, node in enumerate(order):
        for port, made in enumerate(deployed.types[node.name]):
            tap = Tap(node.name, port)
            if place[tap] == tap:
                held[tap] = batch * size(made)
                used += held[tap]
        dropped = batch * scratch_of(node.op, deployed.input_types(node), deployed.types[node.name])
        moments.append(Moment("forward", node.name, used + dropped * width // BYTES["float32"]))
        for tap in ending.get(index, ()):
            used -= held.pop(tap, 0)
    return Memory(weights, 0, inputs, tuple(moments) or (Moment("forward", "", used),))
