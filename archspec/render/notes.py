"""The layout in which lecture notes count a network by hand: a line a layer, its memory and weights written out.

CONV3-64: [224x224x64]  memory: 224*224*64 = 3,211,264  weights: (3*3*3)*64 = 1,728
"""

from __future__ import annotations

from math import prod

from archspec.analysis.summary import Row, Summary
from archspec.close import close
from archspec.errors import fail
from archspec.graph import TypedGraph
from archspec.render.units import binary

COUNTED = ("conv", "linear", "pool")
WORDS = {"conv": "CONV", "linear": "FC", "pool": "POOL"}


def notes(summary: Summary) -> str:
    """Inputs, convolutions, pools and fully connected layers; activations run in place, and biases are left out
    of the lines and not of the total.

    Memory is in values, for the batch of one image. Raises SpecError E578 where something else holds values of its own.
    """
    graph = close(summary.graph, summary.graph.example) if summary.graph.sizes else summary.graph
    rows: list[tuple[str, str, str, str]] = []
    values = 0
    for name in graph.inputs:
        sizes = graph.types[name][0].shape
        rows.append(("INPUT", _sizes(sizes), _product(sizes), "0"))
        values += prod(sizes)
    for row in summary.rows:
        sizes = graph.types[row.name][0].shape
        if row.node.op.category in COUNTED:
            rows.append((_word(graph, row), _sizes(sizes), _product(sizes), _weights(graph, row)))
            values += prod(sizes)
        elif row.node.op.category not in ("activation", "shape", "regularize"):
            told = f"the notes' layout has no line for {row.node.op.word} ({row.name})"
            raise fail("E578", told, row.node.span, "print a table: --format table")
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [
        f"{f'{word}:':<{widths[0] + 1}} {size:<{widths[1]}}  memory: {memory:<{widths[2]}}  weights: {weights}"
        for word, size, memory, weights in rows
    ]
    return "\n".join(
        [
            *lines,
            "",
            f"TOTAL memory: {values:,} values * 4 bytes = {binary(4 * values, 1)} / image (forward alone)",
            f"TOTAL params: {summary.totals.params:,} with biases",
        ]
    )


def _word(graph: TypedGraph, row: Row) -> str:
    op = row.node.op
    window = op.window(graph.input_types(row.node))
    if op.category == "conv" and window is not None:
        return f"CONV{window.kernel[0]}-{graph.types[row.name][0].channels}"
    if op.category == "pool" and window is not None:
        return f"POOL{window.kernel[0]}"
    return WORDS[op.category]


def _sizes(shape: tuple[int, ...]) -> str:
    channels, *spatial = shape
    return f"[{'x'.join(map(str, [*spatial, channels] if spatial else [1, 1, channels]))}]"


def _product(shape: tuple[int, ...]) -> str:
    channels, *spatial = shape
    return f"{'*'.join(map(str, [*spatial, channels]))} = {prod(shape):,}" if spatial else f"{channels:,}"


def _weights(graph: TypedGraph, row: Row) -> str:
    """(3*3*64)*64 = 36,864: a kernel's cells by its input channels, by the outputs; 0 where nothing is learned."""
    inputs = graph.input_types(row.node)
    weight = row.node.op.weights(inputs).get("weight")
    if weight is None:
        return "0"
    if row.node.op.category == "linear" and not inputs[0].rank:
        read, outputs = "*".join(map(str, _flattened(graph, row))), weight.shape[:1]
    else:
        reads, outputs = row.node.op.weight_product(inputs)
        read = f"({'*'.join(map(str, reads))})"
    written = "*".join(map(str, outputs))
    return f"{read}*{written if len(outputs) == 1 else f'({written})'} = {weight.numel:,}"


def _flattened(graph: TypedGraph, row: Row) -> list[int]:
    """The sizes of what a fully connected layer reads, as they were before they were flattened."""
    node = row.node
    while node.inputs:
        tap = node.inputs[0]
        node = graph.nodes[tap.node]
        if node.op.word not in ("flatten", "dropout") or not node.inputs:
            channels, *spatial = graph.type_of(tap).shape
            return [*spatial, channels]
    return [graph.type_of(row.node.inputs[0]).numel]
