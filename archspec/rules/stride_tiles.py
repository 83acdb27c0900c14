"""W301: a stride leaves part of the image unread

The window's last position ends before the image does: (32 − 5) / 2 + 1 = 14.5 positions are 14, and the last row and
column never count. Padding that is left over is no loss, nor are gaps that a stride wider than the window leaves
everywhere. With W cells, a window of F (dilation counted), stride S and P cells of padding at the end, cells are
lost when max(0, ((W + padding − F) mod S) − P) > max(0, S − F).

Bad:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - conv: {out: 6, kernel: 5, stride: 2}
      - relu
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 33, 33]
    layers:
      - conv: {out: 6, kernel: 5, stride: 2}
      - relu
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archspec.errors import Diagnostic
from archspec.graph import Node, TypedGraph
from archspec.ops.base import Operator, Window
from archspec.ops.windows import AXES
from archspec.rules.telling import about, by_finding
from archspec.tensor import extent, window_output

CODE = "W301"


def check(graph: TypedGraph) -> Iterator[Diagnostic]:
    """Windows that step past cells at the end of an axis, with what is lost and the sizes that would fit."""
    losses = {node.name: tuple(found) for node in graph.layers() if (found := _losses(node.op, graph, node))}
    for nodes, lost in by_finding(graph, losses):
        yield about(CODE, nodes, "; ".join(map(str, lost)), _hint(lost, nodes[0].op))


@dataclass(frozen=True, slots=True)
class Loss:
    """Cells that go unread along one axis, and the numbers that say why."""

    axis: str
    size: int
    span: int
    stride: int
    before: int
    after: int
    cells: int

    def __str__(self) -> str:
        positions = (self.size + self.before + self.after - self.span) / self.stride + 1
        padding = f" + {self.before + self.after}" if self.before + self.after else ""
        cells = "cell" if self.cells == 1 else f"{self.cells} cells"
        return (
            f"stride {self.stride} leaves the last {cells} of {self.axis} {self.size} unread: "
            f"({self.size}{padding} − {self.span}) / {self.stride} + 1 = {positions:.4g}"
        )


def _losses(op: Operator, graph: TypedGraph, node: Node) -> list[Loss]:
    # an adaptive pool reads everything, its window only describes it; steps of 1 leave nothing out
    if "stride" not in type(op).model_fields or getattr(op, "stride", 1) == 1:
        return []
    inputs = graph.input_types(node)
    window = op.window(inputs)
    if window is None:
        return []
    found = []
    for i, size in enumerate(inputs[0].spatial):
        if not isinstance(size, int):
            continue  # an open size: W302 asks it
        span = extent(window.kernel[i], window.dilation[i])
        cells = _unread(size, span, window, i)
        if cells > max(0, window.stride[i] - span):
            axis = AXES[inputs[0].rank][i]
            found.append(Loss(axis, size, span, window.stride[i], window.before[i], window.after[i], cells))
    return found


def _unread(size: int, span: int, window: Window, axis: int) -> int:
    """Cells of the input beyond the end of the last window."""
    stride, before, after = window.stride[axis], window.before[axis], window.after[axis]
    positions = window_output(size, span, stride, before, after, 1, window.ceil)
    return max(0, size - ((positions - 1) * stride + span - before))


def _hint(losses: Sequence[Loss], op: Operator) -> str:
    """Sizes near by that fit, and what else would do."""
    sizes = dict.fromkeys(_fitting(loss) for loss in losses)
    hint = "; ".join(f"sizes that fit: {', '.join(map(str, near))}" for near in sizes)
    if "ceil" in type(op).model_fields:
        return f"{hint}; or `ceil: true`"
    paddings = {_enough_padding(loss) for loss in losses}
    if len(paddings) == 1 and (padding := paddings.pop()) is not None:
        hint += f"; or `padding: {padding}`"
    return hint


def _reads_all(loss: Loss, size: int, more: int = 0) -> bool:
    """Whether nothing is lost at another size, or with more padding at both ends."""
    room = size + loss.before + loss.after + 2 * more - loss.span
    return room >= 0 and room % loss.stride - loss.after - more <= max(0, loss.stride - loss.span)


def _fitting(loss: Loss) -> tuple[int, ...]:
    """The nearest smaller and larger size of which all is read."""
    below = next((n for n in range(loss.size - 1, 0, -1) if _reads_all(loss, n)), None)
    above = next(n for n in range(loss.size + 1, loss.size + loss.stride + 1) if _reads_all(loss, n))
    return (above,) if below is None else (below, above)


def _enough_padding(loss: Loss) -> int | None:
    """The least padding, the same at both ends, with which all is read; None where the ends differ."""
    if loss.before != loss.after:
        return None
    more = (n for n in range(1, loss.span) if _reads_all(loss, loss.size, n))
    least = next(more, None)
    return None if least is None else loss.before + least
