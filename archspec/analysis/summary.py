"""Everything counted about one network, layer by layer and in total, as data that renderers print."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from archspec.analysis.counts import Counts, count, count_params, depth, total
from archspec.analysis.receptive import stride
from archspec.analysis.storage import in_place
from archspec.errors import fail, trail_to_json
from archspec.graph import Node, TypedGraph
from archspec.infer import infer
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
        """The layer as `summarize --format json` gives it; several outputs give a list of shapes.

        `regions`, where there are several, is how many such outputs an image has; costs are of all of them.

        What depends on a size that the input leaves open is a formula, as text.

        `source` is where the layer's word stands, which may be in a block of another file; `trail` where that block
        was called, and the loops and groups around, from the inside out.
        """
        span, shapes = self.node.span, [[written(n) for n in t.shape] for t in self.outputs]
        return {
            "name": self.name,
            "op": self.node.op.word,
            "inputs": [str(tap) for tap in self.node.inputs],
            "output": shapes[0] if len(shapes) == 1 else shapes,
            **({"regions": self.outputs[0].regions} if self.outputs[0].regions > 1 else {}),
            "params": self.counts.params,
            "macs": written(self.counts.macs),
            "flops": written(self.counts.flops),
            "activation_bytes": written(self.counts.activation_bytes),
            "source": {"file": span.file, "line": span.line, "column": span.column},
            "trail": trail_to_json(self.node.trail),
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
        """Plain data for `summarize --format json`: counts for the batch, shapes without it.

        `regions` has, by name, the outputs of which there are several an image, and how many.
        """
        totals = self.totals
        regions = {name: t.regions for name, t in self.outputs.items() if t.regions > 1}
        figures = {
            "params": totals.params,
            "trainable_params": totals.trainable_params,
            "buffers": totals.buffers,
            "macs": written(totals.macs),
            "flops": written(totals.flops),
            "elementwise_ops": written(totals.elementwise_ops),
            "activation_bytes": written(totals.activation_bytes),
        }
        if self.params_with_aux is not None:
            figures["params_with_aux"] = self.params_with_aux
        return {
            "name": self.name,
            "inputs": {name: [written(n) for n in t.shape] for name, t in self.inputs.items()},
            "outputs": {name: [written(n) for n in t.shape] for name, t in self.outputs.items()},
            **({"regions": regions} if regions else {}),
            "totals": figures,
            **({"open": self._open_to_json()} if self.graph.sizes else {}),
            "layers": [row.to_json() for row in self.rows],
        }

    def _open_to_json(self) -> dict[str, Any]:
        """What the open sizes must be, and the totals at an example of them."""
        from archspec.analysis.open_sizes import open_sizes

        figures = self.figures(self.totals)
        return {
            **open_sizes(self.graph),
            "example": {
                "sizes": dict(self.graph.example),
                "macs": figures.macs,
                "flops": figures.flops,
                "elementwise_ops": figures.elementwise_ops,
                "activation_bytes": figures.activation_bytes,
            },
        }

    def figures(self, counts: Counts) -> Counts:
        """Counts in numbers: where the input leaves sizes open, at the graph's example of them."""
        return counts.at(self.graph.example) if self.graph.sizes else counts

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


def written(value: int) -> int | str:
    """A size or a count as JSON and CSV have it: a number, or a formula of the open sizes, `ceil(H/2)`."""
    if isinstance(value, int):
        return value
    from archspec.sizes import PROGRAMS

    text: str = value.written(PROGRAMS)
    return text


def summarize(graph: TypedGraph, batch: int = 1) -> Summary:
    """Count a network: per layer, in execution order of the deployed graph, and in total.

    `batch` multiplies costs and activations. Weights used by several layers count once.
    Raises SpecError E580 for a batch below 1.
    """
    if batch < 1:
        raise fail("E580", f"a batch of {batch} examples cannot be counted", hint="a whole number of at least 1")
    deployed = deploy(graph)
    if deployed.sizes and deployed is not graph:
        deployed = infer(deployed)  # training heads may have asked for more of the open sizes
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
