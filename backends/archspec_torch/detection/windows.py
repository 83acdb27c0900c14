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

    The two most alike become one, again and again, until no two are alike enough: its corners the mean of those of all
    boxes it was made of, its scores their sum. How unlike two are is the distance of their centres over the diagonal of
    the box around both, plus 1 − IoU: the paper adds "the distance between centers" and "the intersection area", of
    which the second, taken as it stands, would keep apart what overlaps.
    """
    members = boxes.new_ones(len(boxes))
    while len(boxes) > 1:
        unlike = _unlike(boxes).fill_diagonal_(torch.inf)
        least = int(unlike.argmin())
        one, other = sorted(divmod(least, len(boxes)))
        if unlike[one, other] > apart:
            break
        count = members[one] + members[other]
        mean = (boxes[one] * members[one] + boxes[other] * members[other]) / count
        boxes, scores, members = boxes.clone(), scores.clone(), members.clone()
        boxes[one], scores[one], members[one] = mean, scores[one] + scores[other], count
        left = torch.arange(len(boxes), device=boxes.device) != other
        boxes, scores, members = boxes[left], scores[left], members[left]
    order = scores.amax(1).argsort(descending=True, stable=True)
    return boxes[order], scores[order]


def _unlike(boxes: Tensor) -> Tensor:
    """(P, P): how unlike any two of the boxes (P, 4) are."""
    low, high = boxes[:, None], boxes[None]
    around = torch.maximum(low, high)[..., 2:] - torch.minimum(low, high)[..., :2]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    apart = (centre[:, None] - centre[None]).norm(dim=-1)
    return apart / around.norm(dim=-1).clamp(min=torch.finfo(boxes.dtype).tiny) + 1 - overlaps(boxes, boxes)
