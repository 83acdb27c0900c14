"""Everything counted about one network, layer by layer and in total, as data that renderers print."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from archspec.analysis.counts import Counts, count, count_params, depth, total
from archspec.analysis.receptive import stride
from archspec.analysis.storage import in_place
from archspec.errors import fail
from archspec.graph import Node, TypedGraph
from archspec.passes.deploy import deploy
from archspec.tensor import TensorType


@dataclass(frozen=True, slots=True)
class Row:
    """One layer of the deployed graph: the node, the types of its outputs, and its counts."""

    node: Node
    outputs: tuple[TensorType, ...]
    counts: Counts
    in_place: bool = False

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def frozen(self) -> bool:
        """Whether it has learned tensors, none of which train."""
        return self.counts.params > 0 and self.counts.trainable_params == 0

    def to_json(self) -> dict[str, Any]:
        """The layer as `summarize --format json` gives it; several outputs give a list of shapes."""
        span, shapes = self.node.span, [list(t.shape) for t in self.outputs]
        return {
            "name": self.name,
            "op": self.node.op.word,
            "inputs": [str(tap) for tap in self.node.inputs],
            "output": shapes[0] if len(shapes) == 1 else shapes,
            "params": self.counts.params,
            "macs": self.counts.macs,
            "flops": self.counts.flops,
            "activation_bytes": self.counts.activation_bytes,
            "source": {"file": span.file, "line": span.line, "column": span.column},
        }


@dataclass(frozen=True)
class Summary:
    """What `summarize` found. All but `params_with_aux` is of `graph`, the network as deployed."""

    graph: TypedGraph = field(repr=False)
    batch: int
    rows: tuple[Row, ...] = field(repr=False)
    totals: Counts
    """Sums over the layers; `activation_bytes` and `elementwise_ops` with the inputs' own."""
    params_with_aux: int | None = None
    """Elements of learned tensors with the heads that exist only in training; None without such heads."""
    training_heads: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def inputs(self) -> dict[str, TensorType]:
        """Input name to type, without the batch axis."""
        return {name: self.graph.types[name][0] for name in self.graph.inputs}

    @property
    def outputs(self) -> dict[str, TensorType]:
        """Output name to type, without the batch axis."""
        return {name: self.graph.type_of(tap) for name, tap in self.graph.outputs.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain data for `summarize --format json`: counts for the batch, shapes without it."""
        totals = self.totals
        figures = {
            "params": totals.params,
            "trainable_params": totals.trainable_params,
            "buffers": totals.buffers,
            "macs": totals.macs,
            "flops": totals.flops,
            "elementwise_ops": totals.elementwise_ops,
            "activation_bytes": totals.activation_bytes,
        }
        if self.params_with_aux is not None:
            figures["params_with_aux"] = self.params_with_aux
        return {
            "name": self.name,
            "inputs": {name: list(t.shape) for name, t in self.inputs.items()},
            "outputs": {name: list(t.shape) for name, t in self.outputs.items()},
            "totals": figures,
            "layers": [row.to_json() for row in self.rows],
        }

    def facts(self) -> dict[str, Any]:
        """What an `assert:` may speak of, by name. Without training heads `params_with_aux` is `params`."""
        return dict(self._facts)

    @cached_property
    def _facts(self) -> dict[str, Any]:
        totals = self.totals
        return {
            "params": totals.params,
            "params_with_aux": totals.params if self.params_with_aux is None else self.params_with_aux,
            "trainable_params": totals.trainable_params,
            "buffers": totals.buffers,
            "weight_bytes": totals.weight_bytes,
            "macs": totals.macs,
            "flops": totals.flops,
            "elementwise_ops": totals.elementwise_ops,
            "activation_bytes": totals.activation_bytes,
            "layers": len(self.rows),
            "depth": depth(self.graph),
            "stride": stride(self.graph),
        }


def summarize(graph: TypedGraph, batch: int = 1) -> Summary:
    """Count a network: per layer, in execution order of the deployed graph, and in total.

    `batch` multiplies costs and activations. Weights used by several layers count once.
    Raises SpecError E580 for a batch below 1.
    """
    if batch < 1:
        raise fail("E580", f"a batch of {batch} examples cannot be counted", hint="a whole number of at least 1")
    deployed = deploy(graph)
    counts = count(deployed, batch)
    overwriting = in_place(deployed)
    heads = tuple(name for name, head in graph.heads.items() if head.phase == "train")
    return Summary(
        graph=deployed,
        batch=batch,
        rows=tuple(
            Row(node, deployed.types[node.name], counts[node.name], node.name in overwriting)
            for node in deployed.layers()
        ),
        totals=total(counts.values()),
        params_with_aux=count_params(graph) if heads else None,
        training_heads=heads,
    )
