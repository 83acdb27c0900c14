"""Everything counted about one network, layer by layer and in total, as data that renderers print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from archspec.analysis.autocast import Precision, precision_of
from archspec.analysis.counts import Counts, count, count_params, total
from archspec.analysis.plain import plain
from archspec.analysis.receptive import Field, fields
from archspec.analysis.saved import saved_bytes, train_macs
from archspec.analysis.storage import in_place
from archspec.errors import fail, trail_to_json
from archspec.graph import Node, TypedGraph
from archspec.infer import infer
from archspec.passes.deploy import deploy
from archspec.tensor import TensorType

if TYPE_CHECKING:
    from pathlib import Path

    from archspec.analysis.figures import OfLayers
    from archspec.analysis.memory import Memory
    from archspec.analysis.needs import Needs
    from archspec.analysis.roofline import Roofline
    from archspec.analysis.training import Workspace
    from archspec.devices import Device


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


@dataclass(frozen=True)
class Summary:
    """What `summarize` found. All but `params_with_aux` is of `graph`, the network as deployed."""

    graph: TypedGraph = field(repr=False)
    batch: int
    counts: Mapping[str, Counts] = field(repr=False)
    """Of every node by its name, inputs included."""
    totals: Counts
    """Sums over the layers; `activation_bytes` and `elementwise_ops` with the inputs' own."""
    params_with_aux: int | None = None
    """Elements of learned tensors with the heads that exist only in training; None without such heads."""
    training_heads: tuple[str, ...] = ()
    training_graph: TypedGraph | None = field(default=None, repr=False)
    """The network with the heads that exist only in training, where it has any."""
    precision: Precision = "float32"
    """What a training step computes in, under autocast."""
    training: Needs | None = None
    """What a training step takes, where that was asked for."""
    time: Roofline | None = field(default=None, repr=False)
    """What a forward pass takes on a device, where that was asked for."""

    @property
    def name(self) -> str:
        return self.graph.name

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The layers in execution order."""
        graph, overwriting = self.graph, in_place(self.graph)
        return tuple(
            Row(node, graph.types[node.name], self.counts[node.name], node.name in overwriting)
            for node in graph.layers()
        )

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

        `regions` has, by name, the outputs of which there are several an image, and how many. What depends on a size
        that the input leaves open is a formula, as text; a receptive field is then that at the graph's example.
        """
        from archspec.analysis.figures import OF_LAYERS, OF_NETWORKS, known  # they are figures of summaries

        asked = {"params_with_aux": self.params_with_aux, "train_peak_bytes": self.training}
        totals = {
            f.key: plain(f.total(self))
            for f in OF_NETWORKS
            if f.total and f.needs != "device" and known(f, self) and asked.get(f.key, self) is not None
        }
        of_layers = {f.key: f.layers for f in OF_LAYERS if f.layers and known(f, self)}
        regions = {name: t.regions for name, t in self.outputs.items() if t.regions > 1}
        return {
            "name": self.name,
            "inputs": {name: plain(t.shape) for name, t in self.inputs.items()},
            "outputs": {name: plain(t.shape) for name, t in self.outputs.items()},
            **({"regions": regions} if regions else {}),
            "totals": totals | (self.training.to_json() if self.training else {}),
            **({"open": self._open_to_json()} if self.graph.sizes else {}),
            **({"device": self.time.to_json()} if self.time else {}),
            **self._detector_to_json(),
            "layers": [self._layer_to_json(row, of_layers) for row in self.rows],
        }

    def _detector_to_json(self) -> dict[str, Any]:
        """`detector`: maps, anchors and boxes, and costs with and without decoding, where boxes are decoded."""
        if not any(node.op.answers for node in self.graph.nodes.values()):
            return {}
        from archspec.analysis.detector import detector

        found = detector(self)
        return {} if found is None else {"detector": found.to_json()}

    def _layer_to_json(self, row: Row, figures: Mapping[str, OfLayers]) -> dict[str, Any]:
        """A layer; several outputs give a list of shapes.

        `regions`, where there are several, is how many such outputs an image has; costs are of all of them.

        `receptive_field`, `stride` and `offset` have one number an axis, none where the axes are gone. Behind an
        enlargement cells may see differently much: the field is then the largest, and `receptive_field_varies` is
        true; the stride is how far cells lie apart on average, the offset that of the first.

        `source` is where the layer's word stands, which may be in a block of another file; `trail` where that block
        was called, and the loops and groups around, from the inside out.
        """
        span, field = row.node.span, self.fields[row.name]
        shapes = [plain(t.shape) for t in row.outputs]
        return {
            "name": row.name,
            "op": row.node.op.word,
            "inputs": [str(tap) for tap in row.node.inputs],
            "output": shapes[0] if len(shapes) == 1 else shapes,
            **({"regions": row.outputs[0].regions} if row.outputs[0].regions > 1 else {}),
            **{key: plain(figure(self, (row.name,))) for key, figure in figures.items()},
            **({"receptive_field_varies": True} if any(axis.varies for axis in field) else {}),
            "offset": [axis.start for axis in field],
            "source": {"file": span.file, "line": span.line, "column": span.column},
            "trail": trail_to_json(row.node.trail),
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
                "inference_peak_bytes": self.inference.peak.bytes,
            },
        }

    def figures(self, counts: Counts) -> Counts:
        """Counts in numbers: where the input leaves sizes open, at the graph's example of them."""
        return counts.at(self.graph.example) if self.graph.sizes else counts

    @cached_property
    def fields(self) -> dict[str, tuple[Field, ...]]:
        """Receptive field of every layer and input, one entry an axis; of open sizes that at the graph's example."""
        return fields(self.graph)

    @cached_property
    def saved(self) -> dict[str, int]:
        """Bytes kept for the backward pass by the layer that makes them, training heads included."""
        return saved_bytes(self.training_graph or self.graph, self.batch, self.precision)

    @cached_property
    def inference(self) -> Memory:
        """Memory of a forward pass; where the input leaves sizes open, at the graph's example of them."""
        from archspec.analysis.memory import inference_memory  # who asks for it waits for it

        if not self.graph.sizes:
            return inference_memory(self.graph, self.batch)
        from archspec.close import close

        return inference_memory(close(self.graph, self.graph.example), self.batch)

    @cached_property
    def train_macs(self) -> dict[str, int]:
        """Multiply-accumulates of one training step by layer, forward and backward, training heads included."""
        return train_macs(self.training_graph or self.graph, self.batch)

    @cached_property
    def train_flops(self) -> int:
        """Floating-point operations of one training step: 2 · MACs, forward and backward, training heads included."""
        return 2 * sum(self.train_macs.values())


def summarize(
    graph: TypedGraph,
    batch: int = 1,
    *,
    optimizer: str | None = None,
    workspace: Workspace = "cuda",
    fit: int | None = None,
    precision: str = "float32",
    device: str | Path | Device | None = None,
) -> Summary:
    """Count a network: per layer, in execution order of the deployed graph, and in total.

    `batch` multiplies costs and activations. Weights used by several layers count once. With an `optimizer`
    ("sgd", "adam", …) or bytes to `fit` the summary has what a step of training takes, and the largest
    batch that fits beside the memory of those libraries' own `workspace`; `precision` is that of its autocast
    (bfloat16, float16), also of what backward passes need. With a `device` (a name or file, see `roofline`) it has
    the time of a forward pass there, in that precision. Raises SpecError E580 for a batch below 1; E581, E582 see
    `training_needs`; those of `roofline`.
    """
    computed = precision_of(precision)
    if batch < 1:
        raise fail("E580", f"a batch of {batch} examples cannot be counted", hint="a whole number of at least 1")
    deployed = deploy(graph)
    if deployed.sizes and deployed is not graph:
        deployed = infer(deployed)  # training heads may have asked for more of the open sizes
    counts = count(deployed, batch)
    heads = tuple(name for name, head in graph.heads.items() if head.phase == "train")
    needs = None
    if optimizer is not None or fit is not None:
        from archspec.analysis.needs import training_needs

        needs = training_needs(graph, batch, optimizer or "sgd", workspace, fit, precision)
    time = None
    if device is not None:
        from archspec.analysis.roofline import roofline

        time = roofline(deployed, device, batch, precision)
    return Summary(
        graph=deployed,
        batch=batch,
        counts=counts,
        totals=total(counts.values()),
        params_with_aux=count_params(graph) if heads else None,
        training_heads=heads,
        training_graph=graph if heads else None,
        precision=computed,
        training=needs,
        time=time,
    )
