"""Which part of the image each place of a slid network's output answers for (`passes.dense`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from archspec.analysis.receptive import fields
from archspec.errors import fail
from archspec.graph import Node, Tap, TypedGraph
from archspec.tensor import extent


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows over an image, an entry an axis: rows before columns."""

    size: tuple[int, ...]
    """Pixels of a window: the size that the network was made for."""
    step: tuple[int | Fraction, ...]
    """Pixels from one window to the next."""
    count: tuple[int, ...]
    """How many there are."""

    def corners(self) -> Iterator[tuple[int | Fraction, ...]]:
        """First pixel of each window, an entry an axis, in the order of the output's places."""
        for place in product(*map(range, self.count)):
            yield tuple(at * step for at, step in zip(place, self.step, strict=True))

    def boxes(self) -> list[tuple[int | Fraction, int | Fraction, int | Fraction, int | Fraction]]:
        """x1, y1, x2, y2 of each window in pixels, x2 and y2 behind the last, in the order of the output's places."""
        height, width = self.size
        return [(x, y, x + width, y + height) for y, x in self.corners()]


def windows(graph: TypedGraph, output: str | None = None) -> Windows:
    """Those of an output (its first, where none is named) of a network loaded with `dense=True`.

    Raises SpecError E176 where it was not, or nothing of it slides.
    """
    if not graph.window:
        message = f"'{graph.name}' does not slide: it answers once for an image"
        raise fail("E176", message, hint="load it with `dense=True`, where a `linear` stands behind a `flatten`")
    tap = graph.outputs[output] if output is not None else next(iter(graph.outputs.values()))
    return Windows(graph.window, _steps(graph, tap), graph.type_of(tap).spatial)


def told(graph: TypedGraph, slid: int, tap: Tap) -> Iterator[str]:
    """What a person should know of a network whose fully connected layers slide, at the size it was made for."""
    whole = "×".join(map(str, graph.types[graph.inputs[0]][0].spatial))
    layers = f"{slid} fully connected layers slide" if slid > 1 else "1 fully connected layer slides"
    steps = " and ".join(map(str, dict.fromkeys(_steps(graph, tap))))
    yield f"{layers}: each place of '{tap.node}' answers for a window of {whole} pixels, {steps} from one to the next"
    behind = _behind(graph, tap)
    for found, why in (
        ([node.name for node in behind if _meets_border(graph, node)], "the image goes on where it ended for"),
        ([node.name for node in behind if _sees_all(graph, node)], "the whole image is seen by"),
    ):
        if found:
            names = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
            yield f"an answer is not quite that for its window cut out: {why} {names}"


def _steps(graph: TypedGraph, tap: Tap) -> tuple[int | Fraction, ...]:
    return tuple(axis.jump for axis in fields(graph)[tap.node])


def _behind(graph: TypedGraph, tap: Tap) -> list[Node]:
    """The layers that a tensor depends on, in execution order."""
    found, waiting = set[str](), [tap.node]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [before.node for before in graph.nodes[name].inputs]
    return [node for node in graph.layers() if node.name in found]


def _meets_border(graph: TypedGraph, node: Node) -> bool:
    """Whether windows of a layer reach beyond its input."""
    inputs, outputs = graph.input_types(node), graph.types[node.name]
    window = node.op.window(inputs)
    if window is None:
        return False
    beyond = (
        (n - 1) * step + extent(kernel, dilation) - before > size
        for n, step, kernel, dilation, before, size in zip(
            outputs[0].spatial, window.stride, window.kernel, window.dilation, window.before, inputs[0].spatial,
            strict=True,
        )
    )  # fmt: skip
    return max(window.before) > 0 or any(beyond)


def _sees_all(graph: TypedGraph, node: Node) -> bool:
    """Whether a layer gives, in part, what depends on all places of its input: pools of the whole, their statistics."""
    inputs, outputs = graph.input_types(node), graph.types[node.name]
    if not inputs or not outputs or inputs[0].numel == inputs[0].channels:
        return False
    if not outputs[0].rank:
        return True
    if inputs[0].rank != outputs[0].rank:
        return False
    return any(reach.step == 0 for reach in node.op.reach(inputs, outputs))
