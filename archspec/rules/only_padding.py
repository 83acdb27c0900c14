"""W322: a convolution that meets nothing but padding

Either whole positions of its window lie in the padding, so that the border of its output is the bias and no more
(padding as wide as the kernel), or weights of its kernel do at every position, and never learn (3×3 on an image of
1×1: eight of nine). The first is a slip of the pen; the second comes of too many strides for the size of the image.

Bad:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - conv: {out: 16, kernel: 1, padding: 1}
      - relu
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - conv: {out: 16, kernel: 1}
      - relu
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from archspec.errors import Diagnostic
from archspec.graph import TypedGraph
from archspec.ops.base import Operator, Window
from archspec.ops.windows import AXES, axes_label
from archspec.rules.telling import about, by_finding
from archspec.tensor import TensorType, extent

CODE = "W322"


def check(graph: TypedGraph) -> Iterator[Diagnostic]:
    """Convolutions with positions, or with taps, that only ever meet padding."""
    told: dict[tuple[int, TensorType], tuple[str, str] | None] = {}  # loops repeat an operator on equal inputs
    found: dict[str, tuple[str, str]] = {}
    for node in graph.layers():
        if node.op.word in ("conv", "depthwise"):
            x = graph.input_types(node)[0]
            key = id(node.op), x
            if key not in told:
                told[key] = _told(node.op, x, graph.types[node.name][0])
            if (this := told[key]) is not None:
                found[node.name] = this
    for nodes, told_of_all in by_finding(graph, found):
        yield about(CODE, nodes, *told_of_all)


def _told(op: Operator, x: TensorType, out: TensorType) -> tuple[str, str] | None:
    """What is wrong with a convolution and what would work, if anything is."""
    window = op.window((x,))
    sizes = [*x.spatial, *out.spatial]
    if window is None or not any((*window.before, *window.after)) or not all(isinstance(n, int) for n in sizes):
        return None
    for i, name in enumerate(AXES[x.rank]):
        outside = _positions_outside(window, i, x.spatial[i], out.spatial[i])
        if outside:
            span, pad = extent(window.kernel[i], window.dilation[i]), max(window.before[i], window.after[i])
            message = f"{outside} of the {out.spatial[i]} positions along {name} lie in the padding, {pad} wide, alone"
            return message, f"the window is {span} wide: padding of at most {span - 1} leaves it no such position"
    alive = [_taps_inside(window, i, x.spatial[i], out.spatial[i]) for i in range(x.rank)]
    taps, dead = math.prod(window.kernel), math.prod(window.kernel) - math.prod(alive)
    if not dead:
        return None
    kernel, small = axes_label(window.kernel), axes_label(alive)
    message = f"{dead} of the {taps} weights of each {kernel} kernel only ever meet padding, on an input of {x}"
    return message, f"a kernel of {small} does the same; or keep the image larger: a larger `input`, fewer strides"


def _positions_outside(window: Window, axis: int, size: int, positions: int) -> int:
    """Positions of the window that cover no cell of the input."""
    stride, before = window.stride[axis], window.before[axis]
    span = extent(window.kernel[axis], window.dilation[axis])
    ahead = max(0, (before - span) // stride + 1)
    first_behind = -(-(size + before) // stride)
    return min(positions, ahead) + max(0, positions - max(first_behind, ahead))


MAX_TAPS = 1_000
"""Taps along an axis that are looked at one by one; a longer kernel is a slip of another kind."""


def _taps_inside(window: Window, axis: int, size: int, positions: int) -> int:
    """Taps of the kernel that meet a cell of the input at one position at least."""
    stride, before, dilation = window.stride[axis], window.before[axis], window.dilation[axis]
    if window.kernel[axis] > MAX_TAPS:
        return window.kernel[axis]
    alive = 0
    for tap in range(window.kernel[axis]):
        offset = tap * dilation - before
        first = max(0, -(offset // stride))  # the first position at which it is not before the input
        alive += first < positions and first * stride + offset < size
    return alive
