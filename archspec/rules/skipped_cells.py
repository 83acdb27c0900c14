"""W321: a stride that steps over part of the image

Between two positions of the window lie cells that none of them covers. A 1×1 window with a stride takes every n-th
cell and is meant to (the projections of residual networks do it); a larger one that looks at some neighbours and
steps over others rarely is.

Bad:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - conv: {out: 16, kernel: 2, stride: 4}
      - relu
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    layers:
      - conv: {out: 16, kernel: 4, stride: 4}
      - relu
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec.errors import Diagnostic
from archspec.graph import Node, TypedGraph
from archspec.ops.windows import AXES
from archspec.rules.telling import about, by_finding
from archspec.tensor import extent

CODE = "W321"

SLIDING = ("conv", "depthwise", "locally_connected", "filter", "max_pool", "avg_pool")


def check(graph: TypedGraph) -> Iterator[Diagnostic]:
    """Windows of more than one cell, and a stride beyond their extent."""
    sliding = (node for node in graph.layers() if node.op.word in SLIDING)
    strided = (node for node in sliding if getattr(node.op, "stride", None) not in (1, None))
    gaps = {node.name: gap for node in strided if (gap := _gap(graph, node))}
    for nodes, (axes, span, stride) in by_finding(graph, gaps):
        message = f"stride {stride} with kernel {span} steps over {stride - span} of every {stride} cells along {axes}"
        yield about(CODE, nodes, message, f"a stride of at most {span}, or a kernel of {stride}, reads every cell")


def _gap(graph: TypedGraph, node: Node) -> tuple[str, int, int] | None:
    """The axes along which most is stepped over, the extent of the window and the stride along them."""
    window = node.op.window(graph.input_types(node))
    if window is None:
        return None
    names = AXES[len(window.kernel)]
    spans = [extent(k, d) for k, d in zip(window.kernel, window.dilation, strict=True)]
    gaps = [max(0, s - span) if span > 1 else 0 for s, span in zip(window.stride, spans, strict=True)]
    if not any(gaps):
        return None
    widest = gaps.index(max(gaps))
    alike = [i for i in range(len(gaps)) if (spans[i], window.stride[i]) == (spans[widest], window.stride[widest])]
    return " and ".join(names[i] for i in alike), spans[widest], window.stride[widest]
