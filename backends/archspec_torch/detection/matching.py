"""Which of a detector's boxes answers for which object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from archspec_torch.detection.coding import Size, corners
from archspec_torch.detection.truth import Truth, overlaps

NEGATIVE, IGNORED = -1, -2


def match_defaults(truth: Truth, defaults: Tensor, least: float = 0.5) -> Tensor:
    """For each default box the number of its object, NEGATIVE, or IGNORED: int64 (N, R).

    defaults: (R, 4) as x, y, width, height. A box takes the object that it overlaps most, from `least` on; and each
    object gets the box that overlaps it most, whatever they overlap (of two objects with one best box, the later). What
    overlaps an ignored object that much and no other is ignored. Liu et al., arXiv:1512.02325, section 2.2.
    """
    n, most = truth.labels.shape
    rows = len(defaults)
    if most == 0:
        return truth.labels.new_full((n, rows), NEGATIVE)
    iou = overlaps(truth.boxes, corners(defaults[:, :2], defaults[:, 2:]))  # (N, M, R)
    found, which = iou.masked_fill(~truth.there[..., None], -1).max(dim=1)
    matches = torch.where(found >= least, which, NEGATIVE)
    best = iou.argmax(dim=2).masked_fill(~truth.there, rows)  # objects that are none go to a column of their own
    objects = torch.arange(most, device=matches.device).expand(n, -1)
    forced = matches.new_full((n, rows + 1), NEGATIVE).scatter_reduce(1, best, objects, "amax")[:, :rows]
    matches = torch.where(forced >= 0, forced, matches)
    hidden = iou.masked_fill(~truth.ignored[..., None], -1).amax(dim=1) >= least
    return torch.where((matches == NEGATIVE) & hidden, IGNORED, matches)


@dataclass(frozen=True)
class Assigned:
    """The objects of one head: T of them, each with the image, anchor, row and column that answer for it."""

    image: Tensor
    anchor: Tensor
    row: Tensor
    column: Tensor
    boxes: Tensor
    """(T, 4) in pixels."""
    labels: Tensor

    @property
    def place(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Where they are in a tensor (N, h, w, A)."""
        return self.image, self.row, self.column, self.anchor


def assign_cells(
    truth: Truth, anchors: Sequence[Sequence[tuple[float, float]]], grids: Sequence[Size], image: Size
) -> list[Assigned]:
    """For each head the objects that it answers for: one anchor of one head an object.

    `anchors`: of each head, in pixels. The cell is the one that the centre of the object lies in; the anchor, of all
    heads, the one whose shape overlaps its shape most. Of two objects with one cell and anchor both are kept. Redmon
    and Farhadi, arXiv:1804.02767, section 2.1.
    """
    which = truth.there.nonzero(as_tuple=True)
    boxes, labels = truth.boxes[which], truth.labels[which]
    centers, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    every = boxes.new_tensor([anchor for head in anchors for anchor in head])
    shared = torch.minimum(sizes[:, None], every).prod(-1)
    best = (shared / (sizes.prod(-1)[:, None] + every.prod(-1) - shared)).argmax(1)
    found, first = [], 0
    for head, grid in zip(anchors, grids, strict=True):
        mine = (best >= first) & (best < first + len(head))
        cell = centers[mine] * boxes.new_tensor([grid[1] / image[1], grid[0] / image[0]])
        column, row = (cell[:, axis].long().clamp(0, grid[1 - axis] - 1) for axis in (0, 1))
        found.append(Assigned(which[0][mine], best[mine] - first, row, column, boxes[mine], labels[mine]))
        first += len(head)
    return found
