"""Between the numbers of a detection head and boxes: x1, y1, x2, y2 in pixels of the network's input.

N images, A anchors, C classes, a map of h×w cells. Boxes of a map are listed cell by cell, row after row, and in a cell
anchor by anchor: R = h·w·A of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Size = tuple[int, int]
"""Height and width."""


def in_pixels(anchors: Sequence[tuple[float, float]], unit: str, image: Size, grid: Size) -> list[tuple[float, float]]:
    """Anchors as (width, height) in pixels of the image: `unit` is `pixel`, `cell` or `image`."""
    (height, width), (rows, columns) = image, grid
    across, down = {"pixel": (1.0, 1.0), "cell": (width / columns, height / rows), "image": (width, height)}[unit]
    return [(a * across, b * down) for a, b in anchors]


def by_cell(raw: Tensor, per_cell: int) -> Tensor:
    """(N, A·K, h, w) to (N, h, w, A, K): a view where the memory allows."""
    n, channels, h, w = raw.shape
    return raw.view(n, per_cell, channels // per_cell, h, w).permute(0, 3, 4, 1, 2)


def shares(raw: Tensor, per_cell: int) -> Tensor:
    """(N, A·K, h, w) to (N, h, w, A, K): the softmax over the K numbers of each box.

    Taken over planes, it goes many cells at a time; over numbers that lie side by side, few as they are, it does not.
    """
    n, channels, h, w = raw.shape
    return raw.view(n, per_cell, channels // per_cell, h, w).softmax(2).permute(0, 3, 4, 1, 2)


def cells(grid: Size, like: Tensor) -> Tensor:
    """Column and row of each cell: (h, w, 2)."""
    rows = torch.arange(grid[0], dtype=like.dtype, device=like.device)
    columns = torch.arange(grid[1], dtype=like.dtype, device=like.device)
    return torch.stack([columns.expand(grid[0], -1), rows[:, None].expand(-1, grid[1])], dim=-1)


def corners(centers: Tensor, sizes: Tensor) -> Tensor:
    """Centres and sizes (…, 2) to boxes (…, 4)."""
    return torch.cat([centers - sizes / 2, centers + sizes / 2], dim=-1)


def clipped(boxes: Tensor, image: Size) -> Tensor:
    """Boxes (…, 4) cut to the image."""
    limits = boxes.new_tensor([image[1], image[0], image[1], image[0]])
    return boxes.clamp(min=0).minimum(limits)


def yolo_boxes(raw: Tensor, anchors: Sequence[tuple[float, float]], image: Size) -> Tensor:
    """Boxes (N, R, 4) of a map (N, A·(5 + C), h, w); anchors in pixels.

    Redmon and Farhadi, arXiv:1612.08242: centres inside their cell, sizes a factor of the anchor's.
    """
    h, w = raw.shape[2:]
    told = by_cell(raw, len(anchors))
    step = raw.new_tensor([image[1] / w, image[0] / h])
    centers = (told[..., :2].sigmoid() + cells((h, w), raw)[:, :, None]) * step
    sizes = told[..., 2:4].exp() * raw.new_tensor(anchors)
    return corners(centers, sizes).flatten(1, 3)


def yolo_scores(raw: Tensor, anchors: int, softmax: bool = False) -> Tensor:
    """Scores (N, R, C) of a map (N, A·(5 + C), h, w): objectness times the probability of each class."""
    told = by_cell(raw, anchors)
    classes = told[..., 5:].softmax(-1) if softmax else told[..., 5:].sigmoid()
    return (told[..., 4:5].sigmoid() * classes).flatten(1, 3)


def yolo_v1_boxes(raw: Tensor, per_cell: int, image: Size) -> Tensor:
    """Boxes (N, R, 4) of a map (N, 5·B + C, h, w), B boxes a cell: sizes are squares of what is told.

    Redmon et al., arXiv:1506.02640, section 2.2.
    """
    h, w = raw.shape[2:]
    told = by_cell(raw[:, : 5 * per_cell], per_cell)
    whole = raw.new_tensor([image[1], image[0]])
    step = whole / raw.new_tensor([w, h])
    centers = (told[..., :2] + cells((h, w), raw)[:, :, None]) * step
    return corners(centers, told[..., 2:4].square() * whole).flatten(1, 3)


def yolo_v1_scores(raw: Tensor, per_cell: int) -> Tensor:
    """Scores (N, R, C) of a map (N, 5·B + C, h, w): the confidence of a box times the cell's classes."""
    told = by_cell(raw[:, : 5 * per_cell], per_cell)
    classes = raw[:, 5 * per_cell :].permute(0, 2, 3, 1)[:, :, :, None]
    return (told[..., 4:5] * classes).flatten(1, 3)


def default_boxes(
    grid: Size, anchors: Sequence[tuple[float, float]], image: Size, stride: float | None, like: Tensor
) -> Tensor:
    """The default boxes of a map, centres and sizes in pixels: (R, 4) as x, y, width, height.

    Liu et al., arXiv:1512.02325, section 2.2. `stride`: pixels to a cell, image by map without it.
    """
    step = like.new_tensor([stride, stride] if stride else [image[1] / grid[1], image[0] / grid[0]])
    centers = ((cells(grid, like) + 0.5) * step)[:, :, None].expand(-1, -1, len(anchors), -1)
    return torch.cat([centers, like.new_tensor(anchors).expand_as(centers)], dim=-1).flatten(0, 2)


def ssd_boxes(raw: Tensor, defaults: Tensor, variances: tuple[float, float], within: Size | None) -> Tensor:
    """Boxes (N, R, 4) of a map (N, A·4, h, w), cut to an image where its size is given.

    defaults: the map's default boxes, x, y, width, height, as `planes`: (A, 4, h, w). The inverse of equation 2 of Liu
    et al., arXiv:1512.02325, with the variances of its implementation. Computed plane by plane, as maps lie in memory:
    that goes many cells at a time.
    """
    places, factors = raw.view(len(raw), *defaults.shape).split(2, 2)
    centers, sizes = defaults.split(2, 1)
    centers = (places * variances[0]).mul_(sizes).add_(centers)
    halves = ((factors * variances[1]).exp_() * sizes).div_(2)
    boxes = torch.cat([centers - halves, centers + halves], 2)
    if within:
        boxes[:, :, 0::2].clamp_(0, within[1])
        boxes[:, :, 1::2].clamp_(0, within[0])
    return boxes.permute(0, 3, 4, 1, 2).flatten(1, 3)


def planes(boxes: Tensor, grid: Size) -> Tensor:
    """Boxes (R, 4) of a map, as maps lie in memory: (A, 4, h, w)."""
    return boxes.view(*grid, -1, 4).permute(2, 3, 0, 1).contiguous()


def ssd_encode(boxes: Tensor, defaults: Tensor, variances: tuple[float, float]) -> Tensor:
    """What a head has to tell (…, 4) for each default box (…, 4; x, y, width, height) to become that box (…, 4)."""
    places, sizes = defaults[..., :2], defaults[..., 2:]
    low, high = boxes[..., :2], boxes[..., 2:]
    moves = ((low + high) / 2 - places) / sizes / variances[0]
    return torch.cat([moves, ((high - low) / sizes).log() / variances[1]], dim=-1)


def multibox_boxes(told: Tensor, image: Size) -> Tensor:
    """Boxes (N, K, 4) of what is told of K boxes (N, 4·K): x1, y1, x2, y2 in parts of the image.

    Erhan et al., arXiv:1312.2249, section 3.
    """
    height, width = image
    return told.unflatten(1, (-1, 4)) * told.new_tensor([width, height, width, height])
