"""What a detector looks at and answers: its maps, the boxes they give, and what making and choosing boxes costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archspec.analysis.counts import Counts, total
from archspec.analysis.plain import plain
from archspec.analysis.summary import Summary
from archspec.graph import TypedGraph
from archspec.ops.detect import Decoder, Nms
from archspec.passes.training import training
from archspec.tensor import at


@dataclass(frozen=True, slots=True)
class Map:
    """A map that boxes are decoded of; a vector is one cell. Of an open size its sides and boxes are formulas."""

    name: str
    sides: tuple[int, ...]
    anchors: int
    """Boxes that a cell gives."""
    boxes: int
    classes: int


@dataclass(frozen=True, slots=True)
class Detector:
    """The maps in the order of the spec, how many detections are kept of an image, and costs for the batch."""

    maps: tuple[Map, ...]
    keep: int | None
    """None where nothing suppresses boxes."""
    pairs: int | None
    """How many pairs of an image's boxes suppression compares at most; where sizes are open, at the graph's example."""
    decoding: Counts
    """Of all that is there only when the network answers. What suppression compares depends on the image: nothing of it
    is counted here but the tensors it gives, and `pairs` is its bound."""
    heads: Counts
    """Of the network without that, as it trains."""
    heads_peak_bytes: int
    """Peak of a forward pass without it."""

    @property
    def boxes(self) -> int:
        """Boxes an image, before suppression."""
        return sum(one.boxes for one in self.maps)

    def to_json(self) -> dict[str, Any]:
        """What joins `summarize --format json` as `detector`."""
        return {
            "boxes": plain(self.boxes),
            "classes": self.maps[0].classes,
            "keep": self.keep,
            "pairs_at_most": self.pairs,
            "maps": [
                {"name": m.name, "size": plain(m.sides), "anchors": m.anchors, "boxes": plain(m.boxes)}
                for m in self.maps
            ],
            "decoding": _costs(self.decoding),
            "without_decoding": {**_costs(self.heads), "inference_peak_bytes": self.heads_peak_bytes},
        }


def maps_of(graph: TypedGraph) -> tuple[Map, ...]:
    """The maps of a detector; none where the network is none."""
    found = []
    for node in graph.nodes.values():
        if isinstance(node.op, Decoder):
            sides = graph.input_types(node)[0].spatial or (1,)
            boxes = graph.types[node.name][0].channels
            name = node.name.rpartition(".")[2]
            found.append(Map(name, sides, node.op.per_cell(), boxes, node.op.classes))
    return tuple(found)


def detector(summary: Summary) -> Detector | None:
    """The detector that was summarised; None where nothing decodes boxes. Open sizes are at the graph's example in
    the peak, formulas elsewhere."""
    graph = summary.graph
    maps = maps_of(graph)
    if not maps:
        return None
    from archspec.analysis.memory import inference_memory
    from archspec.close import close

    answering = {name for name, node in graph.nodes.items() if node.phase == "infer"}
    nms = next((node.op for node in graph.nodes.values() if isinstance(node.op, Nms)), None)
    boxes = at(sum(one.boxes for one in maps), graph.example)
    closed = training(close(graph, graph.example) if graph.sizes else graph)
    return Detector(
        maps,
        nms.keep if nms else None,
        nms.most_pairs(boxes, maps[0].classes) if nms else None,
        total(counts for name, counts in summary.counts.items() if name in answering),
        total(counts for name, counts in summary.counts.items() if name not in answering),
        inference_memory(closed, summary.batch).peak.bytes,
    )


def _costs(counts: Counts) -> dict[str, Any]:
    figures = ("macs", "elementwise_ops", "activation_bytes")
    return {name: plain(getattr(counts, name)) for name in figures}
