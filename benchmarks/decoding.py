"""Boxes of SSD300 from raw outputs: archspec's decoders and `nms` against torchvision's SSD, on the same numbers.

Once with outputs as a trained network gives them, a few sure boxes around each object and background elsewhere, and
once with random ones, where every box passes the threshold; a single image, and eight at once. torchvision is given
its default boxes ready-made; archspec keeps those of the pass before. Prints milliseconds an image and the median of
the rounds' ratios, the two in turns, and exits with status 1 where detections differ or archspec is slower.

Soft suppression, which torchvision has not, is timed beside a loop of numpy written here from its paper, image after
image: random boxes, 3000 of 20 classes, of which 400 a class compete and 100 are kept; in a tenth of the rounds. For a
single image whose classes compete the loop is the sooner, as numpy's calls are; the status tells of differences alone.

    python benchmarks/decoding.py [BATCH [ROUNDS]]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection import ssd300_vgg16
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD

import archspec
from archspec.ops.detect import SsdBoxes
from archspec_torch.compiler import compile
from archspec_torch.detection import coding
from archspec_torch.detection.suppress import detections
from archspec_torch.detection.truth import overlaps

SIZE, CLASSES, OBJECTS = 300, 20, 8
ROWS, SCORE, IOU, BEFORE, KEEP, SIGMA = 3000, 0.01, 0.5, 400, 100, 0.5
"""Of soft suppression."""
GRIDS = ((38, 4), (19, 6), (10, 6), (5, 6), (3, 4), (1, 4))
"""Cells along a side, and anchors, of each head."""

Maps = list[tuple[Tensor, Tensor]]
"""Of each head what it says of classes, (N, A·21, h, w), and of places, (N, A·4, h, w)."""


class Ours:
    """The layers of `ssd300_vgg16_voc` behind its heads."""

    def __init__(self) -> None:
        graph = archspec.load("ssd300_vgg16_voc")
        network: Any = compile(graph).eval()
        ops = [node.op for node in graph.nodes.values() if isinstance(node.op, SsdBoxes)]
        self.ops: list[SsdBoxes] = ops
        self.decoders = [network.get_submodule(n.name) for n in graph.nodes.values() if isinstance(n.op, SsdBoxes)]
        self.suppress = network.get_submodule("detect.nms")

    def __call__(self, maps: Maps, images: Tensor) -> Tensor:
        found = [decoder(scores, places, images) for decoder, (scores, places) in zip(self.decoders, maps, strict=True)]
        boxes, scores = (torch.cat([one[part] for one in found], dim=1) for part in (0, 1))
        detections: Tensor = self.suppress(boxes, scores)
        return detections


def as_maps(rows: Tensor, width: int) -> list[Tensor]:
    """(N, 8732, width) as the heads give it."""
    maps, first = [], 0
    for side, anchors in GRIDS:
        part = rows[:, first : first + side * side * anchors]
        first += part.shape[1]
        maps.append(part.view(len(rows), side, side, anchors, width).permute(0, 3, 4, 1, 2).flatten(1, 2).contiguous())
    assert first == rows.shape[1]
    return maps


def likely(defaults: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Classes (N, R, 21) and places (N, R, 4): default boxes that overlap an object say so, the surer the more."""
    corners = torch.rand(batch, OBJECTS, 2) * 200
    truth = torch.cat([corners, corners + 30 + torch.rand(batch, OBJECTS, 2) * 120], 2).clamp(max=SIZE)
    iou, which = overlaps(truth, coding.corners(defaults[:, :2], defaults[:, 2:])).max(1)
    labels = torch.randint(1, CLASSES + 1, (batch, OBJECTS)).gather(1, which)
    logits = torch.randn(batch, len(defaults), CLASSES + 1)
    logits[..., 0] += 9
    logits.scatter_add_(2, labels[..., None], (24 * (iou - 0.2).clamp(min=0))[..., None])
    wanted = truth.gather(1, which[..., None].expand(-1, -1, 4))
    places = coding.ssd_encode(wanted, defaults, (0.1, 0.2)) + torch.randn(batch, len(defaults), 4) / 3
    return logits, torch.where(iou[..., None] > 0.2, places, torch.randn(batch, len(defaults), 4))


def unlike(found: Tensor, reference: list[dict[str, Tensor]]) -> int:
    """How many detections of torchvision's are not among ours, place by place."""
    count = 0
    for mine, theirs in zip(found, reference, strict=True):
        mine = mine[mine[:, 5] >= 0]
        if len(mine) != len(theirs["scores"]):
            return max(len(mine), len(theirs["scores"]))
        same = torch.isclose(mine[:, :4], theirs["boxes"], atol=1e-2).all(1) & (mine[:, 5] == theirs["labels"] - 1)
        count += int((~same).sum())
    return count


def soft_by_numpy(boxes: Tensor, scores: Tensor, how: str, per_class: bool) -> Tensor:
    """Soft suppression of one image as its paper has it (Bodla et al., arXiv:1704.04503, figure 2), stopped after the
    detections that are kept: (keep, 6). boxes: (R, 4), scores: (R, C)."""
    of_classes = []
    for label, column in enumerate(scores.numpy().T):
        best = np.sort(np.argpartition(-column, BEFORE)[:BEFORE])
        best = best[column[best] > SCORE]
        of_classes.append((boxes.numpy()[best], column[best], np.full(len(best), label)))
    if not per_class:
        of_classes = [tuple(np.concatenate(parts) for parts in zip(*of_classes, strict=True))]  # type: ignore[misc]
    found = []
    for places, values, labels in of_classes:
        x1, y1, x2, y2 = places.T
        areas, left = (x2 - x1) * (y2 - y1), values.copy()
        for _ in range(min(KEEP, len(left))):
            i = int(left.argmax())
            if left[i] <= SCORE:
                break
            found.append((*places[i], left[i], labels[i]))
            wide = np.maximum(np.minimum(x2, x2[i]) - np.maximum(x1, x1[i]), 0)
            shared = wide * np.maximum(np.minimum(y2, y2[i]) - np.maximum(y1, y1[i]), 0)
            iou = shared / (areas + areas[i] - shared)
            left *= np.where(iou > IOU, 1 - iou, 1) if how == "linear" else np.exp(-(iou * iou) / SIGMA)
            left[i] = 0
    table = torch.tensor(np.array(found, dtype=np.float32))
    return table[table[:, 4].argsort(descending=True, stable=True)][:KEEP]


def timed(run: Callable[[], object]) -> float:
    """Seconds of CPU time, which other programs do not lengthen much."""
    begun = time.process_time()
    run()
    return time.process_time() - begun


@torch.no_grad()
def main(batch: int, rounds: int) -> int:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    theirs: SSD = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=CLASSES + 1).eval()
    ours, images = Ours(), torch.zeros(batch, 3, SIZE, SIZE)
    features = [torch.zeros(batch, 1, side, side) for side, _ in GRIDS]
    anchors = theirs.anchor_generator(ImageList(images, [(SIZE, SIZE)] * batch), features)
    centers, sizes = (anchors[0][:, :2] + anchors[0][:, 2:]) / 2, anchors[0][:, 2:] - anchors[0][:, :2]
    defaults = torch.cat([centers, sizes], 1)
    rows = len(defaults)
    slower = False
    kinds = {
        "a few sure boxes": likely(defaults, batch),
        "random": (torch.randn(batch, rows, CLASSES + 1), torch.randn(batch, rows, 4)),
    }
    for kind, (logits, places) in kinds.items():
        maps = list(zip(as_maps(logits, CLASSES + 1), as_maps(places, 4), strict=True))
        raw = {"cls_logits": logits, "bbox_regression": places}
        runs: dict[str, Callable[[], Any]] = {
            "archspec": partial(ours, maps, images),
            "torchvision": partial(theirs.postprocess_detections, raw, anchors, [(SIZE, SIZE)] * batch),
        }
        differ = unlike(runs["archspec"](), runs["torchvision"]())
        ratio = compared(f"{batch} × {kind}", runs, batch, rounds, differ)
        slower |= ratio < 1 or differ > 0
    return int(slower)


def compared(kind: str, runs: dict[str, Callable[[], Any]], batch: int, rounds: int, differ: int) -> float:
    """How many times longer the second takes than archspec, the first; prints what each takes of an image."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            taken[name].append(timed(run))
    each = {name: 1e3 * statistics.median(times) / batch for name, times in taken.items()}
    (_, ours), (peer, theirs) = taken.items()
    ratio = statistics.median(them / us for them, us in zip(theirs, ours, strict=True))
    told = "   ".join(f"{name} {ms:6.2f} ms" for name, ms in each.items())
    print(f"{kind:<36} {told}   {peer} / archspec {ratio:.2f}   {differ} detections differ")
    return ratio


@torch.no_grad()
def soft(batch: int, rounds: int) -> int:
    corners = torch.rand(batch, ROWS, 2) * SIZE
    boxes = torch.cat([corners, corners + 10 + torch.rand(batch, ROWS, 2) * 100], 2)
    scores = torch.rand(batch, ROWS, CLASSES)
    differs = False
    for how in ("gaussian", "linear"):
        for per_class in (True, False):
            limits: Any = {"score": SCORE, "iou": IOU, "before": BEFORE, "keep": KEEP, "sigma": SIGMA}
            ours = partial(detections, boxes, scores, per_class=per_class, soft=how, **limits)

            def by_numpy(how: str = how, per_class: bool = per_class) -> Tensor:
                images = zip(boxes, scores, strict=True)
                return torch.stack([soft_by_numpy(*image, how, per_class) for image in images])

            mine, theirs = ours(), by_numpy()
            near = torch.isclose(mine[..., 4], theirs[..., 4], atol=1e-5)
            differ = int((~(near & (mine[..., [0, 1, 2, 3, 5]] == theirs[..., [0, 1, 2, 3, 5]]).all(2))).sum())
            kind = f"{batch} × soft {how}{'' if per_class else ', classes compete'}"
            compared(kind, {"archspec": ours, "numpy": by_numpy}, batch, rounds, differ)
            differs |= differ > 0
    return int(differs)


if __name__ == "__main__":
    told = [int(value) for value in sys.argv[1:3]]
    rounds = told[1] if len(told) > 1 else 40
    sizes = told[:1] or (1, 8)
    raise SystemExit(
        max(*(main(batch, rounds) for batch in sizes), *(soft(batch, max(rounds // 10, 1)) for batch in sizes))
    )
