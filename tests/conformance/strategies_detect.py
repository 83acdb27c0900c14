"""Arguments and inputs for the layers behind detection heads, and what elementary functions make of them, box by box.

The tables are those of `strategies_other`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from elementary import Args, Count, Drawn, Shape, Tables, Tensors, each, refuse, some
from hypothesis import strategies as st
from torch import Tensor
from weights import Weights

TABLES = Tables()
STRATEGIES, ORACLES, cases = TABLES.strategies, TABLES.oracles, TABLES.cases

side = st.floats(0.125, 3, width=32)
number = st.integers(1, 3)
clip = st.booleans()


@st.composite
def maps(draw: st.DrawFn, word: str, **options: st.SearchStrategy[object]) -> Drawn:
    """Mostly maps of the channels that the arguments ask for, and an image; now and then others."""
    classes, boxes, rows, columns = (draw(number) for _ in range(4))
    args: dict[str, Any] = {"classes": classes, **draw(some(clip=clip, **options))}
    if word == "yolo_v1_boxes":
        args["boxes"], channels = boxes, [5 * boxes + classes]
    else:
        args["anchors"] = [[draw(side), draw(side)] for _ in range(boxes)]
        channels = [boxes * (5 + classes)] if word == "yolo_boxes" else [boxes * (classes + 1), 4 * boxes]
    off = draw(st.sampled_from([0] * 9 + [1]))
    shapes: list[Shape] = [(channels[0] + off, rows, columns)]
    shapes += [(c, rows, columns + draw(st.sampled_from([0] * 9 + [1]))) for c in channels[1:]]
    image: Shape = (3, draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    other = draw(st.sampled_from([shapes] * 9 + [[(channels[0],), *shapes[1:]]]))
    return args, (*other, draw(st.sampled_from([image] * 9 + [(3,)])))


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + (-x).exp())


def shares(x: Tensor) -> Tensor:
    return x.exp() / x.exp().sum()


def laid_out(args: Args, x: float, y: float, w: float, h: float, image: Tensor) -> list[float]:
    """Corners of a box, cut to the image where that is asked for."""
    ends = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
    if args.get("clip", True):
        ends = [min(max(end, 0.0), float(image.shape[-1 - i % 2])) for i, end in enumerate(ends)]
    return ends


def in_pixels(args: Args, grid: Tensor, image: Tensor) -> list[tuple[float, float]]:
    height, width = image.shape[-2:]
    unit = args.get("unit", "pixel")
    across, down = {
        "pixel": (1.0, 1.0),
        "cell": (width / grid.shape[-1], height / grid.shape[-2]),
        "image": (float(width), float(height)),
    }[unit]
    return [(w * across, h * down) for w, h in args["anchors"]]


def checked(x: Tensors, *channels: int) -> tuple[float, float]:
    """Pixels to a cell; refused are maps of other channels, and what is no map and no image."""
    *grids, image = x
    refuse(image.ndim != 4 or any(g.ndim != 4 for g in grids))
    refuse([g.shape[1] for g in grids] != [*channels] or len({g.shape[2:] for g in grids}) > 1)
    return image.shape[3] / grids[0].shape[3], image.shape[2] / grids[0].shape[2]


def yolo(args: Args, x: Tensors, w: Weights) -> tuple[Tensor, Tensor]:
    anchors, classes = len(args["anchors"]), args["classes"]
    across, down = checked(x, anchors * (5 + classes))
    raw, image = x
    sizes = in_pixels(args, raw, image)
    boxes, scores = [], []
    for one in raw:
        for j in range(raw.shape[2]):
            for i in range(raw.shape[3]):
                for a, (wide, high) in enumerate(sizes):
                    t = one[a * (5 + classes) : (a + 1) * (5 + classes), j, i]
                    place = ((sigmoid(t[0]) + i) * across, (sigmoid(t[1]) + j) * down)
                    size = (wide * math.exp(t[2]), high * math.exp(t[3]))
                    boxes.append(laid_out(args, float(place[0]), float(place[1]), *size, image))
                    told = shares(t[5:]) if args.get("scores") == "softmax" else sigmoid(t[5:])
                    scores.append(sigmoid(t[4]) * told)
    return listed(boxes, scores, len(raw))


def yolo_v1(args: Args, x: Tensors, w: Weights) -> tuple[Tensor, Tensor]:
    count, classes = args["boxes"], args["classes"]
    across, down = checked(x, 5 * count + classes)
    raw, image = x
    boxes, scores = [], []
    for one in raw:
        for j in range(raw.shape[2]):
            for i in range(raw.shape[3]):
                for b in range(count):
                    t = one[5 * b : 5 * b + 5, j, i].tolist()
                    size = (t[2] ** 2 * image.shape[3], t[3] ** 2 * image.shape[2])
                    boxes.append(laid_out(args, (t[0] + i) * across, (t[1] + j) * down, *size, image))
                    scores.append(t[4] * one[5 * count :, j, i])
    return listed(boxes, scores, len(raw))


def ssd(args: Args, x: Tensors, w: Weights) -> tuple[Tensor, Tensor]:
    anchors, classes = len(args["anchors"]), args["classes"]
    across, down = checked(x, anchors * (classes + 1), 4 * anchors)
    if "stride" in args:
        across = down = args["stride"]
    told, places, image = x
    sizes = in_pixels(args, told, image)
    first, second = args.get("variances", (0.1, 0.2))
    boxes, scores = [], []
    for one, moves in zip(told, places, strict=True):
        for j in range(told.shape[2]):
            for i in range(told.shape[3]):
                for a, (wide, high) in enumerate(sizes):
                    t = moves[4 * a : 4 * a + 4, j, i].tolist()
                    place = ((i + 0.5) * across + t[0] * first * wide, (j + 0.5) * down + t[1] * first * high)
                    size = (wide * math.exp(t[2] * second), high * math.exp(t[3] * second))
                    boxes.append(laid_out(args, *place, *size, image))
                    scores.append(shares(one[a * (classes + 1) : (a + 1) * (classes + 1), j, i])[1:])
    return listed(boxes, scores, len(told))


@st.composite
def vectors(draw: st.DrawFn) -> Drawn:
    """Mostly as many numbers as the boxes ask for, and an image; now and then others."""
    boxes = draw(number)
    off = draw(st.sampled_from([0] * 9 + [1]))
    confidence, places = draw(st.sampled_from([((boxes + off,), (4 * boxes,))] * 9 + [((boxes, 1, 1), (4 * boxes,))]))
    image: Shape = (3, draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    args = {"boxes": boxes, **draw(some(clip=clip))}
    return args, (confidence, places, draw(st.sampled_from([image] * 9 + [(3,)])))


def multibox(args: Args, x: Tensors, w: Weights) -> tuple[Tensor, Tensor]:
    confidence, places, image = x
    count = args["boxes"]
    refuse(image.ndim != 4 or confidence.shape[1:] != (count,) or places.shape[1:] != (4 * count,))
    boxes, scores = [], []
    for one, told in zip(confidence, places.tolist(), strict=True):
        for k in range(count):
            ends = [told[4 * k + i] * image.shape[-1 - i % 2] for i in range(4)]
            if args.get("clip", True):
                ends = [min(max(end, 0.0), float(image.shape[-1 - i % 2])) for i, end in enumerate(ends)]
            boxes.append(ends)
            scores.append(sigmoid(one[k : k + 1]))
    return listed(boxes, scores, len(confidence))


def listed(boxes: list[list[float]], scores: list[Tensor], n: int) -> tuple[Tensor, Tensor]:
    """As the layers give them: (n, R, 4) and (n, R, classes)."""
    return torch.tensor(boxes, dtype=torch.float64).view(n, -1, 4), torch.stack(scores).view(n, -1, len(scores[0]))


unit = st.sampled_from(["pixel", "cell", "image"])
cases("yolo_boxes", maps("yolo_boxes", unit=unit, scores=st.sampled_from(["sigmoid", "softmax"])), yolo)
cases("yolo_v1_boxes", maps("yolo_v1_boxes"), yolo_v1)
variances = st.tuples(side, side).map(list)
cases("multibox_boxes", vectors(), multibox)
cases("ssd_boxes", maps("ssd_boxes", unit=unit, stride=side, variances=variances), ssd)


@st.composite
def many(draw: st.DrawFn) -> Drawn:
    """Boxes and their scores; now and then of other shapes."""
    rows, classes = draw(st.integers(1, 8)), draw(number)
    share = st.floats(0, 1, width=32)
    args = draw(
        some(score=share, iou=share, per_class=st.booleans(), before=st.integers(1, 9), keep=st.integers(1, 9),
             soft=st.sampled_from(["none", "linear", "gaussian"]), sigma=st.floats(0.25, 2, width=32))
    )  # fmt: skip
    boxes = draw(st.sampled_from([(rows, 4)] * 9 + [(rows, 5), (4,)]))
    return args, (boxes, draw(st.sampled_from([(rows, classes)] * 9 + [(rows + 1, classes), (rows,)])))


def overlap(a: list[float], b: list[float]) -> float:
    """Intersection over union, of boxes as they are: their ends may be in any order. Of two without an area 0."""
    wide, high = (min(a[2 + i], b[2 + i]) - max(a[i], b[i]) for i in (0, 1))
    shared = max(wide, 0.0) * max(high, 0.0)
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - shared
    return shared / union if union else 0.0


def ordered(box: list[float]) -> list[float]:
    return [min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3])]


def nms(args: Args, x: Tensors, w: Weights) -> Tensor:
    refuse(x[0].ndim != 3 or x[0].shape[2] != 4 or x[1].ndim != 3 or x[1].shape[1] != x[0].shape[1])
    least, most, soft = args.get("score", 0.05), args.get("iou", 0.5), args.get("soft", "none")
    keep = args.get("keep", 100)
    found = []
    for boxes, scores in zip(*x, strict=True):
        rivals: list[tuple[float, int, int]] = []
        for label, column in enumerate(scores.T.tolist()):
            best = sorted(range(len(column)), key=lambda row: -column[row])[: args.get("before", 400)]
            rivals += [(column[row], label, row) for row in best if column[row] > least]
        kept = []
        while rivals:
            value, label, row = best_one = max(rivals, key=lambda one: one[0])
            rivals.remove(best_one)
            kept.append([*boxes[row].tolist(), value, float(label)])
            left = []
            for other in rivals:
                if args.get("per_class", True) and other[1] != label:
                    left.append(other)
                    continue
                iou = overlap(boxes[row].tolist(), boxes[other[2]].tolist())
                if soft == "none":
                    left += [other] if not iou > most else []
                else:
                    linear = 1 - iou if iou > most else 1.0
                    factor = linear if soft == "linear" else math.exp(-(iou**2) / args.get("sigma", 0.5))
                    left += [(other[0] * factor, *other[1:])] if other[0] * factor > max(least, 1e-3) else []
            rivals = left
        best = sorted(kept, key=lambda one: -one[4])[:keep]
        table = torch.tensor([*best, *[[0.0] * 5 + [-1.0]] * keep], dtype=x[0].dtype)
        found.append(table[:keep])
    return torch.stack(found)


cases("nms", many(), nms)


def of_yolo(args: Args, x: Any, y: Any) -> int:
    """A box: 5 logistic functions of 4, two exp, 16 for its place, size, corners and clipping; a class: 4 and 1."""
    rows, classes = y[1]
    return rows * (5 * 4 + 2 + 16 + classes * 5)


def of_yolo_v1(args: Args, x: Any, y: Any) -> int:
    rows, classes = y[1]
    return rows * (18 + classes)


def of_ssd(args: Args, x: Any, y: Any) -> int:
    rows, classes = y[1]
    return rows * (2 * 2 + 24 + 5 * (classes + 1))


def of_multibox(args: Args, x: Any, y: Any) -> int:
    """A box: 4 products, 4 for clipping, a logistic function of 4."""
    return args["boxes"] * 12


ELEMENTWISE: dict[str, Count] = {
    "yolo_boxes": of_yolo,
    "yolo_v1_boxes": of_yolo_v1,
    "ssd_boxes": of_ssd,
    "multibox_boxes": of_multibox,
    "nms": each(0),
}
