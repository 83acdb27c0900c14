"""Nodes → entries of a list: each layer with all its arguments, its path as its name, and where its input is from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count, groupby

from archspec.authoring.formatting.tree import BLANK, Group, Item, Leaf
from archspec.authoring.written_out.data import argument, listing, mapping, reference, text, texts
from archspec.graph import Node, Tap, TypedGraph


class Layers:
    """One list of layers being written: the network's, or a head's, whose names are told from the head on."""

    def __init__(self, graph: TypedGraph, flow: tuple[Tap, ...], former: Mapping[str, Sequence[str]], head: str = ""):
        self.graph, self.flow, self.former = graph, flow, former
        self.prefix = f"{head}." if head else ""
        self.items: list[Item] = []
        self.own: set[str] = set()
        """First segments of the names in this list so far: they hide those of the list around it."""

    def add(self, nodes: Sequence[Node]) -> None:
        """Entries of some layers, those of a block set apart by a blank line."""
        runs = [(unit, list(run)) for unit, run in groupby(nodes, key=lambda node: _unit(node.name))]
        for i, (_, run) in enumerate(runs):
            first = len(self.items)
            for node in run:
                self.node(node)
            if i and max(len(run), len(runs[i - 1][1])) > 1:
                self.items[first].above.append(BLANK)

    def node(self, node: Node) -> None:
        """The entry of one layer."""
        name = self.own_name(node.name)
        entry: dict[str, Leaf | Group] = {}
        if node.shares is not None:
            entry["share"] = text(self.hiding(node.shares) + self.own_name(node.shares))
            taken = node.inputs
        else:
            args, taken = self.arguments(node)
            entry[node.op.word] = mapping(args)
        entry["name"] = text(name)
        if taken != self.flow and taken:
            entry["from"] = self.references(taken)
        inside = [self.own_name(old) for old in self.former.get(node.name, ()) if old.startswith(self.prefix)]
        if inside:
            entry["was"] = texts(inside)
        self.enter(entry, name, tuple(Tap(node.name, i) for i in range(len(self.graph.types[node.name]))))

    def passing(self, name: str, tap: Tap) -> None:
        """An entry without layers, which passes a tensor on under a name."""
        self.enter({"layers": listing([]), "name": text(name), "from": self.references((tap,))}, name, (tap,))

    def enter(self, entry: Mapping[str, Leaf | Group], name: str, flow: tuple[Tap, ...]) -> None:
        self.items.append(Item(mapping(entry, flow=False)))
        self.own.add(name.partition(".")[0])
        self.flow = flow

    def arguments(self, node: Node) -> tuple[dict[str, Leaf | Group], tuple[Tap, ...]]:
        """Arguments as written, and the tensors that flow in beside those which an argument names.

        What has weights takes all that it takes by `from`, so that it can be shared: arguments are the same there.
        """
        op = node.op
        named: dict[str, tuple[Tap, ...]] = {}
        flowing = node.inputs
        ways = list(op.references.items())
        if len(ways) == 1 and not op.weights(self.graph.input_types(node)):
            ((key, way),) = ways
            if way == "inputs" and len(node.inputs) > 1:
                named, flowing = {key: node.inputs}, ()
            elif way == "extra" and len(node.inputs) == 2:
                named, flowing = {key: node.inputs[1:]}, node.inputs[:1]
        args: dict[str, Leaf | Group] = {}
        for key in type(op).model_fields:
            if key in named:
                args[key] = self.references(named[key])
            elif (held := getattr(op, key)) is not None:
                args[key] = argument(held)
        return args, flowing

    def references(self, taps: Iterable[Tap]) -> Leaf | Group:
        return texts([self.reference(tap) for tap in taps])

    def reference(self, tap: Tap) -> str:
        """What a tensor is called in this list: from the outermost list on where a name of this one hides it."""
        dot = self.hiding(tap.node)
        return reference(Tap(self.own_name(tap.node), tap.port), len(self.graph.types[tap.node]) > 1, dot)

    def hiding(self, name: str) -> str:
        hidden = not name.startswith(self.prefix) and name.partition(".")[0] in self.own
        return "." if hidden else ""

    def unused(self, name: str) -> str:
        """That name, or with a number behind it, where nothing in the network has it."""
        taken = {part for node in self.graph.nodes for part in node.split(".")} | self.graph.heads.keys()
        return next(one for one in chain([name], (f"{name}_{i}" for i in count(2))) if one not in taken)

    def own_name(self, name: str) -> str:
        return name.removeprefix(self.prefix)


def _unit(name: str) -> str:
    """The block that a layer is read as part of: up to the last instance of a loop in its path, or the first name."""
    parts = name.split(".")
    numbered = [end for end, part in enumerate(parts, 1) if part.isdecimal()]
    return ".".join(parts[: numbered[-1] if numbered else 1])
