"""The memory of a training step, found without running it: forward, loss, backward and the optimiser's step.

What is kept for the backward pass is what torch's autograd keeps, as each operator says (`Operator.saved`);
tensors that share storage count once. In backward a layer holds the gradient it was given while it makes those
it passes on; sums and concatenations pass on the one they were given. A tensor that several layers read gets
its gradient in parts, and a new one is made for every part that is added, as torch does under a dispatch mode
(without one it adds in place where it can, so what is told is the most it can be).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from archspec.analysis.autocast import COPIED, Precision, autocast, weight_copies
from archspec.analysis.cost import backward_scratch_of, training_scratch_of
from archspec.analysis.memory import Memory, Moment, Phase
from archspec.analysis.order import execution_order
from archspec.analysis.parts import in_parts
from archspec.analysis.saved import learning, needed, wanted
from archspec.analysis.storage import last_reads, overwriting, storages
from archspec.graph import Node, Tap, TypedGraph
from archspec.ops.base import Saved
from archspec.passes.training import training
from archspec.tensor import BYTES

Optimizer = Literal["sgd", "momentum", "adam", "adamw"]
Workspace = Literal["cuda", "hopper", "cpu"]
"""Whose libraries run the step, and take memory for themselves."""


class Keeps(NamedTuple):
    """What an optimiser holds in memory."""

    title: str
    states: int
    """Numbers kept for every parameter."""
    adapts: bool = False
    """Whether it counts the steps of every parameter, and divides by the root of a second state."""


OPTIMIZERS: dict[Optimizer, Keeps] = {
    "sgd": Keeps("SGD", 0),
    "momentum": Keeps("SGD with momentum", 1),
    "adam": Keeps("Adam", 2, adapts=True),
    "adamw": Keeps("AdamW", 2, adapts=True),
}

_FLOAT = BYTES["float32"]
_INDEX = BYTES["int64"]
_SCALARS = 2 * _FLOAT
"""The loss, and the sum of weights it is divided by; then the loss and its gradient, which are there to the end."""


def training_memory(
    graph: TypedGraph,
    batch: int = 1,
    optimizer: Optimizer = "sgd",
    precision: Precision = "float32",
    workspace: Workspace = "cuda",
) -> Memory:
    """Memory over one training step from the second step on. Takes time linear in the graph.

    In a lower precision forward pass and loss run under torch's autocast; in float16 the loss is scaled (GradScaler).

    What is there only when the network answers is left out. Cross-entropy is taken of every output of a classifying or
    segmenting network, the mean squared error of any other's. Optimisers are as torch runs them by default: on a GPU
    all parameters at once, for which Adam makes the roots of its second state for all of them, and counts steps in
    memory of the processor; on the processor one parameter after the other, whose two temporaries are as large as the
    largest.
    """
    return _Step(training(graph), optimizer, precision, workspace).run(batch)


def largest_batch(
    graph: TypedGraph,
    budget: int,
    optimizer: Optimizer = "sgd",
    precision: Precision = "float32",
    workspace: Workspace = "cuda",
) -> int:
    """The most examples whose training step fits into so many bytes; 0 where not even one does.

    At every moment memory grows by as much for every further example, so two steps tell of all others.
    """
    step = _Step(training(graph), optimizer, precision, workspace)
    one, two = (step.run(batch).moments for batch in (1, 2))
    if any(first.bytes > budget for first in one):
        return 0
    growth = ((first, second.bytes - first.bytes) for first, second in zip(one, two, strict=True))
    return min(1 + (budget - first.bytes) // each for first, each in growth if each)


@dataclass(slots=True)
class _Gradient:
    """A gradient's storage: how large it is, and how many tensors wait for it."""

    bytes: int
    waiting: int = 0


class _Step:
    """One step, followed from layer to layer, at any batch; `used` are the bytes in use beside weights, optimiser and
    batch."""

    def __init__(self, graph: TypedGraph, optimizer: Optimizer, precision: Precision, workspace: Workspace):
        over = overwriting(graph)
        self.copies = weight_copies(graph, precision)
        self.layers = graph
        graph = autocast(in_parts(graph, over), precision)
        self.graph, self.optimizer, self.at_once = graph, optimizer, workspace != "cpu"
        self.order = list(execution_order(graph))
        self.place = storages(graph, over, training=True)
        self.learned, self.buffers, self.tensors, self.largest = _weights(graph)
        self.learns = learning(graph)
        self.saved: dict[str, Saved] = {
            node.name: needed(graph, node, node.name in over, self.learns)
            for node in self.order
            if node.name in self.learns
        }
        self.kept = {node.name: self._kept(node) for node in self.order}
        """The storages that each layer needs until its backward pass."""
        self.last = self._last_reads()

    def run(self, batch: int) -> Memory:
        """Memory of the step with so many examples."""
        self.batch, self.used = batch, 0
        self.held: dict[Tap, int] = {}
        """Storages in use and their bytes."""
        self.keepers: dict[Tap, int] = defaultdict(int)
        """How many layers, still to come in backward, need a storage."""
        self.pending: dict[Tap, _Gradient] = {}
        """Gradients made and not yet taken, by the tensor they are of."""
        self.moments: list[Moment] = []
        states = OPTIMIZERS[self.optimizer].states * sum(self.learned.values())
        if OPTIMIZERS[self.optimizer].adapts and not self.at_once:
            states += _FLOAT * self.tensors
        weights = sum(self.learned.values()) + self.buffers
        inputs = self.batch * sum(self.graph.types[name][0].nbytes for name in self.graph.inputs)
        resting = weights + states + inputs + self._targets()
        self._forward()
        self._loss()
        self._backward()
        roots = sum(self.learned.values()) if self.at_once else 2 * self.largest
        self._note("step", self.optimizer, roots if OPTIMIZERS[self.optimizer].adapts else 0)
        moments = tuple(Moment(m.phase, m.layer, m.bytes + resting) for m in self.moments)
        return Memory(weights, states, inputs + self._targets(), moments)

    # the three passes

    def _forward(self) -> None:
        for kept in self.kept.values():
            for tap in kept:
                self.keepers[tap] += 1
        done = defaultdict(list)
        for tap, index in self.last.items():
            done[index].append(tap)
        for index, node in enumerate(self.order):
            for port, made in enumerate(self.graph.types[node.name]):
                tap = Tap(node.name, port)
                if self.place[tap] == tap:
                    self._hold(tap, self.batch * made.nbytes)
            self.used += self._own(node) + sum(self.copies.get(node.name, ()))
            self._note("forward", node.name, self.batch * self._scratch(node))
            for tap in done[index]:
                if not self.keepers[tap]:
                    self._release(tap)

    def _loss(self) -> None:
        """Each output's loss in turn: of its scores what it keeps, then the gradients, the last one's first.

        Of an output that depends on nothing that learns, nothing is kept and no gradient made.
        """
        scored = self.graph.task in ("classify", "segment")
        self.used += _SCALARS
        learning: list[tuple[Tap, int, int]] = []
        """Outputs with a gradient, the bytes of their scores in float32 and as they are."""
        for tap in self.graph.outputs.values():
            made = self.graph.type_of(tap)
            given = self.batch * made.nbytes
            size = given * _FLOAT // BYTES[made.dtype]
            self._note("loss", "", size if scored else 0)
            if tap.node in self.learns:
                learning.append((tap, size, given))
                self.used += size if scored else 0
        for tap in {self.place[tap] for tap in self.graph.outputs.values()}:
            if not self.keepers[tap]:
                self._release(tap)
        self.used -= sum(others for _, others in self.copies.values())
        for tap, size, given in reversed(learning):
            self._note("loss", "", 2 * size if scored else size)
            self._pass(tap, self._made(given))
            self.used -= size if scored else 0

    def _backward(self) -> None:
        for node in reversed(self.order):
            taps = [Tap(node.name, port) for port in range(len(self.graph.types[node.name]))]
            given = [self.pending.pop(tap) for tap in taps if tap in self.pending]
            if not given:
                continue
            learned, copied = self.learned.get(node.name, 0), sum(self.copies.get(node.name, ()))
            self.used += copied or learned
            passed = list(self._gradients(node, given[0]))
            self._note("backward", node.name, self.batch * self._backward_scratch(node))
            self._copied(node, given[0])
            for gradient in given:
                gradient.waiting -= 1
            for gradient in given:
                if all(gradient is not other for _, other in passed):
                    self._drop(gradient)
            self.used -= self._own(node)
            for tap in self.kept[node.name]:
                self.keepers[tap] -= 1
                if not self.keepers[tap]:
                    self._release(tap)
            for tap, gradient in passed:
                self._pass(tap, gradient)
            for gradient in given:
                self._drop(gradient)
            if copied:  # gradients of the copies become those of the weights
                self.used += learned - self.copies[node.name][0]
                self._note("backward", node.name)
                self.used -= copied
        self.used -= _SCALARS

    def _last_reads(self) -> dict[Tap, int]:
        """What a layer of several steps takes is there until the last of them."""
        last = last_reads(self.graph, self.order, self.place)
        if len(self.graph.nodes) > len(self.layers.nodes):
            for index, node in enumerate(self.order):
                layer = self.layers.nodes.get(node.name)
                for tap in () if layer is None else layer.inputs:
                    if self.place[tap] in last:
                        last[self.place[tap]] = max(last[self.place[tap]], index)
        return last

    # storages

    def _hold(self, tap: Tap, size: int) -> None:
        self.held[tap] = size
        self.used += size

    def _release(self, tap: Tap) -> None:
        self.used -= self.held.pop(tap, 0)

    def _kept(self, node: Node) -> set[Tap]:
        saved = self.saved.get(node.name)
        if saved is None:
            return set()
        inputs = {self.place[node.inputs[position]] for position in saved.inputs}
        return inputs | {self.place[Tap(node.name)]} if saved.output else inputs

    def _own(self, node: Node) -> int:
        """Bytes of what a layer keeps besides its inputs and output: masks, indices, statistics."""
        saved = self.saved.get(node.name)
        return 0 if saved is None else self.batch * saved.own_bytes + saved.fixed_bytes

    def _scratch(self, node: Node) -> int:
        """Bytes an example that a layer makes and drops in the forward pass."""
        inputs, outputs = self.graph.input_types(node), self.graph.types[node.name]
        return training_scratch_of(node.op, inputs, outputs, node.name in self.learns)

    def _backward_scratch(self, node: Node) -> int:
        inputs, outputs = self.graph.input_types(node), self.graph.types[node.name]
        return backward_scratch_of(node.op, inputs, outputs, wanted(node, self.learns))

    def _copied(self, node: Node, given: _Gradient) -> None:
        """Gradients of weights are copied when what the layer keeps has been used, or has been exchanged for the
        gradients of as many numbers, of which that of the input is made afterwards."""
        inputs = self.graph.input_types(node)
        copied = node.op.copied_gradients(inputs)
        if copied:
            wants = any(wanted(node, self.learns))
            self._note(
                "backward",
                node.name,
                copied - given.bytes - (self.batch * inputs[0].nbytes if wants else self._own(node)),
            )

    # gradients

    def _gradients(self, node: Node, given: _Gradient) -> Iterator[tuple[Tap, _Gradient]]:
        """What a layer passes to each input that wants a gradient: the one it was given, or a new one."""
        output = self.graph.types[node.name][0]
        for position, (tap, kind) in enumerate(zip(node.inputs, self.graph.input_types(node), strict=True)):
            if tap.node not in self.learns:
                continue
            how = node.op.gradient_of(position)
            shared = how == "part" or (how == "same" and kind.numel == output.numel)
            yield tap, given if shared else self._made(self.batch * kind.nbytes)

    def _made(self, size: int) -> _Gradient:
        self.used += size
        return _Gradient(size)

    def _pass(self, tap: Tap, gradient: _Gradient) -> None:
        """A gradient, or a further part of one, of a tensor."""
        before = self.pending.get(tap)
        if before is None:
            self.pending[tap] = gradient
            gradient.waiting += 1
            return
        total = self._made(before.bytes)
        self._note("backward", tap.node)
        before.waiting -= 1
        self._drop(before)
        self._drop(gradient)
        self.pending[tap] = total
        total.waiting += 1

    def _drop(self, gradient: _Gradient) -> None:
        if not gradient.waiting:
            self.used -= gradient.bytes
            gradient.bytes = 0

    # figures

    def _targets(self) -> int:
        """Bytes of the targets: class numbers, one an example, region or pixel; else as many numbers as the outputs."""
        if self.graph.task in ("classify", "segment"):
            output = self.graph.type_of(next(iter(self.graph.outputs.values())))
            cells = output.regions * output.numel // output.channels
            return self.batch * cells * _INDEX
        return self.batch * sum(self.graph.type_of(tap).nbytes for tap in self.graph.outputs.values())

    def _note(self, phase: Phase, layer: str, temporary: int = 0) -> None:
        self.moments.append(Moment(phase, layer.partition(COPIED)[0], self.used + temporary))


def _weights(graph: TypedGraph) -> tuple[dict[str, int], int, int, int]:
    """Bytes of learned tensors by layer, bytes of all other weights, number and largest of the learned tensors."""
    learned: dict[str, int] = {}
    others = tensors = largest = 0
    for layer, weights in graph.weights.items():
        for weight in weights.values():
            if weight.kind == "parameter":
                learned[layer] = learned.get(layer, 0) + weight.nbytes
                tensors, largest = tensors + 1, max(largest, weight.nbytes)
            else:
                others += weight.nbytes
    return learned, others, tensors, largest
