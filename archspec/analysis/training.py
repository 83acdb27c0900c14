"""The memory of a training step, found without running it: forward, loss, backward and the optimiser's step.

What is kept for the backward pass is what torch's autograd keeps, as each operator says (`Operator.saved`);
tensors that share storage count once. In backward a layer holds the gradient it was given while it makes those
it passes on; sums and concatenations pass on the one they were given. A tensor that several layers read gets
its gradient in parts, and a new one is made for every part that is added, as torch does under a dispatch mode
(without one it adds in place where it can, so what is told is the most it can be).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
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
from archspec.passes.training import training
from archspec.tensor import BYTES, TensorType

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
    """Memory over one training step, see `TrainingStep`. Takes time linear in the graph."""
    return TrainingStep(graph, optimizer, precision, workspace).memory(batch)


@dataclass(slots=True)
class _Gradient:
    """A gradient's storage: how large it is, and how many tensors wait for it."""

    bytes: int
    waiting: int = 0


class _Passed(NamedTuple):
    """A gradient that a layer passes to one of its inputs."""

    tap: Tap
    given: bool
    """Whether it is the one that the layer was given, and no new one."""
    bytes: int
    """Of one example."""


class _Layer(NamedTuple):
    """What a step does at one layer, whatever the batch; bytes are those of one example where nothing else is said."""

    name: str
    outputs: tuple[Tap, ...]
    held: tuple[tuple[Tap, int], ...]
    """Storages that it makes for its outputs, and their bytes."""
    kept: frozenset[Tap]
    """Storages that it needs until its backward pass."""
    own: int
    """What it keeps besides inputs and output: masks, indices, statistics."""
    fixed: int
    """The part of that which is there once a batch."""
    scratch: int
    """Made and dropped in the forward pass."""
    backward_scratch: int
    learned: int
    """Bytes of its parameters."""
    copies: tuple[int, ...]
    """Bytes of autocast's copies of its weights, and of those for which no gradient is kept."""
    copied: int
    """Bytes of gradients of weights that are copied."""
    wanted: int | None
    """Bytes of the first input, where any input wants a gradient."""
    passed: tuple[_Passed, ...]


class TrainingStep:
    """One training step from the second on, followed from layer to layer, at any batch.

    In a lower precision forward pass and loss run under torch's autocast; in float16 the loss is scaled (GradScaler).

    What is there only when the network answers is left out. Cross-entropy is taken of every output of a classifying or
    segmenting network, the mean squared error of any other's. Optimisers are as torch runs them by default: on a GPU
    all parameters at once, for which Adam makes the roots of its second state for all of them, and counts steps in
    memory of the processor; on the processor one parameter after the other, whose two temporaries are as large as the
    largest.
    """

    def __init__(
        self,
        graph: TypedGraph,
        optimizer: Optimizer = "sgd",
        precision: Precision = "float32",
        workspace: Workspace = "cuda",
    ):
        whole = training(graph)
        over = overwriting(whole)
        self.copies = weight_copies(whole, precision)
        self.graph = autocast(in_parts(whole, over), precision)
        self.optimizer, self.at_once = optimizer, workspace != "cpu"
        self.place = storages(self.graph, over, training=True)
        self.learned, self.buffers, self.tensors, self.largest = _weights(self.graph)
        self.learns = learning(self.graph)
        order = list(execution_order(self.graph))
        self.layers = [self._layer(node, node.name in over) for node in order]
        self.done: dict[int, list[Tap]] = defaultdict(list)
        """Storages by the place in the order of the layer that reads them last."""
        for tap, index in _last_reads(self.graph, order, self.place, whole).items():
            self.done[index].append(tap)
        self._memories: dict[int, Memory] = {}

    def memory(self, batch: int = 1) -> Memory:
        """Memory of the step with so many examples."""
        if batch not in self._memories:
            self._memories[batch] = _Walk(self, batch).memory()
        return self._memories[batch]

    def largest_batch(self, budget: int) -> int:
        """The most examples whose step fits into so many bytes; 0 where not even one does.

        At every moment memory grows by as much for every further example, so two steps tell of all others.
        """
        one, two = (self.memory(batch).moments for batch in (1, 2))
        if any(first.bytes > budget for first in one):
            return 0
        growth = ((first, second.bytes - first.bytes) for first, second in zip(one, two, strict=True))
        return min(1 + (budget - first.bytes) // each for first, each in growth if each)

    def _layer(self, node: Node, in_place: bool) -> _Layer:
        graph, name = self.graph, node.name
        inputs, outputs = graph.input_types(node), graph.types[name]
        taps = tuple(Tap(name, port) for port in range(len(outputs)))
        learns = name in self.learns
        kept, own, fixed = frozenset[Tap](), 0, 0
        backward_scratch, copied, wants = 0, 0, None
        passed: tuple[_Passed, ...] = ()
        if learns:
            saved = needed(graph, node, in_place, self.learns)
            places = [self.place[node.inputs[position]] for position in saved.inputs]
            kept = frozenset([*places, self.place[taps[0]]] if saved.output else places)
            own, fixed = saved.own_bytes, saved.fixed_bytes
            flowing = wanted(node, self.learns)
            backward_scratch = backward_scratch_of(node.op, inputs, outputs, flowing)
            copied = node.op.copied_gradients(inputs)
            wants = inputs[0].nbytes if any(flowing) else None
            passed = tuple(
                _Passed(tap, _given_on(node, position, kind, outputs[0]), kind.nbytes)
                for position, (tap, kind) in enumerate(zip(node.inputs, inputs, strict=True))
                if flowing[position]
            )
        return _Layer(
            name,
            taps,
            tuple((tap, made.nbytes) for tap, made in zip(taps, outputs, strict=True) if self.place[tap] == tap),
            kept,
            own,
            fixed,
            training_scratch_of(node.op, inputs, outputs, learns),
            backward_scratch,
            self.learned.get(name, 0),
            self.copies.get(name, ()),
            copied,
            wants,
            passed,
        )


class _Walk:
    """One step with so many examples, from layer to layer; `_used` are the bytes in use."""

    def __init__(self, step: TrainingStep, batch: int):
        self._step, self._batch, self._used = step, batch, 0
        self._held: dict[Tap, int] = {}
        """Storages in use and their bytes."""
        self._keepers: dict[Tap, int] = defaultdict(int)
        """How many layers, still to come in backward, need a storage."""
        self._pending: dict[Tap, _Gradient] = {}
        """Gradients made and not yet taken, by the tensor they are of."""
        self._moments: list[Moment] = []

    def memory(self) -> Memory:
        """Walked once."""
        step = self._step
        learned = sum(step.learned.values())
        keeps = OPTIMIZERS[step.optimizer]
        states = keeps.states * learned
        if keeps.adapts and not step.at_once:
            states += _FLOAT * step.tensors
        weights = learned + step.buffers
        given = self._batch * sum(step.graph.types[name][0].nbytes for name in step.graph.inputs) + self._targets()
        self._used = weights + states + given
        self._forward()
        self._loss()
        self._backward()
        roots = learned if step.at_once else 2 * step.largest
        self._note("step", step.optimizer, roots if keeps.adapts else 0)
        return Memory(weights, states, given, tuple(self._moments))

    # the three passes

    def _forward(self) -> None:
        for layer in self._step.layers:
            for tap in layer.kept:
                self._keepers[tap] += 1
        for index, layer in enumerate(self._step.layers):
            for tap, size in layer.held:
                self._held[tap] = self._batch * size
                self._used += self._batch * size
            self._used += self._own(layer) + sum(layer.copies)
            self._note("forward", layer.name, self._batch * layer.scratch)
            for tap in self._step.done.get(index, ()):
                if not self._keepers.get(tap):
                    self._release(tap)

    def _loss(self) -> None:
        """Each output's loss in turn: of its scores what it keeps, then the gradients, the last one's first.

        Of an output that depends on nothing that learns, nothing is kept and no gradient made.
        """
        scored = self._step.graph.task in ("classify", "segment")
        self._used += _SCALARS
        learning: list[tuple[Tap, int, int]] = []
        """Outputs with a gradient, the bytes of their scores in float32 and as they are."""
        for tap in self._step.graph.outputs.values():
            made = self._step.graph.type_of(tap)
            given = self._batch * made.nbytes
            size = given * _FLOAT // BYTES[made.dtype]
            self._note("loss", "", size if scored else 0)
            if tap.node in self._step.learns:
                learning.append((tap, size, given))
                self._used += size if scored else 0
        for tap in {self._step.place[tap] for tap in self._step.graph.outputs.values()}:
            if not self._keepers.get(tap):
                self._release(tap)
        self._used -= sum(others for _, others in self._step.copies.values())
        for tap, size, given in reversed(learning):
            self._note("loss", "", 2 * size if scored else size)
            self._pass(tap, self._made(given))
            self._used -= size if scored else 0

    def _backward(self) -> None:
        for layer in reversed(self._step.layers):
            given = [self._pending.pop(tap) for tap in layer.outputs if tap in self._pending]
            if not given:
                continue
            copies = sum(layer.copies)
            self._used += copies or layer.learned
            passed = [(one.tap, given[0] if one.given else self._made(self._batch * one.bytes)) for one in layer.passed]
            self._note("backward", layer.name, self._batch * layer.backward_scratch)
            if layer.copied:
                self._note("backward", layer.name, layer.copied - given[0].bytes - self._exchanged(layer))
            for gradient in given:
                gradient.waiting -= 1
            for gradient in given:
                if all(gradient is not other for _, other in passed):
                    self._drop(gradient)
            self._used -= self._own(layer)
            for tap in layer.kept:
                self._keepers[tap] -= 1
                if not self._keepers[tap]:
                    self._release(tap)
            for tap, gradient in passed:
                self._pass(tap, gradient)
            for gradient in given:
                self._drop(gradient)
            if copies:  # gradients of the copies become those of the weights
                self._used += layer.learned - layer.copies[0]
                self._note("backward", layer.name)
                self._used -= copies
        self._used -= _SCALARS

    # storages

    def _release(self, tap: Tap) -> None:
        self._used -= self._held.pop(tap, 0)

    def _own(self, layer: _Layer) -> int:
        return self._batch * layer.own + layer.fixed

    def _exchanged(self, layer: _Layer) -> int:
        """Bytes that are free when gradients of weights are copied: what the layer keeps has been used, or has been
        exchanged for the gradients of as many numbers, of which that of the input is made afterwards."""
        return self._own(layer) if layer.wanted is None else self._batch * layer.wanted

    # gradients

    def _made(self, size: int) -> _Gradient:
        self._used += size
        return _Gradient(size)

    def _pass(self, tap: Tap, gradient: _Gradient) -> None:
        """A gradient, or a further part of one, of a tensor."""
        before = self._pending.get(tap)
        if before is None:
            self._pending[tap] = gradient
            gradient.waiting += 1
            return
        total = self._made(before.bytes)
        self._note("backward", tap.node)
        before.waiting -= 1
        self._drop(before)
        self._drop(gradient)
        self._pending[tap] = total
        total.waiting += 1

    def _drop(self, gradient: _Gradient) -> None:
        if not gradient.waiting:
            self._used -= gradient.bytes
            gradient.bytes = 0

    # figures

    def _targets(self) -> int:
        """Bytes of the targets: class numbers, one an example, region or pixel; else as many numbers as the outputs."""
        graph = self._step.graph
        if graph.task in ("classify", "segment"):
            output = graph.type_of(next(iter(graph.outputs.values())))
            cells = output.regions * output.numel // output.channels
            return self._batch * cells * _INDEX
        return self._batch * sum(graph.type_of(tap).nbytes for tap in graph.outputs.values())

    def _note(self, phase: Phase, layer: str, temporary: int = 0) -> None:
        self._moments.append(Moment(phase, layer.partition(COPIED)[0], self._used + temporary))


def _given_on(node: Node, position: int, taken: TensorType, made: TensorType) -> bool:
    """Whether a layer passes the gradient it is given to that input, and makes no new one."""
    how = node.op.gradient_of(position)
    return how == "part" or (how == "same" and taken.numel == made.numel)


def _last_reads(graph: TypedGraph, order: list[Node], place: Mapping[Tap, Tap], layers: TypedGraph) -> dict[Tap, int]:
    """What a layer of several steps takes is there until the last of them."""
    last = last_reads(graph, order, place)
    if len(graph.nodes) > len(layers.nodes):
        for index, node in enumerate(order):
            layer = layers.nodes.get(node.name)
            for tap in () if layer is None else layer.inputs:
                if place[tap] in last:
                    last[place[tap]] = max(last[place[tap]], index)
    return last


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
