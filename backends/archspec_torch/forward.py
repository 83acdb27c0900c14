"""A network's forward pass as Python source: one line a layer, in execution order, no interpreter loop.

    stem = root['stem']._modules
    x = stem['conv'](input)  # 64×112×112
    x = stem['norm'](x)
    x = stem['act'](x)

Layers are reached through the `_modules` of the part that holds them, looked up once a part: a dictionary
access takes a thirtieth of what an attribute of an `nn.Module` takes, digits and Python's keywords are names
like any other, and a layer that was replaced (quantised, wrapped, frozen) is the one that runs.

A tensor's variable is overwritten or deleted at its last use, so that inference holds no more than it needs.
Layers and outputs that exist only in training stand under `if self.training:`, as early as inputs allow; those
that exist only when the network answers under `if not self.training:`.
"""

from __future__ import annotations

import heapq
import keyword
import re

from archspec.analysis.order import execution_order
from archspec.graph import Graph, Node, Phase, Tap, TypedGraph

INDENT = "    "
STEMS: dict[Phase, str] = {"always": "x", "train": "t", "infer": "d"}
"""What variables are called, by the phase of the layer whose output they hold."""
CONDITIONS: dict[Phase, str] = {"train": "if self.training:", "infer": "if not self.training:"}


def forward_source(graph: TypedGraph) -> str:
    """Source of `def forward(self, <inputs>)`, which returns a tensor where the network has one output.

    Where there are several it returns a dict by output name, in the order of `graph.outputs`; heads that
    exist only in training count in training alone. A network with outputs that exist only when it answers always
    returns a dict. Takes time linear in the number of layers.
    """
    return _Writer(graph).write()


def owner(graph: TypedGraph, node: Node) -> Node:
    """The node whose module runs for this one: itself, or the one whose weights it shares."""
    if not node.shares or not node.op.weights(graph.input_types(node)):
        return node
    while node.shares:
        node = graph.nodes[node.shares]
    return node


def answers_only_outputs(graph: Graph) -> frozenset[str]:
    """Names of the outputs that exist only when the network answers."""
    return frozenset(name for name, tap in graph.outputs.items() if graph.nodes[tap.node].phase == "infer")


def train_only_outputs(graph: Graph) -> frozenset[str]:
    """Names of the outputs that exist only in training."""
    heads = {name for name, head in graph.heads.items() if head.phase == "train"}
    return frozenset(
        name for name, tap in graph.outputs.items() if name in heads or graph.nodes[tap.node].phase == "train"
    )


class _Variables:
    """Names for tensors: the freed one that is first in order, or a new one."""

    def __init__(self, stem: str, taken: set[str]) -> None:
        self.stem, self.taken, self.made = stem, taken, 0
        self.free: list[tuple[int, str]] = []
        self.number: dict[str, int] = {}

    def take(self) -> str:
        if self.free:
            return heapq.heappop(self.free)[1]
        while True:
            name = f"{self.stem}{self.made or ''}"
            self.made += 1
            if name not in self.taken:
                break
        self.taken.add(name)
        self.number[name] = self.made
        return name

    def release(self, name: str) -> None:
        heapq.heappush(self.free, (self.number[name], name))


class _Writer:
    def __init__(self, graph: TypedGraph) -> None:
        self.graph = graph
        self.lines: list[str] = []
        self.taken = {"self", "root"}
        self.variable: dict[Tap, str] = {}
        self.inputs = [self._claim(name) for name in graph.inputs]
        for name, variable in zip(graph.inputs, self.inputs, strict=True):
            self.variable[Tap(name)] = variable
        self.pools = {phase: _Variables(stem, self.taken) for phase, stem in STEMS.items()}
        self.phase: Phase = "always"
        self.uses: dict[Tap, int] = {}
        for node in graph.nodes.values():
            for tap in set(node.inputs):
                self.uses[tap] = self.uses.get(tap, 0) + 1
        for tap in graph.outputs.values():
            self.uses[tap] = self.uses.get(tap, 0) + 1
        self.parts: dict[str, str] = {"": "root"}
        self.part_names: dict[str, str] = {}
        self.parts_in_block: dict[str, str] | None = None
        self.pending: list[str] = []
        self.shape = ""

    def write(self) -> str:
        graph = self.graph
        takes = ", ".join(f"{name}: {graph.types[name][0]}" for name in graph.inputs)
        gives = ", ".join(f"{name}: {graph.type_of(tap)}" for name, tap in graph.outputs.items())
        self.lines = [
            f"def forward(self, {', '.join(self.inputs)}):",
            f"{INDENT}{f'{takes} → {gives}'!r}",
            *([f"{INDENT}self._admission(self.training, {', '.join(self.inputs)})"] if graph.sizes else []),
            f"{INDENT}root = self._modules",
        ]
        last = None
        for node in execution_order(graph):
            if node.phase != self.phase:
                self._switch(node.phase)
            top, dot, _ = node.name.partition(".")
            if last is None or (top != last[0] and (dot or last[1])):  # a blank line around each part
                self.lines += [""] if self.parts_in_block is None else []
            last = (top, dot)
            self._layer(node)
        self._switch("always")
        self._return()
        return "\n".join(self.lines) + "\n"

    def _claim(self, wanted: str) -> str:
        """A variable of this name; where it is no identifier or is taken, the nearest one that is free."""
        wanted = re.sub(r"\W", "_", wanted)
        wanted = f"_{wanted}" if wanted[:1].isdecimal() else wanted
        while wanted in self.taken or keyword.iskeyword(wanted):
            wanted += "_"
        self.taken.add(wanted)
        return wanted

    def _put(self, text: str) -> None:
        self.lines.append((INDENT if self.parts_in_block is None else 2 * INDENT) + text)

    def _switch(self, phase: Phase) -> None:
        """End a stretch that runs in one phase only, and begin that of another."""
        if self.parts_in_block is not None:
            self.parts_in_block = None
            if self.pending:
                self._put(f"del {', '.join(self.pending)}")
                for name in self.pending:
                    self.pools["always"].release(name)
                self.pending = []
        self.phase = phase
        if phase != "always":
            self._put(CONDITIONS[phase])
            self.parts_in_block = {}

    def _part(self, path: str) -> str:
        """The variable that holds the children of a part of the network."""
        for known in (self.parts, self.parts_in_block or {}):
            if path in known:
                return known[path]
        above, _, segment = path.rpartition(".")
        outer = self._part(above)
        if path not in self.part_names:
            self.part_names[path] = self._claim(path.replace(".", "_"))
        name = self.part_names[path]
        self._put(f"{name} = {outer}[{segment!r}]._modules")
        (self.parts if self.parts_in_block is None else self.parts_in_block)[path] = name
        return name

    def _layer(self, node: Node) -> None:
        path, _, segment = owner(self.graph, node).name.rpartition(".")
        call = f"{self._part(path)}[{segment!r}]({', '.join(self.variable[tap] for tap in node.inputs)})"
        freed = self._last_uses(node)
        pool = self.pools[node.phase]
        outputs = [Tap(node.name, port) for port in range(len(self.graph.types[node.name]))]
        results = []
        for tap in outputs:
            name = freed.pop(0) if freed else pool.take()
            self.variable[tap] = name
            results.append(name)
        shape = ", ".join(str(t) for t in self.graph.types[node.name])
        comment = f"  # {shape}" if shape != self.shape else ""
        self.shape = shape
        self._put(f"{', '.join(results)} = {call}{comment}")
        unread = [self.variable[tap] for tap in outputs if tap not in self.uses]
        if freed or unread:
            self._put(f"del {', '.join(freed + unread)}")
            for name in freed + unread:
                pool.release(name)

    def _last_uses(self, node: Node) -> list[str]:
        """Variables whose last reader is this node and that it may overwrite, the first made first."""
        freed = []
        for tap in dict.fromkeys(node.inputs):
            self.uses[tap] -= 1
            if self.uses[tap] or tap.node in self.graph.inputs:
                continue
            name = self.variable[tap]
            if self.graph.nodes[tap.node].phase == node.phase:
                freed.append(name)
            else:  # made outside the stretch that runs in one phase only: freed behind it, in the others too
                self.pending.append(name)
        return sorted(freed, key=self.pools[node.phase].number.__getitem__)

    def _return(self) -> None:
        variables = {name: self.variable[tap] for name, tap in self.graph.outputs.items()}
        training, answering = train_only_outputs(self.graph), answers_only_outputs(self.graph)
        deployed = {name: variable for name, variable in variables.items() if name not in training}
        self.lines.append("")
        if training or answering:
            trained = {name: variable for name, variable in variables.items() if name not in answering}
            self._put("if self.training:")
            self.lines.append(f"{2 * INDENT}return {_returned(trained, alone=not answering)}")
        self._put(f"return {_returned(deployed, alone=not answering)}")


def _returned(variables: dict[str, str], alone: bool = True) -> str:
    """The tensors by name; the one there is, where that may stand `alone`."""
    if len(variables) == 1 and alone:
        return next(iter(variables.values()))
    return "{" + ", ".join(f"{name!r}: {variable}" for name, variable in variables.items()) + "}"
