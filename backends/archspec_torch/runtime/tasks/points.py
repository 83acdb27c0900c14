"""Points of what an image shows: joints of a body, landmarks of a face."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from torch import Tensor

from archspec.errors import Span, SpecError, did_you_mean, fail
from archspec.graph import TypedGraph
from archspec.run.sections import Landmarks, Loss
from archspec_torch.detection import regress
from archspec_torch.detection.regress import THRESHOLDS, Placed
from archspec_torch.detection.sides import counterparts
from archspec_torch.runtime.data.targets import Target
from archspec_torch.runtime.prediction import Prediction
from archspec_torch.runtime.tasks.base import Outputs, Tally, Task

if TYPE_CHECKING:
    from archspec_torch.runtime.data import Examples, Pointed, Source
    from archspec_torch.runtime.evaluation.figures import Figures
    from archspec_torch.runtime.images import Placement


@dataclass(frozen=True)
class Points(Task):
    """What to do with [x1, y1 … xK, yK] in parts of the image, or that with the score of there being any before it.
    Targets (n, K, 3): x, y in pixels of the frame, and whether it is seen; what it says (n, K, 3): the same with the
    probability that something is there."""

    output: str
    classes: tuple[str, ...]
    """Names of the points."""
    criterion: Landmarks
    image: tuple[int, int]
    """Height and width of the network's input."""
    tells_nothing: bool = False
    """Whether it can say that there is nothing."""
    pairs: tuple[tuple[str, str], ...] | None = None
    """Points that change places in a mirror image, where the data names them."""

    of_parts = False
    by_heart = ("pck10", 0.9)

    @property
    def learned_from(self) -> tuple[str, ...]:
        return (self.output,)

    def sized(self, image: tuple[int, int]) -> Self:
        return replace(self, image=image)

    def paired(self, pairs: Sequence[Sequence[str]] | None) -> Self:
        return replace(self, pairs=None if pairs is None else tuple((one, other) for one, other in pairs))

    def answer(self, outputs: Outputs) -> Placed:
        return Placed.of_vector(outputs if isinstance(outputs, Tensor) else outputs[self.output])

    def loss(self, outputs: Outputs, targets: Tensor) -> Tensor:
        how = self.criterion
        parts = regress.points_loss(self.answer(outputs), targets, self.image, how.distance, how.beta)
        return (parts * parts.new_tensor([1.0, how.present])).sum()

    @property
    def between(self) -> tuple[int, ...]:
        """Numbers of the two points whose distance errors are parts of, where the run names them."""
        return tuple(self.classes.index(name) for name in self.criterion.between)

    def unseeing(self, outputs: Outputs, targets: Tensor) -> Outputs:
        height, width = self.image
        places, seen = targets[..., :2], targets[..., 2:] > 0
        mean = torch.where(seen, places, 0).sum(0) / seen.sum(0).clamp(min=1) / places.new_tensor([width, height])
        said = torch.zeros_like(outputs if isinstance(outputs, Tensor) else outputs[self.output])
        said[:, -mean.numel() :] = mean.flatten()
        return said

    def tally(self, device: torch.device, most: int | None = None) -> PointTally:
        return PointTally(self.image, self.between, device)

    def scores(self, outputs: Outputs) -> Tensor:
        answer = self.answer(outputs)
        height, width = self.image
        places = answer.points.float() * answer.points.new_tensor([width, height]).float()
        sure = places.new_ones(len(places)) if answer.present is None else answer.present.float().sigmoid()
        return torch.cat((places, sure[:, None, None].expand(-1, places.shape[1], 1)), 2)

    def unflipped(self, kept: Tensor, width: int) -> Tensor:
        """Mirrored back; what is left in the one image is right in the other, as the data or the names have it."""
        turned = kept[:, list(counterparts(self.classes, self.pairs))]
        turned[..., 0] = width - turned[..., 0]
        return turned

    def moved(self, kept: Tensor, before: Examples, now: Examples) -> Tensor:
        pairs = zip(kept, cast("Pointed", before).placements, cast("Pointed", now).placements, strict=True)
        found = [torch.cat((there.to_frame(here.to_image(one[:, :2])), one[:, 2:]), 1) for one, here, there in pairs]
        return torch.stack(found) if found else kept

    def mean(self, kept: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(kept)).mean(0)

    def votes(self, kept: Sequence[Tensor]) -> Tensor:
        """The median of what several networks say of each coordinate: of an even number the mean of the two in the
        middle."""
        return torch.stack(list(kept)).quantile(0.5, dim=0)

    def predictions(self, scores: Tensor, placements: Sequence[Placement], top: int) -> Iterator[Prediction]:
        """The place of each point, and where the network tells it, how probable it is that there is anything to see."""
        for rows, placement in zip(scores, placements, strict=True):
            places = placement.to_image(rows[:, :2]).tolist()
            points = {name: (x, y) for name, (x, y) in zip(self.classes, places, strict=True)}
            yield Prediction("", points=points, seen=float(rows[0, 2]) if self.tells_nothing else None)

    def figures(self, kept: Tensor, examples: Examples) -> Figures:
        from archspec_torch.runtime.evaluation.places.points import point_figures

        how = (self.between, self.tells_nothing)
        return point_figures(kept, cast("Pointed", examples), self.classes, *how)

    def listed(self, kept: Tensor, examples: Examples) -> list[list[Any]]:
        from archspec_torch.runtime.evaluation.places.points import listed

        return listed(kept, cast("Pointed", examples), self.classes)


class PointTally(Tally):
    """Points that are seen in images with a length, and those of them told within each threshold."""

    def __init__(self, image: tuple[int, int], between: tuple[int, ...], device: torch.device):
        super().__init__(device)
        self.image, self.between = image, between
        self.counts = torch.zeros(1 + len(THRESHOLDS), dtype=torch.int64, device=device)

    def count(self, scores: Tensor, targets: Tensor) -> None:
        """What was told (n, K, 3), targets (n, K, 3)."""
        length = regress.lengths(targets, max(self.image), self.between)
        off = regress.errors(scores.float(), targets, length)
        within = [(off <= threshold).sum() for threshold in THRESHOLDS]  # NaN is not
        measured = (targets[..., 2] > 0) & length.isfinite()[:, None]
        self.counts += torch.stack([measured.sum(), *within])

    def state(self) -> dict[str, Tensor | int]:
        return {**super().state(), "counts": self.counts}

    def absorb(self, state: Mapping[str, Any]) -> None:
        super().absorb(state)
        self.counts = self.counts + state["counts"].to(self.counts.device)

    def figures(self) -> dict[str, float]:
        """pck10, pck05, pck20: share of the points told within 0.1, 0.05 and 0.2 of the image's length."""
        seen, near, middle, far = self.counts.tolist()
        shares = [count / max(seen, 1) for count in (middle, near, far)]
        return dict(zip(("pck10", "pck05", "pck20"), shares, strict=True))


def output_of(graph: TypedGraph) -> str:
    """Name of the output. Raises SpecError E613 where it is no vector of 2K or 1 + 2K numbers, the only one."""
    taps = list(graph.outputs.items())
    if len(taps) == 1:
        name, tap = taps[0]
        found = graph.type_of(tap)
        if found.rank == 0 and found.channels > 1:
            return name
    told = ", ".join(f"{name} {graph.type_of(tap)}" for name, tap in taps)
    message = f"K points are one output of 2·K numbers, or 1 + 2·K; the network '{graph.name}' gives {told}"
    raise fail("E613", message, hint="end it with `linear: 2 * $points`")


def tells_nothing(graph: TypedGraph) -> bool:
    """Whether a network of points tells too if there is anything. Raises SpecError E613."""
    return graph.type_of(graph.outputs[output_of(graph)]).channels % 2 == 1


def point_count(graph: TypedGraph) -> int:
    """Points that a network tells. Raises SpecError E613."""
    return graph.type_of(graph.outputs[output_of(graph)]).channels // 2


def refused(graph: TypedGraph, loss: Loss, target: Target, span: Span | None) -> SpecError:
    """The E614 of data without points."""
    message = f"'{graph.name}' is trained with where points are, and the data does not tell it"
    return fail("E614", message, hint="data: {kind: points, file: …}")


def make(
    graph: TypedGraph, classes: tuple[str, ...], loss: Landmarks, source: Source | None, span: Span | None
) -> Points:
    """The task of a network that tells points. Raises SpecError E669 for a point that the data does not have."""
    for name in loss.between:
        if name not in classes:
            raise fail("E669", f"between: the data has no point '{name}'", span, did_you_mean(name, classes, "points"))
    (image,) = (graph.types[name][0] for name in graph.inputs)
    return Points(output_of(graph), classes, loss, (image.shape[1], image.shape[2]), tells_nothing(graph))
