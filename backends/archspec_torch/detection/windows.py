"""Boxes that a network slid over an image gives for each of its windows: put into the image, and merged.

Sermanet et al. 2014, arXiv:1312.6229, section 4. Which windows there are: `archspec.analysis.windows`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from archspec.analysis.windows import Windows
from archspec_torch.detection.truth import overlaps

APART = 1.0
"""How unlike two boxes may be and still be merged: equal ones are 0, those without anything in common more than 1."""

FINEST = 2.0**20
"""Steps from 0 to 1 in which that is told: windows of a grid are as far apart as others, and rounding would decide
which are merged first."""


def corners(boxes: Tensor) -> Tensor:
    """x1, y1, x2, y2 of boxes (…, 4) given as bx, by, bh, bw: centre, height and width, as parts of their frame."""
    x, y, height, width = boxes.unbind(-1)
    return torch.stack((x - width / 2, y - height / 2, x + width / 2, y + height / 2), -1)


def in_image(boxes: Tensor, windows: Windows) -> Tensor:
    """Boxes of each window (N, 4, rows, columns), bx, by, bh, bw as parts of the window, in pixels of the image.

    Gives (N, rows·columns, 4): x1, y1, x2, y2, a row a window in the order of `windows.boxes()`.
    """
    places = boxes.new_tensor([[float(edge) for edge in box] for box in windows.boxes()])  # (rows·columns, 4)
    size = (places[:, 2:] - places[:, :2]).repeat(1, 2)
    return corners(boxes.flatten(2).transpose(1, 2)) * size + places[:, :2].repeat(1, 2)


def merge(boxes: Tensor, scores: Tensor, apart: float = APART) -> tuple[Tensor, Tensor]:
    """Boxes (P, 4) of an image's windows as those of its objects (K, 4), K ≤ P, best first; scores (P, C) and (K, C).

    As `merged_groups` merges them; the scores of what was merged are added, as in the paper.
    """
    merged, group = merged_groups(boxes, apart)
    total = scores.new_zeros(len(merged), scores.shape[1]).index_add(0, group, scores)
    order = total.amax(1).argsort(descending=True, stable=True)
    return merged[order], total[order]


def merged_groups(boxes: Tensor, apart: float = APART) -> tuple[Tensor, Tensor]:
    """Boxes (P, 4) merged to (K, 4), and which of those each has become, (P,).

    The two most alike become one, again and again, until no two are alike enough (the paper's section 4.3): its corners
    are the mean of those of all boxes it was made of. How unlike two are is the distance of their centres over the
    diagonal of the box around both, plus 1 − IoU: the paper adds "the distance between centers" and "the intersection
    area", of which the second, taken as it stands, would keep apart what overlaps.

    Time and memory P², and P more a merge.
    """
    if len(boxes) < 2:
        return boxes, torch.arange(len(boxes), device=boxes.device)
    boxes, members, group = boxes.clone(), boxes.new_ones(len(boxes)), torch.arange(len(boxes), device=boxes.device)
    unlike = _unlike(boxes, boxes).fill_diagonal_(torch.inf)
    least, partner = unlike.min(1)
    for _ in range(len(boxes) - 1):
        one = int(least.argmin())
        if least[one] > apart:
            break
        one, other = sorted((one, int(partner[one])))
        count = members[one] + members[other]
        boxes[one] = (boxes[one] * members[one] + boxes[other] * members[other]) / count
        members[one], members[other] = count, 0
        group[group == other] = one
        unlike[other] = unlike[:, other] = torch.inf
        fresh = _unlike(boxes[one : one + 1], boxes)[0].masked_fill(members == 0, torch.inf)
        fresh[one] = torch.inf
        unlike[one] = unlike[:, one] = fresh
        again = ((partner == one) | (partner == other)).nonzero()[:, 0]  # what they were nearest to is another now
        again = torch.cat((again, again.new_tensor([one, other])))
        least[again], partner[again] = unlike[again].min(1)
        nearer = (fresh < least) | ((fresh == least) & (partner > one) & (members > 0))
        least, partner = torch.where(nearer, fresh, least), torch.where(nearer, one, partner)
    left = members > 0
    return boxes[left], (left.cumsum(0) - 1)[group]


def _unlike(first: Tensor, second: Tensor) -> Tensor:
    """(P, Q): how unlike boxes (P, 4) and (Q, 4) are."""
    low, high = first[:, None], second[None]
    around = torch.maximum(low, high)[..., 2:] - torch.minimum(low, high)[..., :2]
    apart = (((first[:, :2] + first[:, 2:]) / 2)[:, None] - ((second[:, :2] + second[:, 2:]) / 2)[None]).norm(dim=-1)
    unlike = apart / around.norm(dim=-1).clamp(min=torch.finfo(first.dtype).tiny) + 1 - overlaps(first, second)
    return (unlike * FINEST).round() / FINEST
