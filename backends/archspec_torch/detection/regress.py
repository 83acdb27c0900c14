"""One object of an image, or its points, regressed as parts of the frame: losses and what counts as right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from archspec_torch.detection.truth import areas, pair_iou
from archspec_torch.detection.windows import corners

RIGHT = 0.5
"""The overlap from which a box is at its place (Russakovsky et al. 2015, ILSVRC's localisation error)."""
THRESHOLDS = (0.05, 0.1, 0.2)
"""Of the length that a point's error is measured by: as near as that it is right (PCK)."""

DISTANCES: Mapping[str, Callable[[Tensor, float], Tensor]] = {
    "l1": lambda off, beta: off.abs(),
    "l2": lambda off, beta: off.square(),
    "smooth_l1": lambda off, beta: torch.where(off.abs() < beta, off.square() / (2 * beta), off.abs() - beta / 2),
}
"""By word: of what two numbers differ by, and where smooth L1 becomes straight."""


@dataclass(frozen=True)
class Answer:
    """What a localiser says of n images: scores (n, C) of the classes, boxes (n, 1 or C, 4), one in all or one a
    class, as bx, by, bh, bw in parts of the frame; `present` (n,): the score of there being one, if told."""

    scores: Tensor
    boxes: Tensor
    present: Tensor | None = None

    @classmethod
    def of_vector(cls, y: Tensor) -> Answer:
        """From y = [pc, bx, by, bh, bw, c1 … cn], (n, 5 + C)."""
        return cls(y[:, 5:], y[:, None, 1:5], y[:, 0])

    def box_of(self, labels: Tensor) -> Tensor:
        """The boxes (n, 4) of those classes (n,)."""
        if self.boxes.shape[1] == 1:
            return self.boxes[:, 0]
        return self.boxes.gather(1, labels.clamp(min=0)[:, None, None].expand(-1, 1, 4))[:, 0]


@dataclass(frozen=True)
class OneObject:
    """The object of each of n images: bx, by, bh, bw (n, 4) in parts of the frame, class (n,), −1 where none is."""

    box: Tensor
    label: Tensor

    @property
    def there(self) -> Tensor:
        return self.label >= 0

    @classmethod
    def of_rows(cls, rows: Tensor, size: tuple[int, int]) -> OneObject:
        """The largest of those that targets (n, M, 6) name, but for ignored ones; size: of the frame, height and width.

        No objects at all, M = 0, are none.
        """
        if rows.shape[1] == 0:
            return cls(rows.new_zeros(len(rows), 4), rows.new_full((len(rows),), -1, dtype=torch.int64))
        real = (rows[..., 4] >= 0) & (rows[..., 5] == 0)
        which = areas(rows[..., :4]).masked_fill(~real, -1).argmax(1)
        row = rows[torch.arange(len(rows), device=rows.device), which]
        there = real.gather(1, which[:, None])[:, 0]
        height, width = size
        x1, y1, x2, y2 = row[:, :4].unbind(1)
        centre = ((x1 + x2) / (2 * width), (y1 + y2) / (2 * height))
        box = torch.stack((*centre, (y2 - y1) / height, (x2 - x1) / width), 1)
        return cls(box, torch.where(there, row[:, 4].long(), -1))


def localisation_loss(answer: Answer, wanted: OneObject, distance: str = "smooth_l1", beta: float = 0.1) -> Tensor:
    """The parts `class`, `box` and `present`, each a mean over the n images: (3,).

    Where there is no object the first two are 0, and only `present` is learned; that is 0 of networks without it.
    `class` is softmax cross-entropy, `present` that of a sigmoid, `box` the distance summed over bx, by, bh, bw.
    """
    there, n = wanted.there, max(len(wanted.label), 1)
    label = wanted.label.clamp(min=0)
    classes = F.cross_entropy(answer.scores.float(), label, reduction="none")
    off = answer.box_of(label).float() - wanted.box
    boxes = DISTANCES[distance](off, beta).sum(1)
    present = classes.new_zeros(())
    if answer.present is not None:
        present = F.binary_cross_entropy_with_logits(answer.present.float(), there.float(), reduction="sum") / n
    zero = classes.new_zeros(())
    return torch.stack(
        (torch.where(there, classes, zero).sum() / n, torch.where(there, boxes, zero).sum() / n, present)
    )


def probabilities(answer: Answer) -> Tensor:
    """Of each class (n, C), those of networks that tell times that of there being anything; 0 where there is not."""
    found = answer.scores.float().softmax(1)
    if answer.present is None:
        return found
    there = answer.present.float().sigmoid()
    return torch.where(there[:, None] >= 0.5, found * there[:, None], 0)


def told(answer: Answer, size: tuple[int, int]) -> Tensor:
    """What a localiser says, as detections (n, 1, 6): x1, y1, x2, y2 in pixels of the frame, probability, class.

    Zeros and the class −1 where it says that nothing is there.
    """
    probability, label = answer.scores.float().softmax(1).max(1)
    height, width = size
    box = corners(answer.box_of(label).float()) * answer.boxes.new_tensor([width, height, width, height]).float()
    rows = torch.cat((box, probability[:, None], label[:, None].float()), 1)
    if answer.present is not None:
        there = answer.present.float().sigmoid()
        rows[:, 4] *= there
        nothing = rows.new_tensor([0, 0, 0, 0, 0, -1])
        rows = torch.where((there >= 0.5)[:, None], rows, nothing)
    return rows[:, None]


def localised(rows: Tensor, wanted: OneObject, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Of what was told (n, 1, 6): whether the class is right, overlap with the object, whether both are: (n,) each.

    Where there is no object the overlap is 0, and right is to say so.
    """
    height, width = size
    box = corners(wanted.box) * wanted.box.new_tensor([width, height, width, height])
    right = rows[:, 0, 5].long() == wanted.label
    overlap = torch.where(wanted.there & (rows[:, 0, 5] >= 0), pair_iou(rows[:, 0, :4], box), rows.new_zeros(()))
    return right, overlap, right & ((overlap >= RIGHT) | ~wanted.there)


@dataclass(frozen=True)
class Placed:
    """What a network says of K points of n images: x, y (n, K, 2) in parts of the frame; `present` (n,): the score of
    there being what they are of, of networks that tell."""

    points: Tensor
    present: Tensor | None = None

    @classmethod
    def of_vector(cls, y: Tensor) -> Placed:
        """From [x1, y1 … xK, yK], (n, 2K), or with the score before them, (n, 1 + 2K)."""
        if y.shape[1] % 2:
            return cls(y[:, 1:].unflatten(1, (-1, 2)), y[:, 0])
        return cls(y.unflatten(1, (-1, 2)))


def points_loss(
    answer: Placed, points: Tensor, size: tuple[int, int], distance: str = "smooth_l1", beta: float = 0.1
) -> Tensor:
    """The parts `points` and `present`, each a mean over the images: (2,). points: (n, K, 3), x, y in pixels of the
    frame and whether it is seen.

    The distance is summed over x and y, and its mean taken over the points that are seen of each image; of an image
    without any, only that nothing is there is learned, of networks that tell.
    """
    height, width = size
    seen, n = points[..., 2] > 0, max(len(points), 1)
    wanted = torch.where(seen[..., None], points[..., :2], 0) / points.new_tensor([width, height])
    off = DISTANCES[distance](answer.points.float() - wanted, beta).sum(2)
    mean = torch.where(seen, off, 0).sum(1) / seen.sum(1).clamp(min=1)
    present = mean.new_zeros(())
    if answer.present is not None:
        there = seen.any(1).float()
        present = F.binary_cross_entropy_with_logits(answer.present.float(), there, reduction="sum") / n
    return torch.stack((mean.sum() / n, present))


def lengths(points: Tensor, whole: float | Tensor, between: Sequence[int] = ()) -> Tensor:
    """What errors of each image's points (n, K, 3) are parts of: (n,).

    The distance of the two points `between`: NaN of images that do not show both, or in one place. Without them the
    longer side of the box around the points that are seen, and of a single one, or several in one place, `whole`: the
    longer side of the image in the same pixels, of all or of each (n,).
    """
    seen, places = points[..., 2] > 0, points[..., :2]
    if between:
        one, other = between
        apart = (places[:, one] - places[:, other]).norm(dim=1)
        return torch.where(seen[:, one] & seen[:, other] & (apart > 0), apart, torch.nan)
    far = torch.finfo(places.dtype).max
    low = places.masked_fill(~seen[..., None], far).amin(1)
    high = places.masked_fill(~seen[..., None], -far).amax(1)
    found = (high - low).amax(1)
    return torch.where(found > 0, found, whole)


def errors(told_points: Tensor, points: Tensor, length: Tensor) -> Tensor:
    """How far points (n, K, 2 or more) are from where they are (n, K, 3), as parts of the lengths (n,): (n, K), NaN
    where there is no point to be seen, or no length."""
    off = (told_points[..., :2] - points[..., :2]).norm(dim=2) / length[:, None]
    return torch.where(points[..., 2] > 0, off, torch.nan)
