"""Targets that lie in an image and move with it: each kind as torchvision moves it, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from torchvision.tv_tensors import BoundingBoxes, BoundingBoxFormat, Mask

from archspec_torch.detection.sides import counterparts
from archspec_torch.detection.truth import areas, rows_of
from archspec_torch.runtime.data.targets import Target

KEEP = 0.25
"""The least share of a box's area that has to be left in the frame for it to stay a target."""
LEAST_SIDE = 1.0
"""Pixels: boxes that have become narrower or lower are no targets any more."""


@dataclass(frozen=True)
class Step:
    """One change of an image: `moves`, whether pixels change their places, so that targets have to go with them."""

    change: nn.Module
    moves: bool = True
    keep: float = KEEP
    """The least share of a box that has to be left."""
    mirrors: bool = False
    """Whether it turns images around: then all that lies in them stays in them, and left may become right."""
    by_centre: bool = False
    """Whether the change itself has chosen the boxes that stay: the others it has left without extent."""


class Kind(Protocol):
    """How targets of one kind go with images uint8 (c, h, w). `state` is one's own form of a target on its way."""

    name: ClassVar[str]

    def begun(self, target: Tensor) -> Any:
        """The state of a target as the data has it."""

    def moved(self, image: Tensor, state: Any, step: Step) -> tuple[Tensor, Any]:
        """Image and state after a step that moves pixels."""

    def ended(self, state: Any, rows: int) -> Tensor:
        """The target, as the data has it; `rows`: of objects, where it has rows."""


class Still:
    """Class numbers and shares of classes: the same wherever in the image things are."""

    name: ClassVar[str] = "classes"

    def begun(self, target: Tensor) -> Tensor:
        return target

    def moved(self, image: Tensor, state: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        return step.change(image), state

    def ended(self, state: Tensor, rows: int) -> Tensor:
        return state


@dataclass(frozen=True)
class Objects:
    """The objects of an image: boxes (m, 4), class and mark of being ignored (m, 2), and the share of its area that is
    left of each (m,)."""

    boxes: Tensor
    facts: Tensor
    left: Tensor

    def cut(self, boxes: Tensor, height: int, width: int, keep: float, by_centre: bool = False) -> Objects:
        """The same objects at `boxes` (m, 4), cut to the frame, without those of which too little is
        left."""
        within = torch.minimum(boxes.clamp(min=0), boxes.new_tensor([width, height, width, height]))
        share = areas(within) / areas(boxes).clamp(min=torch.finfo(boxes.dtype).tiny)
        left = self.left * ((share > 0) if by_centre else share)
        stays = (left >= keep) & (within[:, 2:] - within[:, :2] >= LEAST_SIDE).all(1)
        return Objects(within[stays], self.facts[stays], left[stays])

    def __len__(self) -> int:
        return len(self.boxes)

    def with_those_of(self, *others: Objects) -> Objects:
        """All of them in one image."""
        every = (self, *others)
        return Objects(
            torch.cat([one.boxes for one in every]),
            torch.cat([one.facts for one in every]),
            torch.cat([one.left for one in every]),
        )


class Boxes:
    """Rows float32 (M, 6) of objects, cut to the frame; those of which too little is left are no targets any more."""

    name: ClassVar[str] = "boxes"

    def begun(self, target: Tensor) -> Objects:
        rows = target[target[:, 4] >= 0]
        return Objects(rows[:, :4], rows[:, 4:], rows.new_ones(len(rows)))

    def moved(self, image: Tensor, state: Objects, step: Step) -> tuple[Tensor, Objects]:
        if not len(state):
            return (image if step.by_centre else step.change(image)), state
        image, boxes = step.change(image, as_boxes(state.boxes, image))
        found, (height, width) = boxes.as_subclass(Tensor), image.shape[-2:]
        if step.mirrors:
            return image, replace(state, boxes=found)
        return image, state.cut(found, height, width, step.keep, step.by_centre)

    def ended(self, state: Objects, rows: int) -> Tensor:
        return rows_of(state.boxes, state.facts[:, 0], state.facts[:, 1], rows)


@dataclass(frozen=True)
class Points:
    """Points float32 (K, 2), or (K, 3) with whether they are seen: not any more where they have left the frame.

    They move as boxes without extent, in pixels counted as those of boxes are. In a mirrored image each point takes the
    place of its counterpart, as the left eye that of the right one.
    """

    counterparts: tuple[int, ...]
    """For each point the number of the one it is called in a mirrored image: its own where it has no other side."""
    name: ClassVar[str] = "points"

    def begun(self, target: Tensor) -> Tensor:
        return target

    def moved(self, image: Tensor, state: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        corner = state.new_tensor([[0, 0], [1, 0], [0, 1]])
        places = torch.cat([state[:, :2], corner])
        image, boxes = step.change(image, as_boxes(places.repeat(1, 2), image))
        found = boxes.as_subclass(Tensor)[:, :2]
        places, (origin, across, down) = found[:-3], found[-3:]
        (a, b), (c, d) = (across - origin).tolist(), (down - origin).tolist()
        height, width = image.shape[-2:]
        within = ((places >= 0) & (places <= places.new_tensor([width, height]))).all(1, keepdim=True)
        moved = torch.cat([places, state[:, 2:] * within], dim=1)
        return image, moved[list(self.counterparts)] if step.mirrors and a * d < b * c else moved

    def ended(self, state: Tensor, rows: int) -> Tensor:
        return state


class Masks:
    """A class for each pixel: uint8 (H, W), brought to other places without mixing."""

    name: ClassVar[str] = "masks"

    def begun(self, target: Tensor) -> Mask:
        return Mask(target[None])

    def moved(self, image: Tensor, state: Mask, step: Step) -> tuple[Tensor, Mask]:
        image, mask = step.change(image, state)
        return image, mask

    def ended(self, state: Mask, rows: int) -> Tensor:
        return state.as_subclass(Tensor)[0]


def kind_of(target: Target, names: Sequence[str], pairs: Sequence[Sequence[str]] | None = None) -> Kind:
    """How targets of data go with their images. `names`: of the classes, or of the points; `pairs`: of points that
    change places in a mirrored image, where the data names them."""
    match target:
        case Target.CLASS | Target.TAGS:
            return Still()
        case Target.BOXES:
            return Boxes()
        case Target.POINTS:
            return Points(counterparts(names, pairs))


def as_boxes(boxes: Tensor, image: Tensor) -> BoundingBoxes:
    """Boxes (m, 4) in that image as torchvision moves them, not cut."""
    height, width = image.shape[-2:]
    return BoundingBoxes(boxes, format=BoundingBoxFormat.XYXY, canvas_size=(height, width), clamping_mode=None)
