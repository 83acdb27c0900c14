"""Decoders of detection heads and suppression as torch modules; what they compute is in `archspec_torch.detection`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archspec.ops import detect
from archspec_torch.detection import coding
from archspec_torch.detection.suppress import detections
from archspec_torch.lowering.base import Site, lowers


class _Decoder(nn.Module):
    """Maps of a head and the image, whose size alone is read, to boxes (N, R, 4) and scores (N, R, C)."""

    def __init__(self, op: detect.Decoder):
        super().__init__()
        self.op = op

    def ended(self, boxes: Tensor, image: Tensor) -> Tensor:
        return coding.clipped(boxes, _size(image)) if self.op.clip else boxes

    def extra_repr(self) -> str:
        return self.op.label()


def _size(x: Tensor) -> coding.Size:
    return x.shape[-2], x.shape[-1]


class YoloBoxes(_Decoder):
    op: detect.YoloBoxes

    def forward(self, raw: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        anchors = coding.in_pixels(self.op.anchors, self.op.unit, _size(image), _size(raw))
        boxes = coding.yolo_boxes(raw, anchors, _size(image))
        return self.ended(boxes, image), coding.yolo_scores(raw, len(anchors), self.op.scores == "softmax")


class YoloV1Boxes(_Decoder):
    op: detect.YoloV1Boxes

    def forward(self, raw: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        boxes = coding.yolo_v1_boxes(raw, self.op.boxes, _size(image))
        return self.ended(boxes, image), coding.yolo_v1_scores(raw, self.op.boxes)


class SsdBoxes(_Decoder):
    op: detect.SsdBoxes

    def __init__(self, op: detect.SsdBoxes):
        super().__init__(op)
        self.kept: tuple[tuple[object, ...], Tensor] | None = None

    def forward(self, scores: Tensor, places: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        op, size = self.op, _size(image)
        boxes = coding.ssd_boxes(places, self.defaults(places, size), op.variances, size if op.clip else None)
        probabilities = coding.shares(scores, len(op.anchors))[..., 1:]
        return boxes, probabilities.flatten(1, 3)

    def defaults(self, places: Tensor, size: coding.Size) -> Tensor:
        """Planes of the map's default boxes, those of the last pass where they are the same: for a single image making
        them takes as long as decoding does."""
        grid = _size(places)
        if torch.compiler.is_compiling() or type(places) is not Tensor:  # what is made there is no tensor of numbers
            return self._defaults(places, size, grid)
        key = (size, grid, places.dtype, places.device)
        if self.kept is None or self.kept[0] != key:
            with torch.inference_mode(False):  # the next pass may be in another mode
                self.kept = key, self._defaults(places, size, grid)
        return self.kept[1]

    def _defaults(self, like: Tensor, size: coding.Size, grid: coding.Size) -> Tensor:
        anchors = coding.in_pixels(self.op.anchors, self.op.unit, size, grid)
        return coding.planes(coding.default_boxes(grid, anchors, size, self.op.stride, like), grid)


class MultiBoxBoxes(_Decoder):
    op: detect.MultiBoxBoxes

    def forward(self, confidence: Tensor, places: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.ended(coding.multibox_boxes(places, _size(image)), image), confidence.sigmoid()[..., None]


class Nms(nn.Module):
    def __init__(self, op: detect.Nms):
        super().__init__()
        self.op = op

    def forward(self, boxes: Tensor, scores: Tensor) -> Tensor:
        return detections(boxes, scores, **self.op.model_dump())

    def extra_repr(self) -> str:
        return self.op.label()


@lowers(detect.YoloBoxes)
def yolo_boxes(site: Site[detect.YoloBoxes]) -> nn.Module:
    return YoloBoxes(site.op)


@lowers(detect.YoloV1Boxes)
def yolo_v1_boxes(site: Site[detect.YoloV1Boxes]) -> nn.Module:
    return YoloV1Boxes(site.op)


@lowers(detect.SsdBoxes)
def ssd_boxes(site: Site[detect.SsdBoxes]) -> nn.Module:
    return SsdBoxes(site.op)


@lowers(detect.MultiBoxBoxes)
def multibox_boxes(site: Site[detect.MultiBoxBoxes]) -> nn.Module:
    return MultiBoxBoxes(site.op)


@lowers(detect.Nms)
def nms(site: Site[detect.Nms]) -> nn.Module:
    return Nms(site.op)
