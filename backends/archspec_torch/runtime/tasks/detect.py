"""Detection: the objects of an image, in boxes.

The network describes its detector: the decoders in its graph hold the anchors, the classes and how boxes are told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from torch import Tensor

from archspec.errors import fail
from archspec.graph import Tap, TypedGraph
from archspec.ops.detect import DETECTION, Decoder, SsdBoxes, YoloBoxes, YoloV1Boxes
from archspec.run.sections import SSD, YOLO, DetectorLoss, YOLOv1
from archspec_torch.detection import coding, losses
from archspec_torch.detection.truth import Truth
from archspec_torch.runtime.data.boxed import Boxed
from archspec_torch.runtime.evaluation.boxes import together
from archspec_torch.runtime.evaluation.boxes.figures import box_figures, box_rows, mean_precisions
from archspec_torch.runtime.tasks.base import Outputs, Tally, Task

if TYPE_CHECKING:
    from archspec_torch.runtime.data import Examples
    from archspec_torch.runtime.evaluation.figures import Figures

FAMILIES: dict[type[Decoder], type[DetectorLoss]] = {SsdBoxes: SSD, YoloBoxes: YOLO, YoloV1Boxes: YOLOv1}
"""Of each decoder the loss that its numbers are trained with."""
DETECTIONS = "detections"


@dataclass(frozen=True)
class Head:
    """A decoder, and the outputs that it reads: maps of the network by name."""

    decoder: Decoder
    maps: tuple[str, ...]


@dataclass(frozen=True)
class Detect(Task):
    """What to do with the maps of a detector's heads, and with its detections (n, keep, 6): x1, y1, x2, y2 in pixels of
    the network's input, score, class; behind the last one rows of zeros whose class is −1."""

    heads: tuple[Head, ...]
    classes: tuple[str, ...]
    criterion: DetectorLoss
    image: coding.Size
    """Height and width of the network's input."""

    @property
    def learned_from(self) -> tuple[str, ...]:
        return tuple(name for head in self.heads for name in head.maps)

    def sized(self, image: tuple[int, int]) -> Self:
        return replace(self, image=image)

    def loss(self, outputs: Outputs, targets: Tensor) -> Tensor:
        """The sum of `parts`: a scalar."""
        return torch.stack(list(self.parts(outputs, targets).values())).sum()

    def parts(self, outputs: Outputs, targets: Tensor) -> dict[str, Tensor]:
        """What the loss is the sum of, by name, computed in float32; targets (n, M, 6)."""
        named = cast(Mapping[str, Tensor], outputs)
        maps = [[named[name].float() for name in head.maps] for head in self.heads]
        truth, how = Truth.of_rows(targets), self.criterion
        if isinstance(how, SSD):
            return self._ssd(maps, truth, how)
        if isinstance(how, YOLOv1):
            ((raw,),) = maps
            return losses.yolo_v1_loss(raw, self._boxes_a_cell(), self.image, truth, how.box, how.empty)
        anchors = [self._anchors(head, raw) for head, (raw,) in zip(self.heads, maps, strict=True)]
        weights = {"box": how.box, "object": how.object, "empty": how.empty, "class": how.classes}
        softmax = cast(YoloBoxes, self.heads[0].decoder).scores == "softmax"
        raws = [raw for (raw,) in maps]
        return losses.yolo_loss(raws, anchors, self.image, truth, how.overlap, softmax, how.ignore, weights)

    def _ssd(self, maps: Sequence[Sequence[Tensor]], truth: Truth, how: SSD) -> dict[str, Tensor]:
        scores, places, defaults = [], [], []
        for head, (told, moved) in zip(self.heads, maps, strict=True):
            decoder, anchors = cast(SsdBoxes, head.decoder), self._anchors(head, moved)
            scores.append(coding.by_cell(told, len(anchors)).flatten(1, 3))
            places.append(coding.by_cell(moved, len(anchors)).flatten(1, 3))
            grid = (moved.shape[-2], moved.shape[-1])
            defaults.append(coding.default_boxes(grid, anchors, self.image, decoder.stride, moved))
        variances = cast(SsdBoxes, self.heads[0].decoder).variances
        all_three = torch.cat(scores, 1), torch.cat(places, 1), torch.cat(defaults)
        parts = losses.ssd_loss(*all_three, truth, variances, how.negatives, how.match)
        return {"class": parts["class"], "box": how.box * parts["box"]}

    def _anchors(self, head: Head, raw: Tensor) -> list[tuple[float, float]]:
        """In pixels."""
        decoder = cast(SsdBoxes | YoloBoxes, head.decoder)
        return coding.in_pixels(decoder.anchors, decoder.unit, self.image, (raw.shape[-2], raw.shape[-1]))

    def _boxes_a_cell(self) -> int:
        return self.heads[0].decoder.per_cell()

    def tally(self, device: torch.device, most: int | None = None) -> BoxTally:
        return BoxTally(len(self.classes), device)

    def scores(self, outputs: Outputs) -> Tensor:
        """The detections (n, keep, 6); none (n, 0, 6) of a network that trains."""
        named = cast(Mapping[str, Tensor], outputs)
        if DETECTIONS in named:
            return named[DETECTIONS]
        first = next(iter(named.values()))
        return first.new_zeros(len(first), 0, DETECTION)

    of_parts = False
    by_heart = ("map50", 0.9)  # neighbours in one cell may be one too many

    def unflipped(self, kept: Tensor, width: int) -> Tensor:
        return together.unflipped(kept, width)

    def moved(self, kept: Tensor, before: Examples, now: Examples) -> Tensor:
        return together.moved(kept, cast(Boxed, before).placements, cast(Boxed, now).placements)

    def mean(self, kept: Sequence[Tensor]) -> Tensor:
        """The boxes of several views or networks, those that mean one object merged: weighted boxes fusion."""
        return together.merged(kept)

    def votes(self, kept: Sequence[Tensor]) -> Tensor:
        """Box voting."""
        return together.voted(kept)

    def figures(self, kept: Tensor, examples: Examples) -> Figures:
        return box_figures(kept, cast(Boxed, examples), self.classes)

    def listed(self, kept: Tensor, examples: Examples) -> list[list[Any]]:
        return box_rows(kept, cast(Boxed, examples), self.classes)


class BoxTally(Tally):
    """The loss, and of a network that answers all detections beside the objects that are there."""

    def __init__(self, classes: int, device: torch.device):
        super().__init__(device)
        self.classes = classes
        self.found: list[Tensor] = []
        self.wanted: list[Tensor] = []

    @torch.no_grad()
    def add(self, loss: Tensor, scores: Tensor, targets: Tensor) -> None:
        """One batch: its mean loss (), detections (n, keep, 6), targets (n, M, 6)."""
        self.total.add_(loss.detach(), alpha=len(targets))
        self.examples += len(targets)
        if scores.shape[1]:
            self.found.append(scores.float())
            self.wanted.append(targets)

    def state(self) -> dict[str, Tensor | int]:
        kept = {"found": torch.cat(self.found), "wanted": torch.cat(self.wanted)} if self.found else {}
        return {**super().state(), **kept}

    def absorb(self, state: Mapping[str, Any]) -> None:
        super().absorb(state)
        if "found" in state:
            self.found.append(state["found"].to(self.total.device))
            self.wanted.append(state["wanted"].to(self.total.device))

    def figures(self) -> dict[str, float]:
        """map50: mean average precision over the classes at an overlap of 0.5; map: over those of 0.5, 0.55, … 0.95, as
        COCO's. Nothing of a network that was trained meanwhile."""
        if not self.found:
            return {}
        return mean_precisions([one.cpu() for one in self.found], [one.cpu() for one in self.wanted], self.classes)


def decoders_of(graph: TypedGraph) -> tuple[Head, ...]:
    """The decoders of a network's heads, in the order of its layers.

    Raises SpecError E613 where there are none, or where they read what is no output.
    """
    named: dict[Tap, str] = {tap: name for name, tap in graph.outputs.items()}
    heads = []
    for node in graph.nodes.values():
        if not isinstance(node.op, Decoder):
            continue
        maps = tuple(named[tap] for tap in node.inputs[:-1] if tap in named)
        if len(maps) != len(node.inputs) - 1:
            message = f"'{node.name}' reads maps that are no outputs of '{graph.name}'"
            raise fail("E613", message, node.span, "the section `detect` makes them outputs")
        heads.append(Head(node.op, maps))
    if not heads or DETECTIONS not in graph.outputs:
        hint = "the section `detect` adds decoders and suppression behind the maps of heads"
        raise fail("E613", f"the network '{graph.name}' is for the task 'detect', and gives no detections", hint=hint)
    return tuple(heads)


def class_count(graph: TypedGraph) -> int:
    """Classes that a detector tells apart. Raises SpecError E613."""
    return decoders_of(graph)[0].decoder.classes


def own_loss(graph: TypedGraph) -> DetectorLoss:
    """The loss of the detector's family. Raises SpecError E613."""
    return FAMILIES[type(decoders_of(graph)[0].decoder)]()
