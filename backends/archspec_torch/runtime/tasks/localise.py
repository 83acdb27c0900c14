"""Localisation: what an image shows, and the box that it is in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from torch import Tensor

from archspec.errors import Span, SpecError, fail
from archspec.graph import TypedGraph
from archspec.run.sections import Localisation, Loss
from archspec_torch.detection import regress
from archspec_torch.detection.coding import clipped
from archspec_torch.detection.regress import Answer, OneObject
from archspec_torch.runtime.data.targets import Target
from archspec_torch.runtime.evaluation.boxes import together
from archspec_torch.runtime.prediction import Prediction
from archspec_torch.runtime.tasks.base import Outputs, Tally, Task

if TYPE_CHECKING:
    from archspec_torch.runtime.data import Boxed, Examples, Source
    from archspec_torch.runtime.evaluation.figures import Figures
    from archspec_torch.runtime.images import Placement

BOX = 4


@dataclass(frozen=True)
class Localise(Task):
    """What to do with the scores and boxes of a localiser, two outputs or one vector [pc, bx, by, bh, bw, c1 … cn].
    What it says are detections (n, 1, 6), as a detector's; targets (n, M, 6), of which the largest object counts."""

    outputs: tuple[str, ...]
    classes: tuple[str, ...]
    criterion: Localisation
    image: tuple[int, int]
    """Height and width of the network's input."""

    of_parts = False
    by_heart = ("localised", 1.0)

    @property
    def learned_from(self) -> tuple[str, ...]:
        return self.outputs

    @property
    def tells_nothing(self) -> bool:
        """Whether it can say that there is nothing."""
        return len(self.outputs) == 1

    def sized(self, image: tuple[int, int]) -> Self:
        return replace(self, image=image)

    def answer(self, outputs: Outputs) -> Answer:
        if self.tells_nothing:
            return Answer.of_vector(outputs if isinstance(outputs, Tensor) else outputs[self.outputs[0]])
        assert not isinstance(outputs, Tensor)
        scores, boxes = (outputs[name] for name in self.outputs)
        return Answer(scores, boxes.unflatten(1, (-1, BOX)))

    def loss(self, outputs: Outputs, targets: Tensor) -> Tensor:
        how = self.criterion
        wanted = OneObject.of_rows(targets, self.image)
        parts = regress.localisation_loss(self.answer(outputs), wanted, how.distance, how.beta)
        return (parts * parts.new_tensor([1.0, how.box, how.present])).sum()

    def unseeing(self, outputs: Outputs, targets: Tensor) -> Outputs:
        wanted = OneObject.of_rows(targets, self.image)
        there = wanted.there
        box = wanted.box[there].mean(0) if bool(there.any()) else wanted.box.new_full((BOX,), 0.5)
        if isinstance(outputs, Tensor):
            outputs = {self.outputs[0]: outputs}
        if self.tells_nothing:
            (y,) = (torch.zeros_like(outputs[name]) for name in self.outputs)
            y[:, 1 : 1 + BOX] = box
            return {self.outputs[0]: y}
        scores, boxes = (torch.zeros_like(outputs[name]) for name in self.outputs)
        return dict(zip(self.outputs, (scores, boxes + box.repeat(boxes.shape[1] // BOX)), strict=True))

    def tally(self, device: torch.device, most: int | None = None) -> LocaliseTally:
        return LocaliseTally(self.image, self.tells_nothing, device)

    def scores(self, outputs: Outputs) -> Tensor:
        return regress.told(self.answer(outputs), self.image)

    def unflipped(self, kept: Tensor, width: int) -> Tensor:
        return together.unflipped(kept, width)

    def moved(self, kept: Tensor, before: Examples, now: Examples) -> Tensor:
        return together.moved(kept, cast("Boxed", before).placements, cast("Boxed", now).placements)

    def mean(self, kept: Sequence[Tensor]) -> Tensor:
        """What several say together: the class with the most probability in all, its box the mean of those that say it,
        weighted with it."""
        if len(kept) == 1:
            return kept[0]
        every = torch.cat(list(kept), 1)  # (n, views, 6)
        best, agree = self._class_of_all(every, _sure(every))
        agreeing = agree * every[..., 4]
        share = agreeing / agreeing.sum(1, keepdim=True).clamp(min=1e-9)
        return _one_row((every[..., :4] * share[..., None]).sum(1), agreeing, best)

    def votes(self, kept: Sequence[Tensor]) -> Tensor:
        """The class that most networks say, the more probable where votes are even; each side of its box the median of
        those that say it, of an even number the mean of the two in the middle."""
        if len(kept) == 1:
            return kept[0]
        every = torch.cat(list(kept), 1)
        best, agree = self._class_of_all(every, 1 + _sure(every) / (len(kept) + 1))
        sides = every[..., :4].masked_fill(~agree[..., None], torch.nan).nanquantile(0.5, dim=1)
        return _one_row(sides, agree * every[..., 4], best)

    def _class_of_all(self, every: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The class (n,) that answers (n, views, 6) of such weights (n, views) come to, −1 for nothing; and which of
        them say it (n, views)."""
        total = every.new_zeros(len(every), len(self.classes) + 1)
        best = total.scatter_add_(1, every[..., 5].long() + 1, weights).argmax(1) - 1
        return best, every[..., 5].long() == best[:, None]

    def predictions(self, scores: Tensor, placements: Sequence[Placement], top: int) -> Iterator[Prediction]:
        """The one class that is told, if any, with its box."""
        for row, placement in zip(scores[:, 0], placements, strict=True):
            if row[5] < 0:
                yield Prediction("")
                continue
            box = tuple(clipped(placement.to_image(row[:4]), (placement.height, placement.width)).tolist())
            yield Prediction("", ((self.classes[int(row[5])], float(row[4])),), box=box)

    def figures(self, kept: Tensor, examples: Examples) -> Figures:
        from archspec_torch.runtime.evaluation.places.localised import localised_figures

        return localised_figures(kept, examples, self.classes, self.image, self.tells_nothing)

    def listed(self, kept: Tensor, examples: Examples) -> list[list[Any]]:
        from archspec_torch.runtime.evaluation.places.localised import listed

        return listed(kept, examples, self.classes, self.image)


def _sure(every: Tensor) -> Tensor:
    """How probable answers (n, views, 6) are: half, where they say that nothing is there."""
    return torch.where(every[..., 5] >= 0, every[..., 4], 0.5)


def _one_row(sides: Tensor, agreeing: Tensor, best: Tensor) -> Tensor:
    """Detections (n, 1, 6) of boxes (n, 4) and classes (n,), with the mean over all views of probabilities (n, views)
    that are 0 where a view says otherwise."""
    return torch.cat((sides, agreeing.mean(1, keepdim=True), best[:, None].to(sides.dtype)), 1)[:, None]


class LocaliseTally(Tally):
    """Images, and of those that count right classes, boxes at their place with the right class, and the overlap."""

    def __init__(self, image: tuple[int, int], tells_nothing: bool, device: torch.device):
        super().__init__(device)
        self.image, self.tells_nothing = image, tells_nothing
        self.sums = torch.zeros(5, dtype=self.total.dtype, device=device)
        """Images that count, right classes, localised; objects, the sum of their overlaps."""

    def count(self, scores: Tensor, targets: Tensor) -> None:
        """What was told (n, 1, 6), targets (n, M, 6)."""
        wanted = OneObject.of_rows(targets, self.image)
        right, overlap, both = regress.localised(scores.float(), wanted, self.image)
        counts = wanted.there | self.tells_nothing
        sums = (counts.sum(), (right & counts).sum(), (both & counts).sum(), wanted.there.sum(), overlap.sum())
        self.sums += torch.stack([one.to(self.sums.dtype) for one in sums])

    def state(self) -> dict[str, Tensor | int]:
        return {**super().state(), "sums": self.sums}

    def absorb(self, state: Mapping[str, Any]) -> None:
        super().absorb(state)
        self.sums = self.sums + state["sums"].to(self.sums.device)

    def figures(self) -> dict[str, float]:
        """localised: share of the images whose class is right and whose box overlaps by half or more (1 − localisation
        error); accuracy: of the classes; iou: mean overlap of the objects."""
        count, right, both, objects, overlap = self.sums.tolist()
        return {
            "localised": both / max(count, 1),
            "accuracy": right / max(count, 1),
            "iou": overlap / max(objects, 1),
        }


def outputs_of(graph: TypedGraph) -> tuple[str, ...]:
    """Names of the outputs: the vector's, or those of scores and boxes. Raises SpecError E613 for any other."""
    names = tuple(graph.outputs)
    sizes = [graph.type_of(tap).shape for tap in graph.outputs.values()]
    if len(names) == 1 and len(sizes[0]) == 1 and sizes[0][0] > 1 + BOX:
        return names
    if len(names) == 2 and all(len(size) == 1 for size in sizes) and sizes[1][0] in (BOX, BOX * sizes[0][0]):
        return names
    found = ", ".join(f"{name} {graph.type_of(tap)}" for name, tap in graph.outputs.items())
    message = f"a localiser gives scores (C) and boxes (4 or 4·C), or a vector of 5 + C; '{graph.name}' gives {found}"
    raise fail("E613", message, hint="outputs: [scores, boxes], each the end of `linear` layers")


def class_count(graph: TypedGraph) -> int:
    """Classes that a localiser tells apart. Raises SpecError E613."""
    names = outputs_of(graph)
    size = graph.type_of(graph.outputs[names[0]]).channels
    return size if len(names) == 2 else size - 1 - BOX


def refused(graph: TypedGraph, loss: Loss, target: Target, span: Span | None) -> SpecError:
    """The E614 of data without boxes."""
    message = f"'{graph.name}' is trained with where objects are, and the data does not tell it"
    return fail("E614", message, hint="data: {kind: boxes, root: …}")


def make(
    graph: TypedGraph, classes: tuple[str, ...], loss: Localisation, source: Source | None, span: Span | None
) -> Localise:
    """The task of a localiser."""
    (image,) = (graph.types[name][0] for name in graph.inputs)
    return Localise(outputs_of(graph), classes, loss, (image.shape[1], image.shape[2]))
