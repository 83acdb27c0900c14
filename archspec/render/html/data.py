"""What a page shows of a network, as plain data: its figures, layers, tree of scopes, memory over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.analysis.counts import count, depth
from archspec.analysis.detector import detector
from archspec.analysis.memory import Memory, inference_memory
from archspec.analysis.needs import optimizer_of
from archspec.analysis.plain import number
from archspec.analysis.receptive import Field, fields, stride
from archspec.analysis.summary import Summary, summarize
from archspec.analysis.training import OPTIMIZERS, training_memory
from archspec.close import close
from archspec.render.captions import caption, table_caption
from archspec.render.html.tree import tree
from archspec.render.palette import LIGHT
from archspec.render.panel import sizes_only
from archspec.render.units import decimal, numbered, shape

if TYPE_CHECKING:
    from archspec.graph import TypedGraph


def data(
    graph: TypedGraph,
    batch: int = 1,
    optimizer: str = "sgd",
    precision: str = "float32",
    device: str | Path | None = None,
) -> dict[str, Any]:
    """The page's data, ready for JSON. Layers are named by their numbers in execution order, inputs among them.

    Where the input leaves sizes open, all figures are at the graph's example of them, which `example` tells.
    Raises SpecError E580 for a batch below 1, E582 for an unknown precision or optimiser; those of
    `roofline`.
    """
    known = optimizer_of(optimizer)
    example = numbered(graph.example) if graph.sizes else ""
    written = [shape(graph.types[name][0].shape) for name in graph.inputs]
    if graph.sizes:
        graph = close(graph, graph.example)
    summary = summarize(graph, batch, precision=precision)
    numbers = {name: i for i, name in enumerate(graph.nodes)}
    seen = fields(graph)
    return {
        "name": graph.name,
        "cite": str(graph.resolved.get("cite") or ""),
        "task": graph.task,
        "batch": batch,
        "optimizer": OPTIMIZERS[known].title,
        "precision": summary.precision,
        "example": example,
        "notes": list(graph.notes),
        "inputs": dict(zip(graph.inputs, written, strict=True)),
        "outputs": [
            {
                "name": name,
                "layer": numbers[tap.node],
                "port": tap.port,
                "shape": shape(graph.type_of(tap).shape),
                "train": name in graph.heads and graph.heads[name].phase == "train",
            }
            for name, tap in graph.outputs.items()
        ],
        "totals": {
            "params": summary.totals.params,
            "params_with_aux": summary.params_with_aux,
            "macs": summary.totals.macs,
            "activation_bytes": summary.totals.activation_bytes,
            "weight_bytes": summary.totals.weight_bytes,
            "depth": depth(summary.graph),
            "boxes": _boxes(summary),
            "stride": number(stride(summary.fields)),
        },
        "legend": {category: tint.legend for category, tint in LIGHT.tints.items()},
        "layers": _layers(graph, summary, numbers, seen),
        "tree": tree(graph),
        "memory": {
            "inference": _timeline(inference_memory(graph, batch), numbers),
            "training": _timeline(training_memory(graph, batch, known, summary.precision), numbers),
        },
        "roofline": None if device is None else _roofline(graph, device, batch, precision, numbers),
    }


def _boxes(summary: Summary) -> str:
    """Of a detector: how many boxes its maps give, and how many of them are kept."""
    found = detector(summary)
    if found is None:
        return ""
    maps = ", ".join(f"{one.name} {'×'.join(map(str, one.sides))} × {one.anchors}" for one in found.maps)
    kept = f"; {found.keep:,} kept" if found.keep else ""
    costs = f"; decoding {decimal(found.decoding.elementwise_ops)} element-wise operations"
    if found.pairs is not None:
        costs += f", suppression at most {decimal(found.pairs)} pairs of boxes an image"
    return f"{found.boxes:,} of {maps}{kept}{costs}"


def _roofline(
    graph: TypedGraph, device: str | Path, batch: int, precision: str, numbers: dict[str, int]
) -> dict[str, Any]:
    """The device's roof in FLOP/s and bytes a second, and of every layer that computes where it lies under it."""
    from archspec.analysis.roofline import roofline

    found = roofline(graph, device, batch, precision)
    return {
        "device": found.device.name,
        "precision": found.precision,
        "peak": found.device.peak("conv", found.precision),
        "bandwidth": 1e9 * found.device.bandwidth_gb_per_s,
        "seconds": found.seconds,
        "layers": [
            [numbers[one.name], one.work.intensity, one.work.operations / one.seconds, one.bound, one.seconds]
            for one in found.layers
            if one.work.operations and one.work.bytes and one.seconds
        ],
    }


def _layers(
    graph: TypedGraph, summary: Summary, numbers: dict[str, int], seen: dict[str, tuple[Field, ...]]
) -> list[dict[str, Any]]:
    rows = {row.name: row for row in summary.rows}
    # heads that exist only in training are counted apart: the summary is of the network as deployed
    counts = summary.counts if len(graph.nodes) == len(summary.counts) else count(graph, summary.batch)
    found = []
    for node in graph.nodes.values():
        row = rows.get(node.name)
        figures = row.counts if row else counts[node.name]
        there = node.name not in graph.inputs
        memory = ""
        if there and not figures.activation_bytes:
            memory = "in place" if row and row.in_place else "view"
        found.append(
            {
                "name": node.name,
                "op": node.op.word,
                "what": table_caption(graph, node) if there else "input",
                "caption": caption(graph, node) if there else node.name,
                "category": node.op.category if there else "input",
                "inputs": [[numbers[tap.node], tap.port] for tap in node.inputs],
                "sizes": [i for i in range(len(node.inputs)) if sizes_only(node, i)],
                "shapes": [shape(made.shape) for made in graph.types[node.name]],
                "params": figures.params,
                "macs": figures.macs,
                "bytes": figures.activation_bytes,
                "memory": memory,
                "field": [number(axis.size) for axis in seen[node.name]],
                "jump": [number(axis.jump) for axis in seen[node.name]],
                "file": node.span.file.replace("\\", "/").rpartition("/")[2],
                "line": node.span.line,
                "train": node.phase == "train",
                "shares": node.shares,
                "frozen": bool(row and row.frozen),
            }
        )
    return found


def _timeline(memory: Memory, numbers: dict[str, int]) -> dict[str, Any]:
    """Every moment as [phase, layer's number or −1, bytes]."""
    return {
        "weights": memory.weights,
        "optimizer": memory.optimizer,
        "inputs": memory.inputs,
        "moments": [[moment.phase, numbers.get(moment.layer, -1), moment.bytes] for moment in memory.moments],
    }
