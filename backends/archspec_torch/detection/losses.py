"""The losses of detectors: of SSD, of YOLO with anchors, of the first YOLO. Each a scalar with its parts by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from archspec_torch.detection import coding
from archspec_torch.detection.assignment import assign
from archspec_torch.detection.coding import Size
from archspec_torch.detection.matching import NEGATIVE, Assigned, assign_cells, match_defaults
from archspec_torch.detection.truth import Truth, areas, overlaps, pair_iou

Parts = dict[str, Tensor]
"""What a loss is the sum of."""


def ssd_loss(
    scores: Tensor,
    places: Tensor,
    defaults: Tensor,
    truth: Truth,
    variances: tuple[float, float] = (0.1, 0.2),
    negatives: float = 3.0,
    least: float = 0.5,
) -> Parts:
    """`class` and `box`, each the sum over a batch divided by the matched boxes of it.

    scores: (N, R, C + 1), the background first; places: (N, R, 4); defaults: (R, 4) as x, y, width, height. Of what
    matches nothing the hardest count, `negatives` for each match of the image. Liu et al., arXiv:1512.02325,
    equations 1 to 3.
    """
    matches = match_defaults(truth, defaults, least)
    image, row = (matches >= 0).nonzero(as_tuple=True)
    number = matches[image, row]
    told = coding.ssd_encode(truth.boxes[image, number], defaults[row], variances)
    box = functional.smooth_l1_loss(places[image, row], told.to(places.dtype), reduction="sum")
    wanted = torch.zeros_like(matches)
    wanted[image, row] = truth.labels[image, number] + 1
    each = functional.cross_entropy(scores.flatten(0, 1), wanted.flatten(), reduction="none").view_as(wanted)
    positive = matches >= 0
    losses = each.masked_fill(matches != NEGATIVE, -torch.inf)
    rank = losses.argsort(stable=True, dim=1, descending=True).argsort(dim=1)
    hard = (rank < negatives * positive.sum(1, keepdim=True)) & (matches == NEGATIVE)
    count = positive.sum().clamp(min=1)
    return {"class": each[positive | hard].sum() / count, "box": box / count}


def iou_loss(first: Tensor, second: Tensor) -> Tensor:
    """1 − IoU of pairs of boxes (T, 4): (T,). Yu et al., arXiv:1608.01471, in its linear form."""
    return 1 - pair_iou(first, second)


def overlap_loss(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of pairs of boxes (T, 4) to (T,) of that name: iou, giou, diou or ciou.

    Rezatofighi et al., arXiv:1902.09630; Zheng et al., arXiv:1911.08287.
    """
    if name == "iou":
        return iou_loss
    from torchvision import ops  # slow to import

    by_name = {
        "giou": ops.generalized_box_iou_loss,
        "diou": ops.distance_box_iou_loss,
        "ciou": ops.complete_box_iou_loss,
    }
    return by_name[name]


WEIGHTS: Mapping[str, float] = {"box": 1.0, "object": 1.0, "empty": 1.0, "class": 1.0}


def yolo_loss(
    raw: Sequence[Tensor],
    anchors: Sequence[Sequence[tuple[float, float]]],
    image: Size,
    truth: Truth,
    box: str = "coordinates",
    softmax: bool = False,
    ignore: float = 0.5,
    weights: Mapping[str, float] = WEIGHTS,
) -> Parts:
    """`box`, `object`, `empty` and `class`, each the sum over a batch divided by its images.

    raw: maps (N, A·(5 + C), h, w) of the heads; anchors: of each, in pixels. An anchor that answers for an object (see
    `assign_cells`) learns its box, that it is there, and its class. One that does not learns that nothing is there,
    save where its box overlaps an object by more than `ignore`.

    `box`: `coordinates`, as in the paper: binary cross-entropy of the place in the cell and half the squared error of
    the logarithms of size over the anchor's, times 2 − the share of the image that the object takes; or `iou`, `giou`,
    `diou`, `ciou`. Classes: binary cross-entropy of each, or (`softmax`) cross-entropy. Redmon and Farhadi,
    arXiv:1804.02767, sections 2.1 and 2.2.
    """
    grids = [(x.shape[-2], x.shape[-1]) for x in raw]
    total: Parts = {name: raw[0].new_zeros(()) for name in WEIGHTS}
    for x, own, grid, found in zip(raw, anchors, grids, assign_cells(truth, anchors, grids, image), strict=True):
        told = coding.by_cell(x, len(own))
        mine = told[found.place]  # (T, 5 + C)
        boxes = coding.yolo_boxes(x, own, image).view(*told.shape[:4], 4)
        total["box"] = total["box"] + _boxes_loss(box, mine, boxes[found.place], found, own, grid, image)
        answers = told[..., 4]
        full = torch.zeros_like(answers, dtype=torch.bool)
        full[found.place] = True
        each = functional.binary_cross_entropy_with_logits(answers, full.to(answers.dtype), reduction="none")
        total["object"] = total["object"] + each[full].sum()
        total["empty"] = total["empty"] + each[~(full | _hidden(boxes.detach(), truth, ignore))].sum()
        total["class"] = total["class"] + _classes_loss(mine[:, 5:], found.labels, softmax)
    return {name: weights[name] * part / len(raw[0]) for name, part in total.items()}


def _boxes_loss(
    name: str, mine: Tensor, boxes: Tensor, found: Assigned, own: Sequence[tuple[float, float]], grid: Size, image: Size
) -> Tensor:
    if name != "coordinates":
        return overlap_loss(name)(boxes, found.boxes.to(boxes.dtype)).sum()
    scale = mine.new_tensor([grid[1] / image[1], grid[0] / image[0]])
    centers = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2 * scale
    inside = centers - torch.stack([found.column, found.row], 1)
    sizes = found.boxes[:, 2:] - found.boxes[:, :2]
    factors = (sizes / mine.new_tensor(own)[found.anchor]).clamp(min=1e-6).log()
    small = (2 - areas(found.boxes) / (image[0] * image[1]))[:, None]
    places = functional.binary_cross_entropy_with_logits(mine[:, :2], inside.clamp(0, 1), reduction="none")
    return (small * (places + (mine[:, 2:4] - factors).square() / 2)).sum()


def _classes_loss(told: Tensor, labels: Tensor, softmax: bool) -> Tensor:
    if softmax:
        return functional.cross_entropy(told, labels, reduction="sum")
    wanted = functional.one_hot(labels, told.shape[1]).to(told.dtype)
    return functional.binary_cross_entropy_with_logits(told, wanted, reduction="sum")


def _hidden(boxes: Tensor, truth: Truth, above: float) -> Tensor:
    """Which boxes (N, h, w, A, 4) overlap some object of their image by more than that: (N, h, w, A)."""
    if not truth.labels.shape[1]:
        return torch.zeros(boxes.shape[:4], dtype=torch.bool, device=boxes.device)
    iou = overlaps(truth.boxes.to(boxes.dtype), boxes.flatten(1, 3))  # (N, M, h·w·A)
    return (iou.masked_fill((truth.labels < 0)[..., None], 0).amax(1) > above).view(boxes.shape[:4])


def yolo_v1_loss(raw: Tensor, per_cell: int, image: Size, truth: Truth, box: float = 5.0, empty: float = 0.5) -> Parts:
    """`box`, `object`, `empty` and `class`: squared errors, each the sum over a batch divided by its images.

    raw: (N, 5·B + C, h, w). Of the boxes of a cell that the centre of an object lies in, the one that overlaps it most
    answers for it; of several objects in a cell the last counts. Its confidence learns that overlap, all others 0.
    Sizes enter by their roots, as shares of the image. Redmon et al., arXiv:1506.02640, equation 3, with λ_coord =
    `box` and λ_noobj = `empty`.
    """
    n, channels, h, w = raw.shape
    classes = channels - 5 * per_cell
    told = coding.by_cell(raw[:, : 5 * per_cell], per_cell)  # (N, h, w, B, 5)
    boxes = coding.yolo_v1_boxes(raw.detach(), per_cell, image).view(n, h, w, per_cell, 4)
    which = truth.there.nonzero(as_tuple=True)
    wanted, labels = truth.boxes[which].to(raw.dtype), truth.labels[which]
    whole = raw.new_tensor([image[1], image[0]])
    place = (wanted[:, :2] + wanted[:, 2:]) / 2 / whole * raw.new_tensor([w, h])
    column, row = (place[:, axis].long().clamp(0, (w, h)[axis] - 1) for axis in (0, 1))
    cell = (which[0] * h + row) * w + column
    last = torch.full((n * h * w,), -1, device=raw.device).scatter_reduce(
        0, cell, torch.arange(len(cell), device=raw.device), "amax"
    )
    kept = last[last >= 0]
    image_, row, column, wanted, place = which[0][kept], row[kept], column[kept], wanted[kept], place[kept]
    iou = overlaps(wanted[:, None], boxes[image_, row, column])[:, 0]  # (T, B)
    best = iou.argmax(1)
    mine = told[image_, row, column, best]
    inside = place - torch.stack([column, row], 1)
    roots = ((wanted[:, 2:] - wanted[:, :2]) / whole).sqrt()
    full = torch.zeros(told.shape[:4], dtype=torch.bool, device=raw.device)
    full[image_, row, column, best] = True
    answers = raw[:, 5 * per_cell :].permute(0, 2, 3, 1)[image_, row, column]
    parts = {
        "box": box * ((mine[:, :2] - inside).square().sum() + (mine[:, 2:4] - roots).square().sum()),
        "object": (mine[:, 4] - iou.gather(1, best[:, None])[:, 0]).square().sum(),
        "empty": empty * told[..., 4][~full].square().sum(),
        "class": (answers - functional.one_hot(labels[kept], classes)).square().sum(),
    }
    return {name: part / n for name, part in parts.items()}


def multibox_loss(confidence: Tensor, places: Tensor, image: Size, truth: Truth, box: float = 0.3) -> Parts:
    """`box` and `confidence`, each the sum over a batch divided by its images.

    confidence: (N, K), before the logistic function; places: (N, 4·K), x1, y1, x2, y2 of each box in parts of the
    image. Each object is given a box of its own, so that the sum of both parts over the image is least; of more than K
    objects, the K of which it is least. A box learns half the squared error of its place, times `box`, and a confidence
    of 1; one without an object a confidence of 0, save where it overlaps an ignored object by half or more. Erhan et
    al., arXiv:1312.2249, equations 1 to 4, with α = `box`.
    """
    whole = confidence.new_tensor([image[1], image[0]] * 2)
    told, wanted = places.unflatten(1, (-1, 4)), truth.boxes.to(confidence.dtype) / whole
    with torch.no_grad():
        off = (wanted[:, :, None] - told[:, None]).square().sum(-1) / 2  # (N, M, K)
        chosen = assign(box * off - confidence[:, None], truth.there)  # −ln c + ln(1 − c) is −x for c = σ(x)
    which, objects = (chosen >= 0).nonzero(as_tuple=True)
    mine = chosen[which, objects]
    full = torch.zeros_like(confidence, dtype=torch.bool)
    full[which, mine] = True
    each = functional.binary_cross_entropy_with_logits(confidence, full.to(confidence.dtype), reduction="none")
    hidden = overlaps(truth.boxes.to(confidence.dtype), (told.detach() * whole)) >= 0.5  # (N, M, K)
    counts = full | ~(hidden & truth.ignored[..., None]).any(1)
    n = max(len(confidence), 1)
    place = (told[which, mine] - wanted[which, objects]).square().sum() / 2
    return {"box": box * place / n, "confidence": each[counts].sum() / n}
