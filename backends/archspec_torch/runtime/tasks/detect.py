"""Detection: the objects of an image, in boxes.

The network describes its detector: the decoders in its graph hold the anchors, the classes and how boxes are told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from torch import Tensor

from archspec.errors import Span, SpecError, fail
from archspec.graph import Tap, TypedGraph
from archspec.ops.detect import DETECTION, Decoder, MultiBoxBoxes, SsdBoxes, YoloBoxes, YoloV1Boxes
from archspec.run.sections import SSD, YOLO, DetectorLoss, Loss, MultiBox, YOLOv1
from archspec_torch.boxes.evaluating import SCORE
from archspec_torch.detection import coding, losses
from archspec_torch.detection.matching import match_defaults
from archspec_torch.detection.truth import Truth
from archspec_torch.runtime.data.boxed import Boxed
from archspec_torch.runtime.data.targets import Target
from archspec_torch.runtime.evaluation.boxes import together
from archspec_torch.runtime.evaluation.boxes.figures import box_figures, box_rows, mean_precisions
from archspec_torch.runtime.tasks.base import Outputs, Tally, Task

if TYPE_CHECKING:
    from archspec_torch.runtime.data import Examples, Source
    from archspec_torch.runtime.evaluation.figures import Figures

FAMILIES: dict[type[Decoder], type[DetectorLoss]] = {
    SsdBoxes: SSD,
    YoloBoxes: YOLO,
    YoloV1Boxes: YOLOv1,
    MultiBoxBoxes: MultiBox,
}
"""Of each decoder the loss that its numbers are trained with."""
DETECTIONS = "detections"
LEAST_MASS = 1e-6
"""What a batch without a match counts, so that a step of such batches is no division by 0."""


@dataclass(frozen=True)
class Head:
    """A decoder, and the outputs that it reads: maps of the network by name, of so many rows and columns; vectors are
    maps of one cell."""

    decoder: Decoder
    maps: tuple[str, ...]
    grid: coding.Size


@dataclass(frozen=True)
class Detect(Task):
    """What to do with the maps of a detector's heads, and with its detections (n, keep, 6): x1, y1, x2, y2 in pixels of
    the network's input, score, class; behind the last one rows of zeros whose class is −1."""

    heads: tuple[Head, ...]
    classes: tuple[str, ...]
    criterion: DetectorLoss
    image: coding.Size
    """Height and width of the network's input."""
    score: float = SCORE
    """The least of detections whose mistakes are told by kind."""

    @property
    def learned_from(self) -> tuple[str, ...]:
        return tuple(name for head in self.heads for name in head.maps)

    def sized(self, image: tuple[int, int]) -> Self:
        return replace(self, image=image)

    def loss(self, outputs: Outputs, targets: Tensor) -> Tensor:
        """The sum of `parts`: a scalar."""
        return torch.stack(list(self.parts(outputs, targets).values())).sum()

    def mass(self, targets: Tensor) -> Tensor:
        """The matches of SSD, by which its loss is divided; of others the images."""
        if not isinstance(self.criterion, SSD):
            return super().mass(targets)
        matches = match_defaults(Truth.of_rows(targets), self._defaults(targets), self.criterion.match)
        return (matches >= 0).sum().clamp(min=LEAST_MASS)

    def parts(self, outputs: Outputs, targets: Tensor) -> dict[str, Tensor]:
        """What the loss is the sum of, by name, computed in float32; targets (n, M, 6)."""
        named = cast(Mapping[str, Tensor], outputs)
        maps = [[named[name].float() for name in head.maps] for head in self.heads]
        truth, how = Truth.of_rows(targets), self.criterion
        if isinstance(how, SSD):
            return self._ssd(maps, truth, how)
        if isinstance(how, MultiBox):
            confidence, places = (torch.cat(parts, 1) for parts in zip(*maps, strict=True))
            return losses.multibox_loss(confidence, places, self.image, truth, how.box)
        if isinstance(how, YOLOv1):
            ((raw,),) = maps
            return losses.yolo_v1_loss(raw, self._boxes_a_cell(), self.image, truth, how.box, how.empty)
        anchors = [self._anchors(head) for head in self.heads]
        weights = {"box": how.box, "object": how.object, "empty": how.empty, "class": how.classes}
        softmax = cast(YoloBoxes, self.heads[0].decoder).scores == "softmax"
        raws = [raw for (raw,) in maps]
        return losses.yolo_loss(raws, anchors, self.image, truth, how.overlap, softmax, how.ignore, weights)

    def _ssd(self, maps: Sequence[Sequence[Tensor]], truth: Truth, how: SSD) -> dict[str, Tensor]:
        scores: list[Tensor] = []
        places: list[Tensor] = []
        for told, moved in maps:
            per_cell = self.heads[len(places)].decoder.per_cell()
            scores.append(coding.by_cell(told, per_cell).flatten(1, 3))
            places.append(coding.by_cell(moved, per_cell).flatten(1, 3))
        variances = cast(SsdBoxes, self.heads[0].decoder).variances
        all_three = torch.cat(scores, 1), torch.cat(places, 1), self._defaults(scores[0])
        parts = losses.ssd_loss(*all_three, truth, variances, how.negatives, how.match)
        return {"class": parts["class"], "box": how.box * parts["box"]}

    def _defaults(self, like: Tensor) -> Tensor:
        """SSD's default boxes of all heads: (R, 4) as x, y, width, height."""
        return torch.cat(
            [
                coding.default_boxes(head.grid, self._anchors(head), self.image, decoder.stride, like)
                for head in self.heads
                if isinstance(decoder := head.decoder, SsdBoxes)
            ]
        )

    def _anchors(self, head: Head) -> list[tuple[float, float]]:
        """In pixels."""
        decoder = cast(SsdBoxes | YoloBoxes, head.decoder)
        return coding.in_pixels(decoder.anchors, decoder.unit, self.image, head.grid)

    def _boxes_a_cell(self) -> int:
        return self.heads[0].decoder.per_cell()

    def tally(self, device: torch.device, most: int | None = None) -> BoxTally:
        return BoxTally(len(self.classes), device, self.mass)

    def scores(self, outputs: Outputs) -> Tensor:
        """The detections (n, keep, 6); none (n, 0, 6) of a network that trains."""
        named = cast(Mapping[str, Tensor], outputs)
        if DETECTIONS in named:
            return named[DETECTIONS]
        first = next(iter(named.values()))
        return first.new_zeros(len(first), 0, DETECTION)

    of_parts = False
    predicts = False
    by_heart = ("map50", 0.9)  # neighbours in one cell may be one too many

    def unflipped(self, kept: Tensor, width: int) -> Tensor:
        return together.unflipped(kept, width)

    def moved(self, kept: Tensor, before: Examples, now: Examples) -> Tensor:
        return together.moved(kept, cast(Boxed, before).placements, cast(Boxed, now).placements)

    def mean(self, kept: Sequence[Tensor]) -> Tensor:
        """The boxes of several views or networks, those that mean one object merged: weighted boxes fusion."""
        return together.fused(kept)

    def votes(self, kept: Sequence[Tensor]) -> Tensor:
        """Box voting."""
        return together.voted(kept)

    def figures(self, kept: Tensor, examples: Examples) -> Figures:
        return box_figures(kept, cast(Boxed, examples), self.classes, self.score)

    def listed(self, kept: Tensor, examples: Examples) -> list[list[Any]]:
        return box_rows(kept, cast(Boxed, examples), self.classes)


class BoxTally(Tally):
    """The loss, and of a network that answers all detections beside the objects that are there. The loss of one that
    answers is the mean over what losses of batches are divided by, the `mass`, however the images are put together."""

    def __init__(self, classes: int, device: torch.device, mass: Callable[[Tensor], Tensor]):
        super().__init__(device)
        self.classes, self.mass = classes, mass
        self.weight = torch.zeros_like(self.total)
        self.found: list[Tensor] = []
        self.wanted: list[Tensor] = []

    @torch.no_grad()
    def add(self, loss: Tensor, scores: Tensor, targets: Tensor) -> None:
        """One batch: its mean loss (), detections (n, keep, 6), targets (n, M, 6)."""
        weight = self.mass(targets).to(self.total) if _answers(scores) else self.total.new_tensor(len(targets))
        self.total.add_(loss.detach() * weight)
        self.weight.add_(weight)
        self.examples += len(targets)
        self.count(scores, targets)

    def count(self, scores: Tensor, targets: Tensor) -> None:
        if _answers(scores):
            self.found.append(scores.float())
            self.wanted.append(targets)

    @property
    def loss(self) -> float:
        return float(self.total / self.weight) if self.examples else 0.0

    def state(self) -> dict[str, Tensor | int]:
        kept = {"found": torch.cat(self.found), "wanted": torch.cat(self.wanted)} if self.found else {}
        return {**super().state(), "weight": self.weight, **kept}

    def absorb(self, state: Mapping[str, Any]) -> None:
        super().absorb(state)
        self.weight = self.weight + state["weight"].to(self.total.device)
        if "found" in state:
            self.found.append(state["found"].to(self.total.device))
            self.wanted.append(state["wanted"].to(self.total.device))

    def figures(self) -> dict[str, float]:
        """map50: mean average precision over the classes at an overlap of 0.5; map: over those of 0.5, 0.55, … 0.95, as
        COCO's. Nothing of a network that was trained meanwhile."""
        if not self.found:
            return {}
        return mean_precisions([one.cpu() for one in self.found], [one.cpu() for one in self.wanted], self.classes)


def _answers(scores: Tensor) -> bool:
    """Whether they are of a network that answers: one that trains gives no detections."""
    return scores.shape[1] > 0


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
        first = graph.type_of(node.inputs[0])
        heads.append(Head(node.op, maps, (first.spatial[0], first.spatial[1]) if first.rank else (1, 1)))
    if not heads or DETECTIONS not in graph.outputs:
        hint = "the section `detect` adds decoders and suppression behind the maps of heads"
        raise fail("E613", f"the network '{graph.name}' is for the task 'detect', and gives no detections", hint=hint)
    return tuple(heads)


def class_count(graph: TypedGraph) -> int:
    """Classes that a detector tells apart. Raises SpecError E613."""
    return decoders_of(graph)[0].decoder.classes


def family(graph: TypedGraph) -> type[DetectorLoss]:
    """The loss of the detector's family. Raises SpecError E613."""
    return FAMILIES[type(decoders_of(graph)[0].decoder)]


def refused(graph: TypedGraph, loss: Loss, target: Target, span: Span | None) -> SpecError:
    """The E614 of data without boxes."""
    message = f"'{graph.name}' finds objects in boxes, and the data has {target.words}"
    return fail("E614", message, hint="data: {kind: boxes, root: …}, or kind: scattered_digits")


def make(
    graph: TypedGraph, classes: tuple[str, ...], loss: DetectorLoss, source: Source | None, span: Span | None
) -> Detect:
    """The task of a detector."""
    (image,) = (graph.types[name][0] for name in graph.inputs)
    return Detect(decoders_of(graph), classes, loss, (image.shape[1], image.shape[2]))
